// Reading JSON payloads: what is asked for must be there, of the right type and in range, or an error (22023) names it.
//
// Everything here points into the jsonb that is read and lives as long as that; only texts of errors are allocated.
#pragma once

#include "pg/postgres.hpp"

namespace pg::monitor {

// Where in a payload something stands, for error messages.
struct Place {
    const Place* parent;
    const char* key; // null: an element of an array
    int index;
};

// For example payload.items[3].data.
const char* text_of(const Place& place);

struct Text {
    const char* data; // null: missing
    int length;
    bool missing() const { return data == nullptr; }
};

class Object {
  public:
    Object(JsonbContainer* container, const Place* place) : container_(container), place_(place) {}

    const Place& place() const { return *place_; }
    bool missing() const { return container_ == nullptr; }
    // False when it is missing or null.
    bool find(const char* key, JsonbValue* value) const;

    // The rest is an error when it is something else, and missing when it is missing or null.
    Text text(const char* key, int most = 255) const; // bytes: 1 to most
    Text required_text(const char* key, int most = 255) const;
    bool integer(const char* key, int64 most, int64* value) const; // false: missing
    bool number(const char* key, double most, double* value) const;
    bool signed_number(const char* key, double* value) const; // any finite one
    bool boolean(const char* key) const;                      // false: missing
    bool uuid(const char* key, pg_uuid_t* value) const;
    bool time(const char* key, TimestampTz* value) const;
    pg_uuid_t tenant() const; // tenantId, required
    // `inner` has to live as long as the object that is returned; missing when there is none.
    Object object(const char* key, Place* inner) const;
    JsonbContainer* array(const char* key) const; // null: missing
    int count() const;                            // of its members
    Text key(int index) const;                    // name of a member
    Jsonb* as_jsonb() const;                      // a copy; must not be missing
    // Refuses any other member, and names the nearest of these. Nothing to do when the object is missing.
    template <int n> void only(const char* const (&members)[n]) const { only(members, n); }

  private:
    friend class Items;
    void only(const char* const* members, int count) const;

    JsonbContainer* container_; // null: missing, and so is everything in it
    const Place* place_;
};

// Objects of a payload that is one object or an array of them.
class Items {
  public:
    // 54000 beyond `most`. `root` has to live as long as the items.
    Items(Jsonb* payload, const Place* root, int most);
    // Those of an inner value.
    Items(const JsonbValue& value, const Place* root, int most);
    // The one object.
    explicit Items(const Object& object);

    int count() const { return count_; }
    bool is_array() const { return is_array_; }
    Object item(int index, Place* place) const;

  private:
    void take(JsonbContainer* container, int most);

    JsonbContainer* container_ = nullptr;
    const Place* root_;
    bool is_array_ = false;
    int count_ = 0;
};

// An ERROR that says "<place>.<key> <problem>".
[[noreturn]] void refuse(const Place& place, const char* key, const char* problem);

// A value shortened to what an error message can bear.
const char* shown(const JsonbValue& value);

// The jsonb argument of a function; an error when it is NULL.
Jsonb* payload_argument(FunctionCallInfo fcinfo);

// The one object that a payload has to be.
Object object_of(Jsonb* payload, const Place* root);

// Any spelling that PostgreSQL takes. False when it is no uuid.
bool parse_uuid(const char* text, int length, pg_uuid_t* uuid);

// Any value as jsonb of its own.
Jsonb* jsonb_of(const JsonbValue& value);

Datum text_datum(const Text& text);

} // namespace pg::monitor
