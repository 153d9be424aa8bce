// Type realtime_sketch: metric::Sketch in its stored form, as text in base64.

#include "metric/sketch.hpp"
#include "pg/guard.hpp"
#include "pg/owned.hpp"
#include "pg/postgres.hpp"

namespace pg::monitor {

namespace {

using metric::Sketch;

// The sketch of these bytes, in the current memory context; null when they are none.
Sketch* sketch_from(std::string_view bytes) {
    auto* sketch = make_owned<Sketch>(CurrentMemoryContext);
    bool valid = false;
    guarded([&] {
        if (std::optional<Sketch> read = Sketch::read(bytes)) {
            *sketch = std::move(*read);
            valid = true;
        }
    });
    return valid ? sketch : nullptr;
}

// The sketch of a stored value. A value that cannot be read did not come from us.
Sketch* read_sketch(Datum datum) {
    const varlena* stored = PG_DETOAST_DATUM_PACKED(datum);
    Sketch* sketch = sketch_from({VARDATA_ANY(stored), VARSIZE_ANY_EXHDR(stored)});
    if (sketch == nullptr) {
        ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("stored realtime_sketch is not valid")));
    }
    return sketch;
}

Datum stored_form(const Sketch& sketch) {
    auto* bytes = make_owned<std::string>(CurrentMemoryContext);
    guarded([&] { *bytes = sketch.write(); });
    return PointerGetDatum(cstring_to_text_with_len(bytes->data(), static_cast<int>(bytes->size())));
}

double finite_value(Datum datum) {
    const double value = DatumGetFloat8(datum);
    if (!std::isfinite(value)) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("value of a sketch must be finite, not %g", value)));
    }
    return value;
}

} // namespace

} // namespace pg::monitor

using metric::Sketch;
using namespace pg::monitor;

extern "C" {

PG_FUNCTION_INFO_V1(pg_realtime_sketch_in);
PGDLLEXPORT Datum pg_realtime_sketch_in(PG_FUNCTION_ARGS) {
    const char* text = PG_GETARG_CSTRING(0);
    const int length = static_cast<int>(strlen(text));
    const int room = pg_b64_dec_len(length) + 1;
    auto* bytes = static_cast<char*>(palloc(static_cast<Size>(room)));
    const int decoded = pg_b64_decode(text, length, bytes, room);
    const Sketch* sketch = decoded < 0 ? nullptr : sketch_from({bytes, static_cast<Size>(decoded)});
    if (sketch == nullptr) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
                        errmsg("invalid input syntax for type %s: \"%s\"", "realtime_sketch", text),
                        errhint("Use realtime_sketch_agg() or realtime_sketch_add() to make one.")));
    }
    PG_RETURN_DATUM(stored_form(*sketch));
}

PG_FUNCTION_INFO_V1(pg_realtime_sketch_out);
PGDLLEXPORT Datum pg_realtime_sketch_out(PG_FUNCTION_ARGS) {
    const varlena* stored = PG_GETARG_VARLENA_PP(0);
    const int length = static_cast<int>(VARSIZE_ANY_EXHDR(stored));
    const int room = pg_b64_enc_len(length);
    auto* text = static_cast<char*>(palloc(static_cast<Size>(room) + 1));
    const int written = pg_b64_encode(VARDATA_ANY(stored), length, text, room);
    if (written < 0) {
        elog(ERROR, "could not encode a realtime_sketch");
    }
    text[written] = '\0';
    PG_RETURN_CSTRING(text);
}

PG_FUNCTION_INFO_V1(pg_realtime_sketch_recv);
PGDLLEXPORT Datum pg_realtime_sketch_recv(PG_FUNCTION_ARGS) {
    auto* message = reinterpret_cast<StringInfo>(PG_GETARG_POINTER(0));
    const int length = message->len - message->cursor;
    const char* bytes = pq_getmsgbytes(message, length);
    const Sketch* sketch = sketch_from({bytes, static_cast<Size>(length)});
    if (sketch == nullptr) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
                        errmsg("invalid binary form of a realtime_sketch")));
    }
    PG_RETURN_DATUM(stored_form(*sketch));
}

PG_FUNCTION_INFO_V1(pg_realtime_sketch_send);
PGDLLEXPORT Datum pg_realtime_sketch_send(PG_FUNCTION_ARGS) {
    const varlena* stored = PG_GETARG_VARLENA_PP(0);
    StringInfoData message;
    pq_begintypsend(&message);
    pq_sendbytes(&message, VARDATA_ANY(stored), static_cast<int>(VARSIZE_ANY_EXHDR(stored)));
    PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

// realtime_sketch_add(sketch, value, weight): a sketch with one more value; of NULL a new one.
PG_FUNCTION_INFO_V1(pg_realtime_sketch_add);
PGDLLEXPORT Datum pg_realtime_sketch_add(PG_FUNCTION_ARGS) {
    if (PG_ARGISNULL(1) || PG_ARGISNULL(2)) {
        if (PG_ARGISNULL(0)) {
            PG_RETURN_NULL();
        }
        PG_RETURN_DATUM(PG_GETARG_DATUM(0));
    }
    const double value = finite_value(PG_GETARG_DATUM(1));
    const int64 weight = PG_GETARG_INT64(2);
    if (weight < 1) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("weight of a value must be 1 or more, not " INT64_FORMAT, weight)));
    }
    Sketch* sketch =
        PG_ARGISNULL(0) ? pg::make_owned<Sketch>(CurrentMemoryContext) : read_sketch(PG_GETARG_DATUM(0));
    pg::guarded([&] { sketch->add(value, static_cast<uint64>(weight)); });
    PG_RETURN_DATUM(stored_form(*sketch));
}

PG_FUNCTION_INFO_V1(pg_realtime_sketch_union);
PGDLLEXPORT Datum pg_realtime_sketch_union(PG_FUNCTION_ARGS) {
    Sketch* left = read_sketch(PG_GETARG_DATUM(0));
    const Sketch* right = read_sketch(PG_GETARG_DATUM(1));
    pg::guarded([&] { left->merge(*right); });
    PG_RETURN_DATUM(stored_form(*left));
}

// The aggregates keep the sketch as it is until their end. The state lives in the aggregate's memory context.
PG_FUNCTION_INFO_V1(pg_realtime_sketch_accumulate);
PGDLLEXPORT Datum pg_realtime_sketch_accumulate(PG_FUNCTION_ARGS) {
    MemoryContext context = nullptr;
    if (AggCheckCallContext(fcinfo, &context) == 0) {
        elog(ERROR, "realtime_sketch_accumulate called in a context that is no aggregate");
    }
    auto* sketch =
        PG_ARGISNULL(0) ? pg::make_owned<Sketch>(context) : reinterpret_cast<Sketch*>(PG_GETARG_POINTER(0));
    if (!PG_ARGISNULL(1)) {
        const double value = finite_value(PG_GETARG_DATUM(1));
        pg::guarded([&] { sketch->add(value); });
    }
    PG_RETURN_POINTER(sketch);
}

PG_FUNCTION_INFO_V1(pg_realtime_sketch_merge_step);
PGDLLEXPORT Datum pg_realtime_sketch_merge_step(PG_FUNCTION_ARGS) {
    MemoryContext context = nullptr;
    if (AggCheckCallContext(fcinfo, &context) == 0) {
        elog(ERROR, "realtime_sketch_merge_step called in a context that is no aggregate");
    }
    auto* sketch =
        PG_ARGISNULL(0) ? pg::make_owned<Sketch>(context) : reinterpret_cast<Sketch*>(PG_GETARG_POINTER(0));
    if (!PG_ARGISNULL(1)) {
        const varlena* stored = PG_GETARG_VARLENA_PP(1);
        bool valid = false;
        pg::guarded([&] {
            if (const std::optional<Sketch> read =
                    Sketch::read({VARDATA_ANY(stored), VARSIZE_ANY_EXHDR(stored)})) {
                sketch->merge(*read);
                valid = true;
            }
        });
        if (!valid) {
            ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("stored realtime_sketch is not valid")));
        }
    }
    PG_RETURN_POINTER(sketch);
}

PG_FUNCTION_INFO_V1(pg_realtime_sketch_combine);
PGDLLEXPORT Datum pg_realtime_sketch_combine(PG_FUNCTION_ARGS) {
    MemoryContext context = nullptr;
    if (AggCheckCallContext(fcinfo, &context) == 0) {
        elog(ERROR, "realtime_sketch_combine called in a context that is no aggregate");
    }
    auto* left =
        PG_ARGISNULL(0) ? pg::make_owned<Sketch>(context) : reinterpret_cast<Sketch*>(PG_GETARG_POINTER(0));
    if (!PG_ARGISNULL(1)) {
        const auto* right = reinterpret_cast<const Sketch*>(PG_GETARG_POINTER(1));
        pg::guarded([&] { left->merge(*right); });
    }
    PG_RETURN_POINTER(left);
}

PG_FUNCTION_INFO_V1(pg_realtime_sketch_serialize);
PGDLLEXPORT Datum pg_realtime_sketch_serialize(PG_FUNCTION_ARGS) {
    PG_RETURN_DATUM(stored_form(*reinterpret_cast<const Sketch*>(PG_GETARG_POINTER(0))));
}

PG_FUNCTION_INFO_V1(pg_realtime_sketch_deserialize);
PGDLLEXPORT Datum pg_realtime_sketch_deserialize(PG_FUNCTION_ARGS) {
    PG_RETURN_POINTER(read_sketch(PG_GETARG_DATUM(0)));
}

PG_FUNCTION_INFO_V1(pg_realtime_sketch_final);
PGDLLEXPORT Datum pg_realtime_sketch_final(PG_FUNCTION_ARGS) {
    if (PG_ARGISNULL(0)) {
        PG_RETURN_NULL();
    }
    const auto* sketch = reinterpret_cast<const Sketch*>(PG_GETARG_POINTER(0));
    if (sketch->empty()) {
        PG_RETURN_NULL();
    }
    PG_RETURN_DATUM(stored_form(*sketch));
}

PG_FUNCTION_INFO_V1(pg_realtime_sketch_quantile);
PGDLLEXPORT Datum pg_realtime_sketch_quantile(PG_FUNCTION_ARGS) {
    const double fraction = PG_GETARG_FLOAT8(1);
    if (!(fraction >= 0 && fraction <= 1)) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("fraction must be between 0 and 1, not %g", fraction)));
    }
    const Sketch* sketch = read_sketch(PG_GETARG_DATUM(0));
    const std::optional<double> value = sketch->quantile(fraction);
    if (!value) {
        PG_RETURN_NULL();
    }
    PG_RETURN_FLOAT8(*value);
}

PG_FUNCTION_INFO_V1(pg_realtime_sketch_count);
PGDLLEXPORT Datum pg_realtime_sketch_count(PG_FUNCTION_ARGS) {
    PG_RETURN_INT64(static_cast<int64>(read_sketch(PG_GETARG_DATUM(0))->count()));
}

PG_FUNCTION_INFO_V1(pg_realtime_sketch_sum);
PGDLLEXPORT Datum pg_realtime_sketch_sum(PG_FUNCTION_ARGS) {
    PG_RETURN_FLOAT8(read_sketch(PG_GETARG_DATUM(0))->sum());
}

PG_FUNCTION_INFO_V1(pg_realtime_sketch_min);
PGDLLEXPORT Datum pg_realtime_sketch_min(PG_FUNCTION_ARGS) {
    const Sketch* sketch = read_sketch(PG_GETARG_DATUM(0));
    if (sketch->empty()) {
        PG_RETURN_NULL();
    }
    PG_RETURN_FLOAT8(sketch->min());
}

PG_FUNCTION_INFO_V1(pg_realtime_sketch_max);
PGDLLEXPORT Datum pg_realtime_sketch_max(PG_FUNCTION_ARGS) {
    const Sketch* sketch = read_sketch(PG_GETARG_DATUM(0));
    if (sketch->empty()) {
        PG_RETURN_NULL();
    }
    PG_RETURN_FLOAT8(sketch->max());
}
}
