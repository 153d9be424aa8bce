#include "protocol/join.hpp"

#include <algorithm>

#include "json/reader.hpp"

namespace protocol {

namespace ondemand = simdjson::ondemand;

namespace {

using Type = ondemand::json_type;

Type type_of(ondemand::value& value) {
    Type type{};
    return value.type().get(type) == simdjson::SUCCESS ? type : Type::null;
}

bool read_boolean(ondemand::value value, bool otherwise) {
    bool boolean = otherwise;
    switch (type_of(value)) {
    case Type::boolean:
        return value.get_bool().get(boolean) == simdjson::SUCCESS ? boolean : otherwise;
    case Type::string: {
        const std::optional<std::string> text = json::string_in(value);
        return text == "true" || (text != "false" && otherwise);
    }
    default:
        return otherwise;
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
std::string text_of_scalar(ondemand::value value) {
    switch (type_of(value)) {
    case Type::string:
        return json::string_in(value).value_or("");
    case Type::number:
    case Type::boolean:
        return std::string(json::raw_json(value));
    default:
        return {};
    }
}

Event event_named(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](char letter) {
        return letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 32) : letter;
    });
    return text == "INSERT"   ? Event::Insert
           : text == "UPDATE" ? Event::Update
           : text == "DELETE" ? Event::Delete
                              : Event::All;
}

class Reader {
  public:
    explicit Reader(std::string& error) : error_(error) {}

    bool payload(ondemand::document& document, Join& join) {
        ondemand::value root;
        bool configured = false;
        const bool read = document.get_value().get(root) == simdjson::SUCCESS &&
                          for_each_member(root, [&](const std::string& name, ondemand::value value) {
                              if (name == "access_token") {
                                  // Opaque API keys are no tokens; the client sends them when nobody is signed in.
                                  join.access_token = json::string_in(value);
                                  if (join.access_token && join.access_token->starts_with("sb_")) {
                                      join.access_token.reset();
                                  }
                                  return true;
                              }
                              if (name == "since") {
                                  return since(value, "since", join.since);
                              }
                              configured = configured || name == "config";
                              return name != "config" || config(value, join);
                          });
        if (!configured && error_.empty()) {
            // Clients of before 2022 put schema, table and filter into the topic.
            return fail("joins without config are not served; update the client");
        }
        return read || error_.empty();
    }

  private:
    bool fail(const std::string& what) {
        error_ = what;
        return false;
    }

    bool config(ondemand::value value, Join& join) {
        return for_each_member(value,
                               [&](const std::string& name, ondemand::value inner) {
                                   if (name == "broadcast") {
                                       return broadcast(inner, join);
                                   }
                                   if (name == "presence") {
                                       return presence(inner, join);
                                   }
                                   if (name == "private") {
                                       join.is_private = read_boolean(inner, false);
                                       return true;
                                   }
                                   if (name == "postgres_changes_options") {
                                       return options(inner, join);
                                   }
                                   return name != "postgres_changes" || bindings(inner, join);
                               }) ||
               error_.empty();
    }

    bool broadcast(ondemand::value value, Join& join) {
        return for_each_member(value,
                               [&](const std::string& name, ondemand::value inner) {
                                   if (name == "ack") {
                                       join.broadcast_ack = read_boolean(inner, false);
                                   } else if (name == "self") {
                                       join.broadcast_self = read_boolean(inner, false);
                                   } else if (name == "replication_ready") {
                                       join.replication_ready = read_boolean(inner, false);
                                   } else if (name == "tenant") {
                                       join.tenant = json::string_in(inner).value_or("");
                                   }
                                   return true;
                               }) ||
               error_.empty();
    }

    bool presence(ondemand::value value, Join& join) {
        return for_each_member(value,
                               [&](const std::string& name, ondemand::value inner) {
                                   if (name == "key") {
                                       join.presence_key = text_of_scalar(inner);
                                       return join.presence_key.size() <= longest_presence_key ||
                                              fail("presence.key is longer than " +
                                                   std::to_string(longest_presence_key) + " bytes");
                                   } else if (name == "enabled") {
                                       join.presence = read_boolean(inner, true);
                                   }
                                   return true;
                               }) ||
               error_.empty();
    }

    bool options(ondemand::value value, Join& join) {
        return for_each_member(
                   value,
                   [&](const std::string& name, ondemand::value inner) {
                       if (name == "wait") {
                           join.wait = read_boolean(inner, false);
                       }
                       double milliseconds = 0;
                       if (name == "timeout" && inner.get_double().get(milliseconds) == simdjson::SUCCESS) {
                           join.timeout_seconds = milliseconds / 1000;
                       }
                       return name != "since" || since(inner, "postgres_changes_options.since", join.since);
                   }) ||
               error_.empty();
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

    bool bindings(ondemand::value value, Join& join) {
        ondemand::array array;
        if (type_of(value) != Type::array || value.get_array().get(array) != simdjson::SUCCESS) {
            return true;
        }
        for (auto element : array) {
            ondemand::value entry;
            if (element.get(entry) != simdjson::SUCCESS) {
                return true;
            }
            if (type_of(entry) == Type::null) {
                continue;
            }
            if (join.bindings.size() == most_bindings) {
                return fail("postgres_changes has more than " + std::to_string(most_bindings) + " entries");
            }
            Binding bound;
            bound.request = json::raw_json(entry);
            if (!binding(bound, "postgres_changes[" + std::to_string(join.bindings.size()) + "]")) {
                return false;
            }
            join.bindings.push_back(std::move(bound));
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
        std::optional<std::string> schema, table;
        const bool read = for_each_member(value, [&](const std::string& name, ondemand::value inner) {
            const bool is_null = type_of(inner) == Type::null;
            if (name == "event") {
                bound.event = event_named(json::string_in(inner).value_or("*"));
            } else if (name == "schema") {
                schema = json::string_in(inner);
                return is_null || schema || fail(place + ".schema is no text");
            } else if (name == "table") {
                table = json::string_in(inner);
                return is_null || table || fail(place + ".table is no text");
            } else if (name == "filter") {
                const std::optional<std::string> filter = json::string_in(inner);
                bound.filter = filter.value_or("");
                return is_null || filter || fail(place + ".filter is no text");
            } else if (name == "leaving") {
                bound.leaving = read_boolean(inner, false);
            } else if (name == "marks") {
                bound.marks = read_boolean(inner, false);
            } else if (name == "select") {
                return is_null || select(inner, bound, place);
            } else if (name == "since") {
                return since(inner, place + ".since", bound.since);
            }
            return true;
        });
        if (!read) {
            return fail(error_.empty() ? place + " cannot be read" : error_);
        }
        // Only a schema means all its tables, only a table the one in public.
        bound.schema = schema.value_or(table ? "public" : "*");
        bound.table = table.value_or("*");
        if (!bound.select.empty() && (bound.schema == "*" || bound.table == "*")) {
            return fail(place + ".select needs a schema and a table");
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
    if (!Reader(error).payload(document, join)) {
        return std::nullopt;
    }
    return join;
}

std::optional<std::string_view> channel_of(std::string_view topic) {
    constexpr std::string_view prefix = "realtime:";
    if (!topic.starts_with(prefix) || topic.size() == prefix.size()) {
        return std::nullopt;
    }
    return topic.substr(prefix.size());
}

} // namespace protocol
