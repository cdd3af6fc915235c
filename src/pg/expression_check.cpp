// SPDX-License-Identifier: PostgreSQL
// Rule texts from SQL: check one, evaluate one for a given row, list the vocabulary.
#include "pg/expression.hpp"

#include <span>
#include <string>
#include <string_view>

#include "core/error.hpp"
#include "pg/expression_walker.hpp"
#include "pg/guard.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

namespace {

/// A text argument as a string view; the bytes live in the function's memory context.
std::string_view text_argument(FunctionCallInfo fcinfo, int index) {
    text *const value = call([fcinfo, index] { return PG_GETARG_TEXT_PP(index); });
    return {VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)};
}

RuleExpression::Wants kind_argument(FunctionCallInfo fcinfo, int index) {
    const std::string_view kind = text_argument(fcinfo, index);
    if (kind == "condition")
        return RuleExpression::Wants::boolean;
    if (kind == "amount")
        return RuleExpression::Wants::number;
    throw core::Error("22023", "kind of rule text \"" + std::string(kind) + "\" is not known", {},
                      "Use \"condition\" or \"amount\".");
}

/// The row as arrays in the order of its type, in the current memory context.
struct Row {
    Datum *values;
    bool *nulls;
};

Row row_argument(FunctionCallInfo fcinfo, int index) {
    return call([fcinfo, index] {
        HeapTupleHeader const header = PG_GETARG_HEAPTUPLEHEADER(index);
        TupleDesc const descriptor = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header),
                                                            HeapTupleHeaderGetTypMod(header));
        const auto count = static_cast<std::size_t>(descriptor->natts);
        const Row row{static_cast<Datum *>(palloc(sizeof(Datum) * count)),
                      static_cast<bool *>(palloc(sizeof(bool) * count))};
        HeapTupleData tuple{};
        tuple.t_len = HeapTupleHeaderGetDatumLength(header);
        tuple.t_data = header;
        heap_deform_tuple(&tuple, descriptor, row.values, row.nulls);
        ReleaseTupleDesc(descriptor);
        return row;
    });
}

Datum result_text(Datum result, RuleExpression::Wants wants) {
    return call([result, wants] {
        const char *const text =
            wants == RuleExpression::Wants::boolean
                ? (DatumGetBool(result) ? "true" : "false")
                : DatumGetCString(DirectFunctionCall1(numeric_out, result));
        return CStringGetTextDatum(text);
    });
}

Datum signatures(std::span<const std::string_view> words) {
    return call([words] {
        ArrayBuildState *state = initArrayResult(TEXTOID, CurrentMemoryContext, false);
        for (const std::string_view word : words)
            state = accumArrayResult(
                state,
                PointerGetDatum(cstring_to_text_with_len(word.data(), static_cast<int>(word.size()))),
                false, TEXTOID, CurrentMemoryContext);
        return makeArrayResult(state, CurrentMemoryContext);
    });
}

} // namespace

AFFILIATE_FUNCTION(affiliate_check_rule_text) {
    RuleExpression::compile(text_argument(fcinfo, 1), kind_argument(fcinfo, 0), CurrentMemoryContext);
    PG_RETURN_VOID();
}

AFFILIATE_FUNCTION(affiliate_evaluate_rule_text) {
    const RuleExpression::Wants wants = kind_argument(fcinfo, 0);
    RuleExpression *const expression =
        RuleExpression::compile(text_argument(fcinfo, 1), wants, CurrentMemoryContext);
    const Row row = row_argument(fcinfo, 2);
    bool isnull = false;
    const Datum result = expression->evaluate(row.values, row.nulls, &isnull);
    if (isnull)
        PG_RETURN_NULL();
    return result_text(result, wants);
}

// Stands before every cast of a text to numeric in a rule: plain digits only, and not too many.
AFFILIATE_FUNCTION(affiliate_number_text) {
    const std::string_view text = text_argument(fcinfo, 0);
    constexpr int limit = static_cast<int>(max_rule_number_length);
    if (text.size() > max_rule_number_length ||
        text.find_first_not_of("+-.0123456789 ") != std::string_view::npos) {
        const int shown = pg_mbcliplen(text.data(), static_cast<int>(text.size()), limit);
        throw core::Error("22P02",
                          '"' + std::string(text.substr(0, static_cast<std::size_t>(shown))) +
                              "\" is not a number that rules can use",
                          "A number is written with digits, sign and point, in at most " +
                              std::to_string(limit) + " characters.");
    }
    return PG_GETARG_DATUM(0);
}

AFFILIATE_FUNCTION(affiliate_rule_functions) { return signatures(rule_functions()); }

AFFILIATE_FUNCTION(affiliate_rule_operators) { return signatures(rule_operators()); }

} // namespace affiliate::pg
