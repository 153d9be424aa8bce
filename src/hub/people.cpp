#include "hub/people.hpp"

#include <algorithm>

#include "protocol/row_text.hpp"

namespace hub {

namespace {

// A transaction becomes visible to queries moments after it is in the stream; longer only while it waits for a standby.
constexpr double event_seconds = 600;
constexpr std::size_t most_events = 100'000;

std::string text_member(const std::optional<std::string_view>& row, std::string_view column) {
    if (!row) {
        return {};
    }
    const std::string name = protocol::member_name(column);
    std::string_view value;
    protocol::find_members(*row, {&name, 1}, {&value, 1});
    return protocol::string_content(value).value_or("");
}

} // namespace

void People::watch(const IdentityPointer& identity, Viewer& viewer) {
    Person& person = people_[identity->subject];
    person.viewers.push_back(&viewer);
    if (person.snapshot) {
        viewer.on_tenants_known(true);
        return;
    }
    person.identity = identity;
    if (person.question == 0) {
        ask(person);
    }
}

void People::leave(const std::string& subject, Viewer& viewer) {
    const auto person = people_.find(subject);
    if (person == people_.end()) {
        return;
    }
    auto& viewers = person->second.viewers;
    const auto found = std::find(viewers.begin(), viewers.end(), &viewer);
    if (found != viewers.end()) {
        viewers.erase(found);
    }
    if (viewers.empty()) {
        people_.erase(person);
    }
}

const std::vector<std::string>* People::tenants_of(const std::string& subject) const {
    const auto person = people_.find(subject);
    return person == people_.end() || !person->second.snapshot ? nullptr : &person->second.tenants;
}

void People::ask(Person& person) {
    person.question = ++last_question_;
    directory_.look_up_tenants(person.identity->claims,
                               [alive = std::weak_ptr<People*>(self_), subject = person.identity->subject,
                                question = person.question](std::optional<TenantsAnswer> answer) {
                                   if (const auto self = alive.lock()) {
                                       (*self)->on_answer(subject, question, std::move(answer));
                                   }
                               });
}

void People::on_answer(const std::string& subject, std::uint64_t question,
                       std::optional<TenantsAnswer> answer) {
    const auto found = people_.find(subject);
    if (found == people_.end() || found->second.question != question) {
        return; // everybody has left meanwhile, or the question was asked again
    }
    Person& person = found->second;
    person.question = 0;
    person.unanswered = !answer && person.snapshot;
    if (person.unanswered) {
        return; // until then the person sees nothing
    }
    if (answer) {
        const std::vector<std::string> before = std::move(person.tenants);
        const bool first = !person.snapshot;
        person.tenants = std::move(answer->tenants);
        std::sort(person.tenants.begin(), person.tenants.end());
        person.tenants.erase(std::unique(person.tenants.begin(), person.tenants.end()), person.tenants.end());
        person.snapshot = std::move(answer->snapshot);
        for (const Event& event : events_) {
            if (event.subject == subject && !person.snapshot->sees(event.xid)) {
                change_tenants(person.tenants, event);
            }
        }
        if (!first) {
            // They were asked for again: tell the difference.
            const std::vector<std::string> after = person.tenants;
            const std::vector<Viewer*> viewers = person.viewers;
            for (Viewer* viewer : viewers) {
                for (const std::string& tenant : before) {
                    if (!std::binary_search(after.begin(), after.end(), tenant)) {
                        viewer->on_tenant_removed(tenant);
                    }
                }
                for (const std::string& tenant : after) {
                    if (!std::binary_search(before.begin(), before.end(), tenant)) {
                        viewer->on_tenant_added(tenant);
                    }
                }
            }
            return;
        }
    }
    // What a viewer does may make others leave.
    const std::vector<Viewer*> viewers = person.viewers;
    const bool known = answer.has_value();
    for (Viewer* viewer : viewers) {
        const auto still = people_.find(subject);
        if (still == people_.end()) {
            return;
        }
        const auto& present = still->second.viewers;
        if (std::find(present.begin(), present.end(), viewer) != present.end()) {
            viewer->on_tenants_known(known);
        }
    }
}

bool People::change_tenants(std::vector<std::string>& tenants, const Event& event) {
    const auto place = std::lower_bound(tenants.begin(), tenants.end(), event.tenant);
    const bool present = place != tenants.end() && *place == event.tenant;
    if (present == event.joined) {
        return false;
    }
    if (event.joined) {
        tenants.insert(place, event.tenant);
    } else {
        tenants.erase(place);
    }
    return true;
}

void People::apply(const Event& event) {
    const auto found = people_.find(event.subject);
    if (found == people_.end() || !found->second.snapshot || found->second.snapshot->sees(event.xid) ||
        !change_tenants(found->second.tenants, event)) {
        return;
    }
    const std::vector<Viewer*> viewers = found->second.viewers;
    for (Viewer* viewer : viewers) {
        event.joined ? viewer->on_tenant_added(event.tenant) : viewer->on_tenant_removed(event.tenant);
    }
}

void People::on_membership(const stream::Change& change, double now) {
    while (!events_.empty() &&
           (now - events_.front().time > event_seconds || events_.size() >= most_events)) {
        events_.pop_front();
    }
    const auto note = [&](const std::optional<std::string_view>& row, bool joined) {
        Event event{now, change.xid, joined, text_member(row, "user_id"), text_member(row, "tenant_id")};
        if (!event.subject.empty() && !event.tenant.empty()) {
            apply(event);
            events_.push_back(std::move(event));
        }
    };
    if (change.kind == stream::Kind::Truncate) {
        forget();
        return;
    }
    if (change.kind == stream::Kind::Update &&
        text_member(change.old_record, "user_id") == text_member(change.record, "user_id") &&
        text_member(change.old_record, "tenant_id") == text_member(change.record, "tenant_id")) {
        return; // only the role
    }
    if (change.kind != stream::Kind::Insert) {
        note(change.old_record, false);
    }
    if (change.kind != stream::Kind::Delete) {
        note(change.record, true);
    }
}

void People::retry() {
    for (auto& [subject, person] : people_) {
        if (person.unanswered) {
            person.unanswered = false;
            ask(person);
        }
    }
}

void People::forget() {
    events_.clear();
    for (auto& [subject, person] : people_) {
        const std::vector<std::string> tenants = std::move(person.tenants);
        person.tenants.clear();
        const std::vector<Viewer*> viewers = person.viewers;
        for (Viewer* viewer : viewers) {
            for (const std::string& tenant : tenants) {
                viewer->on_tenant_removed(tenant);
            }
        }
        ask(person);
    }
}

} // namespace hub
