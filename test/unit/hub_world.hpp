// A hub with a database and a clock that a test moves by hand, and connections that keep what they are sent.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "hub/session.hpp"
#include "protocol/message.hpp"
#include "stream_maker.hpp"

namespace made {

class World final : public hub::Directory, public hub::Catalog, public hub::Gatekeeper, public hub::Clock {
  public:
    mutable double time = 1000;
    double step = 0; // s that pass with each look at the clock
    std::deque<std::function<void()>> later;
    std::map<std::string, std::vector<std::string>>
        members;                      // by user; whoever is not in it is a member of "t"
    std::vector<std::string> claimed; // tenants that every token names
    bool database_is_there = true;
    hub::Hub hub{*this, *this, *this, *this, {300, 1 << 20}};

    double now() const override { return time += step; }
    double unix_now() const override { return time; }
    void look_up_tenants(const hub::Identity& identity,
                         std::function<void(std::optional<hub::TenantsAnswer>)> done) override {
        later.push_back([this, subject = identity.subject, done = std::move(done)] {
            const auto known = members.find(subject);
            std::optional<hub::TenantsAnswer> answer;
            if (database_is_there) {
                answer =
                    hub::TenantsAnswer{known == members.end() ? std::vector<std::string>{"t"} : known->second,
                                       *stream::Snapshot::read("1:1:")};
            }
            done(std::move(answer));
        });
    }
    void describe_tables(std::function<void(std::optional<hub::Tables>)> done) override {
        later.push_back([this, done = std::move(done)] {
            if (!database_is_there) {
                done(std::nullopt);
                return;
            }
            hub::Tables tables;
            tables[{"public", "orders"}] = {wire::Access::Tenant,
                                            {{"id", "int8", true}, {"status", "text", false}}};
            tables[{"public", "plans"}] = {wire::Access::Public,
                                           {{"id", "int8", true}, {"status", "text", false}}};
            done(std::move(tables));
        });
    }
    std::optional<std::string> only_tenant;
    void find_only_tenant(std::function<void(std::optional<std::string>)> done) override {
        later.push_back([this, done = std::move(done)] { done(only_tenant); });
    }
    // "bad" is no token, and neither is an empty one; "anon" names nobody, "service" sees every tenant; anything else is the
    // user's own name.
    std::variant<hub::IdentityPointer, hub::Denial> identify(std::string_view token) override {
        if (token == "bad" || token.empty()) {
            return hub::Denial{"MalformedJWT", "no token"};
        }
        auto identity = std::make_shared<hub::Identity>();
        identity->every_tenant = token == "service";
        identity->subject = token == "anon" || token == "service" ? "" : token.substr(0, 4);
        identity->expires_at = 2000;
        identity->claimed_tenants = claimed;
        return identity;
    }

    // Everything that was asked for is answered, and replays go on.
    void go_on() {
        while (!later.empty()) {
            auto next = std::move(later.front());
            later.pop_front();
            next();
        }
    }

    // One transaction with one row.
    void insert(std::uint64_t lsn, const std::shared_ptr<const stream::Relation>& table,
                const std::string& tenant, const std::string& row) {
        hub.on_change(made::insert(table, {lsn, 1}, tenant, row));
        hub.on_commit(static_cast<std::uint32_t>(lsn), {lsn, 0}, lsn + 1);
    }

    // One transaction that makes somebody a member, or none any more. `xid` 0: answers know it already.
    void change_membership(std::uint64_t lsn, std::uint32_t xid, const std::string& user,
                           const std::string& tenant, bool joined) {
        hub.extension_schema = "public";
        stream::Change change =
            made::insert(made::relation(9, "tenant_memberships", wire::Access::Unregistered), {lsn, 1},
                         tenant, R"({"tenant_id":")" + tenant + R"(","user_id":")" + user + "\"}");
        change.xid = xid;
        if (!joined) {
            change.kind = stream::Kind::Delete;
            change.old_record = change.record;
            change.record.reset();
        }
        hub.on_change(change);
        hub.on_commit(xid, {lsn, 0}, lsn + 1);
    }
};

class Wire final : public hub::Connection {
  public:
    std::vector<std::string> texts; // of WebSocket frames
    bool closed = false;
    std::size_t queued = 0;
    std::string address; // of the client; empty: not known

    std::string_view sender() const override { return address; }
    void send(const hub::FramePointer& frame) override {
        const std::string_view bytes = frame->bytes();
        const auto length = static_cast<unsigned char>(bytes[1]);
        texts.emplace_back(bytes.substr(length == 126 ? 4 : length == 127 ? 10 : 2));
    }
    void close(std::uint16_t, std::string_view) override { closed = true; }
    std::size_t queued_bytes() const override { return queued; }

    std::size_t count(std::string_view what) const {
        std::size_t found = 0;
        for (const std::string& text : texts) {
            found += text.find(what) != std::string::npos ? 1 : 0;
        }
        return found;
    }
};

} // namespace made
