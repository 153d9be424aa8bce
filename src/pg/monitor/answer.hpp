// Building the jsonb that a function returns. Plain data: an error may jump over it.
#pragma once

#include "pg/postgres.hpp"

namespace pg::monitor {

class Answer {
  public:
    void begin_object() { (void)pushJsonbValue(&state_, WJB_BEGIN_OBJECT, nullptr); }
    void end_object() { result_ = pushJsonbValue(&state_, WJB_END_OBJECT, nullptr); }
    void begin_array() { (void)pushJsonbValue(&state_, WJB_BEGIN_ARRAY, nullptr); }
    void end_array() { result_ = pushJsonbValue(&state_, WJB_END_ARRAY, nullptr); }

    void key(const char* name) {
        JsonbValue value;
        value.type = jbvString;
        value.val.string.val = const_cast<char*>(name);
        value.val.string.len = static_cast<int>(strlen(name));
        (void)pushJsonbValue(&state_, WJB_KEY, &value);
    }
    // A value of the key before it, or an element of the array.
    void text(const char* text, int length) {
        JsonbValue value;
        value.type = jbvString;
        value.val.string.val = const_cast<char*>(text);
        value.val.string.len = length;
        push(value);
    }
    void text(const char* value) { text(value, static_cast<int>(strlen(value))); }
    void number(Numeric number) {
        JsonbValue value;
        value.type = jbvNumeric;
        value.val.numeric = number;
        push(value);
    }
    void integer(int64 integer) { number(int64_to_numeric(integer)); }
    void boolean(bool boolean) {
        JsonbValue value;
        value.type = jbvBool;
        value.val.boolean = boolean;
        push(value);
    }
    void null() {
        JsonbValue value;
        value.type = jbvNull;
        push(value);
    }
    // A value that is complete: an object's members in jsonb's order, each once.
    void tree(const JsonbValue& value) {
        if (state_ == nullptr) {
            result_ = static_cast<JsonbValue*>(palloc(sizeof(JsonbValue)));
            *result_ = value;
        } else {
            JsonbValue copy = value;
            push(copy);
        }
    }
    void json(Jsonb* jsonb) {
        JsonbValue value;
        JsonbToJsonbValue(jsonb, &value);
        push(value);
    }
    void uuid(const pg_uuid_t& uuid) {
        text(DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&uuid))));
    }
    void time(TimestampTz time) {
        constexpr Size room = 160; // the server's longest date has 128
        char* buffer = static_cast<char*>(palloc(room));
        text(JsonEncodeDateTime(buffer, TimestampTzGetDatum(time), TIMESTAMPTZOID, nullptr));
    }

    // In the current memory context.
    Jsonb* result() const { return JsonbValueToJsonb(result_); }

  private:
    void push(JsonbValue& value) {
        const bool in_object = state_->contVal.type == jbvObject;
        result_ = pushJsonbValue(&state_, in_object ? WJB_VALUE : WJB_ELEM, &value);
    }

    JsonbParseState* state_ = nullptr;
    JsonbValue* result_ = nullptr;
};

} // namespace pg::monitor
