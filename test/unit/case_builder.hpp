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
#include "zone_calendar.hpp"

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

inline Decimal money(std::string_view text) { return Decimal::parse(text).value(); }

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
    Story() {
        Program &p = book.programs[program_no];
        p.no = program_no;
        p.id = "firm";
        p.currency = "USD";
        p.default_plan = "plan";
        p.precedence = {Method::override_, Method::ownership, Method::coupon,
                        Method::click,     Method::lead,      Method::declared};
        p.calendar = std::make_shared<ZoneCalendar>();
        book.program_by_id["firm"] = program_no;
        affiliate(alice, "alice");
        affiliate(bob, "bob");
        affiliate(carol, "carol");
        file.customer_id = "customer";
        rule(usual_rule, [](const RuleInput &in) { return in.net * money("0.1"); });
    }
    Story(const Story &) = delete;
    Story &operator=(const Story &) = delete;

    // The rulebook -------------------------------------------------------------------------------------------------
    Program &program() { return book.programs.at(program_no); }
    Affiliate &affiliate(int no, const char *id = "") {
        Affiliate &found = book.affiliates[no];
        if (found.no == 0) {
            found.no = no;
            found.id = id;
            book.affiliate_by_id[id] = no;
        }
        return found;
    }
    Coupon &coupon(const char *code, int affiliate_no) {
        Coupon &coupon = book.coupons[{program_no, code}].emplace_back();
        coupon.program_no = program_no;
        coupon.affiliate_no = affiliate_no;
        coupon.code = code;
        return coupon;
    }
    Agreement &agreement(int affiliate_no, Time from = kBeginning, Time until = kForever) {
        Agreement &item = book.agreements[{program_no, affiliate_no}].emplace_back();
        item.no = ++last_no_;
        item.program_no = program_no;
        item.affiliate_no = affiliate_no;
        item.plan = "plan";
        item.from = from;
        item.until = until;
        return item;
    }
    /// A new version of the plan: rules given from here on belong to it. The first one holds from the beginning.
    void plan_changes(Time from, const char *plan = "plan") {
        plan_ = plan;
        std::vector<Plan> &versions = book.plans[{program_no, plan}];
        versions.emplace_back();
        versions.back().no = 100 + ++last_no_;
        versions.back().version = static_cast<int>(versions.size());
        versions.back().from = from;
    }
    void no_rules() { book.plans[{program_no, plan_}].back().rules.clear(); }
    PlanRule &rule(int no, std::function<std::optional<Decimal>(const RuleInput &)> amount,
                   std::function<bool(const RuleInput &)> condition = {}) {
        if (book.plans[{program_no, plan_}].empty()) plan_changes(kBeginning);
        std::vector<PlanRule> &rules = book.plans[{program_no, plan_}].back().rules;
        if (rules.empty()) rules.reserve(16); // references to rules stay good
        PlanRule &item = rules.emplace_back();
        item.no = no;
        item.sequence_no = static_cast<int>(rules.size());
        texts_[no].amount = std::move(amount);
        if (condition) texts_[no].condition = std::move(condition);
        return item;
    }
    /// The only rule of the plan.
    PlanRule &only_rule(int no, std::function<std::optional<Decimal>(const RuleInput &)> amount,
                        std::function<bool(const RuleInput &)> condition = {}) {
        no_rules();
        return rule(no, std::move(amount), std::move(condition));
    }

    // The facts ----------------------------------------------------------------------------------------------------
    /// A completed sale that is reported as it happens.
    Report sale(const char *id, Time at, const char *amount) {
        TransactionState &state = add(id, at);
        state.ordered_at = state.completed_at = at;
        state.amount = money(amount);
        return Report(state);
    }
    /// The first report of a row, with nothing in it but its arrival.
    Report bare(const char *id, Time arrives, Status status = Status::completed) {
        return Report(add(id, arrives)).status(status);
    }
    /// An UPDATE of the row: everything else stays as it was.
    Report update(const char *id, Time arrives) {
        TransactionState state;
        for (const TransactionState &other : reports)
            if (other.transaction_id == id) state = other;
        state.recorded_at = arrives;
        ++state.version;
        reports.push_back(state);
        return Report(reports.back());
    }
    Report refund(const char *id, const char *original, Time at, const char *amount = nullptr) {
        return follower(id, original, at, amount, Effect::refund);
    }
    Report chargeback(const char *id, const char *original, Time at, const char *amount = nullptr) {
        return follower(id, original, at, amount, Effect::chargeback);
    }
    Report adjustment(const char *id, const char *original, Time at, const char *amount) {
        return follower(id, original, at, amount, Effect::correction);
    }
    DisputeState &dispute(const char *id, const char *transaction, Time opened_at, const char *amount = nullptr) {
        DisputeState state;
        state.dispute_id = id;
        state.transaction_id = transaction;
        state.opened_at = state.recorded_at = opened_at;
        if (amount != nullptr) state.amount = money(amount);
        disputes.push_back(state);
        return disputes.back();
    }
    DisputeState &dispute_closed(const char *id, Time closed_at, DisputeState::Outcome outcome) {
        DisputeState state;
        for (const DisputeState &other : disputes)
            if (other.dispute_id == id) state = other;
        state.closed_at = state.recorded_at = closed_at;
        state.outcome = outcome;
        ++state.version;
        disputes.push_back(state);
        return disputes.back();
    }
    Click &click(const char *id, int affiliate_no, Time at) {
        Click click;
        click.click_id = id;
        click.affiliate_no = affiliate_no;
        click.clicked_at = click.recorded_at = at;
        clicks.push_back(click);
        return clicks.back();
    }
    CustomerState &customer(Time signup_at) {
        CustomerState state;
        state.customer_id = file.customer_id;
        state.signup_at = state.recorded_at = signup_at;
        state.version = static_cast<int>(customers.size());
        customers.push_back(state);
        return customers.back();
    }
    /// A later state of the customer row.
    CustomerState &customer_update(Time modified_at) {
        CustomerState state = customers.back();
        state.modified_at = state.recorded_at = modified_at;
        ++state.version;
        customers.push_back(state);
        return customers.back();
    }
    Override &reassign(int affiliate_no, Time from = kBeginning) {
        Override item;
        item.no = static_cast<int>(overrides.size()) + 1;
        item.affiliate_no = affiliate_no;
        item.from = from;
        overrides.push_back(item);
        return overrides.back();
    }

    // Settling -----------------------------------------------------------------------------------------------------
    Settled decide(Time now = the_end) {
        assemble();
        return affiliate::core::decide(file, book, *this, *this, now);
    }
    /// Settles and writes what comes out.
    Outcome settle(Time now = the_end) {
        Outcome outcome = post(file, decide(now));
        apply(file, ledger, outcome);
        return outcome;
    }
    void pay(const char *id, Time at) {
        for (CommissionRow &row : file.commissions)
            if (row.subject_id == id) story::pay(file, ledger, row, at);
    }

    // What was posted ----------------------------------------------------------------------------------------------
    const ConversionRow &conversion(const std::string &id) const {
        static ConversionRow const none;
        for (const ConversionRow &row : file.conversions)
            if (!row.registration && row.transaction_id == id) return row;
        return none;
    }
    const ConversionRow &registration() const {
        static ConversionRow const none;
        for (const ConversionRow &row : file.conversions)
            if (row.registration) return row;
        return none;
    }
    int owner(const std::string &id) const { return conversion(id).affiliate_no; }
    /// The commission of a sale; affiliate 0 = its owner's. All zero where there is none.
    const CommissionRow &line(const std::string &id, int rule_no = 0, int affiliate_no = nobody) const {
        static CommissionRow const none;
        int const whose = affiliate_no == nobody ? owner(id) : affiliate_no;
        for (const CommissionRow &row : file.commissions)
            if (!row.registration && row.subject_id == id && (rule_no == 0 || row.rule_no == rule_no) &&
                row.affiliate_no == whose)
                return row;
        return none;
    }
    Decimal net(const std::string &id) const { return line(id).accrued - line(id).reversed; }

    // Evaluator and Positions --------------------------------------------------------------------------------------
    bool condition(const PlanRule &item, const RuleInput &input) override {
        return texts_.at(item.no).condition(input);
    }
    std::optional<Decimal> amount(const PlanRule &item, const RuleInput &input) override {
        return texts_.at(item.no).amount(input);
    }
    int counted(int, int, int, Time) override { return positions_before; }
    Decimal used(int, int, int, Time) override { return used_before; }

    Rulebook book;
    CaseFile file;
    Ledger ledger;
    std::deque<TransactionState> reports;
    std::deque<DisputeState> disputes;
    std::deque<Click> clicks;
    std::deque<CustomerState> customers;
    std::deque<Override> overrides;
    int positions_before = 0;
    Decimal used_before;

    /// Everything in the order in which the store gathers it.
    void assemble() {
        file.program = &program();
        file.transactions.assign(reports.begin(), reports.end());
        sort_by(file.transactions, &TransactionState::transaction_id);
        file.disputes.assign(disputes.begin(), disputes.end());
        sort_by(file.disputes, &DisputeState::dispute_id);
        file.customer.assign(customers.begin(), customers.end());
        date_customer_states(file.customer);
        file.clicks.assign(clicks.begin(), clicks.end());
        std::sort(file.clicks.begin(), file.clicks.end(), [](const Click &a, const Click &b) {
            return a.clicked_at != b.clicked_at ? a.clicked_at < b.clicked_at : a.click_id < b.click_id;
        });
        file.overrides.assign(overrides.begin(), overrides.end());
        book.rules.clear();
        for (const auto &[key, versions] : book.plans)
            for (const Plan &plan : versions)
                for (const PlanRule &item : plan.rules) {
                    book.rules[item.no] = &item;
                    book.plan_of_rule[item.no] = plan.no;
                }
    }

private:
    template <class State> static void sort_by(std::vector<State> &states, std::string State::*id) {
        std::sort(states.begin(), states.end(), [id](const State &a, const State &b) {
            return a.*id != b.*id ? a.*id < b.*id : a.version < b.version;
        });
    }
    TransactionState &add(const char *id, Time arrives) {
        TransactionState state;
        state.transaction_id = id;
        state.type = "challenge";
        state.currency = "USD";
        state.status = Status::completed;
        state.recorded_at = arrives;
        reports.push_back(std::move(state));
        return reports.back();
    }
    Report follower(const char *id, const char *original, Time at, const char *amount, Effect effect) {
        TransactionState &state = add(id, at);
        state.type = effect == Effect::refund ? "refund" : effect == Effect::chargeback ? "chargeback" : "adjustment";
        state.effect = effect;
        state.original_transaction_id = original;
        state.completed_at = at;
        if (amount != nullptr) state.amount = money(amount);
        return Report(state);
    }

    std::map<int, RuleText> texts_;
    std::string plan_ = "plan";
    int last_no_ = 0;
};

inline std::size_t reviews_of(const Outcome &outcome, const std::string &subject) {
    return static_cast<std::size_t>(std::count_if(outcome.reviews.begin(), outcome.reviews.end(),
                                                  [&](const Review &review) { return review.subject_id == subject; }));
}

/// What is left of all commissions of an affiliate, paid or not.
inline Decimal owed_to(const Story &s, int affiliate_no) {
    Decimal total;
    for (const CommissionRow &row : s.file.commissions)
        if (row.affiliate_no == affiliate_no) total += row.accrued - row.reversed;
    return total;
}

/// A rule that gives a fixed amount.
inline std::optional<Decimal> fifty(const RuleInput &) { return money("50"); }

} // namespace story
