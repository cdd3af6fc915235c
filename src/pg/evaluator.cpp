// SPDX-License-Identifier: PostgreSQL
#include <string_view>

#include "pg/convert.hpp"
#include "pg/evaluator.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

namespace {

using core::RuleInput;

void fill(std::string_view value, Datum &datum, bool &null) {
    null = value.empty();
    if (!null) datum = make_text(value);
}
void fill(const core::Decimal &value, Datum &datum, bool &null) {
    null = false;
    datum = make_numeric(value);
}
void fill(const std::optional<core::Decimal> &value, Datum &datum, bool &null) {
    null = !value.has_value();
    if (value) datum = make_numeric(*value);
}
void fill(int value, Datum &datum, bool &null) {
    null = value == 0;
    datum = Int32GetDatum(value);
}
void fill(const std::optional<std::int64_t> &value, Datum &datum, bool &null) {
    null = !value.has_value();
    if (value) datum = Int32GetDatum(static_cast<std::int32_t>(*value));
}
void fill(core::Time value, Datum &datum, bool &null) {
    null = false;
    datum = TimestampTzGetDatum(value);
}

template <auto Member> void fill_member(const RuleInput &input, Datum &datum, bool &null) {
    fill(input.*Member, datum, null);
}
void fill_level(const RuleInput &input, Datum &datum, bool &null) {
    null = false;
    datum = Int32GetDatum(input.level);
}
void fill_is_first(const RuleInput &input, Datum &datum, bool &null) {
    null = input.purchase_number == 0;
    datum = BoolGetDatum(input.purchase_number == 1);
}
void fill_metadata(const RuleInput &input, Datum &datum, bool &null) {
    null = input.metadata.empty();
    if (!null) datum = make_varlena(input.metadata);
}

struct Field {
    std::string_view name;
    void (*filler)(const RuleInput &, Datum &, bool &);
};

#define FIELD(member) Field { #member, fill_member<&RuleInput::member> }
constexpr Field kFields[] = {
    FIELD(transaction_type), FIELD(sale_kind), FIELD(product), FIELD(product_family), FIELD(challenge_type),
    FIELD(phase), FIELD(account_size), FIELD(account_currency), FIELD(list_price), FIELD(discount), FIELD(tax),
    FIELD(fee), FIELD(wallet_credit), FIELD(gross), FIELD(base), FIELD(refunded), FIELD(net), FIELD(collected),
    FIELD(currency), FIELD(original_gross), FIELD(original_net), FIELD(fx_rate), FIELD(purchase_number),
    FIELD(days_since_first_purchase), FIELD(months_since_first_purchase), FIELD(days_since_signup),
    FIELD(days_since_original), FIELD(customer_country), FIELD(customer_language), FIELD(kyc_status),
    FIELD(sales_status), FIELD(method), FIELD(days_since_touch), FIELD(coupon_code), FIELD(coupon_kind),
    FIELD(coupon_discount), FIELD(campaign), FIELD(traffic_source), FIELD(affiliate), FIELD(affiliate_group),
    FIELD(partner_type), FIELD(affiliate_country), FIELD(beneficiary), FIELD(band),
    FIELD(band_rate), FIELD(band_amount), FIELD(band_label), FIELD(ordered_at), FIELD(completed_at),
    {"is_first_purchase", fill_is_first}, {"ladder_position", fill_member<&RuleInput::position>}, {"level", fill_level}, {"metadata", fill_metadata},
};
#undef FIELD

/// PostgreSQL's numbers may have more digits than the core's; a product of a few quotients has. Of what stands behind the
/// 37th digit after the point one digit is kept that says whether anything does, so that every rounding to the twelve
/// digits of a commission, and of a part of it, comes out as with all of them.
core::Decimal read_amount(Datum numeric) {
    constexpr int kept = 37;
    std::optional<core::Decimal> value = read_decimal(numeric);
    if (value && value->scale() <= kept) return *value;
    struct Cut {
        Datum value;
        int rest; ///< sign of what was cut off
    };
    Cut const cut = call([numeric] {
        Datum const whole = DirectFunctionCall2(numeric_trunc, numeric, Int32GetDatum(kept));
        return Cut{whole, DatumGetInt32(DirectFunctionCall2(numeric_cmp, numeric, whole))};
    });
    value = read_decimal(cut.value);
    if (!value)
        throw core::Error("22003", "amount of a rule is too large", "It has more digits than can be calculated with.",
                          "Correct the amount of the rule; commissions have at most 38 digits before the point.");
    return *value + core::Decimal::from_units(cut.rest, kept + 1);
}

/// A security-restricted operation: what a rule calls makes no temporary object and changes no role. Neither call can
/// raise an error, and the abort of a transaction restores the context too.
class Restricted {
public:
    Restricted() {
        GetUserIdAndSecContext(&user_, &context_);
        SetUserIdAndSecContext(user_, context_ | SECURITY_RESTRICTED_OPERATION);
    }
    ~Restricted() { SetUserIdAndSecContext(user_, context_); }
    Restricted(const Restricted &) = delete;
    Restricted &operator=(const Restricted &) = delete;

private:
    Oid user_ = InvalidOid;
    int context_ = 0;
};

} // namespace

SqlEvaluator::SqlEvaluator()
    : memory_(call([] { return AllocSetContextCreate(CacheMemoryContext, "pg_affiliate rules", ALLOCSET_DEFAULT_SIZES); })) {
    for (const RuleInputColumn &column : rule_input_columns()) {
        Filler found = nullptr;
        for (const Field &field : kFields)
            if (field.name == column.name) found = field.filler;
        if (found == nullptr)
            throw core::Error("XX000", std::string("rule_input has a field the library does not know: ") + column.name);
        fillers_.push_back(found);
    }
    values_.resize(fillers_.size());
    nulls_.resize(fillers_.size());
}

SqlEvaluator::Compiled &SqlEvaluator::compiled(const core::PlanRule &rule) {
    auto const [it, inserted] = rules_.try_emplace(rule.no);
    if (!inserted && it->second.amount != nullptr) return it->second;
    Restricted const restricted; // planning folds constants, which calls functions as well
    it->second.always = rule.condition == "true";
    if (!it->second.always)
        it->second.condition = RuleExpression::compile(rule.condition, RuleExpression::Wants::boolean, memory_.get());
    it->second.amount = RuleExpression::compile(rule.amount, RuleExpression::Wants::number, memory_.get());
    return it->second;
}

Datum SqlEvaluator::run(RuleExpression &expression, const RuleInput &input, bool &is_null) {
    Restricted const restricted;
    bool *const nulls = reinterpret_cast<bool *>(nulls_.data());
    for (int attribute = -1; (attribute = bms_next_member(expression.columns(), attribute)) >= 0;) {
        auto const index = static_cast<std::size_t>(attribute) - 1;
        fillers_[index](input, values_[index], nulls[index]);
    }
    return expression.evaluate(values_.data(), nulls, &is_null);
}

bool SqlEvaluator::condition(const core::PlanRule &rule, const RuleInput &input) {
    Compiled &found = compiled(rule);
    if (found.always) return true;
    bool is_null = false;
    Datum const result = run(*found.condition, input, is_null);
    bool const holds = !is_null && DatumGetBool(result);
    found.condition->reset();
    return holds;
}

std::optional<core::Decimal> SqlEvaluator::amount(const core::PlanRule &rule, const RuleInput &input) {
    Compiled &found = compiled(rule);
    bool is_null = false;
    Datum const result = run(*found.amount, input, is_null);
    std::optional<core::Decimal> value;
    if (!is_null) value = read_amount(result);
    found.amount->reset();
    return value;
}

} // namespace affiliate::pg
