// What channels bind to, each distinct wish once: equal wishes of thousands of channels are one object with one number.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "protocol/join.hpp"
#include "protocol/row_filter.hpp"
#include "stream/change.hpp"

namespace hub {

// A filter and what it says about the change that is being looked at. Not thread-safe.
class SharedFilter {
  public:
    explicit SharedFilter(protocol::Filter filter);

    // Whether a row of the change passes, asked any number of times and computed once a `stamp`. A filter that does not fit
    // the relation lets nothing pass. Rows that were too large to be sent always pass: their subscribers hear of them.
    bool passes_new(const stream::Change& change, std::uint64_t stamp);
    bool passes_old(const stream::Change& change, std::uint64_t stamp);

    // Whether looking at a change may take long: the filter has patterns, and was not asked about the change yet.
    bool is_work(const stream::Change& change, bool leaving, std::uint64_t stamp) const;
    // It was asked, and a text was too long for one of its patterns.
    bool is_undecided(std::uint64_t stamp) const {
        return (new_.stamp == stamp && new_.undecided) || (old_.stamp == stamp && old_.undecided);
    }

    // A condition column = value that every passing row satisfies, for an index. Empty when there is none.
    std::optional<protocol::RowFilter::Equality>
    equality(const std::shared_ptr<const stream::Relation>& relation);

    const protocol::Filter& filter() const { return filter_; }

  private:
    struct Bound {
        std::shared_ptr<const stream::Relation> relation;
        std::optional<protocol::RowFilter> filter; // empty: does not fit
    };
    struct Memory {
        std::uint64_t stamp = 0;
        bool passes = false, undecided = false;
    };
    Bound& bound_to(const std::shared_ptr<const stream::Relation>& relation);
    bool passes(const stream::Change& change, const std::optional<std::string_view>& row, std::uint64_t stamp,
                Memory& memory);

    protocol::Filter filter_;
    bool has_patterns_;
    std::vector<Bound> bound_; // by relation; one, but for bindings to many tables
    Memory new_, old_;
};

// What is wrong with a filter for a table, or empty. Used when a channel joins, before any change of the table came.
std::string fault_of(const protocol::Filter& filter, const std::vector<stream::Column>& columns);

// Which columns are sent, and with what marks. Equal ones are one object, so that a payload is written once for all of them.
struct Selection {
    std::vector<std::string> columns; // sorted, each once; empty: all
    bool marks = false;               // the row says its cursor

    // Where the payload of the change that is being looked at is: with and without `left_filter`. For ChangeWriter.
    struct Place {
        std::uint64_t stamp = 0;
        std::size_t index = 0;
    };
    mutable Place places[2] = {};
};

struct BindingKind {
    std::uint32_t id = 0; // above 0
    protocol::Event event = protocol::Event::All;
    std::string schema, table;            // * stands for all
    std::shared_ptr<SharedFilter> filter; // null: every row
    std::shared_ptr<const Selection> selection;
    bool leaving = false;

    bool covers(std::string_view of_schema, std::string_view of_table) const {
        return (schema == "*" || schema == of_schema) && (table == "*" || table == of_table);
    }
    bool is_for(const stream::Relation& relation) const { return covers(relation.schema, relation.table); }
};

class BindingKinds {
  public:
    // The kind of a binding, or which of its members cannot be served and why: ".filter: ...".
    std::variant<std::shared_ptr<BindingKind>, std::string> find(const protocol::Binding& binding);
    // A number that no kind has.
    std::uint32_t unused_id() { return ++last_id_ != 0 ? last_id_ : ++last_id_; }
    std::size_t size() const { return kinds_.size(); }

  private:
    void sweep();

    std::unordered_map<std::string, std::weak_ptr<BindingKind>> kinds_;
    std::unordered_map<std::string, std::weak_ptr<SharedFilter>> filters_;
    std::unordered_map<std::string, std::weak_ptr<const Selection>> selections_;
    std::size_t sweep_at_ = 1024;
    std::uint32_t last_id_ = 0;
};

} // namespace hub
