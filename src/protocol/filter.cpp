#include "protocol/filter.hpp"

#include <algorithm>
#include <optional>

namespace protocol {

namespace {

constexpr std::string_view operator_names[] = {"eq",   "neq",   "lt", "lte",   "gt",     "gte",       "in",
                                               "like", "ilike", "is", "match", "imatch", "isdistinct"};

struct Problem {
    std::string text;
};

std::string shown(std::string_view text) {
    constexpr std::size_t most = 100;
    return '"' + std::string(text.substr(0, most)) + (text.size() > most ? "..." : "") + '"';
}

// Behind the closing quote of the quoted text that begins at `at`; npos when there is none.
std::size_t end_of_quoted(std::string_view text, std::size_t at) {
    for (++at; at < text.size(); ++at) {
        if (text[at] == '\\') {
            ++at;
        } else if (text[at] == '"') {
            return at + 1;
        }
    }
    return std::string_view::npos;
}

bool may_open_quote(std::string_view text, std::size_t at) {
    if (text[at] != '"') {
        return false;
    }
    std::size_t before = at;
    while (before > 0 && text[before - 1] == ' ') {
        --before;
    }
    // Behind a dot even a space belongs to the value.
    return before == 0 || text[before - 1] == '(' || text[before - 1] == ',' ||
           (before == at && text[at - 1] == '.');
}

// The parts between commas that stand outside of quotes and parentheses.
std::vector<std::string_view> split(std::string_view text) {
    std::vector<std::string_view> parts;
    std::size_t start = 0;
    std::size_t depth = 0;
    for (std::size_t at = 0; at < text.size();) {
        if (may_open_quote(text, at)) {
            if (const std::size_t end = end_of_quoted(text, at); end != std::string_view::npos) {
                at = end;
                continue;
            }
        }
        if (text[at] == '(') {
            ++depth;
        } else if (text[at] == ')' && depth > 0) {
            --depth;
        } else if (text[at] == ',' && depth == 0) {
            parts.push_back(text.substr(start, at - start));
            start = at + 1;
        }
        ++at;
    }
    parts.push_back(text.substr(start));
    return parts;
}

std::string unquoted(std::string_view text) {
    if (text.empty() || text.front() != '"' || end_of_quoted(text, 0) != text.size()) {
        return std::string(text);
    }
    std::string value;
    for (std::size_t at = 1; at + 1 < text.size(); ++at) {
        if (text[at] == '\\') {
            ++at;
        }
        value += text[at];
    }
    return value;
}

std::optional<Operator> operator_named(std::string_view name) {
    const auto* const found = std::find(std::begin(operator_names), std::end(operator_names), name);
    if (found == std::end(operator_names)) {
        return std::nullopt;
    }
    return static_cast<Operator>(found - std::begin(operator_names));
}

bool take(std::string_view& text, std::string_view prefix) {
    if (!text.starts_with(prefix)) {
        return false;
    }
    text.remove_prefix(prefix.size());
    return true;
}

// Spaces around a part mean nothing; within quotes they do.
std::string_view trimmed(std::string_view text) {
    constexpr std::string_view spaces = " \t\r\n";
    const std::size_t first = text.find_first_not_of(spaces);
    return first == std::string_view::npos ? std::string_view()
                                           : text.substr(first, text.find_last_not_of(spaces) - first + 1);
}

class Parser {
  public:
    Filter filter;

    void conditions(std::string_view text) {
        const std::vector<std::string_view> parts = split(text);
        open(FilterNode::Kind::All, false, parts.size());
        for (const std::string_view part : parts) {
            condition(trimmed(part));
        }
    }

  private:
    // Nodes are counted before they are made, so that no input makes many.
    void open(FilterNode::Kind kind, bool negated, std::size_t children) {
        if (filter.size() + children >= most_filter_nodes) {
            throw Problem{"filter has more than " + std::to_string(most_filter_nodes - 1) +
                          " conditions and groups"};
        }
        FilterNode node;
        node.kind = kind;
        node.negated = negated;
        node.child_count = static_cast<std::uint32_t>(children);
        filter.push_back(std::move(node));
    }

    void condition(std::string_view text) {
        if (text.empty()) {
            throw Problem{"filter has an empty condition"};
        }
        const std::size_t equals = text.find('=');
        if (equals == 0 || equals == std::string_view::npos) {
            throw Problem{"condition " + shown(text) + " is not column=operator.value"};
        }
        const std::string_view column = text.substr(0, equals);
        const std::string_view rest = text.substr(equals + 1);
        if ((column == "or" || column == "and") && rest.starts_with('(')) {
            group(column == "or" ? FilterNode::Kind::Any : FilterNode::Kind::All, false, rest, 2);
            return;
        }
        if (column.find_first_of("\"(),") != std::string_view::npos) {
            throw Problem{"column " + shown(column) +
                          " has to be quoted, which only groups can: and=(\"column\".operator.value)"};
        }
        leaf(std::string(column), rest, text);
    }

    void group(FilterNode::Kind kind, bool negated, std::string_view text, std::size_t depth) {
        if (depth > deepest_filter) {
            throw Problem{"filter is nested deeper than " + std::to_string(deepest_filter) + " levels"};
        }
        if (text.size() < 2 || text.front() != '(' || text.back() != ')') {
            throw Problem{"group " + shown(text) + " is not in parentheses"};
        }
        const std::vector<std::string_view> parts = split(text.substr(1, text.size() - 2));
        open(kind, negated, parts.size());
        for (const std::string_view part : parts) {
            member(trimmed(part), depth);
        }
    }

    void member(std::string_view text, std::size_t depth) {
        std::string_view rest = text;
        const bool negated = take(rest, "not.");
        if (rest.starts_with("or(") || rest.starts_with("and(")) {
            const bool any = rest.starts_with("or(");
            group(any ? FilterNode::Kind::Any : FilterNode::Kind::All, negated, rest.substr(any ? 2 : 3),
                  depth + 1);
            return;
        }
        std::size_t dot = text.find('.');
        if (!text.empty() && text.front() == '"') {
            const std::size_t end = end_of_quoted(text, 0);
            dot = end < text.size() && text[end] == '.' ? end : std::string_view::npos;
        }
        if (dot == 0 || dot == std::string_view::npos) {
            throw Problem{"condition " + shown(text) + " is not column.operator.value"};
        }
        leaf(unquoted(text.substr(0, dot)), text.substr(dot + 1), text);
    }

    void leaf(std::string column, std::string_view rest, std::string_view whole) {
        FilterNode node;
        node.column = std::move(column);
        node.negated = take(rest, "not.");
        const std::size_t dot = rest.find('.');
        const std::string_view name = rest.substr(0, dot);
        const std::optional<Operator> operation = operator_named(name);
        if (dot == std::string_view::npos || !operation) {
            throw Problem{"condition " + shown(whole) + " has no operator of " + list_of_operators()};
        }
        node.operation = *operation;
        const std::string_view value = rest.substr(dot + 1);
        if (node.operation != Operator::In) {
            node.values.push_back(unquoted(value));
        } else {
            if (value.size() < 2 || value.front() != '(' || value.back() != ')') {
                throw Problem{"condition " + shown(whole) + " needs its values in parentheses"};
            }
            const std::string_view list = trimmed(value.substr(1, value.size() - 2));
            const std::vector<std::string_view> parts =
                list.empty() ? std::vector<std::string_view>() : split(list);
            if (parts.size() > most_in_values) {
                throw Problem{"condition on column " + shown(node.column) + " has more than " +
                              std::to_string(most_in_values) + " values"};
            }
            for (const std::string_view part : parts) {
                node.values.push_back(unquoted(trimmed(part)));
            }
        }
        if (node.operation == Operator::Is && node.values[0] != "null" && node.values[0] != "true" &&
            node.values[0] != "false" && node.values[0] != "unknown") {
            throw Problem{"condition " + shown(whole) + " must be is.null, is.true, is.false or is.unknown"};
        }
        if (filter.size() >= most_filter_nodes) {
            throw Problem{"filter has more than " + std::to_string(most_filter_nodes) + " conditions"};
        }
        filter.push_back(std::move(node));
    }

    static std::string list_of_operators() {
        std::string list;
        for (const std::string_view name : operator_names) {
            list += (list.empty() ? "" : ", ") + std::string(name);
        }
        return list;
    }
};

void write_quoted(std::string& out, std::string_view text) {
    out += '"';
    for (const char letter : text) {
        if (letter == '"' || letter == '\\') {
            out += '\\';
        }
        out += letter;
    }
    out += '"';
}

// Returns the index behind the node and what belongs to it.
std::size_t write_node(std::string& out, const Filter& filter, std::size_t index, bool top) {
    const FilterNode& node = filter[index];
    if (node.kind == FilterNode::Kind::Leaf) {
        if (top) {
            out += node.column + '=';
        } else {
            write_quoted(out, node.column);
            out += '.';
        }
        out += node.negated ? "not." : "";
        out += name_of(node.operation);
        out += node.operation == Operator::In ? ".(" : ".";
        for (std::size_t value = 0; value < node.values.size(); ++value) {
            out += value > 0 ? "," : "";
            write_quoted(out, node.values[value]);
        }
        out += node.operation == Operator::In ? ")" : "";
        return index + 1;
    }
    out += node.negated ? "not." : "";
    out += node.kind == FilterNode::Kind::Any ? "or" : "and";
    out += top ? "=(" : "(";
    std::size_t next = index + 1;
    for (std::uint32_t child = 0; child < node.child_count; ++child) {
        out += child > 0 ? "," : "";
        next = write_node(out, filter, next, false);
    }
    out += ')';
    return next;
}

} // namespace

std::string_view name_of(Operator operation) {
    return operator_names[static_cast<std::size_t>(operation)];
}

std::variant<Filter, std::string> parse_filter(std::string_view text) {
    if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
        return Filter{};
    }
    if (text.size() > longest_filter) {
        return "filter is longer than " + std::to_string(longest_filter) + " bytes";
    }
    try {
        Parser parser;
        parser.conditions(text);
        return std::move(parser.filter);
    } catch (const Problem& problem) {
        return problem.text;
    }
}

std::size_t pattern_count(std::string_view text) {
    std::size_t count = 0;
    for (const std::string_view ending : {"like.", "match."}) {
        for (std::size_t at = 0; (at = text.find(ending, at)) != std::string_view::npos; ++at) {
            ++count;
        }
    }
    return count;
}

std::string text_of(const Filter& filter) {
    std::string text;
    std::size_t next = 1;
    for (std::uint32_t child = 0; !filter.empty() && child < filter[0].child_count; ++child) {
        text += child > 0 ? "," : "";
        next = write_node(text, filter, next, true);
    }
    return text;
}

} // namespace protocol
