#include "value/record.hpp"

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "stored_jsonb.hpp"
#include "wire/error.hpp"
#include "written.hpp"

using value::Cell;
using value::Kind;

namespace {

Cell plain(Kind kind) {
    Cell cell;
    cell.kind = kind;
    return cell;
}

Cell integer(Kind kind, std::int64_t value) {
    Cell cell = plain(kind);
    cell.integer = value;
    return cell;
}

// `bytes` must outlive the cell.
Cell bytes(Kind kind, std::string_view bytes) {
    Cell cell = plain(kind);
    cell.bytes = bytes.data();
    cell.length = bytes.size();
    return cell;
}

Cell array(const value::Array& array) {
    Cell cell = plain(Kind::Array);
    cell.array = &array;
    return cell;
}

std::string cell_text(const Cell& cell, wire::Charset charset = wire::Charset::Utf8) {
    return written::text_of([&](wire::ByteBuffer& out) { value::write_cell(out, cell, charset); });
}

// Names and cells of a row, in the form that the plugin keeps them.
class Row {
  public:
    void add(const std::string& name, const Cell& cell) {
        const std::string key = ",\"" + name + "\":";
        keys_.push_back(key + std::string(value::key_slack, '\0'));
        columns_.push_back({keys_.back().data(), static_cast<std::uint32_t>(key.size())});
        cells_.push_back(cell);
    }
    void write(wire::ByteBuffer& out, wire::Charset charset = wire::Charset::Utf8) const {
        value::write_record(out, columns_.data(), cells_.data(), static_cast<int>(cells_.size()), charset);
    }
    std::string text() const {
        return written::text_of([this](wire::ByteBuffer& out) { write(out); });
    }
    value::Composite composite() const {
        return {static_cast<int>(cells_.size()), columns_.data(), cells_.data()};
    }

  private:
    std::deque<std::string> keys_; // never moves its elements
    std::vector<value::Column> columns_;
    std::vector<Cell> cells_;
};

TEST(Cell, OfEveryKindIsWrittenAsToJsonbWritesIt) {
    const std::string uuid("\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef", 16);
    const std::string numeric = stored::numeric("-12.50");
    const std::string nan = stored::numeric("NaN");
    const std::string jsonb = stored::jsonb(stored::Json::object({{"a", stored::Json::null()}}));
    const std::string bytea("\x00\x7f\xff\x0a", 4);
    const std::string bits("\xa5\xc0", 2);
    constexpr std::int64_t morning = 28'800'500'000;
    const struct {
        Cell cell;
        const char* text;
    } cases[] = {
        {plain(Kind::Null), "null"},
        {integer(Kind::Boolean, 1), "true"},
        {integer(Kind::Boolean, 0), "false"},
        {integer(Kind::Integer, 0), "0"},
        {integer(Kind::Integer, -9'223'372'036'854'775'807 - 1), "-9223372036854775808"},
        {bytes(Kind::Number, "1.5e+300"), "1.5e+300"},
        {bytes(Kind::Text, "a \"b\"\n"), R"("a \"b\"\n")"},
        {bytes(Kind::Text, ""), R"("")"},
        {bytes(Kind::Text, std::string_view()), R"("")"},
        {bytes(Kind::Json, "{\"a\" :\n [1 , 2.50]}"), R"({"a" :  [1 , 2.50]})"},
        {bytes(Kind::Jsonb, jsonb), R"({"a":null})"},
        {bytes(Kind::Numeric, numeric), "-12.50"},
        {bytes(Kind::Numeric, nan), R"("NaN")"},
        {bytes(Kind::Uuid, uuid), R"("01234567-89ab-cdef-0123-456789abcdef")"},
        {integer(Kind::Date, 0), R"("2000-01-01")"},
        {integer(Kind::Date, 0x7fffffff), R"("infinity")"},
        {integer(Kind::Date, -0x7fffffff - 1), R"("-infinity")"},
        {integer(Kind::Time, morning), R"("08:00:00.5")"},
        {integer(Kind::Timestamp, morning), R"("2000-01-01T08:00:00.5")"},
        {integer(Kind::Timestamptz, morning), R"("2000-01-01T08:00:00.5+00:00")"},
        {bytes(Kind::Bytea, bytea), R"("\\x007fff0a")"},
        {bytes(Kind::Bytea, ""), R"("\\x")"},
    };
    for (const auto& entry : cases) {
        EXPECT_EQ(cell_text(entry.cell), entry.text);
    }
    Cell bit_string = bytes(Kind::Bits, bits);
    bit_string.length = 11;
    EXPECT_EQ(cell_text(bit_string), R"("10100101110")");
    bit_string.length = 0;
    EXPECT_EQ(cell_text(bit_string), R"("")");
}

TEST(Record, HasNoKeyForAbsentCells) {
    Row row;
    row.add("dropped", plain(Kind::Absent));
    EXPECT_EQ(row.text(), "{}");
    row.add("id", integer(Kind::Integer, 7));
    row.add("toast", plain(Kind::Absent));
    row.add("note", plain(Kind::Null));
    row.add("last", plain(Kind::Absent));
    EXPECT_EQ(row.text(), R"({"id":7,"note":null})");
    EXPECT_EQ(Row().text(), "{}");
}

TEST(Record, HasKeysOfEveryLength) {
    for (std::size_t length = 0; length <= 4 * 63; ++length) {
        const std::string name(length, 'n');
        Row row;
        row.add(name, integer(Kind::Integer, 1));
        row.add(name, integer(Kind::Integer, 2));
        ASSERT_EQ(row.text(), "{\"" + name + "\":1,\"" + name + "\":2}");
    }
}

TEST(Record, IsWrittenBehindWhatTheBufferHolds) {
    Row row;
    row.add("id", integer(Kind::Integer, 7));
    wire::ByteBuffer out(1000);
    out.append("before");
    row.write(out);
    row.write(out);
    EXPECT_EQ(out.view(), R"(before{"id":7}{"id":7})");
}

TEST(Record, HoldsCompositesInsideComposites) {
    Row inner;
    inner.add("x", integer(Kind::Integer, 1));
    inner.add("gone", plain(Kind::Absent));
    inner.add("y", bytes(Kind::Text, "two"));
    const value::Composite inner_value = inner.composite();
    Cell inner_cell = plain(Kind::Composite);
    inner_cell.composite = &inner_value;
    Row middle;
    middle.add("point", inner_cell);
    middle.add("none", plain(Kind::Null));
    const value::Composite middle_value = middle.composite();
    Cell middle_cell = plain(Kind::Composite);
    middle_cell.composite = &middle_value;
    const Cell both[] = {inner_cell, plain(Kind::Null)};
    const int two = 2;
    const value::Array list{1, &two, both};
    Row outer;
    outer.add("a", middle_cell);
    outer.add("b", array(list));
    EXPECT_EQ(outer.text(), R"({"a":{"point":{"x":1,"y":"two"},"none":null},"b":[{"x":1,"y":"two"},null]})");
}

TEST(ArrayCell, OfNoDimensionIsEmpty) {
    const value::Array empty{0, nullptr, nullptr};
    EXPECT_EQ(cell_text(array(empty)), "[]");
}

TEST(ArrayCell, OfOneToSixDimensionsNestsInStorageOrder) {
    // The same 64 numbers, cut into 2 x 2 x ... as often as there are dimensions. The expected text is made by putting
    // brackets where a count of elements begins or ends a dimension.
    std::vector<Cell> cells;
    for (int index = 0; index < 64; ++index) {
        cells.push_back(index == 5 ? plain(Kind::Null) : integer(Kind::Integer, index));
    }
    for (int dimensions = 1; dimensions <= 6; ++dimensions) {
        std::vector<int> lengths(static_cast<std::size_t>(dimensions), 2);
        lengths.back() = 64 >> (dimensions - 1);
        const value::Array whole{dimensions, lengths.data(), cells.data()};
        std::string expected;
        for (int index = 0; index < 64; ++index) {
            int block = 64;
            for (int dimension = 0; dimension < dimensions; ++dimension) {
                expected += index % block == 0 ? (index > 0 && expected.back() == ']' ? ",[" : "[") : "";
                block /= lengths[static_cast<std::size_t>(dimension)];
            }
            expected += expected.back() == '[' ? "" : ",";
            expected += index == 5 ? "null" : std::to_string(index);
            block = 1;
            for (int dimension = dimensions; dimension > 0; --dimension) {
                block *= lengths[static_cast<std::size_t>(dimension - 1)];
                expected += (index + 1) % block == 0 ? "]" : "";
            }
        }
        EXPECT_EQ(cell_text(array(whole)), expected) << dimensions << " dimensions";
    }
}

TEST(ArrayCell, OfUnevenDimensionsKeepsTheirOrder) {
    std::vector<Cell> cells;
    for (int index = 0; index < 6; ++index) {
        cells.push_back(integer(Kind::Integer, index));
    }
    const int two_by_three[] = {2, 3};
    const int one_by_six_by_one[] = {1, 6, 1};
    EXPECT_EQ(cell_text(array({2, two_by_three, cells.data()})), "[[0,1,2],[3,4,5]]");
    EXPECT_EQ(cell_text(array({3, one_by_six_by_one, cells.data()})), "[[[0],[1],[2],[3],[4],[5]]]");
}

TEST(Cell, PassesTheCharsetOnToEverythingInside) {
    const Cell elements[] = {bytes(Kind::Text, "ü"), bytes(Kind::Json, "\"ü\"")};
    const int two = 2;
    const value::Array list{1, &two, elements};
    EXPECT_EQ(cell_text(array(list), wire::Charset::Ascii), R"(["\u00fc","\u00fc"])");
    const std::string jsonb = stored::jsonb(stored::Json::string("ü"));
    EXPECT_EQ(cell_text(bytes(Kind::Jsonb, jsonb), wire::Charset::Ascii), R"("\u00fc")");
}

TEST(Record, PassesDamageOnAsAnError) {
    Row row;
    row.add("id", integer(Kind::Integer, 7));
    row.add("amount", bytes(Kind::Numeric, "\x01"));
    EXPECT_THROW(row.text(), wire::Error);
    Row other;
    other.add("document", bytes(Kind::Jsonb, "abc"));
    EXPECT_THROW(other.text(), wire::Error);
}

TEST(Record, SurvivesALimitAtEveryByte) {
    const std::string numeric = stored::numeric("-1234567.25");
    const std::string jsonb = stored::jsonb(stored::Json::object({{"a", stored::Json::number("1")}}));
    const std::string uuid(16, '\x42');
    std::vector<Cell> cells;
    for (int index = 0; index < 6; ++index) {
        cells.push_back(integer(Kind::Integer, index));
    }
    const int two_by_three[] = {2, 3};
    const value::Array matrix{2, two_by_three, cells.data()};
    Row row;
    row.add("id", integer(Kind::Integer, 7));
    row.add("absent", plain(Kind::Absent));
    row.add("tenant_id", bytes(Kind::Uuid, uuid));
    row.add("amount", bytes(Kind::Numeric, numeric));
    row.add("document", bytes(Kind::Jsonb, jsonb));
    row.add("matrix", array(matrix));
    row.add("made", integer(Kind::Timestamptz, 1));
    row.add("raw", bytes(Kind::Bytea, "\x01\x02"));
    row.add("flags", bytes(Kind::Bits, "\x05"));
    row.add("note", bytes(Kind::Text, "a \"quoted\" word"));
    written::expect_every_limit_is_survived([&](wire::ByteBuffer& out) { row.write(out); });
}

} // namespace
