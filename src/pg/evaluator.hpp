// SPDX-License-Identifier: PostgreSQL
// The core's Evaluator on top of RuleExpression: fills affiliate.rule_input from core::RuleInput.
#pragma once

#include <unordered_map>
#include <vector>

#include "core/rule.hpp"
#include "pg/expression.hpp"
#include "pg/memory.hpp"

namespace affiliate::pg {

class SqlEvaluator : public core::Evaluator {
public:
    SqlEvaluator();
    bool condition(const core::PlanRule &rule, const core::RuleInput &input) override;
    std::optional<core::Decimal> amount(const core::PlanRule &rule, const core::RuleInput &input) override;

private:
    using Filler = void (*)(const core::RuleInput &, Datum &, bool &);
    struct Compiled {
        RuleExpression *condition = nullptr, *amount = nullptr;
        bool always = false; ///< the condition is the literal true
    };
    Compiled &compiled(const core::PlanRule &rule);
    Datum run(RuleExpression &expression, const core::RuleInput &input, bool &is_null);

    Memory memory_; ///< where compiled rules live
    std::unordered_map<int, Compiled> rules_;
    std::vector<Filler> fillers_; ///< by attribute number - 1
    std::vector<Datum> values_;
    std::vector<char> nulls_;
};

} // namespace affiliate::pg
