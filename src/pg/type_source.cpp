#include "pg/type_source.hpp"

#include "pg/encoding.hpp"

namespace pg {

namespace {

Gather direct_gather(Oid type) {
    switch (type) {
    case BOOLOID:
        return Gather::Boolean;
    case INT2OID:
        return Gather::Int16;
    case INT4OID:
        return Gather::Int32;
    case INT8OID:
        return Gather::Int64;
    case FLOAT4OID:
        return Gather::Float4;
    case FLOAT8OID:
        return Gather::Float8;
    case NUMERICOID:
        return Gather::Numeric;
    case TEXTOID:
    case VARCHAROID:
    case BPCHAROID:
        return Gather::Text;
    case UUIDOID:
        return Gather::Uuid;
    case DATEOID:
        return Gather::Date;
    case TIMEOID:
        return Gather::Time;
    case TIMESTAMPOID:
        return Gather::Timestamp;
    case TIMESTAMPTZOID:
        return Gather::Timestamptz;
    case BYTEAOID:
        return Gather::Bytea;
    case BITOID:
    case VARBITOID:
        return Gather::Bits;
    case JSONOID:
        return Gather::Json;
    case JSONBOID:
        return Gather::Jsonb;
    default:
        return Gather::OutputFunction;
    }
}

// The kinds that gather_directly() may take; those with text only where no conversion is needed.
value::Kind direct_kind(Gather gather) {
    switch (gather) {
    case Gather::Boolean:
        return value::Kind::Boolean;
    case Gather::Int16:
    case Gather::Int32:
    case Gather::Int64:
        return value::Kind::Integer;
    case Gather::Uuid:
        return value::Kind::Uuid;
    case Gather::Date:
        return value::Kind::Date;
    case Gather::Time:
        return value::Kind::Time;
    case Gather::Timestamp:
        return value::Kind::Timestamp;
    case Gather::Timestamptz:
        return value::Kind::Timestamptz;
    case Gather::Numeric:
        return value::Kind::Numeric;
    case Gather::Bytea:
        return value::Kind::Bytea;
    case Gather::Text:
        return server_is_utf8() ? value::Kind::Text : value::Kind::Absent;
    case Gather::Json:
        return server_is_utf8() ? value::Kind::Json : value::Kind::Absent;
    case Gather::Jsonb:
        return server_is_utf8() ? value::Kind::Jsonb : value::Kind::Absent;
    default:
        return value::Kind::Absent;
    }
}

bool names_objects(Oid type) {
    switch (type) {
    case REGPROCOID:
    case REGPROCEDUREOID:
    case REGOPEROID:
    case REGOPERATOROID:
    case REGCLASSOID:
    case REGTYPEOID:
    case REGCOLLATIONOID:
    case REGCONFIGOID:
    case REGDICTIONARYOID:
    case REGROLEOID:
    case REGNAMESPACEOID:
        return true;
    default:
        return false;
    }
}

// to_jsonb() uses a user-defined cast to json. Here the function would run with the rights of the replication role, so
// only one that a superuser made for exactly this type counts: in C or internal, and not polymorphic (anybody may make a
// cast from a built-in one). Others fall back to the type's text.
bool find_json_cast(Oid type, Oid* function) {
    if (type < FirstNormalObjectId ||
        find_coercion_pathway(JSONOID, type, COERCION_EXPLICIT, function) != COERCION_PATH_FUNC) {
        return false;
    }
    HeapTuple procedure = SearchSysCache1(PROCOID, ObjectIdGetDatum(*function));
    if (!HeapTupleIsValid(procedure)) {
        return false;
    }
    const auto* form = reinterpret_cast<Form_pg_proc>(GETSTRUCT(procedure));
    const bool native = form->prolang == INTERNALlanguageId || form->prolang == ClanguageId;
    const bool exact = form->pronargs == 1 && form->proargtypes.values[0] == type;
    const bool trusted = native && exact && superuser_arg(form->proowner);
    ReleaseSysCache(procedure);
    return trusted;
}

} // namespace

void describe_type(Oid type, MemoryContext context, TypeSource& source) {
    source.type = getBaseType(type);
    get_typlenbyvalalign(source.type, &source.length, &source.by_value, &source.align);
    source.gather = direct_gather(source.type);
    source.direct = direct_kind(source.gather);
    if (source.gather != Gather::OutputFunction) {
        return;
    }
    const Oid element = get_element_type(source.type);
    if (OidIsValid(element)) {
        source.gather = Gather::Array;
        source.element = static_cast<TypeSource*>(MemoryContextAllocZero(context, sizeof(TypeSource)));
        describe_type(element, context, *source.element);
        source.needs_settings = source.element->needs_settings;
        source.names_objects = source.element->names_objects;
        return;
    }
    if (type_is_rowtype(source.type)) {
        source.gather = Gather::Composite;
        source.needs_settings = true; // its columns may, and they are only known with a value
        source.names_objects = true;
        return;
    }
    Oid function = InvalidOid;
    source.needs_settings = true;
    if (find_json_cast(source.type, &function)) {
        source.gather = Gather::JsonCast;
    } else {
        bool is_varlena = false;
        getTypeOutputInfo(source.type, &function, &is_varlena);
        const char category = get_typtype(source.type);
        source.needs_settings = category != TYPTYPE_ENUM;
        source.names_objects = names_objects(source.type);
    }
    fmgr_info_cxt(function, &source.function, context);
}

} // namespace pg
