#include "pg/monitor/payload.hpp"

#include <cmath>

#include "pg/guard.hpp"
#include "pg/monitor/nearest.hpp"
#include "value/numeric.hpp"

namespace pg::monitor {

namespace {

constexpr int most_shown = 100; // characters

void append(StringInfo text, const Place& place) {
    if (place.parent != nullptr) {
        append(text, *place.parent);
    }
    if (place.key != nullptr) {
        appendStringInfo(text, "%s%s", place.parent != nullptr ? "." : "", place.key);
    } else {
        appendStringInfo(text, "[%d]", place.index);
    }
}

} // namespace

bool parse_uuid(const char* text, int length, pg_uuid_t* uuid) {
    int digits = 0;
    memset(uuid->data, 0, UUID_LEN);
    const bool braces = length >= 2 && text[0] == '{' && text[length - 1] == '}';
    for (int index = braces ? 1 : 0; index < length - (braces ? 1 : 0); ++index) {
        const char letter = text[index];
        if (letter == '-') {
            if (digits == 0 || digits % 4 != 0 || digits == 32 || text[index - 1] == '-') {
                return false;
            }
            continue;
        }
        int value = 0;
        if (letter >= '0' && letter <= '9') {
            value = letter - '0';
        } else if ((letter | 0x20) >= 'a' && (letter | 0x20) <= 'f') {
            value = (letter | 0x20) - 'a' + 10;
        } else {
            return false;
        }
        if (digits == 32) {
            return false;
        }
        uuid->data[digits / 2] = static_cast<unsigned char>(uuid->data[digits / 2] * 16 + value);
        digits += 1;
    }
    return digits == 32;
}

const char* text_of(const Place& place) {
    StringInfoData text;
    initStringInfo(&text);
    append(&text, place);
    return text.data;
}

const char* shown(const JsonbValue& value) {
    const Jsonb* jsonb = jsonb_of(value);
    char* text = JsonbToCString(nullptr, const_cast<JsonbContainer*>(&jsonb->root), VARSIZE(jsonb));
    text[pg_mbcharcliplen(text, static_cast<int>(strlen(text)), most_shown)] = '\0';
    return text;
}

void refuse(const Place& place, const char* key, const char* problem) {
    const char* path = text_of(place);
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
             key == nullptr ? errmsg("%s %s", path, problem) : errmsg("%s.%s %s", path, key, problem)));
    pg_unreachable();
}

Jsonb* payload_argument(FunctionCallInfo fcinfo) {
    if (PG_ARGISNULL(0)) {
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("payload must be an object, not null")));
    }
    return PG_GETARG_JSONB_P(0);
}

Object object_of(Jsonb* payload, const Place* root) {
    if (!JB_ROOT_IS_OBJECT(payload)) {
        char* text = JsonbToCString(nullptr, &payload->root, VARSIZE(payload));
        text[pg_mbcharcliplen(text, static_cast<int>(strlen(text)), most_shown)] = '\0';
        refuse(*root, nullptr, psprintf("must be an object, not %s", text));
    }
    return {&payload->root, root};
}

Jsonb* jsonb_of(const JsonbValue& value) {
    JsonbValue copy = value;
    return JsonbValueToJsonb(&copy);
}

Datum text_datum(const Text& text) {
    return PointerGetDatum(cstring_to_text_with_len(text.data, text.length));
}

bool Object::find(const char* key, JsonbValue* value) const {
    return container_ != nullptr &&
           getKeyJsonValueFromContainer(container_, key, static_cast<int>(strlen(key)), value) != nullptr &&
           value->type != jbvNull;
}

Text Object::text(const char* key, int most) const {
    JsonbValue value;
    if (!find(key, &value)) {
        return {nullptr, 0};
    }
    if (value.type != jbvString || value.val.string.len == 0 || value.val.string.len > most) {
        refuse(*place_, key, psprintf("must be a text of 1 to %d bytes, not %s", most, shown(value)));
    }
    return {value.val.string.val, value.val.string.len};
}

Text Object::required_text(const char* key, int most) const {
    const Text found = text(key, most);
    if (found.missing()) {
        refuse(*place_, key, "is missing");
    }
    return found;
}

bool Object::integer(const char* key, int64 most, int64* result) const {
    JsonbValue value;
    if (!find(key, &value)) {
        return false;
    }
    if (value.type != jbvNumeric) {
        refuse(*place_, key, psprintf("must be a number, not %s", shown(value)));
    }
    std::optional<std::int64_t> read;
    const auto* stored = reinterpret_cast<const varlena*>(value.val.numeric);
    guarded([&] { read = value::numeric_integer(VARDATA_ANY(stored), VARSIZE_ANY_EXHDR(stored)); });
    if (!read || *read < 0 || *read > most) {
        refuse(*place_, key,
               psprintf("must be an integer between 0 and " INT64_FORMAT ", not %s", most, shown(value)));
    }
    *result = *read;
    return true;
}

bool Object::signed_number(const char* key, double* result) const {
    JsonbValue value;
    if (!find(key, &value)) {
        return false;
    }
    if (value.type != jbvNumeric) {
        refuse(*place_, key, psprintf("must be a number, not %s", shown(value)));
    }
    const auto* stored = reinterpret_cast<const varlena*>(value.val.numeric);
    guarded([&] { *result = value::numeric_double(VARDATA_ANY(stored), VARSIZE_ANY_EXHDR(stored)); });
    if (!std::isfinite(*result)) {
        refuse(*place_, key, psprintf("must be a number that can be computed with, not %s", shown(value)));
    }
    return true;
}

bool Object::number(const char* key, double most, double* result) const {
    JsonbValue value;
    if (!find(key, &value)) {
        return false;
    }
    if (value.type != jbvNumeric) {
        refuse(*place_, key, psprintf("must be a number, not %s", shown(value)));
    }
    const auto* stored = reinterpret_cast<const varlena*>(value.val.numeric);
    guarded([&] { *result = value::numeric_double(VARDATA_ANY(stored), VARSIZE_ANY_EXHDR(stored)); });
    if (!(*result >= 0 && *result <= most)) {
        refuse(*place_, key, psprintf("must be a number between 0 and %.0f, not %s", most, shown(value)));
    }
    return true;
}

bool Object::boolean(const char* key) const {
    JsonbValue value;
    if (!find(key, &value)) {
        return false;
    }
    if (value.type != jbvBool) {
        refuse(*place_, key, psprintf("must be true or false, not %s", shown(value)));
    }
    return value.val.boolean;
}

bool Object::uuid(const char* key, pg_uuid_t* result) const {
    const Text found = text(key);
    if (found.missing()) {
        return false;
    }
    if (!parse_uuid(found.data, found.length, result)) {
        const int clipped = pg_mbcliplen(found.data, found.length, most_shown);
        refuse(*place_, key, psprintf("must be a uuid, not \"%.*s\"", clipped, found.data));
    }
    return true;
}

bool Object::time(const char* key, TimestampTz* result) const {
    const Text found = text(key);
    if (found.missing()) {
        return false;
    }
    // The server's own reader knows all spellings; its error is good enough, and names the value.
    *result = DatumGetTimestampTz(DirectFunctionCall3(
        timestamptz_in, CStringGetDatum(pnstrdup(found.data, static_cast<Size>(found.length))),
        ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
    if (TIMESTAMP_NOT_FINITE(*result)) {
        refuse(*place_, key, "must be a finite time");
    }
    return true;
}

pg_uuid_t Object::tenant() const {
    pg_uuid_t tenant;
    if (!uuid("tenantId", &tenant)) {
        refuse(*place_, "tenantId", "is missing");
    }
    return tenant;
}

Object Object::object(const char* key, Place* inner) const {
    *inner = {place_, key, 0};
    JsonbValue value;
    if (!find(key, &value)) {
        return {nullptr, inner};
    }
    if (value.type != jbvBinary || !JsonContainerIsObject(value.val.binary.data)) {
        refuse(*place_, key, psprintf("must be an object, not %s", shown(value)));
    }
    return {value.val.binary.data, inner};
}

JsonbContainer* Object::array(const char* key) const {
    JsonbValue value;
    if (!find(key, &value)) {
        return nullptr;
    }
    if (value.type != jbvBinary || !JsonContainerIsArray(value.val.binary.data)) {
        refuse(*place_, key, psprintf("must be an array, not %s", shown(value)));
    }
    return value.val.binary.data;
}

int Object::count() const {
    return static_cast<int>(JsonContainerSize(container_));
}

Text Object::key(int index) const {
    // Keys come first, then the values.
    JsonbIterator* iterator = JsonbIteratorInit(container_);
    JsonbValue part;
    int at = 0;
    for (JsonbIteratorToken token = JsonbIteratorNext(&iterator, &part, true); token != WJB_DONE;
         token = JsonbIteratorNext(&iterator, &part, true)) {
        if (token == WJB_KEY && at++ == index) {
            return {part.val.string.val, part.val.string.len};
        }
    }
    elog(ERROR, "object has no member %d", index);
}

void Object::only(const char* const* members, int count) const {
    if (container_ == nullptr) {
        return;
    }
    JsonbIterator* iterator = JsonbIteratorInit(container_);
    JsonbValue part;
    for (JsonbIteratorToken token = JsonbIteratorNext(&iterator, &part, true); token != WJB_DONE;
         token = JsonbIteratorNext(&iterator, &part, true)) {
        if (token != WJB_KEY) {
            continue;
        }
        const char* key = part.val.string.val;
        const int length = part.val.string.len;
        bool known = false;
        for (int index = 0; index < count && !known; ++index) {
            known = static_cast<int>(strlen(members[index])) == length &&
                    memcmp(members[index], key, static_cast<Size>(length)) == 0;
        }
        if (known) {
            continue;
        }
        StringInfoData list;
        initStringInfo(&list);
        for (int index = 0; index < count; ++index) {
            appendStringInfo(&list, "%s%s", index > 0 ? ", " : "", members[index]);
        }
        const char* meant = nearest(key, length, members, count);
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("%s has the unknown member \"%.*s\"", text_of(*place_),
                               pg_mbcliplen(key, length, most_shown), key),
                        meant != nullptr ? errhint("Perhaps you meant \"%s\".", meant)
                                         : errhint("Valid members are: %s.", list.data)));
    }
}

Jsonb* Object::as_jsonb() const {
    JsonbParseState* state = nullptr;
    JsonbIterator* iterator = JsonbIteratorInit(container_);
    JsonbValue part;
    JsonbValue* result = nullptr;
    for (JsonbIteratorToken token = JsonbIteratorNext(&iterator, &part, false); token != WJB_DONE;
         token = JsonbIteratorNext(&iterator, &part, false)) {
        result = pushJsonbValue(&state, token, token < WJB_BEGIN_ARRAY ? &part : nullptr);
    }
    return JsonbValueToJsonb(result);
}

void Items::take(JsonbContainer* container, int most) {
    container_ = container;
    is_array_ = JsonContainerIsArray(container) && !JsonContainerIsScalar(container);
    count_ = is_array_ ? static_cast<int>(JsonContainerSize(container)) : 1;
    if (count_ > most) {
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("%s has %d items, more than %d", text_of(*root_), count_, most),
                        errhint("Send them in several calls.")));
    }
}

Items::Items(Jsonb* payload, const Place* root, int most) : root_(root) {
    take(&payload->root, most);
}

Items::Items(const JsonbValue& value, const Place* root, int most) : root_(root) {
    if (value.type != jbvBinary) {
        refuse(*root, nullptr, psprintf("must be an object, not %s", shown(value)));
    }
    take(value.val.binary.data, most);
}

Items::Items(const Object& object) : container_(object.container_), root_(object.place_), count_(1) {}

Object Items::item(int index, Place* place) const {
    if (!is_array_) {
        if (JsonContainerIsScalar(container_)) {
            JsonbValue* scalar = getIthJsonbValueFromContainer(container_, 0);
            refuse(*root_, nullptr, psprintf("must be an object, not %s", shown(*scalar)));
        }
        return {container_, root_};
    }
    *place = {root_, nullptr, index};
    JsonbValue* element = getIthJsonbValueFromContainer(container_, static_cast<uint32>(index));
    if (element->type != jbvBinary || !JsonContainerIsObject(element->val.binary.data)) {
        refuse(*place, nullptr, psprintf("must be an object, not %s", shown(*element)));
    }
    return {element->val.binary.data, place};
}

} // namespace pg::monitor
