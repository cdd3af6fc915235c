// SPDX-License-Identifier: PostgreSQL
// The lock on rule texts, in two steps. SyntaxCheck walks what the parser made, before any name is
// resolved: only known constructs, names and columns, in bounded number. MeaningCheck walks what
// the analyser made: only functions, operators and types of the vocabulary, by their exact
// signature. Internal to expression.cpp.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pg/postgres.hpp"

namespace affiliate::pg {

constexpr std::size_t max_rule_text_bytes = 10'000;
/// Counted as the analyser will expand the text: BETWEEN and IN repeat their left operand.
constexpr int max_rule_text_nodes = 1'000;
/// Of a number written out, in the text or in the data; keeps arithmetic cheap.
constexpr std::size_t max_rule_number_length = 64;

/// A rule text, and how to complain about it.
struct RuleText {
    std::string text;
    const char *noun; ///< "condition" or "amount"

    /// 1-based character of a byte offset; 0 where the offset is unknown (negative).
    int character(int location) const;
    /// "<what>, at character 3 of the condition."
    std::string sentence(std::string_view what, int character) const;
    /// AF001: understood, but not allowed.
    [[noreturn]] void refuse(std::string_view what, int location, std::string_view hint) const;
    /// AF002: not understood. `what` is the start of a sentence.
    [[noreturn]] void invalid(std::string_view what, int character, std::string_view hint) const;
};

/// Signatures such as round(numeric,integer), as pg_catalog has them.
std::span<const std::string_view> rule_functions();
std::span<const std::string_view> rule_operators();

class SyntaxCheck {
public:
    SyntaxCheck(const RuleText &rule, TupleDesc input) : rule_(rule), input_(input) {}

    /// The one expression in the parser's result. Throws core::Error.
    Node *check(List *statements);

    /// The string literal at a byte offset, or nullptr.
    const char *literal_at(int location) const;

private:
    void walk(Node *node);
    void walk_list(List *list);
    void count(int nodes, const Node *node);
    void constant(A_Const *node);
    void column(ColumnRef *node);
    void operation(A_Expr *node);
    void function(FuncCall *node);
    void cast(TypeCast *node);

    const RuleText &rule_;
    TupleDesc input_;
    int nodes_ = 0;
    std::vector<std::pair<int, const char *>> literals_;
};

class MeaningCheck {
public:
    /// `number_text_function`: affiliate._number_text(text).
    MeaningCheck(const RuleText &rule, const SyntaxCheck &syntax, Oid number_text_function)
        : rule_(rule), syntax_(syntax), number_text_function_(number_text_function) {}

    /// Walks the tree, pins every collation to "C", bounds the texts that are cast to numeric and
    /// collects the columns. Throws core::Error.
    void check(Node *node);

    /// Attribute numbers, in the order of appearance.
    const std::vector<int> &columns() const { return columns_; }

    /// Where a part begins that gives this error when it is planned by itself, the innermost; -1 if none does. PostgreSQL
    /// does not say where the constants stand that it cannot calculate with.
    int failing_part(const ErrorData &error) const;

private:
    void walk(Node *node);
    void walk_list(List *list);
    [[noreturn]] void forbidden_type(const Node *node) const;
    void constant(const Const *node) const;
    void function(FuncExpr *node);
    void time_zone(const Const *zone, int location) const;
    void operator_call(Oid opno, int location) const;
    void io_cast(CoerceViaIO *node);

    const RuleText &rule_;
    const SyntaxCheck &syntax_;
    Oid number_text_function_;
    std::vector<int> columns_;
    std::vector<Node *> parts_; ///< what can fail, each before what it contains
};

} // namespace affiliate::pg
