#include "stream/assembler.hpp"
#include "stream/history.hpp"
#include "stream/snapshot.hpp"

#include <gtest/gtest.h>

#include "stream_maker.hpp"

namespace {

using protocol::Cursor;

struct Recorder final : stream::Sink {
    std::vector<stream::Change> changes;
    std::vector<std::uint64_t> commits, progress;
    void on_change(const stream::Change& change) override { changes.push_back(change); }
    void on_commit(std::uint32_t, Cursor, std::uint64_t end_lsn) override { commits.push_back(end_lsn); }
    void on_progress(std::uint64_t lsn) override { progress.push_back(lsn); }
};

void write_relation(wire::ByteBuffer& out) {
    wire::Relation relation;
    relation.relation_id = 7;
    relation.access = wire::Access::Tenant;
    relation.schema = "public";
    relation.table = "orders";
    relation.columns.push_back({true, 20, "id", "int8"});
    relation.columns_json = "[]";
    wire::write_relation(out, relation);
}

void write_boundary(wire::ByteBuffer& out, wire::BoundaryKind kind, std::uint64_t lsn) {
    wire::Boundary boundary;
    boundary.kind = kind;
    boundary.xid = 100;
    boundary.lsn = lsn;
    boundary.end_lsn = lsn + 8;
    wire::write_boundary(out, boundary);
}

void write_insert(wire::ByteBuffer& out, std::uint64_t position) {
    wire::RowChange change;
    change.relation_id = 7;
    change.position = position;
    change.tenant = "t";
    change.record = R"({"id":1})";
    wire::write_change(out, change);
}

// One transaction with changes at two positions.
std::string transaction(std::uint64_t lsn, bool with_hello) {
    wire::ByteBuffer out(1 << 20);
    if (with_hello) {
        wire::write_hello(out, {});
        write_relation(out);
    }
    write_boundary(out, wire::BoundaryKind::Begin, lsn);
    write_insert(out, lsn - 20);
    write_insert(out, lsn - 10);
    write_boundary(out, wire::BoundaryKind::Commit, lsn);
    return std::string(out.view());
}

TEST(StreamAssembler, GivesEachChangeTheCursorOfItsCommit) {
    Recorder recorder;
    stream::Assembler assembler(recorder);
    EXPECT_EQ(assembler.feed(made::block(transaction(1000, true))), "");
    ASSERT_EQ(recorder.changes.size(), 2U);
    EXPECT_EQ(recorder.changes[0].cursor, (Cursor{1000, 980}));
    EXPECT_EQ(recorder.changes[1].cursor, (Cursor{1000, 990}));
    EXPECT_EQ(recorder.changes[0].relation->table, "orders");
    EXPECT_EQ(recorder.commits, std::vector<std::uint64_t>{1008});
}

TEST(StreamAssembler, HandsOnWhatARowDoesNotSay) {
    wire::ByteBuffer out(1 << 20);
    wire::write_hello(out, {});
    write_relation(out);
    write_boundary(out, wire::BoundaryKind::Begin, 1000);
    wire::RowChange change;
    change.action = wire::Action::Update;
    change.relation_id = 7;
    change.position = 980;
    change.tenant = "t";
    change.record = R"({"id":1})";
    change.unchanged_toast = R"(["note"])";
    change.identity_nothing = true;
    wire::write_change(out, change);
    write_boundary(out, wire::BoundaryKind::Commit, 1000);
    Recorder recorder;
    stream::Assembler assembler(recorder);
    EXPECT_EQ(assembler.feed(made::block(out.view())), "");
    ASSERT_EQ(recorder.changes.size(), 1U);
    EXPECT_EQ(recorder.changes[0].unchanged_toast, R"(["note"])");
    EXPECT_TRUE(recorder.changes[0].identity_nothing);
}

TEST(StreamAssembler, DropsWhatComesAgainAfterAReconnect) {
    Recorder recorder;
    stream::Assembler assembler(recorder);
    // The connection ends within the second transaction, behind its first change.
    const std::string second = transaction(2000, false);
    wire::ByteBuffer half(1 << 20);
    write_boundary(half, wire::BoundaryKind::Begin, 2000);
    write_insert(half, 1980);
    EXPECT_EQ(assembler.feed(made::block(transaction(1000, true))), "");
    EXPECT_EQ(assembler.feed(made::block(half.view())), "");
    assembler.reset();
    EXPECT_EQ(assembler.feed(made::block(transaction(1000, true) + second)), "");
    ASSERT_EQ(recorder.changes.size(), 4U);
    EXPECT_EQ(recorder.changes[3].cursor, (Cursor{2000, 1990}));
    EXPECT_EQ(assembler.repeated(), 3U);
}

TEST(StreamAssembler, GivesUpOnWhatItDoesNotUnderstand) {
    const auto fault_of = [](const std::string& bytes) {
        Recorder recorder;
        stream::Assembler assembler(recorder);
        return assembler.feed(made::block(bytes));
    };
    EXPECT_NE(fault_of(transaction(1000, false)), "");              // no hello
    EXPECT_NE(fault_of(transaction(1000, true).substr(0, 60)), ""); // cut
    wire::ByteBuffer out(1 << 20);
    wire::write_hello(out, {});
    write_boundary(out, wire::BoundaryKind::StreamStart, 0);
    EXPECT_NE(fault_of(std::string(out.view())), ""); // was not asked for
    out.clear();
    wire::write_hello(out, {});
    write_boundary(out, wire::BoundaryKind::Begin, 5);
    write_insert(out, 1);
    EXPECT_NE(fault_of(std::string(out.view())), ""); // a relation that nobody described
}

class HistoryTest : public ::testing::Test {
  protected:
    void add(std::uint64_t lsn, const std::string& tenant, double now, std::size_t bytes = 10) {
        const stream::Change change = made::insert(orders_, {lsn, 1}, tenant, std::string(bytes, ' '));
        history_.add(change, *stream::scope_of(change));
        history_.complete(static_cast<std::uint32_t>(lsn), {lsn, 0}, lsn + 5, now);
    }
    std::shared_ptr<const stream::Relation> orders_ = made::relation(7, "orders");
    stream::History history_{{10, 1 << 20}};
};

TEST_F(HistoryTest, ConfirmsOnlyWhatIsOlderThanTheWindow) {
    history_.restart({100, 0}, 100);
    add(200, "a", 0);
    add(300, "a", 6);
    history_.trim(9);
    EXPECT_EQ(history_.confirmed(), 100U);
    history_.trim(11);
    EXPECT_EQ(history_.confirmed(), 205U);
    EXPECT_TRUE(history_.reaches({200, 1}));
    EXPECT_FALSE(history_.reaches({200, 0}));
    history_.trim(17);
    EXPECT_EQ(history_.confirmed(), 305U);
    EXPECT_EQ(history_.size(), 0U);
    EXPECT_EQ(history_.bytes(), 0U);
}

TEST_F(HistoryTest, ForgetsTheOldestWhenItIsFull) {
    history_.restart({100, 0}, 100);
    for (std::uint64_t lsn = 1000; lsn < 1100; ++lsn) {
        add(lsn, lsn % 2 == 0 ? "even" : "odd", 0, 50'000);
        history_.trim(0);
        EXPECT_LE(history_.bytes(), 1U << 20);
    }
    EXPECT_FALSE(history_.reaches({1001, 0}));
    EXPECT_TRUE(history_.reaches({1098, 1}));
    EXPECT_LT(history_.confirmed(), 1099U);
    EXPECT_GT(history_.confirmed(), 1000U);
    // The indexes of the tenants forget with it.
    EXPECT_EQ(history_.next_of(0, {"even", "odd"}), history_.begin());
}

TEST_F(HistoryTest, FindsTheNextChangeOfTheWantedTenants) {
    history_.restart({100, 0}, 100);
    add(200, "a", 0);
    add(210, "b", 0);
    add(220, "a", 0);
    const std::uint64_t first = history_.first_behind({150, 0});
    EXPECT_EQ(history_.at(history_.next_of(first, {"b"}))->cursor.lsn, 210U);
    EXPECT_EQ(history_.at(history_.next_of(first + 1, {"a"}))->cursor.lsn, 220U);
    EXPECT_EQ(history_.next_of(first + 2, {"b"}), history_.end());
    EXPECT_EQ(history_.next_of(first, {}), history_.end());
    EXPECT_EQ(history_.first_behind({210, 1}), first + 2);
}

TEST(StreamScope, RowsWithoutATenantAndUnregisteredTablesAreForNobody) {
    stream::Change change = made::insert(made::relation(1, "x"), {1, 1}, "t", "{}");
    EXPECT_TRUE(stream::scope_of(change));
    change.tenant.reset();
    EXPECT_FALSE(stream::scope_of(change));
    EXPECT_FALSE(stream::scope_of(
        made::insert(made::relation(1, "x", wire::Access::Unregistered), {1, 1}, "t", "{}")));
}

TEST(StreamSnapshot, SeesWhatHadEndedBeforeIt) {
    const auto snapshot = stream::Snapshot::read("10:20:12,15");
    ASSERT_TRUE(snapshot);
    EXPECT_TRUE(snapshot->sees(9));
    EXPECT_TRUE(snapshot->sees(11));
    EXPECT_FALSE(snapshot->sees(12));
    EXPECT_FALSE(snapshot->sees(15));
    EXPECT_TRUE(snapshot->sees(19));
    EXPECT_FALSE(snapshot->sees(20));
    // The stream's numbers have no epoch.
    const auto later = stream::Snapshot::read("4294967290:4294967300:4294967297");
    EXPECT_TRUE(later->sees(4294967295U));
    EXPECT_TRUE(later->sees(0));
    EXPECT_FALSE(later->sees(1));
    EXPECT_TRUE(later->sees(3));
    EXPECT_FALSE(later->sees(4));
    for (const char* wrong : {"", "1:2", "a:b:c", "5:4:", "1:2:3,", "1:2:x"}) {
        EXPECT_EQ(stream::Snapshot::read(wrong).has_value(), std::string(wrong) == "1:2:3,") << wrong;
    }
}

} // namespace
