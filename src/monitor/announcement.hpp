// The engine's actions as rows: which alerts open and end, what is remembered, who is owed a notification.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "monitor/outgoing.hpp"

namespace monitor {

struct OpenedAlert {
    const Action* action;
    Uuid id;
    const char* kind; // threshold, no_data or error
    std::string message;
};

struct EndedAlert {
    const Action* action;
    Uuid id;
    const char* resolution;
};

struct EscalatedAlert {
    const Action* action;
    Uuid id;
};

struct OwedNotification {
    const Action* action;
    Uuid alert_id;
    const char* kind; // firing, resolved or escalated
};

// Built from Engine::actions(); valid until the engine is changed. `ids` gives a fresh uuid for each alert that opens, and the
// engine is told of it.
class Announcement {
  public:
    // What only the caller can write as text. `uuid_text` needs room for 36 characters.
    struct Texts {
        void (*uuid_text)(const Uuid& uuid, char* to);
        std::string_view now; // ISO 8601
    };
    void build(Engine& engine, const std::vector<Uuid>& ids, const Texts& texts);
    // The rows of these watches, to be written by themselves.
    Announcement part(const WatchSet& of) const;
    static std::size_t count_opening(const Engine& engine);

    std::vector<OpenedAlert> opened;
    std::vector<EndedAlert> ended;
    std::vector<EscalatedAlert> escalated;
    std::vector<OwedNotification> owed;
    std::vector<const Action*> states; // to be stored, or deleted where nothing is to be remembered
    static bool is_remembered(const Action& action, metric::Time now);
};

// The message of an alert that opens. Without a writer of uuids the tenant is left out.
std::string message_of(const Action& action, const Announcement::Texts& texts);

} // namespace monitor
