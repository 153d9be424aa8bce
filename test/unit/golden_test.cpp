// The golden files: what the writer makes of a frame, what the reader makes of the bytes, and the seeds of the fuzz
// targets. `unit_tests --update-golden` writes them anew; a changed test/golden/*.frame is a change of the protocol.
#include <cstring>
#include <filesystem>
#include <memory>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "any_frame.hpp"
#include "frame_meaning.hpp"
#include "golden_files.hpp"
#include "golden_frames.hpp"
#include "stored_jsonb.hpp"
#include "stored_numeric.hpp"
#include "wire/frame.hpp"
#include "written.hpp"

namespace {

std::string bytes_of(const wire::Frame& frame) {
    return written::text_of([&](wire::ByteBuffer& out) { write_any_frame(out, frame); });
}

TEST(Golden, FramesAreWrittenByteByByteAsTheFilesSay) {
    for (const golden::Golden& entry : golden::frames()) {
        golden::expect_file(std::string("golden/") + entry.name + ".frame", bytes_of(entry.frame));
    }
}

TEST(Golden, FramesAreReadWithTheMeaningThatTheFilesSay) {
    for (const golden::Golden& entry : golden::frames()) {
        const std::string bytes = golden::file_bytes(std::string("golden/") + entry.name + ".frame");
        wire::Frame frame;
        const wire::ReadResult result = wire::read_frame(bytes, frame);
        ASSERT_EQ(result.error, wire::ReadError::None) << entry.name << ": " << wire::describe(result.error);
        EXPECT_EQ(result.consumed, bytes.size());
        golden::expect_file(std::string("golden/") + entry.name + ".json", FrameMeaning::of(frame));
    }
}

TEST(Golden, FilesCoverEveryKindAndNoneIsLeftOver) {
    std::set<std::string> expected = {"README.md"};
    std::set<char> kinds;
    for (const golden::Golden& entry : golden::frames()) {
        expected.insert(std::string(entry.name) + ".frame");
        expected.insert(std::string(entry.name) + ".json");
        kinds.insert(bytes_of(entry.frame)[4]);
    }
    std::set<std::string> present;
    for (const auto& file : std::filesystem::directory_iterator(GOLDEN_DIRECTORY)) {
        present.insert(file.path().filename().string());
    }
    EXPECT_EQ(present, expected);
    // Every kind that the reader knows, asked of the reader itself.
    for (int kind = 0; kind < 256; ++kind) {
        const std::string bytes = {0, 0, 0, 1, static_cast<char>(kind)};
        wire::Frame frame;
        const bool known = wire::read_frame(bytes, frame).error != wire::ReadError::UnknownKind;
        EXPECT_EQ(known, kinds.count(static_cast<char>(kind)) == 1) << "kind " << kind;
    }
}

TEST(Golden, SeedsOfTheFuzzTargetsAreStoredValues) {
    using stored::Json;
    const Json small = Json::object({{"id", Json::number("1")},
                                     {"tags", Json::array({Json::string("a\n"), Json::null()})},
                                     {"ok", Json::boolean(true)}});
    std::vector<Json> many;
    std::vector<std::pair<std::string, Json>> members;
    for (int index = 0; index < 40; ++index) {
        many.push_back(Json::number(std::to_string(index)));
        members.emplace_back("k" + std::to_string(index), Json::boolean(index % 2 == 0));
    }
    golden::expect_file("fuzz/jsonb/small", stored::jsonb(small));
    golden::expect_file("fuzz/jsonb/nested",
                        stored::jsonb(Json::array({small, Json::array({small}), Json::object({})})));
    golden::expect_file("fuzz/jsonb/many-elements", stored::jsonb(Json::array(many)));
    golden::expect_file("fuzz/jsonb/many-members", stored::jsonb(Json::object(members)));
    golden::expect_file("fuzz/jsonb/scalar-number", stored::jsonb(Json::number("-12.50")));
    golden::expect_file("fuzz/jsonb/scalar-string", stored::jsonb(Json::string("text")));
    golden::expect_file("fuzz/numeric/short", stored::numeric("-12345.678900"));
    golden::expect_file("fuzz/numeric/long", stored::numeric("12345.6789", stored::NumericForm::Long));
    golden::expect_file("fuzz/numeric/small", stored::numeric("0.000000001"));
    golden::expect_file("fuzz/numeric/nan", stored::numeric("NaN"));
    golden::expect_file("fuzz/numeric/infinity", stored::numeric("-Infinity"));
}

} // namespace

// Instead of the test library's own: it knows one more option.
int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    for (int index = 1; index < argc; ++index) {
        if (std::string_view(argv[index]) == "--update-golden") {
            golden::updating() = true;
        }
    }
    return RUN_ALL_TESTS();
}
