// SPDX-License-Identifier: PostgreSQL
// What rules see and what they give (SEMANTICS M5, M7-M9, PLANS.md).
#pragma once

#include "core/attribution.hpp"

namespace affiliate::core {

/// The values of the SQL type affiliate.rule_input; same names, same meaning (docs/rule-expressions.md). The texts are
/// views into the case file, its news and decisions, and the rulebook.
struct RuleInput {
    std::string_view transaction_type, sale_kind, product, product_family, challenge_type, phase, account_currency, currency,
        customer_country, customer_language, kyc_status, sales_status, method, coupon_code, coupon_kind, campaign,
        traffic_source, affiliate, affiliate_group, partner_type, affiliate_country, beneficiary, band_label, metadata;
    std::optional<Decimal> account_size, list_price, discount, fee, collected, coupon_discount, band_rate, band_amount;
    Decimal tax, wallet_credit, gross, base, refunded, net, original_gross, original_net, fx_rate;
    int purchase_number = 0, level = 0, position = 0, band = 0; ///< 0 = null
    std::optional<std::int64_t> days_since_first_purchase, months_since_first_purchase, days_since_signup,
        days_since_original, days_since_touch;
    Time ordered_at = 0, completed_at = 0;
};

/// Evaluates the SQL texts of a rule; PostgreSQL in the extension, a lambda in unit tests.
class Evaluator {
public:
    virtual ~Evaluator() = default;
    virtual bool condition(const PlanRule &rule, const RuleInput &input) = 0;
    /// nullopt where the expression is null: the rule gives nothing.
    virtual std::optional<Decimal> amount(const PlanRule &rule, const RuleInput &input) = 0;
};

/// What one rule should give one beneficiary for one conversion.
struct Target {
    const PlanRule *rule = nullptr;
    int affiliate_no = 0;
    Decimal accrued, net;          ///< with nothing taken back, and now
    bool provisional = false;      ///< the affiliate stage has the last word
    bool matched = true;           ///< false: the condition does not hold where the line stands; a line for the stage alone
    bool gives = true;             ///< false: and nothing, not even zero, is what it gives
    Decimal uncapped_accrued, uncapped_net;
    int ladder_position = 0;
    std::optional<Decimal> cap_room;
    Time eligible_at = 0;
    std::string hold_reason;
};

/// One conversion as it should be: the row of affiliate.conversion (totals included) and its commissions.
struct ConversionTarget {
    ConversionRow row;
    std::vector<Target> commissions;
    Time effective_at = 0;  ///< own time of the newest news behind it, take-backs excepted
    Time taken_back_at = 0; ///< own time of the newest take-back
    const char *cause = "report";
};

class Commissions {
public:
    Commissions(const CaseFile &file, const Rulebook &rulebook, const News &news, Evaluator &evaluator,
                Positions &positions, bool trace);

    ConversionTarget conversion(const Attribution &attribution, const Order &order, const Sale &sale);
    std::optional<ConversionTarget> registration(const Attribution &attribution);
    ConversionTarget event(const DecidedEvent &event);
    /// Whether the condition of a rule holds for a payment, its band taken as the first (W7 rolling). A payment that has
    /// no rate yet waits (M9): of it nothing holds.
    bool holds(const PlanRule &rule, const Attribution &so_far, const Order &order);

    /// Every rule that was tried for the last conversion(), in order, for explain(); empty unless tracing.
    struct Tried {
        const PlanRule *rule;
        int affiliate_no;
        bool matched;
        RuleInput input;                ///< with nothing taken back
        std::optional<RuleInput> after; ///< with what was taken back
    };
    const std::vector<Tried> &tried() const noexcept { return tried_; }

private:
    /// One line as its rules see it.
    struct Line {
        const Attribution *attribution;
        const Order *order; ///< null for a registration
        const Sale *sale;   ///< null for a registration
        const Decision &decision;
        std::string subject;
        Subject kind;
        Time ordered_at, completed_at;
        Decimal rate;
        bool ladder_counts;
    };
    RuleInput input(const Line &line) const;
    void add_rules(const Line &line, const Plan &plan, int beneficiary, int level, ConversionTarget &target);
    bool is_entitled(const Line &line, const CommissionRow &row) const;
    /// What one unit of the sale's currency is in the program's, into `row` where they differ; nullopt: no rate yet.
    std::optional<Decimal> rate(const Sale &sale, const ConversionRow *before, ConversionRow &row) const;
    void add_stated_rules(const Line &line, const ConversionRow &before, ConversionTarget &target);
    void look_live(const PlanRule &rule, RuleInput &input) const;
    /// A rule for one beneficiary: what it sees, its ladder and the live inputs included, and the beginning of what it gives.
    struct Asked {
        RuleInput seen;
        Target target;
    };
    Asked ask(const Line &line, const PlanRule &rule, const RuleInput &base, int beneficiary);
    std::optional<Target> apply(const Line &line, Asked asked);
    void stand(const Ladder &ladder, int position, RuleInput &input) const;
    bool may_hold_later(const PlanRule &rule, const RuleInput &input);
    bool is_for_first_purchase(const Line &line, const Plan &plan);
    const char *why_nothing(const Line &line, const Plan *plan, const ConversionTarget &target);
    const CommissionRow *posted(const Line &line, const Target &target) const;
    void take_position(const Line &line, Asked &asked);
    std::optional<Decimal> room_under_cap(const Line &line, const Target &target);
    void hold(const Line &line, Target &target) const;
    void add_chain(const Line &line, const Plan *plan, ConversionTarget &target);
    void place(const Order &order, const Sale &sale, const ConversionRow *before, ConversionRow &row) const;
    void count(const Order &order, const Sale &sale, ConversionRow &row) const;
    void describe(std::string type, const Decision &decision, const Sale *sale, Time at, ConversionRow &row) const;
    const char *why_outside(const Sale &sale) const noexcept;
    const Plan *plan_for(const Affiliate &affiliate, const Decision &decision, Time at, int &agreement_no) const;

    const CaseFile &file_;
    const Program &program_;
    const Rulebook &rulebook_;
    const News &news_;
    Evaluator &evaluator_;
    Positions &positions_;
    bool trace_;
    std::vector<Tried> tried_;
};

/// The candidates of a decision as the jsonb text of conversion.candidates.
std::string candidates_json(const Decision &decision);
/// A 64 bit digest of them, to notice that they changed without writing the text.
std::int64_t candidates_digest(const Decision &decision);

} // namespace affiliate::core
