// SPDX-License-Identifier: PostgreSQL
// Second step, and the vocabulary: what a rule may call, by exact signature in pg_catalog. An entry
// is immutable, exact (no binary floating point), free of locale and session settings under the "C"
// collation, and takes time that grows no faster than its operands' product.
#include "pg/expression_walker.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "core/error.hpp"
#include "pg/guard.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

namespace {

using namespace std::string_view_literals;

// clang-format off
constexpr std::array functions{
    // conversions, called by casts
    "bool(integer)"sv, "int4(boolean)"sv, "int4(bigint)"sv, "int4(numeric)"sv,
    "int8(integer)"sv, "int8(numeric)"sv, "numeric(integer)"sv, "numeric(bigint)"sv,
    "text(boolean)"sv,
    // numbers
    "abs(integer)"sv, "abs(bigint)"sv, "abs(numeric)"sv, "sign(numeric)"sv,
    "round(numeric)"sv, "round(numeric,integer)"sv, "trunc(numeric)"sv, "trunc(numeric,integer)"sv,
    "floor(numeric)"sv, "ceil(numeric)"sv, "ceiling(numeric)"sv, "div(numeric,numeric)"sv,
    "mod(integer,integer)"sv, "mod(bigint,bigint)"sv, "mod(numeric,numeric)"sv,
    // texts
    "lower(text)"sv, "upper(text)"sv, "length(text)"sv, "char_length(text)"sv,
    "left(text,integer)"sv, "right(text,integer)"sv, "substr(text,integer)"sv,
    "substr(text,integer,integer)"sv, "substring(text,integer)"sv,
    "substring(text,integer,integer)"sv, "btrim(text)"sv, "ltrim(text)"sv, "rtrim(text)"sv,
    "starts_with(text,text)"sv, "strpos(text,text)"sv, "position(text,text)"sv,
    // metadata
    "jsonb_typeof(jsonb)"sv, "jsonb_array_length(jsonb)"sv,
    // calendar: x AT TIME ZONE 'zone', extract(field from it); both names must be constants
    "timezone(text,timestamp with time zone)"sv, "extract(text,timestamp without time zone)"sv,
};

constexpr std::array operators{
    "=(boolean,boolean)"sv, "<>(boolean,boolean)"sv,
    "=(integer,integer)"sv, "<>(integer,integer)"sv, "<(integer,integer)"sv,
    "<=(integer,integer)"sv, ">(integer,integer)"sv, ">=(integer,integer)"sv,
    "=(integer,bigint)"sv, "<>(integer,bigint)"sv, "<(integer,bigint)"sv,
    "<=(integer,bigint)"sv, ">(integer,bigint)"sv, ">=(integer,bigint)"sv,
    "=(bigint,integer)"sv, "<>(bigint,integer)"sv, "<(bigint,integer)"sv,
    "<=(bigint,integer)"sv, ">(bigint,integer)"sv, ">=(bigint,integer)"sv,
    "=(bigint,bigint)"sv, "<>(bigint,bigint)"sv, "<(bigint,bigint)"sv,
    "<=(bigint,bigint)"sv, ">(bigint,bigint)"sv, ">=(bigint,bigint)"sv,
    "=(numeric,numeric)"sv, "<>(numeric,numeric)"sv, "<(numeric,numeric)"sv,
    "<=(numeric,numeric)"sv, ">(numeric,numeric)"sv, ">=(numeric,numeric)"sv,
    "=(text,text)"sv, "<>(text,text)"sv, "<(text,text)"sv,
    "<=(text,text)"sv, ">(text,text)"sv, ">=(text,text)"sv,
    "=(timestamp with time zone,timestamp with time zone)"sv,
    "<>(timestamp with time zone,timestamp with time zone)"sv,
    "<(timestamp with time zone,timestamp with time zone)"sv,
    "<=(timestamp with time zone,timestamp with time zone)"sv,
    ">(timestamp with time zone,timestamp with time zone)"sv,
    ">=(timestamp with time zone,timestamp with time zone)"sv,
    "=(timestamp without time zone,timestamp without time zone)"sv,
    "<>(timestamp without time zone,timestamp without time zone)"sv,
    "<(timestamp without time zone,timestamp without time zone)"sv,
    "<=(timestamp without time zone,timestamp without time zone)"sv,
    ">(timestamp without time zone,timestamp without time zone)"sv,
    ">=(timestamp without time zone,timestamp without time zone)"sv,
    "=(jsonb,jsonb)"sv, "<>(jsonb,jsonb)"sv,
    // arithmetic
    "+(integer,integer)"sv, "-(integer,integer)"sv, "*(integer,integer)"sv,
    "/(integer,integer)"sv, "%(integer,integer)"sv,
    "+(integer,bigint)"sv, "-(integer,bigint)"sv, "*(integer,bigint)"sv, "/(integer,bigint)"sv,
    "+(bigint,integer)"sv, "-(bigint,integer)"sv, "*(bigint,integer)"sv, "/(bigint,integer)"sv,
    "+(bigint,bigint)"sv, "-(bigint,bigint)"sv, "*(bigint,bigint)"sv,
    "/(bigint,bigint)"sv, "%(bigint,bigint)"sv,
    "+(numeric,numeric)"sv, "-(numeric,numeric)"sv, "*(numeric,numeric)"sv,
    "/(numeric,numeric)"sv, "%(numeric,numeric)"sv,
    "-(NONE,integer)"sv, "-(NONE,bigint)"sv, "-(NONE,numeric)"sv,
    "+(NONE,integer)"sv, "+(NONE,bigint)"sv, "+(NONE,numeric)"sv,
    // texts: || joins, ~~ is LIKE
    "||(text,text)"sv, "~~(text,text)"sv, "!~~(text,text)"sv,
    // metadata
    "->(jsonb,text)"sv, "->(jsonb,integer)"sv, "->>(jsonb,text)"sv, "->>(jsonb,integer)"sv,
    "#>(jsonb,text[])"sv, "#>>(jsonb,text[])"sv, "?(jsonb,text)"sv,
    "@>(jsonb,jsonb)"sv, "<@(jsonb,jsonb)"sv,
};

constexpr std::array types{
    BOOLOID, INT4OID, INT8OID, NUMERICOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPOID, JSONBOID,
    UNKNOWNOID, // a string literal whose type does not matter, as in 'a' IS NULL
    BOOLARRAYOID, INT4ARRAYOID, INT8ARRAYOID, NUMERICARRAYOID, TEXTARRAYOID, TIMESTAMPTZARRAYOID,
    TIMESTAMPARRAYOID,
};

/// Array literals such as '{a,b}'; of other types the elements must be written one by one, so that
/// each is checked.
constexpr std::array constant_array_types{TEXTARRAYOID, INT4ARRAYOID, INT8ARRAYOID};

/// Types between which a cast may go through the text form.
constexpr std::array io_cast_types{BOOLOID, INT4OID, INT8OID, NUMERICOID, TEXTOID};

constexpr std::array extract_fields{
    "year"sv, "isoyear"sv, "quarter"sv, "month"sv, "week"sv, "day"sv, "doy"sv, "dow"sv,
    "isodow"sv, "hour"sv, "minute"sv, "second"sv,
};
// clang-format on

constexpr auto see_docs = "docs/rule-expressions.md lists what rules may use."sv;
constexpr auto exact_hint = "Amounts are exact: convert to numeric first, as in round(x::numeric)."sv;
constexpr int max_scale = 30;

template <class Array, class T> bool contains(const Array &values, const T &value) {
    return std::find(values.begin(), values.end(), value) != values.end();
}

std::string type_name(Oid type) {
    return call([type] { return static_cast<const char *>(format_type_be(type)); });
}

/// What the catalog says of a function or operator; plain data, filled under call().
struct CatalogEntry {
    const char *name;
    Oid schema;
    char volatility;
    int nargs;
    Oid args[FUNC_MAX_ARGS];
};

CatalogEntry function_entry(Oid function) {
    return call([function] {
        CatalogEntry entry{};
        HeapTuple const tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
        if (!HeapTupleIsValid(tuple))
            return entry;
        const auto *const proc = static_cast<Form_pg_proc>(static_cast<void *>(GETSTRUCT(tuple)));
        entry.name = pstrdup(NameStr(proc->proname));
        entry.schema = proc->pronamespace;
        entry.volatility = proc->proretset ? PROVOLATILE_VOLATILE : proc->provolatile;
        entry.nargs = proc->pronargs;
        for (int i = 0; i < proc->pronargs; ++i)
            entry.args[i] = proc->proargtypes.values[i];
        ReleaseSysCache(tuple);
        return entry;
    });
}

CatalogEntry operator_entry(Oid opno) {
    return call([opno] {
        CatalogEntry entry{};
        HeapTuple const tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(opno));
        if (!HeapTupleIsValid(tuple))
            return entry;
        const auto *const oper = static_cast<Form_pg_operator>(static_cast<void *>(GETSTRUCT(tuple)));
        entry.name = pstrdup(NameStr(oper->oprname));
        entry.schema = oper->oprnamespace;
        entry.volatility = func_volatile(oper->oprcode);
        entry.nargs = 2;
        entry.args[0] = oper->oprleft;
        entry.args[1] = oper->oprright;
        ReleaseSysCache(tuple);
        return entry;
    });
}

std::string signature(const CatalogEntry &entry) {
    std::string text = entry.name != nullptr ? entry.name : "?";
    for (int i = 0; i < entry.nargs; ++i)
        text.append(i == 0 ? "(" : ",")
            .append(OidIsValid(entry.args[i]) ? type_name(entry.args[i]) : "NONE");
    return text.append(entry.nargs == 0 ? "()" : ")");
}

template <class Array> bool is_listed(const Array &signatures, const CatalogEntry &entry) {
    return entry.schema == PG_CATALOG_NAMESPACE && entry.volatility == PROVOLATILE_IMMUTABLE &&
           contains(signatures, signature(entry));
}

bool mentions_float(const CatalogEntry &entry) {
    return std::any_of(entry.args, entry.args + entry.nargs,
                       [](Oid type) { return type == FLOAT8OID || type == FLOAT4OID; });
}

/// Skips `count` digits; nullptr if there are fewer.
const char *digits(const char *text, int count) {
    for (; text != nullptr && count > 0; --count, ++text)
        if (std::isdigit(static_cast<unsigned char>(*text)) == 0)
            return nullptr;
    return text;
}

const char *literally(const char *text, char expected) {
    return text != nullptr && *text == expected ? text + 1 : nullptr;
}

/// 2025-03-01, 2025-03-01 12:00[:00[.000000]], and an offset such as Z, +01 or +05:30 where a zone is
/// meant. Never now, today, a zone's name or another form whose meaning depends on a setting.
bool is_plain_time(const char *text, bool with_zone) {
    text = digits(literally(digits(literally(digits(text, 4), '-'), 2), '-'), 2);
    if (text != nullptr && (*text == ' ' || *text == 'T') && text[1] != 'Z') {
        text = digits(literally(digits(text + 1, 2), ':'), 2);
        if (text != nullptr && *text == ':')
            text = digits(text + 1, 2);
        if (text != nullptr && *text == '.') {
            text = digits(text + 1, 1);
            for (int i = 1; i < 6 && text != nullptr && digits(text, 1) != nullptr; ++i)
                ++text;
        }
        if (text != nullptr && with_zone && *text == 'Z')
            ++text;
        else if (text != nullptr && with_zone && (*text == '+' || *text == '-')) {
            text = digits(text + 1, 2);
            if (text != nullptr && *text == ':')
                text = digits(text + 1, 2);
        }
    }
    return text != nullptr && *text == '\0';
}

const Const *as_constant(const List *list, int index) {
    const Node *const node = static_cast<const Node *>(list_nth(list, index));
    return IsA(node, Const) && !castNode(Const, node)->constisnull ? castNode(Const, node) : nullptr;
}

std::string text_of(const Const *node) {
    return call([node] { return static_cast<const char *>(TextDatumGetCString(node->constvalue)); });
}

template <class T> Node *as_node(T *expression) { return reinterpret_cast<Node *>(expression); }

void pin(Oid &collation) {
    if (OidIsValid(collation))
        collation = C_COLLATION_OID;
}

} // namespace

std::span<const std::string_view> rule_functions() { return functions; }

std::span<const std::string_view> rule_operators() { return operators; }

void MeaningCheck::check(Node *node) { walk(node); }

void MeaningCheck::walk_list(List *list) {
    for (int i = 0; i < list_length(list); ++i)
        walk(static_cast<Node *>(list_nth(list, i)));
}

// The analyser expands the text to no more than a few times the nodes that SyntaxCheck counted, and
// no deeper than it was.
void MeaningCheck::walk(Node *node) {
    if (node == nullptr)
        return;
    if (IsA(node, List))
        return walk_list(castNode(List, node));
    // What a function returns is part of the vocabulary.
    if (!IsA(node, FuncExpr) && !contains(types, exprType(node)))
        forbidden_type(node);
    if (IsA(node, FuncExpr) || IsA(node, OpExpr) || IsA(node, CoerceViaIO) || IsA(node, ScalarArrayOpExpr))
        parts_.push_back(node);
    switch (nodeTag(node)) {
    case T_Const: return constant(castNode(Const, node));
    case T_Var: return columns_.push_back(castNode(Var, node)->varattno);
    case T_CaseTestExpr: return;
    case T_FuncExpr: return function(castNode(FuncExpr, node));
    case T_OpExpr:
    case T_DistinctExpr:
    case T_NullIfExpr: {
        // The three share one struct.
        auto *const expr = static_cast<OpExpr *>(static_cast<void *>(node));
        walk_list(expr->args);
        pin(expr->inputcollid);
        return operator_call(expr->opno, expr->location);
    }
    case T_ScalarArrayOpExpr: {
        ScalarArrayOpExpr *const expr = castNode(ScalarArrayOpExpr, node);
        walk_list(expr->args);
        pin(expr->inputcollid);
        return operator_call(expr->opno, expr->location);
    }
    case T_MinMaxExpr: {
        MinMaxExpr *const expr = castNode(MinMaxExpr, node);
        if (expr->minmaxtype == JSONBOID) // would compare texts by the database's collation
            rule_.refuse("the greatest or least of jsonb values", expr->location, see_docs);
        pin(expr->inputcollid);
        return walk_list(expr->args);
    }
    case T_BoolExpr: return walk_list(castNode(BoolExpr, node)->args);
    case T_NullTest: return walk(as_node(castNode(NullTest, node)->arg));
    case T_BooleanTest: return walk(as_node(castNode(BooleanTest, node)->arg));
    case T_CoalesceExpr: return walk_list(castNode(CoalesceExpr, node)->args);
    case T_ArrayExpr: return walk_list(castNode(ArrayExpr, node)->elements);
    case T_RelabelType: return walk(as_node(castNode(RelabelType, node)->arg));
    case T_CoerceViaIO: return io_cast(castNode(CoerceViaIO, node));
    case T_CaseExpr: {
        const CaseExpr *const expr = castNode(CaseExpr, node);
        walk(as_node(expr->arg));
        for (int i = 0; i < list_length(expr->args); ++i) {
            const CaseWhen *const when = castNode(CaseWhen, list_nth(expr->args, i));
            walk(as_node(when->expr));
            walk(as_node(when->result));
        }
        return walk(as_node(expr->defresult));
    }
    default: rule_.refuse("this construct", exprLocation(node), see_docs);
    }
}

int MeaningCheck::failing_part(const ErrorData &error) const {
    for (auto part = parts_.rbegin(); part != parts_.rend(); ++part) {
        try {
            call([part] { eval_const_expressions(nullptr, *part); });
        } catch (const Error &other) {
            if (std::string_view(other.data->message) == error.message)
                return exprLocation(*part);
            if (must_propagate(other.data->sqlerrcode))
                throw;
        }
    }
    return -1;
}

void MeaningCheck::forbidden_type(const Node *node) const {
    const Oid type = exprType(node);
    const bool inexact = type == FLOAT8OID || type == FLOAT4OID;
    // The array that IN (..) becomes stands nowhere, but its elements do.
    const Node *const written = IsA(node, ArrayExpr) && exprLocation(node) < 0
                                    ? as_node(castNode(ArrayExpr, node)->elements)
                                    : node;
    rule_.refuse("type " + type_name(type), exprLocation(written), inexact ? exact_hint : see_docs);
}

void MeaningCheck::constant(const Const *node) const {
    if (node->constisnull)
        return;
    switch (node->consttype) {
    case NUMERICOID: {
        const std::string digits_of = call([node] {
            return static_cast<const char *>(
                DatumGetCString(DirectFunctionCall1(numeric_out, node->constvalue)));
        });
        if (digits_of.size() > max_rule_number_length)
            rule_.refuse("a number of more than " + std::to_string(max_rule_number_length) + " characters",
                         node->location, "Write it with fewer digits.");
        if (std::isalpha(static_cast<unsigned char>(digits_of.back())) != 0)
            rule_.refuse("the number " + digits_of, node->location, "Amounts are finite.");
        return;
    }
    case TIMESTAMPTZOID:
    case TIMESTAMPOID: {
        const bool with_zone = node->consttype == TIMESTAMPTZOID;
        const char *const literal = syntax_.literal_at(node->location);
        if (literal == nullptr || !is_plain_time(literal, with_zone))
            rule_.refuse("this form of a time", node->location,
                         with_zone
                             ? "Write it as '2025-03-01' or '2025-03-01 12:00:00+01'; without an "
                               "offset it is UTC."
                             : "Write it as '2025-03-01' or '2025-03-01 12:00:00', without an offset.");
        return;
    }
    default:
        if (OidIsValid(call([node] { return get_element_type(node->consttype); })) &&
            !contains(constant_array_types, node->consttype))
            rule_.refuse("an array literal of type " + type_name(node->consttype), node->location,
                         "Write the list with IN.");
    }
}

void MeaningCheck::function(FuncExpr *node) {
    const CatalogEntry entry = function_entry(node->funcid);
    // A conversion that nobody wrote stands nowhere; what it converts does.
    const int location = node->location >= 0 ? node->location : exprLocation(as_node(node));
    if (node->funcretset || node->funcvariadic || !is_listed(functions, entry))
        rule_.refuse("function " + signature(entry), location,
                     mentions_float(entry) ? exact_hint : see_docs);
    const std::string_view name = entry.name;
    if ((name == "round" || name == "trunc") && entry.nargs == 2) {
        const Const *const scale = as_constant(node->args, 1);
        if (scale == nullptr || DatumGetInt32(scale->constvalue) < -max_scale ||
            DatumGetInt32(scale->constvalue) > max_scale)
            rule_.refuse("a scale that is no constant from -30 to 30", node->location, see_docs);
    }
    if (name == "extract") {
        const Const *const field = as_constant(node->args, 0);
        if (field == nullptr || !contains(extract_fields, text_of(field)))
            rule_.refuse("extracting this field", node->location, see_docs);
    }
    if (name == "timezone")
        time_zone(as_constant(node->args, 0), node->location);
    pin(node->inputcollid);
    walk_list(node->args);
}

// Only full names: what an abbreviation means is a setting of the session. A rule for summer time that is written out, as
// in CET-1CEST,M3.5.0/2,M10.5.0/3, is no name.
void MeaningCheck::time_zone(const Const *zone, int location) const {
    if (zone == nullptr)
        rule_.refuse("a time zone that is no constant", location, see_docs);
    const std::string name = text_of(zone);
    if (name != "UTC" && (name.find('/') == std::string::npos || name.find(',') != std::string::npos))
        rule_.refuse("time zone \"" + name + "\"", zone->location,
                     "Use a full name such as 'Europe/Prague', or 'UTC'.");
    if (call([&name] { return pg_tzset(name.c_str()); }) == nullptr)
        rule_.invalid("There is no time zone \"" + name + "\"", rule_.character(zone->location), "");
}

void MeaningCheck::operator_call(Oid opno, int location) const {
    const CatalogEntry entry = operator_entry(opno);
    if (!is_listed(operators, entry))
        rule_.refuse("operator " + signature(entry), location,
                     mentions_float(entry) ? exact_hint : see_docs);
}

void MeaningCheck::io_cast(CoerceViaIO *node) {
    const Oid from = exprType(as_node(node->arg));
    if (!contains(io_cast_types, from) || !contains(io_cast_types, node->resulttype))
        rule_.refuse("a cast from " + type_name(from) + " to " + type_name(node->resulttype),
                     node->location, see_docs);
    walk(as_node(node->arg));
    if (from == TEXTOID && node->resulttype == NUMERICOID)
        node->arg = call([node, function = number_text_function_] {
            FuncExpr *const bounded =
                makeFuncExpr(function, TEXTOID, list_make1(node->arg), InvalidOid, C_COLLATION_OID,
                             COERCE_EXPLICIT_CALL);
            return static_cast<Expr *>(static_cast<void *>(bounded));
        });
}

} // namespace affiliate::pg
