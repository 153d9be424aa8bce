#include "protocol/join.hpp"

#include <algorithm>
#include <span>

#include "protocol/nearest.hpp"
#include "wire/byte_buffer.hpp"
#include "wire/json_text.hpp"
#include "json/reader.hpp"

namespace protocol {

namespace ondemand = simdjson::ondemand;

namespace {

using Type = ondemand::json_type;

constexpr std::size_t longest_shown = 100;
constexpr std::size_t most_warnings = 10; // of one join

// What there is, for the suggestion of who spells it otherwise.
constexpr std::string_view payload_members[] = {"config", "access_token", "user_token", "since", "version"};
constexpr std::string_view config_members[] = {"broadcast", "presence", "private", "postgres_changes",
                                               "postgres_changes_options"};
constexpr std::string_view broadcast_members[] = {"ack", "self", "replication_ready", "tenant"};
constexpr std::string_view presence_members[] = {"key", "enabled"};
constexpr std::string_view options_members[] = {"wait", "timeout", "since"};
constexpr std::string_view binding_members[] = {"event",  "schema", "table", "filter",
                                                "select", "since",  "marks", "leaving"};
constexpr std::string_view event_names[] = {"INSERT", "UPDATE", "DELETE", "*"};

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](char letter) {
        return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter;
    });
    return text;
}

std::string shown(std::string_view text) {
    return std::string(text.substr(0, longest_shown)) + (text.size() > longest_shown ? "..." : "");
}

Type type_of(ondemand::value& value) {
    Type type{};
    return value.type().get(type) == simdjson::SUCCESS ? type : Type::null;
}

// true, false, or a text that says so in letters of either case; empty for anything else.
std::optional<bool> boolean_in(ondemand::value value) {
    bool boolean = false;
    switch (type_of(value)) {
    case Type::boolean:
        return value.get_bool().get(boolean) == simdjson::SUCCESS ? std::optional(boolean) : std::nullopt;
    case Type::string: {
        const std::string text = lower(json::string_in(value).value_or(""));
        return text == "true" ? std::optional(true) : text == "false" ? std::optional(false) : std::nullopt;
    }
    default:
        return std::nullopt;
    }
}

// Calls `member(name, value)` for every member of an object; false when it returns false, or the value is no object.
template <class Member> bool for_each_member(ondemand::value value, Member member) {
    ondemand::object object;
    if (type_of(value) != Type::object || value.get_object().get(object) != simdjson::SUCCESS) {
        return false;
    }
    for (auto field : object) {
        std::string_view key;
        ondemand::value inner;
        if (field.unescaped_key().get(key) != simdjson::SUCCESS ||
            field.value().get(inner) != simdjson::SUCCESS) {
            return false;
        }
        if (!member(std::string(key), inner)) {
            return false;
        }
    }
    return true;
}

// A text, or a number or boolean as it stands; empty for anything else.
std::optional<std::string> text_of_scalar(ondemand::value value) {
    switch (type_of(value)) {
    case Type::string:
        return json::string_in(value);
    case Type::number:
    case Type::boolean:
        return std::string(json::raw_json(value));
    default:
        return std::nullopt;
    }
}

std::optional<Event> event_named(const std::string& text) {
    const std::string name = lower(text);
    return name == "insert"   ? std::optional(Event::Insert)
           : name == "update" ? std::optional(Event::Update)
           : name == "delete" ? std::optional(Event::Delete)
           : name == "*"      ? std::optional(Event::All)
                              : std::nullopt;
}

class Reader {
  public:
    Reader(std::string& error, Join& join) : error_(error), join_(join) {}

    bool payload(ondemand::document& document) {
        ondemand::value root;
        Type type{};
        if (document.type().get(type) != simdjson::SUCCESS || type == Type::null) {
            return true; // as if nothing was said
        }
        if (type != Type::object || document.get_value().get(root) != simdjson::SUCCESS) {
            return fail("the payload is no object");
        }
        std::optional<std::string> user_token;
        const bool read = object(root, "the payload", [&](const std::string& name, ondemand::value value) {
            if (name == "access_token") {
                return text(value, name, join_.access_token);
            }
            if (name == "user_token") {
                return text(value, name, user_token);
            }
            if (name == "since") {
                return since(value, name, join_.since);
            }
            if (name == "config") {
                join_.configured = true;
                return config(value);
            }
            if (name != "version" && !nearest(name, payload_members).empty()) {
                unknown("", name, payload_members); // what is like nothing of ours is of the client's own
            }
            return true;
        });
        if (user_token) {
            join_.access_token = std::move(user_token);
        }
        // Opaque API keys are no tokens; the client sends them when nobody is signed in.
        if (join_.access_token && join_.access_token->starts_with("sb_")) {
            join_.access_token.reset();
        }
        return read;
    }

  private:
    bool fail(const std::string& what) {
        error_ = error_.empty() ? what : error_;
        return false;
    }
    bool fail(const std::string& place, const char* what, ondemand::value value) {
        return fail(place + " is no " + what + ": " + shown(json::raw_json(value)));
    }

    // A setting that is not known has no effect, and whoever wrote it should know.
    void unknown(const std::string& place, const std::string& name, std::span<const std::string_view> names) {
        warn(place + shown(name) + " is not known and has no effect" + suggestion(name, names));
    }
    void warn(std::string warning) {
        if (join_.warnings.size() < most_warnings) {
            join_.warnings.push_back(std::move(warning));
        }
    }

    // Values of members: null counts as missing.
    template <class Member> bool object(ondemand::value value, const std::string& place, Member member) {
        switch (type_of(value)) {
        case Type::null:
            return true;
        case Type::object:
            return for_each_member(value, member) || fail(place + " cannot be read");
        default:
            return fail(place, "object", value);
        }
    }
    bool boolean(ondemand::value value, const std::string& place, bool& result) {
        if (type_of(value) == Type::null) {
            return true;
        }
        const std::optional<bool> read = boolean_in(value);
        result = read.value_or(result);
        return read || fail(place, "boolean", value);
    }
    bool text(ondemand::value value, const std::string& place, std::optional<std::string>& result) {
        if (type_of(value) == Type::null) {
            return true;
        }
        result = json::string_in(value);
        return result || fail(place + " is no text");
    }

    bool config(ondemand::value value) {
        return object(value, "config", [&](const std::string& name, ondemand::value inner) {
            if (name == "broadcast") {
                return broadcast(inner);
            }
            if (name == "presence") {
                return presence(inner);
            }
            if (name == "private") {
                return boolean(inner, "config.private", join_.is_private);
            }
            if (name == "postgres_changes_options") {
                return options(inner);
            }
            if (name == "postgres_changes") {
                return bindings(inner);
            }
            unknown("config.", name, config_members);
            return true;
        });
    }

    bool broadcast(ondemand::value value) {
        return object(value, "config.broadcast", [&](const std::string& name, ondemand::value inner) {
            const std::string place = "config.broadcast." + name;
            if (name == "ack") {
                return boolean(inner, place, join_.broadcast_ack);
            }
            if (name == "self") {
                return boolean(inner, place, join_.broadcast_self);
            }
            if (name == "replication_ready") {
                return boolean(inner, place, join_.replication_ready);
            }
            if (name == "tenant") {
                return scalar(inner, place, join_.tenant);
            }
            if (name == "replay") {
                if (type_of(inner) != Type::null) {
                    warn(place + " has no effect: broadcasts are not kept");
                }
            } else {
                unknown("config.broadcast.", name, broadcast_members);
            }
            return true;
        });
    }

    bool presence(ondemand::value value) {
        return object(value, "config.presence", [&](const std::string& name, ondemand::value inner) {
            if (name == "key") {
                return scalar(inner, "config.presence.key", join_.presence_key) &&
                       (join_.presence_key.size() <= longest_presence_key ||
                        fail("config.presence.key is longer than " + std::to_string(longest_presence_key) +
                             " bytes"));
            }
            if (name == "enabled") {
                return boolean(inner, "config.presence.enabled", join_.presence);
            }
            unknown("config.presence.", name, presence_members);
            return true;
        });
    }

    bool scalar(ondemand::value value, const std::string& place, std::string& result) {
        if (type_of(value) == Type::null) {
            return true;
        }
        std::optional<std::string> read = text_of_scalar(value);
        result = read.value_or("");
        return read || fail(place, "text", value);
    }

    bool options(ondemand::value value) {
        const std::string whole = "config.postgres_changes_options";
        return object(value, whole, [&](const std::string& name, ondemand::value inner) {
            const std::string place = whole + "." + name;
            if (name == "wait") {
                return boolean(inner, place, join_.wait);
            }
            if (name == "timeout") {
                double milliseconds = 0;
                if (type_of(inner) != Type::null &&
                    inner.get_double().get(milliseconds) != simdjson::SUCCESS) {
                    return fail(place + " is no number of milliseconds");
                }
                join_.timeout_seconds = milliseconds / 1000;
                return true;
            }
            if (name == "since") {
                return since(inner, place, join_.since);
            }
            unknown(whole + ".", name, options_members);
            return true;
        });
    }

    // A cursor that cannot be read is refused: to begin somewhere else would lose changes.
    bool since(ondemand::value value, const std::string& place, std::optional<Cursor>& cursor) {
        if (type_of(value) == Type::null) {
            return true;
        }
        const std::optional<std::string> text = json::string_in(value);
        const std::optional<Cursor> read = text ? read_cursor(*text) : std::nullopt;
        if (!read) {
            return fail(place + " is no cursor");
        }
        cursor = std::max(cursor.value_or(*read), *read);
        return true;
    }

    bool bindings(ondemand::value value) {
        ondemand::array array;
        if (type_of(value) == Type::null) {
            return true;
        }
        if (type_of(value) != Type::array || value.get_array().get(array) != simdjson::SUCCESS) {
            return fail("config.postgres_changes", "array", value);
        }
        for (auto element : array) {
            ondemand::value entry;
            if (element.get(entry) != simdjson::SUCCESS) {
                return fail("config.postgres_changes cannot be read");
            }
            if (type_of(entry) == Type::null) {
                continue;
            }
            if (join_.bindings.size() == most_bindings) {
                return fail("postgres_changes has more than " + std::to_string(most_bindings) + " entries");
            }
            Binding bound;
            bound.request = json::raw_json(entry);
            if (!binding(bound, "postgres_changes[" + std::to_string(join_.bindings.size()) + "]")) {
                return false;
            }
            join_.bindings.push_back(std::move(bound));
        }
        return true;
    }

    bool binding(Binding& bound, const std::string& place) {
        // Values are read once and forwards; the text of the whole was taken from the other reader.
        json::Reader reader;
        ondemand::document document;
        ondemand::value value;
        if (!reader.read(bound.request, document) || document.get_value().get(value) != simdjson::SUCCESS ||
            type_of(value) != Type::object) {
            return fail(place + " is no object");
        }
        std::optional<std::string> event, schema, table, filter;
        const bool read = object(value, place, [&](const std::string& name, ondemand::value inner) {
            const std::string member = place + "." + name;
            if (name == "event") {
                return text(inner, member, event);
            }
            if (name == "schema") {
                return text(inner, member, schema);
            }
            if (name == "table") {
                return text(inner, member, table);
            }
            if (name == "filter") {
                return text(inner, member, filter);
            }
            if (name == "leaving") {
                return boolean(inner, member, bound.leaving);
            }
            if (name == "marks") {
                return boolean(inner, member, bound.marks);
            }
            if (name == "select") {
                return type_of(inner) == Type::null || select(inner, bound, place);
            }
            if (name == "since") {
                return since(inner, member, bound.since);
            }
            if (name != "id") { // which some clients send, and the reply sets
                unknown(place + ".", name, binding_members);
            }
            return true;
        });
        if (!read) {
            return false;
        }
        const std::optional<Event> known = event_named(event.value_or("*"));
        bound.event = known.value_or(Event::All);
        bound.filter = filter.value_or("");
        // Only a schema means all its tables, only a table the one in public.
        bound.schema = schema.value_or(table ? "public" : "*");
        bound.table = table.value_or("*");
        if (!known) {
            bound.fault =
                ".event: there is no event \"" + shown(*event) + "\"" + suggestion(*event, event_names);
        } else if (!bound.select.empty() && (bound.schema == "*" || bound.table == "*")) {
            bound.fault = ".select: needs a schema and a table";
        }
        return true;
    }

    bool select(ondemand::value value, Binding& bound, const std::string& place) {
        ondemand::array array;
        if (type_of(value) != Type::array || value.get_array().get(array) != simdjson::SUCCESS) {
            return fail(place + ".select is no array of column names");
        }
        for (auto element : array) {
            ondemand::value inner;
            if (element.get(inner) != simdjson::SUCCESS) {
                return fail(place + ".select cannot be read");
            }
            std::optional<std::string> column = json::string_in(inner);
            if (!column || bound.select.size() == most_selected) {
                return fail(place + (column ? ".select has too many columns"
                                            : ".select is no array of column names"));
            }
            bound.select.push_back(std::move(*column));
        }
        return true;
    }

    std::string& error_;
    Join& join_;
};

} // namespace

std::optional<Join> read_join(std::string_view payload, std::string& error) {
    error.clear();
    json::Reader reader;
    ondemand::document document;
    if (!reader.read(payload, document)) {
        error = "payload is not JSON";
        return std::nullopt;
    }
    Join join;
    if (!Reader(error, join).payload(document)) {
        return std::nullopt;
    }
    return join;
}

void take_table_from(Join& join, std::string_view channel) {
    Binding binding;
    const auto part = [&] {
        const std::size_t colon = std::min(channel.find(':'), channel.size());
        std::string text(channel.substr(0, colon));
        channel.remove_prefix(std::min(colon + 1, channel.size()));
        return text;
    };
    wire::ByteBuffer request(channel.size() * 6 + 100);
    binding.schema = part();
    request.append("{\"schema\":");
    wire::write_json_string(request, binding.schema);
    if (!channel.empty()) {
        binding.table = part();
        request.append(",\"table\":");
        wire::write_json_string(request, binding.table);
    }
    if (!channel.empty()) {
        binding.filter = channel;
        request.append(",\"filter\":");
        wire::write_json_string(request, binding.filter);
    }
    request.append('}');
    binding.request = request.view();
    join.bindings.push_back(std::move(binding));
}

std::optional<std::string_view> channel_of(std::string_view topic) {
    constexpr std::string_view prefix = "realtime:";
    if (!topic.starts_with(prefix) || topic.size() == prefix.size()) {
        return std::nullopt;
    }
    return topic.substr(prefix.size());
}

} // namespace protocol
