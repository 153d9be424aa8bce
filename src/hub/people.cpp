#include "hub/people.hpp"

#include <algorithm>
#include <utility>

#include "protocol/row_text.hpp"

namespace hub {

namespace {

// A transaction becomes visible to queries moments after it is in the stream; longer only while it waits for a standby.
constexpr double event_seconds = 600;
constexpr std::size_t most_events = 100'000;

// Whoever comes back soon is not asked for again.
constexpr double kept_seconds = 30;
// Transaction numbers have 32 bits in the stream: an answer must not become two billion transactions old.
constexpr double fresh_seconds = 6 * 3600;
// At the same time: those who join wait in the same line, which by default has a thousand places.
constexpr std::ptrdiff_t most_asked_again = 500;
// While the stream does not tell what becomes of memberships.
constexpr double fresh_seconds_without_stream = 30;

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
    person.left = 0;
    person.viewers.push_back(&viewer);
    person.identity = identity;
    if (person.snapshot) {
        viewer.on_tenants_known(true);
        return;
    }
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
        person->second.left = std::max(now_, 1e-9);
    }
}

const std::vector<std::string>* People::tenants_of(const std::string& subject) const {
    const auto person = people_.find(subject);
    return person == people_.end() || !person->second.snapshot ? nullptr : &person->second.tenants;
}

void People::ask(Person& person) {
    person.question = ++last_question_;
    person.asked = now_;
    directory_.look_up_tenants(*person.identity,
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
    person.unanswered = !answer && person.was_known;
    if (person.unanswered) {
        return;
    }
    if (!answer && person.viewers.empty()) {
        people_.erase(found);
        return;
    }
    if (answer) {
        const std::vector<std::string> before = std::move(person.tenants);
        const bool first = !person.snapshot;
        person.tenants = std::move(answer->tenants);
        std::sort(person.tenants.begin(), person.tenants.end());
        person.tenants.erase(std::unique(person.tenants.begin(), person.tenants.end()), person.tenants.end());
        person.snapshot = std::move(answer->snapshot);
        person.was_known = true;
        for (const Event& event : events_) {
            if ((event.subject == subject || event.subject.empty()) && !person.snapshot->sees(event.xid)) {
                change_tenants(person.tenants, event);
            }
        }
        if (!first) {
            tell_difference(subject, before, std::vector<std::string>(person.tenants));
            return;
        }
    }
    const bool known = answer.has_value();
    tell(subject, [known](Viewer& viewer) { viewer.on_tenants_known(known); });
}

// What a viewer does may make itself and others leave, and the person with them.
template <class What> void People::tell(const std::string& subject, What what) {
    const auto person = people_.find(subject);
    if (person == people_.end()) {
        return;
    }
    const std::vector<Viewer*> viewers = person->second.viewers;
    for (Viewer* viewer : viewers) {
        const auto still = people_.find(subject);
        if (still == people_.end()) {
            return;
        }
        const auto& present = still->second.viewers;
        if (std::find(present.begin(), present.end(), viewer) != present.end()) {
            what(*viewer);
        }
    }
}

void People::tell_difference(const std::string& subject, const std::vector<std::string>& before,
                             const std::vector<std::string>& after) {
    for (const std::string& tenant : before) {
        if (!std::binary_search(after.begin(), after.end(), tenant)) {
            tell(subject, [&](Viewer& viewer) { viewer.on_tenant_removed(tenant); });
        }
    }
    for (const std::string& tenant : after) {
        if (!std::binary_search(before.begin(), before.end(), tenant)) {
            tell(subject, [&](Viewer& viewer) { viewer.on_tenant_added(tenant); });
        }
    }
}

bool People::change_tenants(std::vector<std::string>& tenants, const Event& event) {
    if (event.tenant.empty()) {
        return !std::exchange(tenants, {}).empty();
    }
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
    if (found == people_.end() || !found->second.snapshot) {
        return;
    }
    Person& person = found->second;
    if (person.snapshot->sees(event.xid)) {
        // The answer was ahead of the stream. Who was shown the tenant by it has seen what came before the membership.
        if (!event.joined ||
            !std::binary_search(person.tenants.begin(), person.tenants.end(), event.tenant)) {
            return;
        }
    } else if (!change_tenants(person.tenants, event)) {
        return;
    }
    // The event may be forgotten meanwhile.
    const std::string tenant = event.tenant;
    const bool joined = event.joined;
    tell(std::string(event.subject),
         [&](Viewer& viewer) { joined ? viewer.on_tenant_added(tenant) : viewer.on_tenant_removed(tenant); });
}

void People::on_membership(const stream::Change& change, double now) {
    while (!events_.empty() && (now - events_.front().time > std::max(event_seconds, memory_seconds_) ||
                                events_.size() >= most_events)) {
        if (events_.front().joined) {
            forgotten_ = events_.front().cursor;
        }
        events_.pop_front();
    }
    bool unreadable = false;
    const auto note = [&](const std::optional<std::string_view>& row, bool joined) {
        Event event{now,
                    change.xid,
                    change.cursor,
                    joined,
                    text_member(row, "user_id"),
                    text_member(row, "tenant_id")};
        if (event.subject.empty() || event.tenant.empty()) {
            unreadable = true;
            return;
        }
        apply(event);
        events_.push_back(std::move(event));
    };
    if (change.kind == stream::Kind::Truncate) {
        const Event event{now, change.xid, change.cursor, false, {}, {}};
        events_.push_back(event);
        for (const std::string& subject : subjects()) {
            const auto person = people_.find(subject);
            if (person != people_.end() && person->second.snapshot &&
                !person->second.snapshot->sees(change.xid)) {
                tell_difference(subject, std::exchange(person->second.tenants, {}), {});
            }
        }
        return;
    }
    if (change.kind == stream::Kind::Update && change.old_record && change.record &&
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
    if (unreadable) {
        // Somebody has put another replica identity on the table. Everybody may be meant.
        forgotten_ = change.cursor;
        ask_everybody();
    }
}

void People::refresh(double now, bool stream_is_behind) {
    now_ = now;
    if (!stream_is_behind) {
        stream_was_there_ = now;
    }
    // Not at once: a stream that comes back soon tells it in order.
    const double fresh =
        now - stream_was_there_ > fresh_seconds_without_stream ? fresh_seconds_without_stream : fresh_seconds;
    auto asked = std::count_if(people_.begin(), people_.end(),
                               [](const auto& person) { return person.second.question != 0; });
    for (auto person = people_.begin(); person != people_.end();) {
        Person& known = person->second;
        if (known.left > 0 && now - known.left > kept_seconds) {
            person = people_.erase(person);
            continue;
        }
        if (known.question == 0 && asked < most_asked_again &&
            (known.unanswered || (known.snapshot && now - known.asked > fresh))) {
            known.unanswered = false;
            ask(known);
            ++asked;
        }
        ++person;
    }
}

std::vector<std::string> People::subjects() const {
    std::vector<std::string> subjects;
    for (const auto& [subject, person] : people_) {
        subjects.push_back(subject);
    }
    return subjects;
}

void People::forget() {
    events_.clear();
    forgotten_ = {};
    ask_everybody();
}

void People::ask_everybody() {
    for (const std::string& subject : subjects()) {
        const auto person = people_.find(subject);
        if (person == people_.end()) {
            continue;
        }
        if (person->second.viewers.empty()) {
            people_.erase(person);
            continue;
        }
        person->second.tenants.clear();
        person->second.snapshot.reset();
        ask(person->second);
        tell(subject, [](Viewer& viewer) { viewer.on_tenants_unknown(); });
    }
}

Beginnings People::beginnings_behind(const std::string& subject, protocol::Cursor cursor) const {
    Beginnings beginnings;
    if (cursor < forgotten_) {
        beginnings.others = forgotten_;
    }
    for (const Event& event : events_) {
        if (event.joined && event.subject == subject && event.cursor > cursor) {
            beginnings.tenants[event.tenant] = event.cursor;
        }
    }
    return beginnings;
}

} // namespace hub
