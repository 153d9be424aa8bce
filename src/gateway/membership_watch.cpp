#include "gateway/membership_watch.hpp"

#include "gateway/log.hpp"

namespace gateway {

void MembershipWatch::tick() {
    constexpr double seconds_between_looks = 1;
    const double now = hub_.now();
    if (asked_ || !pool_.any_connected() || now - last_ < seconds_between_looks) {
        return;
    }
    asked_ = true;
    last_ = now;
    questions_.describe_memberships([this](const std::optional<MembershipTable>& table) {
        asked_ = false;
        on_answer(table);
    });
}

void MembershipWatch::on_answer(const std::optional<MembershipTable>& table) {
    if (!table || table == known_) {
        return;
    }
    const bool first = !known_;
    known_ = table;
    if (first) {
        return;
    }
    spdlog::warn("memberships: table tenant_memberships was {}; the tenants of all users are asked for again",
                 table->schema.empty() ? "dropped with the extension"
                 : table->form.empty() ? "dropped, renamed or moved"
                                       : "changed by DDL");
    pool_.look_for_extension(); // first: what is asked next has to be asked in its schema
    hub_.extension_schema = table->schema;
    hub_.people.forget();
    hub_.refresh_tables();
}

} // namespace gateway
