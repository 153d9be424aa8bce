#include <gtest/gtest.h>

#include <functional>
#include <random>

#include <simdjson.h>

#include "protocol/column_value.hpp"
#include "protocol/filter.hpp"
#include "protocol/row_filter.hpp"
#include "protocol/row_text.hpp"

namespace {

using namespace protocol;

Filter parsed(std::string_view text) {
    auto result = parse_filter(text);
    if (const auto* error = std::get_if<std::string>(&result)) {
        ADD_FAILURE() << text << ": " << *error;
        return {};
    }
    return std::get<Filter>(result);
}

std::string problem(std::string_view text) {
    auto result = parse_filter(text);
    return std::holds_alternative<std::string>(result) ? std::get<std::string>(result) : "";
}

const std::vector<FilterColumn> columns{
    {"id", "int8"},        {"name", "text"},  {"code", "bpchar"}, {"price", "numeric"}, {"ratio", "float8"},
    {"small", "float4"},   {"ok", "bool"},    {"key", "uuid"},    {"day", "date"},      {"at", "timestamptz"},
    {"then", "timestamp"}, {"clock", "time"}, {"doc", "jsonb"},   {"a,b.c", "text"}};

RowFilter bound(std::string_view text) {
    auto result = RowFilter::bind(parsed(text), columns);
    if (const auto* error = std::get_if<std::string>(&result)) {
        ADD_FAILURE() << text << ": " << *error;
        return std::get<RowFilter>(RowFilter::bind({}, columns));
    }
    return std::move(std::get<RowFilter>(result));
}

std::string unbound(std::string_view text) {
    auto result = RowFilter::bind(parsed(text), columns);
    return std::holds_alternative<std::string>(result) ? std::get<std::string>(result) : "";
}

bool passes(std::string_view filter, std::string_view row) {
    return bound(filter).passes(row);
}

TEST(FilterGrammar, ReadsWhatTheClientBuilds) {
    struct Case {
        const char* text;
        const char* normal;
    };
    for (
        const Case& one : {
            Case{"", ""},
            {"   ", ""},
            {"id=eq.5", R"~(id=eq."5")~"},
            {"id=gt.0,name=eq.\"a,b\"", R"~(id=gt."0",name=eq."a,b")~"},
            {"name=eq.", R"~(name=eq."")~"},
            {"name=eq.a.b.c", R"~(name=eq."a.b.c")~"},
            {"name=eq.a=b", R"~(name=eq."a=b")~"},
            {"name=not.eq.x", R"~(name=not.eq."x")~"},
            {"name=eq.\"a\\\"b\\\\c\"", R"~(name=eq."a\"b\\c")~"},
            {"name=eq.\"unterminated", R"~(name=eq."\"unterminated")~"},
            {"name=eq.\"a\"junk", R"~(name=eq."\"a\"junk")~"},
            {"name=eq.a\"b", R"~(name=eq."a\"b")~"},
            {"id=in.(1,2,3)", R"~(id=in.("1","2","3"))~"},
            {"name=in.(\"a,b\",c)", R"~(name=in.("a,b","c"))~"},
            {"name=in.()", "name=in.()"},
            {"name=in.( )", "name=in.()"},
            {"name=in.(\"\")", R"~(name=in.(""))~"},
            {"name=not.in.(a)", R"~(name=not.in.("a"))~"},
            {"name=eq.(a,b)", R"~(name=eq."(a,b)")~"},
            {"name=like.a%,id=is.null", R"~(name=like."a%",id=is."null")~"},
            {"or=(id.eq.1,name.eq.x)", R"~(or=("id".eq."1","name".eq."x"))~"},
            {"id=gt.0,or=(id.eq.1,and(name.eq.x,name.not.eq.y),not.or(id.is.null,id.eq.2))",
             R"~(id=gt."0",or=("id".eq."1",and("name".eq."x","name".not.eq."y"),not.or("id".is."null","id".eq."2")))~"},
            {"or=(\"a,b.c\".eq.1)", R"~(or=("a,b.c".eq."1"))~"},
            {"or=eq.1", R"~(or=eq."1")~"},
            {"or=(id.in.(1,2),id.eq.3)", R"~(or=("id".in.("1","2"),"id".eq."3"))~"},
        }) {
        EXPECT_EQ(text_of(parsed(one.text)), one.normal) << one.text;
        EXPECT_EQ(text_of(parsed(one.normal)), one.normal);
    }
}

TEST(FilterGrammar, NamesWhatIsWrong) {
    EXPECT_EQ(problem("id"), "condition \"id\" is not column=operator.value");
    EXPECT_EQ(problem("=eq.1"), "condition \"=eq.1\" is not column=operator.value");
    EXPECT_EQ(problem("a.\"b=eq.1"),
              "column \"a.\"b\" has to be quoted, which only groups can: and=(\"column\".operator.value)");
    EXPECT_EQ(problem("id=eq.1,"), "filter has an empty condition");
    EXPECT_EQ(problem(",id=eq.1"), "filter has an empty condition");
    const std::string operators = "eq, neq, lt, lte, gt, gte, in, like, ilike, is, match, imatch, isdistinct";
    EXPECT_EQ(problem("id=5"), "condition \"id=5\" has no operator of " + operators);
    EXPECT_EQ(problem("id=equals.5"), "condition \"id=equals.5\" has no operator of " + operators);
    EXPECT_EQ(problem("id=not.5"), "condition \"id=not.5\" has no operator of " + operators);
    EXPECT_EQ(problem("id=eq"), "condition \"id=eq\" has no operator of " + operators);
    EXPECT_EQ(problem("id=in.1,2"), "condition \"id=in.1\" needs its values in parentheses");
    EXPECT_EQ(problem("id=is.5"), "condition \"id=is.5\" must be is.null, is.true, is.false or is.unknown");
    EXPECT_EQ(problem("or=(id.eq.1"), "group \"(id.eq.1\" is not in parentheses");
    EXPECT_EQ(problem("or=(id)"), "condition \"id\" is not column.operator.value");
    EXPECT_EQ(problem("or=()"), "condition \"\" is not column.operator.value");
    EXPECT_EQ(problem("a=eq." + std::string(longest_filter, 'x')), "filter is longer than 8192 bytes");
    std::string many = "id=in.(1";
    std::string conditions = "id=eq.1";
    for (int count = 0; count < 200; ++count) {
        many += ",1";
        conditions += ",id=eq.1";
    }
    EXPECT_EQ(problem(many + ")"), "condition on column \"id\" has more than 100 values");
    EXPECT_EQ(problem(conditions), "filter has more than 127 conditions and groups");
    std::string deep = "id.eq.1";
    for (int level = 0; level < 9; ++level) {
        deep = (level == 8 ? "or=(" : "or(") + deep + ")";
    }
    EXPECT_EQ(problem(deep), "filter is nested deeper than 8 levels");
}

TEST(RowFilter, NamesWhatAColumnCannotDo) {
    EXPECT_EQ(unbound("none=eq.1"), "column \"none\" does not exist");
    EXPECT_EQ(unbound("id=eq.x"), "column \"id\" of type int8 cannot be compared with \"x\"");
    EXPECT_EQ(unbound("id=like.1%"), "column \"id\" of type int8 has no operator like");
    EXPECT_EQ(unbound("name=is.true"), "column \"name\" of type text can only be is.null");
    EXPECT_EQ(unbound("doc=gt.1"), "column \"doc\" of type jsonb cannot be compared, only be is.null");
    EXPECT_EQ(unbound("key=eq.12"), "column \"key\" of type uuid cannot be compared with \"12\"");
    EXPECT_EQ(unbound("day=eq.2026-02-30"),
              "column \"day\" of type date cannot be compared with \"2026-02-30\"");
    EXPECT_EQ(unbound("at=eq.now"), "column \"at\" of type timestamptz cannot be compared with \"now\"");
    EXPECT_EQ(unbound("name=like.a\\"), "pattern \"a\\\" ends with its escape character");
    EXPECT_EQ(unbound("name=match.("), "pattern \"(\" cannot be used: missing ): (");
    EXPECT_EQ(unbound("ok=eq.maybe"), "column \"ok\" of type bool cannot be compared with \"maybe\"");
    EXPECT_EQ(unbound("price=in.(1,x)"), "column \"price\" of type numeric cannot be compared with \"x\"");
}

TEST(FilterGrammar, SpacesAroundPartsMeanNothing) {
    EXPECT_EQ(text_of(parsed(" id=gt.0 , name=eq.open ")), text_of(parsed("id=gt.0,name=eq.open")));
    EXPECT_EQ(text_of(parsed("name=in.( a, \"b, c\" ,d )")), text_of(parsed("name=in.(a,\"b, c\",d)")));
    EXPECT_EQ(text_of(parsed("or=( id.eq.1 , name.eq.x)")), text_of(parsed("or=(id.eq.1,name.eq.x)")));
    EXPECT_TRUE(passes("name=eq.\" a \"", R"({"name":" a "})"));
    // A list of nothing has nothing in it: also for types that cannot be compared, for null and for what is not in the row.
    for (const char* column : {"id", "name", "doc", "key", "ok", "at", "price"}) {
        const std::string filter = std::string(column) + "=in.()", other = std::string(column) + "=not.in.()";
        for (const char* row :
             {R"({"id":1,"name":"","doc":{},"ok":true,"price":1})", R"({"name":null,"id":null})", "{}"}) {
            EXPECT_FALSE(passes(filter, row)) << filter << " " << row;
            EXPECT_TRUE(passes(other, row)) << other << " " << row;
        }
    }
    EXPECT_TRUE(passes("name=in.(\"\")", R"({"name":""})"));
}

TEST(RowFilter, DoesNotCompareWhatHasManyTexts) {
    for (const char* type : {"jsonb", "_int4", "inet", "interval", "citext"}) {
        const std::vector<FilterColumn> one{{"x", type}};
        for (const char* filter : {"x=eq.1", "x=not.in.(1,2)", "x=isdistinct.1", "x=gt.1"}) {
            const auto result = RowFilter::bind(parsed(filter), one);
            ASSERT_TRUE(std::holds_alternative<std::string>(result)) << filter;
            EXPECT_EQ(std::get<std::string>(result),
                      "column \"x\" of type " + std::string(type) + " cannot be compared, only be is.null");
        }
        EXPECT_TRUE(std::get<RowFilter>(RowFilter::bind(parsed("x=is.null"), one)).passes("{\"x\":null}"));
        EXPECT_TRUE(
            std::get<RowFilter>(RowFilter::bind(parsed("x=isdistinct.null"), one)).passes("{\"x\":[1]}"));
    }
}

TEST(RowFilter, ComparesEveryTypeAsPostgresqlDoes) {
    constexpr std::string_view row =
        R"({"id": 9007199254740993, "name": "Käse \"x\"\n", "code": "ab   ", "price": 10.50, "ratio": "NaN", "small": 0.1, "ok": true,)"
        R"("key": "123e4567-e89b-12d3-a456-426614174000", "day": "2026-11-23", "at": "2026-11-23T08:00:00.5+00:00", "then": "2026-11-23T08:00:00",)"
        R"("clock": "08:00:00", "doc": {"a": [1, "}"]}, "a,b.c": "x"})";
    for (const char* yes : {"id=eq.9007199254740993",
                            "id=gt.9007199254740992",
                            "id=lt.9007199254740994.5",
                            "id=in.(1,9007199254740993)",
                            "id=neq.9007199254740992",
                            "price=eq.10.5",
                            "price=eq.1.05e1",
                            "price=lt.10.5000000000000000000000000001",
                            "price=gte.-3",
                            "price=lt.Infinity",
                            "price=lt.NaN",
                            "ratio=eq.NaN",
                            "ratio=gt.Infinity",
                            "small=eq.0.1",
                            "small=eq.0.10000000001",
                            "ok=is.true",
                            "ok=eq.t",
                            "ok=gt.false",
                            "ok=not.is.null",
                            "key=eq.123E4567E89B12D3A456426614174000",
                            "key=gt.023e4567-e89b-12d3-a456-426614174000",
                            "day=eq.2026-11-23",
                            "day=lt.infinity",
                            "at=eq.2026-11-23T09:00:00.5+01:00",
                            "at=eq.2026-11-23 08:00:00.500000Z",
                            "at=gt.2026-11-23",
                            "then=eq.2026-11-23 08:00",
                            "clock=gte.07:59:59.999999",
                            "code=eq.ab",
                            "code=not.like.ab",
                            "name=like.K_se%",
                            "name=ilike.kÄSE%",
                            "name=match.^K.se",
                            "name=imatch.KÄSE",
                            "name=not.like.x%",
                            "name=gt.A",
                            "name=like.%\\\"x\\\"%",
                            "name=isdistinct.null",
                            "name=isdistinct.y",
                            "or=(id.eq.1,name.like.K%)",
                            "or=(\"a,b.c\".eq.x)",
                            "doc=not.is.null"}) {
        EXPECT_TRUE(passes(yes, row)) << yes;
    }
    for (const char* no :
         {"id=eq.9007199254740992", "price=eq.10.51", "price=gt.10.5", "ratio=lt.5", "ok=is.false",
          "ok=is.null", "key=eq.00000000-e89b-12d3-a456-426614174000", "day=gt.2026-11-23",
          "at=eq.2026-11-23T08:00:00.5+01:00", "then=lt.2026-11-23T08:00:00", "clock=eq.08:00:01",
          "name=like.k%", "name=eq.x", "name=is.null", "name=like.K_se", "id=gt.0,name=eq.x",
          "or=(id.eq.1,name.eq.x)", "or=(not.or(id.gt.0,id.eq.1))", "name=in.(a,b)"}) {
        EXPECT_FALSE(passes(no, row)) << no;
    }
}

TEST(RowFilter, KnowsTheFirstAndTheLastMomentOfEveryDateAndNoneBeyond) {
    for (const auto& [yes, row] : std::initializer_list<std::pair<const char*, const char*>>{
             {"day=eq.4714-11-24 BC", R"({"day": "4714-11-24 BC"})"},
             {"day=lt.0001-01-01 BC", R"({"day": "4714-11-24 BC"})"},
             {"day=gt.294277-01-01", R"({"day": "5874897-12-31"})"},
             {"day=lt.infinity", R"({"day": "5874897-12-31"})"},
             {"then=gt.294247-01-10 04:00:54.775807", R"({"then": "294276-12-31T23:59:59.999999"})"},
             {"at=lt.infinity", R"({"at": "294276-12-31T23:59:59.999999+00:00"})"},
             {"at=gt.-infinity", R"({"at": "4714-11-24T00:00:00+00:00 BC"})"},
             {"at=eq.294277-01-01 00:00:00+01", R"({"at": "294276-12-31T23:00:00+00:00"})"}}) {
        EXPECT_TRUE(passes(yes, row)) << yes;
    }
    EXPECT_EQ(unbound("at=gt.405026-11-23"),
              "column \"at\" of type timestamptz cannot be compared with \"405026-11-23\"");
    EXPECT_EQ(unbound("then=gt.294277-01-01"),
              "column \"then\" of type timestamp cannot be compared with \"294277-01-01\"");
    EXPECT_EQ(unbound("at=gt.4714-11-23 BC"),
              "column \"at\" of type timestamptz cannot be compared with \"4714-11-23 BC\"");
    EXPECT_EQ(unbound("day=gt.5874898-01-01"),
              "column \"day\" of type date cannot be compared with \"5874898-01-01\"");
    EXPECT_EQ(unbound("day=gt.4714-11-23 BC"),
              "column \"day\" of type date cannot be compared with \"4714-11-23 BC\"");
}

TEST(RowFilter, WhatIsNullOrNotInTheRowDoesNotPass) {
    for (const char* row :
         {R"({"id": null, "name": null, "ok": null})", R"({})", "", "nonsense", R"({"id")", R"({"id": )"}) {
        for (const char* filter : {"id=eq.1", "id=neq.1", "id=not.eq.1", "id=in.(1)", "id=not.in.(1)",
                                   "name=like.%", "name=not.like.%", "ok=is.true", "ok=not.eq.true"}) {
            EXPECT_FALSE(passes(filter, row)) << filter << " " << row;
        }
    }
    EXPECT_TRUE(
        passes("id=is.null,id=isdistinct.1,ok=not.is.true,ok=is.unknown", R"({"id": null, "ok": null})"));
    EXPECT_FALSE(passes("id=is.null", "{}"));
    EXPECT_FALSE(passes("id=isdistinct.1", "{}"));
    EXPECT_FALSE(passes("id=isdistinct.null", R"({"id": null})"));
    EXPECT_TRUE(passes("", "{}"));
}

// Kleene's logic by truth table, against random trees.
TEST(RowFilter, DecidesTreesAsThreeValuedLogicDoes) {
    std::mt19937 random(20261124);
    for (int round = 0; round < 3000; ++round) {
        // id is 1, name is null: id.eq.1 is true, id.eq.2 false, name.eq.x unknown.
        std::function<std::pair<std::string, int>(int)> tree = [&](int depth) -> std::pair<std::string, int> {
            if (depth == 0 || random() % 3 == 0) {
                const int truth = static_cast<int>(random() % 3);
                const bool negated = random() % 3 == 0;
                const std::string column = truth == 1 ? "name" : "id";
                return {column + (negated ? ".not" : "") +
                            (truth == 1   ? ".eq.x"
                             : truth == 2 ? ".eq.1"
                                          : ".eq.2"),
                        negated ? 2 - truth : truth};
            }
            const bool all = random() % 2 == 0;
            const bool negated = random() % 2 == 0;
            std::string text = std::string(negated ? "not." : "") + (all ? "and(" : "or(");
            int truth = all ? 2 : 0;
            for (unsigned child = 0, count = 1 + random() % 3; child < count; ++child) {
                const auto [inner, value] = tree(depth - 1);
                text += (child > 0 ? "," : "") + inner;
                truth = all ? std::min(truth, value) : std::max(truth, value);
            }
            return {text + ")", negated ? 2 - truth : truth};
        };
        const auto [text, truth] = tree(4);
        EXPECT_EQ(passes("and=(" + text + ")", R"({"id":1,"name":null})"), truth == 2) << text;
    }
}

// The oracle computes with 128 bits.
TEST(ColumnValue, ComparesDecimalsExactly) {
    std::mt19937_64 random(7);
    for (int round = 0; round < 20000; ++round) {
        const auto make = [&](__int128& scaled) {
            const int digits = static_cast<int>(random() % 15);
            const int scale = static_cast<int>(random() % 12);
            std::string text;
            __int128 value = 0;
            for (int digit = 0; digit <= digits; ++digit) {
                const auto next = static_cast<int>(random() % 3 == 0 ? 0 : random() % 10);
                text += static_cast<char>('0' + next);
                value = value * 10 + next;
            }
            for (int up = scale; up < 12; ++up) {
                value *= 10;
            }
            std::string whole = text;
            if (scale > 0) {
                while (static_cast<int>(whole.size()) <= scale) {
                    whole.insert(whole.begin(), '0');
                }
                whole.insert(whole.size() - static_cast<std::size_t>(scale), ".");
            }
            if (random() % 4 == 0) {
                whole = text + "e-" + std::to_string(scale);
            }
            const bool negative = random() % 2 == 0;
            scaled = negative ? -value : value;
            return (negative ? "-" : "") + whole;
        };
        __int128 left_scaled = 0, right_scaled = 0;
        const std::string left = make(left_scaled);
        const std::string right = random() % 8 == 0 ? left : make(right_scaled);
        right_scaled = right == left ? left_scaled : right_scaled;
        const auto one = read_value(ColumnKind::Decimal, left);
        const auto other = read_value(ColumnKind::Decimal, right);
        ASSERT_TRUE(one && other) << left << " " << right;
        EXPECT_EQ(compare(*one, *other), left_scaled <=> right_scaled) << left << " " << right;
        EXPECT_EQ(key_of(*one) == key_of(*other), left_scaled == right_scaled) << left << " " << right;
    }
    for (const char* wrong : {"", ".", "-", "1e", "e1", "1.2.3", "1 2", "0x1", "1e99999999", "--1"}) {
        EXPECT_FALSE(read_value(ColumnKind::Decimal, wrong)) << wrong;
    }
}

// The oracle backtracks.
TEST(RowFilter, MatchesPatternsOfLikeAsTheirDefinitionSays) {
    std::mt19937 random(3);
    std::function<bool(std::string_view, std::string_view)> like = [&](std::string_view pattern,
                                                                       std::string_view text) {
        if (pattern.empty()) {
            return text.empty();
        }
        if (pattern[0] == '%') {
            for (std::size_t at = 0; at <= text.size(); ++at) {
                if (like(pattern.substr(1), text.substr(at))) {
                    return true;
                }
            }
            return false;
        }
        if (text.empty()) {
            return false;
        }
        if (pattern[0] == '\\') {
            return pattern[1] == text[0] && like(pattern.substr(2), text.substr(1));
        }
        return (pattern[0] == '_' || pattern[0] == text[0]) && like(pattern.substr(1), text.substr(1));
    };
    for (int round = 0; round < 4000; ++round) {
        std::string pattern, text, quoted;
        for (unsigned count = random() % 7; count > 0; --count) {
            static constexpr const char* parts[] = {"a", "b", "%", "_", "\\%", "\\\\", ".", "("};
            pattern += parts[random() % std::size(parts)];
        }
        for (unsigned count = random() % 7; count > 0; --count) {
            text += "ab%\\.("[random() % 6];
        }
        for (const char letter : pattern) {
            quoted += letter == '\\' ? "\\\\" : std::string(1, letter);
        }
        EXPECT_EQ(passes("name=like.\"" + quoted + "\"", "{\"name\":" + member_name(text) + "}"),
                  like(pattern, text))
            << pattern << " | " << text;
    }
}

TEST(RowFilter, GivesOneKeyToEqualValuesForAnIndex) {
    const auto equality = bound("price=gt.0,id=eq.5.0,name=eq.x").equality();
    ASSERT_TRUE(equality);
    EXPECT_EQ(equality->column, "id");
    EXPECT_EQ(equality->key, RowFilter::key_of("id", "int8", R"({"name":"x","id":5})"));
    EXPECT_NE(equality->key, RowFilter::key_of("id", "int8", R"({"id":50})"));
    EXPECT_FALSE(RowFilter::key_of("id", "int8", R"({"id":null})"));
    EXPECT_FALSE(RowFilter::key_of("id", "int8", "{}"));
    EXPECT_EQ(bound("key=eq.123E4567E89B12D3A456426614174000").equality()->key,
              RowFilter::key_of("key", "uuid", R"({"key":"123e4567-e89b-12d3-a456-426614174000"})"));
    EXPECT_FALSE(bound("id=not.eq.5").equality());
    EXPECT_FALSE(bound("or=(id.eq.5,id.eq.6)").equality());
    EXPECT_FALSE(bound("ratio=eq.5").equality());
    EXPECT_FALSE(bound("").equality());
}

// The oracle is simdjson.
TEST(RowText, FindsWhatAParserFinds) {
    std::mt19937 random(11);
    const auto text = [&] {
        static constexpr const char* parts[] = {"a", "b", "\"", "\\", "{", "}", "[",
                                                "]", ",", ":",  "\n", "é", " "};
        std::string made;
        for (unsigned count = random() % 5; count > 0; --count) {
            made += parts[random() % std::size(parts)];
        }
        return made;
    };
    std::function<std::string(int)> value = [&](int depth) -> std::string {
        switch (random() % (depth > 0 ? 7 : 5)) {
        case 0:
            return "null";
        case 1:
            return random() % 2 == 0 ? "true" : "false";
        case 2:
            return std::to_string(static_cast<int>(random() % 1000)) + (random() % 2 == 0 ? ".5" : "");
        case 5:
            return "[" + value(depth - 1) + (random() % 2 == 0 ? ", " + value(depth - 1) : "") + "]";
        case 6:
            return "{" + member_name(text()) + ": " + value(depth - 1) + "}";
        default:
            return member_name(text());
        }
    };
    simdjson::dom::parser parser;
    for (int round = 0; round < 3000; ++round) {
        std::string row = "{";
        std::vector<std::string> names;
        for (int member = 0; member < 5; ++member) {
            names.push_back(member_name("m" + std::to_string(member) + text()));
            row += (member > 0 ? ", " : "") + names.back() + ": " + value(3);
        }
        row += "}";
        names.push_back(member_name("none"));
        std::vector<std::string_view> found(names.size());
        find_members(row, names, found);
        const simdjson::dom::object object = parser.parse(row).get_object();
        std::size_t index = 0;
        for (const auto field : object) {
            simdjson::dom::parser inner;
            ASSERT_FALSE(found[index].empty()) << row;
            EXPECT_EQ(simdjson::minify(inner.parse(std::string(found[index]))), simdjson::minify(field.value))
                << row;
            ++index;
        }
        EXPECT_TRUE(found.back().empty());
        wire::ByteBuffer out(1 << 16);
        write_members(out, row, {&names[1], 2});
        EXPECT_EQ(out.view(), "{" + names[1] + ":" + std::string(found[1]) + "," + names[2] + ":" +
                                  std::string(found[2]) + "}");
        out.clear();
        write_members(out, row, {&names[5], 1});
        EXPECT_EQ(out.view(), "{}");
    }
}

TEST(RowText, ReadsEveryEscape) {
    EXPECT_EQ(string_content(R"("a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\u0041")"), "a\"\\/\b\f\n\r\té😀A");
    for (const char* wrong : {"", "\"", "a", "\"a\" ", "\"\\x\"", "\"\\u12\"", "\"\\"}) {
        EXPECT_FALSE(string_content(wrong)) << wrong;
    }
}

} // namespace
