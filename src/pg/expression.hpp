// SPDX-License-Identifier: PostgreSQL
// Conditions and amounts of plan rules: SQL expressions over one row of affiliate.rule_input, parsed
// and run by PostgreSQL, but only from a vocabulary that is immutable, exact and bounded in time
// (docs/rule-expressions.md). Nothing outside expression_walker.cpp decides what is allowed.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "pg/postgres.hpp"

namespace affiliate::pg {

/// One attribute of affiliate.rule_input.
struct RuleInputColumn {
    const char *name;
    Oid type;
    int16 attnum; ///< 1-based; index + 1 in the arrays given to RuleExpression::evaluate
};

/// All attributes, in order; the names live in the current memory context.
/// Throws core::Error when the extension is not installed in this database.
std::vector<RuleInputColumn> rule_input_columns();

/// A compiled rule text. Survives transactions: it holds no reference to relation or type caches.
/// Freed with the memory context it was compiled in; there is nothing to destroy.
class RuleExpression {
public:
    enum class Wants {
        boolean, ///< a condition: result is bool
        number,  ///< an amount: result is numeric, finite
    };

    /// Parses, resolves names against affiliate.rule_input, checks against the vocabulary, coerces and
    /// plans. `parent` owns the result (a child context of it is made).
    /// Needs a transaction with an active snapshot. Throws core::Error:
    ///   AF001  a function, operator, type or construct that rules may not use
    ///   AF002  does not parse, unknown column, wrong type
    /// both with position(), and DETAIL "... at character N of the condition|amount.".
    /// After a throw only a boundary or the end of a subtransaction may follow, as after any
    /// PostgreSQL error; `parent` then holds nothing new.
    static RuleExpression *compile(std::string_view text, Wants wants, MemoryContext parent);

    /// Values and nulls in the order of affiliate.rule_input; entries outside columns() are not read.
    /// Returns bool or numeric. A by-reference result lives until reset(). Throws pg::Error for what
    /// only data can cause (division by zero, a text that is no number), core::Error 22003 for an
    /// amount that is NaN or infinite.
    Datum evaluate(const Datum *values, const bool *nulls, bool *isnull);

    /// Frees what evaluations have left behind. Call it once per row; cheap when there is nothing.
    void reset();

    /// Numbers (1-based) of the attributes it reads.
    const Bitmapset *columns() const { return columns_; }

    Wants wants() const { return wants_; }

private:
    RuleExpression() = default;
    static RuleExpression *prepare(Node *node, TupleDesc input, const int *columns,
                                   std::size_t count, Wants wants);

    Wants wants_;
    MemoryContext context_;
    ExprState *state_;
    ExprContext *econtext_;
    TupleTableSlot *slot_;
    Bitmapset *columns_;
};

} // namespace affiliate::pg
