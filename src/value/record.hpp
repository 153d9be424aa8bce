// A row as a JSON object, equal to to_jsonb(row) as a JSON value.
#pragma once

#include "value/cell.hpp"
#include "wire/byte_buffer.hpp"
#include "wire/json_text.hpp"

namespace value {

// `columns[i]` names `cells[i]`; cells of kind Absent leave no key. An object without any key is `{}`.
// Throws wire::Error for corrupt values, wire::LimitExceeded and std::bad_alloc.
void write_record(wire::ByteBuffer& out, const Column* columns, const Cell* cells, int count,
                  wire::Charset charset);

void write_cell(wire::ByteBuffer& out, const Cell& cell, wire::Charset charset);

} // namespace value
