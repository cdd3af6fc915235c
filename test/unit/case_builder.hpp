// SPDX-License-Identifier: PostgreSQL
// Tells a customer's history as a story and settles it:
//
//     Story s;
//     s.click("c1", alice, day(0));
//     s.sale("s1", day(1), "100");
//     s.refund("r1", "s1", day(5), "40");
//     s.settle();
//     BOOST_TEST(s.line("s1").reversed == money("4"));
//
// The program pays 10 % of what is left of the net price unless rules of the test's own are given.
#pragma once

#include <deque>
#include <functional>
#include <ostream>

#include "apply_outcome.hpp"
#include "core/take_back.hpp"

namespace affiliate::core {
// For the messages of Boost.Test.
inline std::ostream &operator<<(std::ostream &out, const Decimal &value) { return out << value.to_string(); }
inline std::ostream &operator<<(std::ostream &out, ConversionState state) { return out << name(state); }
inline std::ostream &operator<<(std::ostream &out, Method method) { return out << name(method); }
} // namespace affiliate::core

namespace story {

using namespace affiliate::core;

inline constexpr int nobody = 0, alice = 1, bob = 2, carol = 3;
inline constexpr int program_no = 1, usual_rule = 10;

/// An instant of the stories, which begin on Monday, 1 January 2024, 00:00 UTC.
constexpr Time day(std::int64_t days, std::int64_t hours = 0) { return (8766 + days) * kDay + hours * kHour; }
inline constexpr Time the_end = day(3000);

Decimal money(std::string_view text);

/// A report of one row of affiliate.transaction.
class Report {
public:
    explicit Report(TransactionState &state) : state_(&state) {}
    Report &amount(const char *value) { return set(&TransactionState::amount, money(value)); }
    Report &no_amount() { return set(&TransactionState::amount, std::nullopt); }
    Report &tax(const char *value) { return set(&TransactionState::tax, money(value)); }
    Report &wallet(const char *value) { return set(&TransactionState::wallet_credit, money(value)); }
    Report &refunded(const char *value) { return set(&TransactionState::refunded_amount, money(value)); }
    Report &size(const char *value) { return set(&TransactionState::account_size, money(value)); }
    Report &ordered(std::optional<Time> at) { return set(&TransactionState::ordered_at, at); }
    Report &completed(std::optional<Time> at) { return set(&TransactionState::completed_at, at); }
    Report &refunded_at(Time at) { return set(&TransactionState::refunded_at, at); }
    Report &status_at(Time at) { return set(&TransactionState::status_at, at); }
    Report &arrived(Time at) { return set(&TransactionState::recorded_at, at); }
    Report &status(Status value) { return set(&TransactionState::status, value); }
    Report &kind(SaleKind value) { return set(&TransactionState::sale_kind, value); }
    Report &effect(Effect value) { return set(&TransactionState::effect, value); }
    Report &type(const char *value) { return set(&TransactionState::type, value); }
    Report &order(const char *value) { return set(&TransactionState::order_id, value); }
    Report &account(const char *value) { return set(&TransactionState::account_id, value); }
    Report &product(const char *value) { return set(&TransactionState::product_id, value); }
    Report &original(const char *value) { return set(&TransactionState::original_transaction_id, value); }
    Report &reason(const char *value) { return set(&TransactionState::refund_reason, value); }
    Report &click(const char *value) { return set(&TransactionState::click_id, value); }
    Report &declares(const char *value) { return set(&TransactionState::declared_affiliate, value); }
    Report &fingerprint(const char *value) { return set(&TransactionState::payment_fingerprint, value); }
    Report &currency(const char *value) { return set(&TransactionState::currency, value); }
    Report &coupons(std::vector<std::string> codes) { return set(&TransactionState::coupon_codes, std::move(codes)); }
    TransactionState &state() { return *state_; }

private:
    template <class Member, class Value> Report &set(Member member, Value &&value) {
        state_->*member = std::forward<Value>(value);
        return *this;
    }
    TransactionState *state_;
};

/// What a rule does, in C++ instead of SQL.
struct RuleText {
    std::function<bool(const RuleInput &)> condition = [](const RuleInput &) { return true; };
    std::function<std::optional<Decimal>(const RuleInput &)> amount;
};

class Story : public Evaluator, public Positions {
public:
    Story();
    Story(const Story &) = delete;
    Story &operator=(const Story &) = delete;
    ~Story() override;

    // The rulebook -------------------------------------------------------------------------------------------------
    Program &program();
    Affiliate &affiliate(int no, const char *id = "");
    Coupon &coupon(const char *code, int affiliate_no);
    Agreement &agreement(int affiliate_no, Time from = kBeginning, Time until = kForever);
    /// A new version of the plan: rules given from here on belong to it. The first one holds from the beginning.
    void plan_changes(Time from, const char *plan = "plan");
    void no_rules();
    PlanRule &rule(int no, std::function<std::optional<Decimal>(const RuleInput &)> amount,
                   std::function<bool(const RuleInput &)> condition = {});
    /// The only rule of the plan.
    PlanRule &only_rule(int no, std::function<std::optional<Decimal>(const RuleInput &)> amount,
                        std::function<bool(const RuleInput &)> condition = {});

    // The facts ----------------------------------------------------------------------------------------------------
    /// A completed sale that is reported as it happens.
    Report sale(const char *id, Time at, const char *amount);
    /// The first report of a row, with nothing in it but its arrival.
    Report bare(const char *id, Time arrives, Status status = Status::completed);
    /// An UPDATE of the row: everything else stays as it was.
    Report update(const char *id, Time arrives);
    Report refund(const char *id, const char *original, Time at, const char *amount = nullptr);
    Report chargeback(const char *id, const char *original, Time at, const char *amount = nullptr);
    Report adjustment(const char *id, const char *original, Time at, const char *amount);
    DisputeState &dispute(const char *id, const char *transaction, Time opened_at, const char *amount = nullptr);
    DisputeState &dispute_closed(const char *id, Time closed_at, DisputeState::Outcome outcome);
    Click &click(const char *id, int affiliate_no, Time at);
    Event &event(const char *id, EventKind kind, Time at, const char *transaction = "");
    CustomerState &customer(Time signup_at);
    /// A later state of the customer row.
    CustomerState &customer_update(Time modified_at);
    Override &reassign(int affiliate_no, Time from = kBeginning);

    // Settling -----------------------------------------------------------------------------------------------------
    Settled decide(Time now = the_end);
    /// Settles and writes what comes out.
    Outcome settle(Time now = the_end);
    void pay(const char *id, Time at);

    // What was posted ----------------------------------------------------------------------------------------------
    const ConversionRow &conversion(const std::string &id) const;
    const ConversionRow &registration() const;
    const ConversionRow &event_conversion(const std::string &id) const;
    int owner(const std::string &id) const;
    /// The commission of a sale; affiliate 0 = its owner's. All zero where there is none.
    const CommissionRow &line(const std::string &id, int rule_no = 0, int affiliate_no = nobody) const;
    Decimal net(const std::string &id) const;

    // Evaluator and Positions --------------------------------------------------------------------------------------
    bool condition(const PlanRule &item, const RuleInput &input) override;
    std::optional<Decimal> amount(const PlanRule &item, const RuleInput &input) override;
    int counted(int, int, int, Time) override;
    Decimal used(int, int, int, Time) override;

    Rulebook book;
    CaseFile file;
    Ledger ledger;
    std::deque<TransactionState> reports;
    std::deque<DisputeState> disputes;
    std::deque<Click> clicks;
    std::deque<Event> events;
    std::deque<CustomerState> customers;
    std::deque<Override> overrides;
    int positions_before = 0;
    Decimal used_before;

    /// Everything in the order in which the store gathers it.
    void assemble();

private:
    TransactionState &add(const char *id, Time arrives);
    Report follower(const char *id, const char *original, Time at, const char *amount, Effect effect);

    std::map<int, RuleText> texts_;
    std::string plan_ = "plan";
    int last_no_ = 0;
};

std::size_t reviews_of(const Outcome &outcome, const std::string &subject);

/// What is left of all commissions of an affiliate, paid or not.
Decimal owed_to(const Story &s, int affiliate_no);

/// A rule that gives a fixed amount.
std::optional<Decimal> fifty(const RuleInput &);

} // namespace story
