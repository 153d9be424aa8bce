#include "protocol/message.hpp"

#include "wire/json_text.hpp"
#include "json/reader.hpp"

namespace protocol {

namespace ondemand = simdjson::ondemand;

struct Decoder::Parser {
    json::Reader reader;
};

namespace {

constexpr std::size_t longest_name = 4096; // of topic, event and references

// A reference: a string, a number or null. False for anything else.
bool read_reference(ondemand::value value, std::optional<std::string>& reference) {
    ondemand::json_type type{};
    if (value.type().get(type) != simdjson::SUCCESS) {
        return false;
    }
    switch (type) {
    case ondemand::json_type::null:
        reference.reset();
        return true;
    case ondemand::json_type::string:
        reference = json::string_in(value);
        break;
    case ondemand::json_type::number:
        reference = std::string(json::raw_json(value));
        break;
    default:
        return false;
    }
    return reference && reference->size() <= longest_name;
}

bool read_name(ondemand::value value, std::string& name) {
    std::optional<std::string> text = json::string_in(value);
    if (!text || text->empty() || text->size() > longest_name) {
        return false;
    }
    name = std::move(*text);
    return true;
}

// "join_ref", "ref", "topic", "event", "payload": false, and which of them is wrong.
bool read_member(std::string_view name, ondemand::value value, ClientMessage& message) {
    if (name == "join_ref") {
        return read_reference(value, message.join_ref);
    }
    if (name == "ref") {
        return read_reference(value, message.ref);
    }
    if (name == "topic") {
        return read_name(value, message.topic);
    }
    if (name == "event") {
        return read_name(value, message.event);
    }
    if (name == "payload") {
        message.payload = json::raw_json(value);
    }
    return true;
}

} // namespace

std::optional<Version> version_named(std::string_view text) {
    if (text.empty() || text == "1.0.0") {
        return Version::One;
    }
    return text == "2.0.0" ? std::optional(Version::Two) : std::nullopt;
}

Decoder::Decoder() : parser_(std::make_unique<Parser>()) {}
Decoder::~Decoder() = default;

bool Decoder::decode(Version version, std::string_view frame, ClientMessage& message) {
    static constexpr std::string_view members[] = {"join_ref", "ref", "topic", "event", "payload"};
    message = {};
    message.payload = "null";
    ondemand::document document;
    if (!parser_->reader.read(frame, document)) {
        error_ = "message is not JSON";
        return false;
    }
    const auto wrong = [this](std::string_view name) {
        error_ = "message has an invalid " + std::string(name);
        return false;
    };
    if (version == Version::One) {
        ondemand::object object;
        if (document.get_object().get(object) != simdjson::SUCCESS) {
            error_ = "message is no object, as version 1.0.0 of the protocol has it";
            return false;
        }
        for (auto field : object) {
            std::string_view name;
            ondemand::value value;
            if (field.unescaped_key().get(name) != simdjson::SUCCESS ||
                field.value().get(value) != simdjson::SUCCESS) {
                return wrong("member");
            }
            const std::string known(name);
            if (!read_member(known, value, message)) {
                return wrong(known);
            }
        }
    } else {
        ondemand::array array;
        if (document.get_array().get(array) != simdjson::SUCCESS) {
            error_ = "message is no array, as version 2.0.0 of the protocol has it";
            return false;
        }
        std::size_t index = 0;
        for (auto element : array) {
            ondemand::value value;
            if (index == std::size(members) || element.get(value) != simdjson::SUCCESS) {
                return wrong("number of elements");
            }
            if (!read_member(members[index], value, message)) {
                return wrong(members[index]);
            }
            ++index;
        }
        if (index != std::size(members)) {
            return wrong("number of elements");
        }
    }
    if (message.topic.empty() || message.event.empty()) {
        return wrong(message.topic.empty() ? "topic" : "event");
    }
    return true;
}

bool decode_broadcast_push(std::string_view frame, BroadcastPush& push, std::string& error) {
    constexpr char kind = 3;
    constexpr std::size_t head = 7;
    if (frame.size() < head || frame[0] != kind) {
        error = "binary frame is no broadcast";
        return false;
    }
    std::size_t lengths[5];
    std::size_t total = head;
    for (std::size_t index = 0; index < std::size(lengths); ++index) {
        lengths[index] = static_cast<unsigned char>(frame[1 + index]);
        total += lengths[index];
    }
    const auto encoding = static_cast<unsigned char>(frame[6]);
    if (total > frame.size() || encoding > 1) {
        error = total > frame.size() ? "broadcast ends inside its head" : "broadcast has an unknown encoding";
        return false;
    }
    std::size_t at = head;
    const auto take = [&](std::size_t length) {
        const std::string_view part = frame.substr(at, length);
        at += length;
        return std::string(part);
    };
    push = {};
    const auto reference = [](std::string text) {
        return text.empty() ? std::nullopt : std::optional<std::string>(std::move(text));
    };
    push.join_ref = reference(take(lengths[0]));
    push.ref = reference(take(lengths[1]));
    push.topic = take(lengths[2]);
    push.event = take(lengths[3]);
    push.metadata = take(lengths[4]);
    push.is_json = encoding == 1;
    push.payload = frame.substr(at);
    const auto is_text = [](std::string_view text) { return wire::valid_utf8_prefix(text) == text.size(); };
    if (push.topic.empty() || push.event.empty() || !is_text(push.topic) || !is_text(push.event) ||
        !is_text(push.join_ref.value_or("")) || !is_text(push.ref.value_or(""))) {
        error = "broadcast has no topic or event, or one that is not UTF-8";
        return false;
    }
    if (push.is_json && !wire::is_json(push.payload)) {
        error = "payload of a broadcast is not JSON";
        return false;
    }
    if (!push.metadata.empty() && (!wire::is_json(push.metadata) || push.metadata.front() != '{')) {
        error = "metadata of a broadcast is no JSON object";
        return false;
    }
    return true;
}

} // namespace protocol
