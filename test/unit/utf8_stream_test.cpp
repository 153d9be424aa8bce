#include "web/utf8_stream.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "wire/json_text.hpp"

namespace {

// 'w' wrong, 'i' incomplete, 'c' complete.
char verdict(const std::vector<std::string_view>& pieces) {
    web::Utf8Stream stream;
    for (const std::string_view piece : pieces) {
        if (!stream.feed(piece)) {
            return 'w';
        }
    }
    return stream.complete() ? 'c' : 'i';
}

// Every sequence of four bytes around the borders of the encoding's rules, against the check that sees it as a whole.
TEST(Utf8Stream, AgreesWithTheCheckOfWholeTextForEveryCut) {
    const std::string borders(
        "a\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xc1\xc2\xdf\xe0\xe1\xec\xed\xee\xef\xf0\xf1\xf3\xf4\xf5\xff");
    for (const char first : borders) {
        for (const char second : borders) {
            for (const char third : borders) {
                for (const char fourth : borders) {
                    const std::string text{first, second, third, fourth};
                    const std::string_view view = text;
                    const char whole = verdict({view});
                    ASSERT_EQ(whole == 'c', wire::valid_utf8_prefix(text) == text.size());
                    // Incomplete means: some continuation makes it whole.
                    bool can_be_completed = false;
                    for (const char* rest : {"\xbf", "\x80", "\xbf\xbf", "\x80\x80", "\xa0\x80",
                                             "\x90\x80\x80", "\x80\x80\x80"}) {
                        const std::string longer = text + rest;
                        can_be_completed =
                            can_be_completed || wire::valid_utf8_prefix(longer) == longer.size();
                    }
                    if (whole != 'c') {
                        ASSERT_EQ(whole == 'i', can_be_completed) << ::testing::PrintToString(text);
                    }
                    ASSERT_EQ(verdict({view.substr(0, 1), view.substr(1)}), whole);
                    ASSERT_EQ(verdict({view.substr(0, 2), view.substr(2)}), whole);
                    ASSERT_EQ(verdict({view.substr(0, 3), view.substr(3)}), whole);
                    ASSERT_EQ(
                        verdict({view.substr(0, 1), view.substr(1, 1), view.substr(2, 1), view.substr(3)}),
                        whole);
                }
            }
        }
    }
}

} // namespace
