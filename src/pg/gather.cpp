#include "pg/gather.hpp"

#include "pg/encoding.hpp"
#include "pg/guard.hpp"
#include "pg/owned.hpp"
#include "value/jsonb.hpp"
#include "wire/json_text.hpp"

namespace pg {

static_assert(value::JsonbLayout::count_mask == JB_CMASK && value::JsonbLayout::is_scalar == JB_FSCALAR &&
              value::JsonbLayout::is_object == JB_FOBJECT && value::JsonbLayout::is_array == JB_FARRAY &&
              value::JsonbLayout::entry_length_mask == JENTRY_OFFLENMASK &&
              value::JsonbLayout::entry_type_mask == JENTRY_TYPEMASK &&
              value::JsonbLayout::entry_has_offset == JENTRY_HAS_OFF &&
              value::JsonbLayout::entry_string == JENTRY_ISSTRING &&
              value::JsonbLayout::entry_numeric == JENTRY_ISNUMERIC &&
              value::JsonbLayout::entry_false == JENTRY_ISBOOL_FALSE &&
              value::JsonbLayout::entry_true == JENTRY_ISBOOL_TRUE &&
              value::JsonbLayout::entry_null == JENTRY_ISNULL &&
              value::JsonbLayout::entry_container == JENTRY_ISCONTAINER);

namespace {

void set_bytes(value::Cell& cell, value::Kind kind, const char* bytes, Size length) {
    cell.kind = kind;
    cell.bytes = bytes;
    cell.length = length;
}

void set_integer(value::Cell& cell, value::Kind kind, std::int64_t integer) {
    cell.kind = kind;
    cell.integer = integer;
}

void set_text(value::Cell& cell, value::Kind kind, const char* text, Size length) {
    const std::string_view utf8 = to_utf8(text, length);
    set_bytes(cell, kind, utf8.data(), utf8.size());
}

void set_varlena(value::Cell& cell, value::Kind kind, Datum datum) {
    const varlena* bytes = PG_DETOAST_DATUM_PACKED(datum);
    set_bytes(cell, kind, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
}

// to_jsonb() makes strings of the floats that JSON numbers cannot say.
void gather_float(value::Cell& cell, double number, bool single) {
    if (isnan(number)) {
        set_bytes(cell, value::Kind::Text, "NaN", 3);
        return;
    }
    if (isinf(number)) {
        number > 0 ? set_bytes(cell, value::Kind::Text, "Infinity", 8)
                   : set_bytes(cell, value::Kind::Text, "-Infinity", 9);
        return;
    }
    auto* digits = static_cast<char*>(palloc(DOUBLE_SHORTEST_DECIMAL_LEN));
    const int length = single ? float_to_shortest_decimal_bufn(static_cast<float>(number), digits)
                              : double_to_shortest_decimal_bufn(number, digits);
    set_bytes(cell, value::Kind::Number, digits, static_cast<Size>(length));
}

// Texts of other encodings grow fourfold at most when they are converted, and so do the known output functions; below
// this size the result fits PostgreSQL's 1 GB.
constexpr Size largest_converted = 240 * 1024 * 1024;

// An element costs a cell, a datum and a null flag before a byte of it is written.
constexpr int most_elements = 8 * 1024 * 1024;

// Types that are copied as they are may be as large as the row; what is built anew must fit an allocation.
bool is_copied(const TypeSource& source) {
    switch (source.gather) {
    case Gather::Numeric:
    case Gather::Bytea:
    case Gather::Bits:
    case Gather::Array:
        return true;
    case Gather::Text:
    case Gather::Json:
    case Gather::Jsonb:
        return server_is_utf8();
    default:
        return false;
    }
}

bool is_too_large(Datum datum, const TypeSource& source, Size most) {
    if (source.length != -1) {
        return false;
    }
    const Size size = toast_raw_datum_size(datum);
    return size > most || (size > largest_converted && !is_copied(source));
}

void gather_bits(value::Cell& cell, Datum datum) {
    auto* bits = DatumGetVarBitP(datum);
    cell.kind = value::Kind::Bits;
    cell.bytes = reinterpret_cast<const char*>(VARBITS(bits));
    cell.length = static_cast<Size>(VARBITLEN(bits));
}

void gather_jsonb(value::Cell& cell, Datum datum) {
    if (server_is_utf8()) {
        set_varlena(cell, value::Kind::Jsonb, datum);
        return;
    }
    // Written in the server's encoding first. JsonbToCString() would raise an error where a number has very many digits.
    Jsonb* document = DatumGetJsonbP(datum);
    auto* text = make_owned<wire::ByteBuffer>(CurrentMemoryContext, largest_converted);
    bool fits = true;
    guarded([&] {
        try {
            value::write_jsonb(*text, VARDATA(document), VARSIZE(document) - VARHDRSZ, wire::Charset::Utf8);
        } catch (const wire::LimitExceeded&) {
            fits = false;
        }
    });
    if (fits) {
        set_text(cell, value::Kind::Json, text->data(), text->size());
    } else {
        cell.kind = value::Kind::TooLarge;
    }
}

void gather_array(value::Cell& cell, Datum datum, TypeSource& source, Size most) {
    ArrayType* stored = DatumGetArrayTypeP(datum);
    // Every element needs two bytes of JSON at least.
    const auto items = static_cast<Size>(ArrayGetNItems(ARR_NDIM(stored), ARR_DIMS(stored)));
    if (items > most_elements || items * 2 > most) {
        cell.kind = value::Kind::TooLarge;
        return;
    }
    auto* array = static_cast<value::Array*>(palloc(sizeof(value::Array)));
    TypeSource& element = *source.element;
    Datum* datums = nullptr;
    bool* nulls = nullptr;
    int count = 0;
    array->dimension_count = ARR_NDIM(stored);
    array->dimensions = ARR_DIMS(stored);
    deconstruct_array(stored, ARR_ELEMTYPE(stored), element.length, element.by_value, element.align, &datums,
                      &nulls, &count);
    auto* elements = static_cast<value::Cell*>(
        MemoryContextAllocHuge(CurrentMemoryContext, sizeof(value::Cell) * static_cast<Size>(count + 1)));
    for (int index = 0; index < count; ++index) {
        if (index % 4096 == 0) {
            CHECK_FOR_INTERRUPTS();
        }
        if (nulls[index]) {
            elements[index].kind = value::Kind::Null;
        } else {
            gather_cell(elements[index], datums[index], element, most);
        }
    }
    array->elements = elements;
    cell.kind = value::Kind::Array;
    cell.array = array;
}

void gather_composite(value::Cell& cell, Datum datum, Size most) {
    HeapTupleHeader header = DatumGetHeapTupleHeader(datum);
    TupleDesc descriptor =
        lookup_rowtype_tupdesc_copy(HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));
    HeapTupleData tuple{};
    tuple.t_len = HeapTupleHeaderGetDatumLength(header);
    tuple.t_data = header;
    const int count = descriptor->natts;
    auto* datums = static_cast<Datum*>(palloc(sizeof(Datum) * static_cast<Size>(count + 1)));
    auto* nulls = static_cast<bool*>(palloc(sizeof(bool) * static_cast<Size>(count + 1)));
    heap_deform_tuple(&tuple, descriptor, datums, nulls);
    auto* columns =
        static_cast<value::Column*>(palloc0(sizeof(value::Column) * static_cast<Size>(count + 1)));
    auto* cells = static_cast<value::Cell*>(palloc0(sizeof(value::Cell) * static_cast<Size>(count + 1)));
    for (int index = 0; index < count; ++index) {
        Form_pg_attribute attribute = TupleDescAttr(descriptor, index);
        if (attribute->attisdropped || is_virtual_generated(attribute)) {
            continue;
        }
        columns[index] = make_column(NameStr(attribute->attname), !server_is_utf8());
        if (nulls[index]) {
            cells[index].kind = value::Kind::Null;
            continue;
        }
        auto* source = static_cast<TypeSource*>(palloc0(sizeof(TypeSource)));
        describe_type(attribute->atttypid, CurrentMemoryContext, *source);
        gather_cell(cells[index], datums[index], *source, most);
    }
    auto* composite = static_cast<value::Composite*>(palloc(sizeof(value::Composite)));
    composite->column_count = count;
    composite->columns = columns;
    composite->cells = cells;
    cell.kind = value::Kind::Composite;
    cell.composite = composite;
}

} // namespace

void gather_cell(value::Cell& cell, Datum datum, TypeSource& source, Size most) {
    if (is_too_large(datum, source, most)) {
        cell.kind = value::Kind::TooLarge;
        return;
    }
    switch (source.gather) {
    case Gather::Boolean:
        set_integer(cell, value::Kind::Boolean, DatumGetBool(datum) ? 1 : 0);
        return;
    case Gather::Int16:
        set_integer(cell, value::Kind::Integer, DatumGetInt16(datum));
        return;
    case Gather::Int32:
        set_integer(cell, value::Kind::Integer, DatumGetInt32(datum));
        return;
    case Gather::Int64:
        set_integer(cell, value::Kind::Integer, DatumGetInt64(datum));
        return;
    case Gather::Float4:
        gather_float(cell, static_cast<double>(DatumGetFloat4(datum)), true);
        return;
    case Gather::Float8:
        gather_float(cell, DatumGetFloat8(datum), false);
        return;
    case Gather::Numeric:
        set_varlena(cell, value::Kind::Numeric, datum);
        return;
    case Gather::Text:
        if (server_is_utf8()) {
            set_varlena(cell, value::Kind::Text, datum);
        } else {
            const varlena* text = PG_DETOAST_DATUM_PACKED(datum);
            set_text(cell, value::Kind::Text, VARDATA_ANY(text), VARSIZE_ANY_EXHDR(text));
        }
        return;
    case Gather::Uuid:
        set_bytes(cell, value::Kind::Uuid, DatumGetPointer(datum), UUID_LEN);
        return;
    case Gather::Date:
        set_integer(cell, value::Kind::Date, DatumGetDateADT(datum));
        return;
    case Gather::Time:
        set_integer(cell, value::Kind::Time, DatumGetTimeADT(datum));
        return;
    case Gather::Timestamp:
        set_integer(cell, value::Kind::Timestamp, DatumGetTimestamp(datum));
        return;
    case Gather::Timestamptz:
        set_integer(cell, value::Kind::Timestamptz, DatumGetTimestampTz(datum));
        return;
    case Gather::Bytea:
        set_varlena(cell, value::Kind::Bytea, datum);
        return;
    case Gather::Bits:
        gather_bits(cell, datum);
        return;
    case Gather::Json: {
        const varlena* document = PG_DETOAST_DATUM_PACKED(datum);
        set_text(cell, value::Kind::Json, VARDATA_ANY(document), VARSIZE_ANY_EXHDR(document));
        return;
    }
    case Gather::Jsonb:
        gather_jsonb(cell, datum);
        return;
    case Gather::Array:
        check_stack_depth();
        gather_array(cell, datum, source, most);
        return;
    case Gather::Composite:
        check_stack_depth();
        gather_composite(cell, datum, most);
        return;
    case Gather::JsonCast: {
        const Datum json = FunctionCall1(&source.function, datum);
        const varlena* document = PG_DETOAST_DATUM_PACKED(json);
        set_text(cell, value::Kind::Json, VARDATA_ANY(document), VARSIZE_ANY_EXHDR(document));
        return;
    }
    case Gather::OutputFunction: {
        const char* text = OutputFunctionCall(&source.function, datum);
        set_text(cell, value::Kind::Text, text, strlen(text));
        return;
    }
    }
}

value::Column make_column(const char* name, bool ascii_only) {
    const std::string_view utf8 = to_utf8(name, strlen(name));
    // The longest escape of one byte is six bytes.
    auto* key = static_cast<char*>(palloc0(utf8.size() * 6 + 4 + value::key_slack));
    Size length = 0;
    guarded([&] {
        wire::ByteBuffer text(utf8.size() * 6 + 64);
        text.append(',');
        wire::write_json_string(text, utf8, ascii_only ? wire::Charset::Ascii : wire::Charset::Utf8);
        text.append(':');
        text.view().copy(key, text.size());
        length = text.size();
    });
    return {key, static_cast<std::uint32_t>(length)};
}

int enter_settings(bool names) {
    const char* zone = session_timezone != nullptr ? pg_get_timezone_name(session_timezone) : "";
    const bool utc = strcmp(zone, "UTC") == 0 || strcmp(zone, "Etc/UTC") == 0 || strcmp(zone, "GMT") == 0;
    if (!names && utc && DateStyle == USE_ISO_DATES && IntervalStyle == INTSTYLE_POSTGRES &&
        extra_float_digits > 0 && bytea_output == BYTEA_OUTPUT_HEX) {
        return 0;
    }
    const int nest_level = NewGUCNestLevel();
    const auto set = [](const char* name, const char* text) {
        (void)set_config_option(name, text, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
    };
    set("TimeZone", "UTC");
    set("DateStyle", "ISO");
    set("IntervalStyle", "postgres");
    set("extra_float_digits", "1");
    set("bytea_output", "hex");
    if (names) {
        set("search_path", "pg_catalog, pg_temp");
        set("quote_all_identifiers", "off");
    }
    return nest_level;
}

void leave_settings(int nest_level) {
    if (nest_level != 0) {
        AtEOXact_GUC(true, nest_level);
    }
}

} // namespace pg
