// SPDX-License-Identifier: PostgreSQL
// First step: constructs, names and size, before anything is looked up or evaluated.
#include "pg/expression_walker.hpp"

#include <algorithm>
#include <array>
#include <numeric>

#include "core/error.hpp"
#include "core/json.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

namespace {

using namespace std::string_view_literals;

constexpr auto see_docs = "docs/rule-expressions.md lists what rules may use."sv;

constexpr std::array castable_types{"bool"sv, "int4"sv, "int8"sv, "numeric"sv, "text"sv};
constexpr std::array literal_types{"timestamptz"sv, "timestamp"sv, "jsonb"sv};

template <std::size_t Size>
bool contains(const std::array<std::string_view, Size> &words, std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

/// Whether a signature such as round(numeric) begins with this name.
bool has_name(std::span<const std::string_view> signatures, std::string_view name) {
    return std::any_of(signatures.begin(), signatures.end(), [name](std::string_view signature) {
        return signature.size() > name.size() && signature.starts_with(name) &&
               signature[name.size()] == '(';
    });
}

template <class T> const Node *as_node(const T *part) { return reinterpret_cast<const Node *>(part); }

Node *node_at(const List *list, int index) { return static_cast<Node *>(list_nth(list, index)); }

/// The last part of a name that has no schema or is in pg_catalog; nullptr for another schema.
const char *catalog_name(const List *names) {
    const int length = list_length(names);
    if (length == 2 && "pg_catalog"sv != strVal(node_at(names, 0)))
        return nullptr;
    return length == 1 || length == 2 ? strVal(node_at(names, length - 1)) : nullptr;
}

std::string dotted(const List *names) {
    std::string text;
    for (int i = 0; i < list_length(names); ++i)
        text.append(i == 0 ? "" : ".").append(strVal(node_at(names, i)));
    return text;
}

std::string quoted(std::string_view name) { return '"' + std::string(name) + '"'; }

/// Number of insertions, deletions and replacements between two short words.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t above = row[j + 1];
            row[j + 1] = std::min({above + 1, row[j] + 1, diagonal + (a[i] == b[j] ? 0u : 1u)});
            diagonal = above;
        }
    }
    return row[b.size()];
}

/// What to say of the constructs that rules cannot use.
std::string_view construct_name(const Node *node) {
    switch (nodeTag(node)) {
    case T_SubLink: return "a subquery";
    case T_ParamRef: return "a parameter";
    case T_A_Indirection: return "a subscript or field selection";
    case T_CollateClause: return "COLLATE";
    case T_RowExpr: return "a row constructor";
    case T_SQLValueFunction: return "CURRENT_DATE, CURRENT_USER or one of their kind";
    case T_NamedArgExpr: return "a named argument";
    case T_SetToDefault: return "DEFAULT";
    case T_GroupingFunc: return "GROUPING";
    case T_XmlExpr:
    case T_XmlSerialize: return "XML";
    default: return "this construct";
    }
}

std::string_view function_hint(std::string_view name) {
    constexpr std::array clocks{"now"sv,        "clock_timestamp"sv,       "statement_timestamp"sv,
                                "age"sv,        "transaction_timestamp"sv, "timeofday"sv,
                                "to_timestamp"sv};
    if (contains(clocks, name))
        return "A rule sees no clock: use ordered_at, completed_at or a column such as "
               "days_since_first_purchase.";
    if (name.starts_with("regexp_"))
        return "Use LIKE, starts_with or strpos.";
    return see_docs;
}

std::string_view operator_hint(std::string_view name) {
    if (name.find('~') != std::string_view::npos)
        return "Use LIKE, starts_with or strpos; lower(x) makes it case-insensitive.";
    return see_docs;
}

/// What a text is quoted with, so that the place still fits behind it: a name or a token may be as long as the text.
std::string shortened(std::string_view words) {
    constexpr std::size_t most = 300;
    return words.size() <= most ? std::string(words) : std::string(core::clipped(words, most)).append("..");
}

/// Where an item of FROM begins; -1 where the parser keeps no place.
int from_location(const Node *item) {
    switch (nodeTag(item)) {
    case T_List: return from_location(node_at(castNode(List, item), 0));
    case T_JoinExpr: return from_location(castNode(JoinExpr, item)->larg);
    case T_RangeFunction: return exprLocation(as_node(castNode(RangeFunction, item)->functions));
    case T_RangeSubselect: {
        const SelectStmt *select = castNode(SelectStmt, castNode(RangeSubselect, item)->subquery);
        while (select->op != SETOP_NONE)
            select = select->larg;
        return exprLocation(as_node(select->targetList != NIL ? select->targetList : select->valuesLists));
    }
    default: return exprLocation(item);
    }
}

/// Where the alias stands: it is the last word of the text, while the parser keeps only where the expression begins.
int alias_location(const std::string &text, const ResTarget *target) {
    const std::string_view name = target->name;
    const auto found = std::find_end(text.begin(), text.end(), name.begin(), name.end(), [](char a, char b) {
        return pg_ascii_tolower(static_cast<unsigned char>(a)) == static_cast<unsigned char>(b) || a == b;
    });
    return found == text.end() ? target->location : static_cast<int>(found - text.begin());
}

/// Refuses all that a query can have beside its one expression.
void refuse_clauses(const RuleText &rule, const SelectStmt *select) {
    const auto refuse = [&rule](int location) {
        rule.refuse("a clause of a query, such as FROM or WHERE,", location,
                    "Write one expression over the columns of affiliate.rule_input.");
    };
    if (select->distinctClause != NIL)
        refuse(0);
    if (select->fromClause != NIL)
        refuse(from_location(as_node(select->fromClause)));
    const Node *const clauses[] = {select->whereClause,
                                   as_node(select->groupClause),
                                   select->havingClause,
                                   as_node(select->windowClause),
                                   as_node(select->sortClause),
                                   select->limitOffset,
                                   select->limitCount,
                                   as_node(select->lockingClause)};
    for (const Node *const clause : clauses)
        if (clause != nullptr)
            refuse(exprLocation(clause));
    if (select->intoClause != nullptr || select->valuesLists != NIL || select->withClause != nullptr ||
        select->op != SETOP_NONE)
        refuse(-1); // the grammar of an expression has none of them
}

} // namespace

int RuleText::character(int location) const {
    if (location < 0 || static_cast<std::size_t>(location) > text.size())
        return 0;
    return pg_mbstrlen_with_len(text.data(), location) + 1;
}

std::string RuleText::sentence(std::string_view what, int character) const {
    std::string result = shortened(what);
    if (character > 0)
        result += ", at character " + std::to_string(character) + " of the " + noun;
    return result + ".";
}

void RuleText::refuse(std::string_view what, int location, std::string_view hint) const {
    const int at = character(location);
    throw core::Error("AF001", shortened(what).append(" is not allowed in a rule ").append(noun),
                      at > 0 ? "It stands at character " + std::to_string(at) + " of the " + noun + "."
                             : std::string(),
                      std::string(hint), at);
}

void RuleText::invalid(std::string_view what, int character, std::string_view hint) const {
    if (hint.empty())
        hint = noun == std::string_view("amount")
                   ? "An amount is one expression that gives a number, for example: round(net * 0.10, 2)."
                   : "A condition is one expression that is true or false, for example: sale_kind = 'purchase' AND net > 0.";
    throw core::Error("AF002", std::string("rule ").append(noun).append(" is not valid"),
                      sentence(what, character), std::string(hint), character);
}

Node *SyntaxCheck::check(List *statements) {
    if (list_length(statements) != 1)
        rule_.invalid("It must be one expression", 0, see_docs);
    Node *const statement = castNode(RawStmt, node_at(statements, 0))->stmt;
    if (!IsA(statement, SelectStmt))
        rule_.refuse("a statement", 0, see_docs);
    const SelectStmt *const select = castNode(SelectStmt, statement);
    refuse_clauses(rule_, select);
    if (select->targetList == NIL)
        rule_.invalid("It is empty", 0, "");
    const ResTarget *const target = castNode(ResTarget, node_at(select->targetList, 0));
    if (list_length(select->targetList) > 1)
        rule_.refuse("a second expression",
                     castNode(ResTarget, node_at(select->targetList, 1))->location,
                     "Write one expression; a list of values stands in IN (..).");
    if (target->name != nullptr)
        rule_.refuse("the column alias " + quoted(target->name), alias_location(rule_.text, target),
                     "The expression ends before this word: an operator or an operand may be missing.");
    walk(target->val);
    return target->val;
}

const char *SyntaxCheck::literal_at(int location) const {
    for (const auto &[at, text] : literals_)
        if (at == location)
            return text;
    return nullptr;
}

void SyntaxCheck::count(int nodes, const Node *node) {
    nodes_ += nodes;
    if (nodes_ <= max_rule_text_nodes)
        return;
    const int at = rule_.character(exprLocation(node));
    throw core::Error("AF001", std::string("rule ").append(rule_.noun).append(" is too complex"),
                      rule_.sentence("It has more than " + std::to_string(max_rule_text_nodes) + " parts", at),
                      "Split the rule, or move a long list of values to an attribute.", at);
}

void SyntaxCheck::walk_list(List *list) {
    for (int i = 0; i < list_length(list); ++i)
        walk(node_at(list, i));
}

// The depth of this recursion is bounded by count().
void SyntaxCheck::walk(Node *node) {
    if (node == nullptr)
        return;
    count(1, node);
    switch (nodeTag(node)) {
    case T_A_Const: return constant(castNode(A_Const, node));
    case T_ColumnRef: return column(castNode(ColumnRef, node));
    case T_A_Expr: return operation(castNode(A_Expr, node));
    case T_FuncCall: return function(castNode(FuncCall, node));
    case T_TypeCast: return cast(castNode(TypeCast, node));
    case T_List: return walk_list(castNode(List, node));
    case T_BoolExpr: return walk_list(castNode(BoolExpr, node)->args);
    case T_CoalesceExpr: return walk_list(castNode(CoalesceExpr, node)->args);
    case T_MinMaxExpr: return walk_list(castNode(MinMaxExpr, node)->args);
    case T_A_ArrayExpr: return walk_list(castNode(A_ArrayExpr, node)->elements);
    case T_NullTest: return walk(reinterpret_cast<Node *>(castNode(NullTest, node)->arg));
    case T_BooleanTest: return walk(reinterpret_cast<Node *>(castNode(BooleanTest, node)->arg));
    case T_CaseExpr: {
        const CaseExpr *const expr = castNode(CaseExpr, node);
        walk(reinterpret_cast<Node *>(expr->arg));
        walk_list(expr->args);
        return walk(reinterpret_cast<Node *>(expr->defresult));
    }
    case T_CaseWhen: {
        const CaseWhen *const when = castNode(CaseWhen, node);
        walk(reinterpret_cast<Node *>(when->expr));
        return walk(reinterpret_cast<Node *>(when->result));
    }
    case T_A_Indirection:
        rule_.refuse(construct_name(node), exprLocation(castNode(A_Indirection, node)->arg), see_docs);
    default: rule_.refuse(construct_name(node), exprLocation(node), see_docs);
    }
}

void SyntaxCheck::constant(A_Const *node) {
    if (node->isnull)
        return;
    if (IsA(&node->val, String))
        literals_.emplace_back(node->location, strVal(&node->val));
    else if (!IsA(&node->val, Integer) && !IsA(&node->val, Float) && !IsA(&node->val, Boolean))
        rule_.refuse("a bit string", node->location, see_docs);
}

void SyntaxCheck::column(ColumnRef *node) {
    for (int i = 0; i < list_length(node->fields); ++i)
        if (!IsA(node_at(node->fields, i), String))
            rule_.refuse("*", node->location, "Name one column of affiliate.rule_input.");
    const std::string name = dotted(node->fields);
    if (list_length(node->fields) > 1)
        rule_.invalid(quoted(name) + " has a prefix", rule_.character(node->location),
                      "Columns of affiliate.rule_input are named without one; members of metadata "
                      "as metadata ->> 'name'.");
    std::string_view nearest;
    std::size_t nearest_distance = std::max<std::size_t>(name.size() / 2, 1) + 1;
    for (int i = 0; i < input_->natts; ++i) {
        const FormData_pg_attribute *const attribute = TupleDescAttr(input_, i);
        if (attribute->attisdropped)
            continue;
        const std::string_view candidate = NameStr(attribute->attname);
        if (candidate == name)
            return;
        const std::size_t d = distance(name, candidate);
        if (d < nearest_distance) {
            nearest_distance = d;
            nearest = candidate;
        }
    }
    rule_.invalid("There is no column " + quoted(name) + " in affiliate.rule_input",
                  rule_.character(node->location),
                  nearest.empty() ? std::string(see_docs)
                                  : "Perhaps you meant " + quoted(nearest) + ".");
}

void SyntaxCheck::operation(A_Expr *node) {
    const char *const name = catalog_name(node->name);
    switch (node->kind) {
    case AEXPR_OP:
    case AEXPR_OP_ANY:
    case AEXPR_OP_ALL:
    case AEXPR_DISTINCT:
    case AEXPR_NOT_DISTINCT:
    case AEXPR_NULLIF:
    case AEXPR_LIKE:
        if (name == nullptr || !has_name(rule_operators(), name))
            rule_.refuse("operator " + dotted(node->name), node->location,
                         operator_hint(name == nullptr ? "" : name));
        walk(node->lexpr);
        return walk(node->rexpr);
    case AEXPR_IN:
    case AEXPR_BETWEEN:
    case AEXPR_NOT_BETWEEN: {
        const int before = nodes_;
        walk(node->lexpr);
        const int left = nodes_ - before;
        walk(node->rexpr);
        // The analyser copies the left operand for each bound and for each element that is no constant.
        if (IsA(node->rexpr, List)) {
            const List *const elements = castNode(List, node->rexpr);
            for (int i = 0; i < list_length(elements); ++i)
                if (node->kind != AEXPR_IN || !IsA(node_at(elements, i), A_Const))
                    count(left, as_node(node));
        }
        return;
    }
    case AEXPR_ILIKE: rule_.refuse("ILIKE", node->location, operator_hint("~~*"));
    case AEXPR_SIMILAR: rule_.refuse("SIMILAR TO", node->location, operator_hint("~"));
    default: rule_.refuse("BETWEEN SYMMETRIC", node->location, see_docs);
    }
}

void SyntaxCheck::function(FuncCall *node) {
    const char *const name = catalog_name(node->funcname);
    if (name == nullptr || !has_name(rule_functions(), name))
        rule_.refuse("function " + dotted(node->funcname), node->location,
                     function_hint(name == nullptr ? "" : name));
    if (node->agg_order != NIL || node->agg_filter != nullptr || node->over != nullptr ||
        node->agg_within_group || node->agg_star || node->agg_distinct || node->func_variadic)
        rule_.refuse("an aggregate, window or variadic call", node->location, see_docs);
    walk_list(node->args);
}

void SyntaxCheck::cast(TypeCast *node) {
    const TypeName *const type = node->typeName;
    const char *const name = catalog_name(type->names);
    const bool literal = IsA(node->arg, A_Const);
    if (name == nullptr || type->setof || type->pct_type || type->arrayBounds != NIL ||
        !(contains(castable_types, name) || (literal && contains(literal_types, name))))
        rule_.refuse("a cast to " + dotted(type->names) + (type->arrayBounds != NIL ? "[]" : ""),
                     type->location,
                     "Rules convert to boolean, integer, bigint, numeric and text; literals also to "
                     "timestamptz, timestamp and jsonb.");
    if (type->typmods != NIL)
        rule_.refuse("a type with a length or scale", type->location,
                     "Use round(x, scale) for numbers and left(x, length) for texts.");
    walk(node->arg);
}

} // namespace affiliate::pg
