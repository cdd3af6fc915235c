// SPDX-License-Identifier: PostgreSQL
#include "case_builder.hpp"

#include <algorithm>

#include "zone_calendar.hpp"

namespace story {

namespace {

template <class State> void sort_by(std::vector<State> &states, std::string State::*id) {
    std::sort(states.begin(), states.end(),
              [id](const State &a, const State &b) { return a.*id != b.*id ? a.*id < b.*id : a.version < b.version; });
}

} // namespace

Decimal money(std::string_view text) { return Decimal::parse(text).value(); }

Story::Story() {
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

Story::~Story() = default;

Program &Story::program() { return book.programs.at(program_no); }

Affiliate &Story::affiliate(int no, const char *id) {
    Affiliate &found = book.affiliates[no];
    if (found.no == 0) {
        found.no = no;
        found.id = id;
        book.affiliate_by_id[id] = no;
    }
    return found;
}

Coupon &Story::coupon(const char *code, int affiliate_no) {
    Coupon &coupon = book.coupons[{program_no, code}].emplace_back();
    coupon.program_no = program_no;
    coupon.affiliate_no = affiliate_no;
    coupon.code = code;
    return coupon;
}

Agreement &Story::agreement(int affiliate_no, Time from, Time until) {
    Agreement &item = book.agreements[{program_no, affiliate_no}].emplace_back();
    item.no = ++last_no_;
    item.program_no = program_no;
    item.affiliate_no = affiliate_no;
    item.plan = "plan";
    item.from = from;
    item.until = until;
    return item;
}

void Story::plan_changes(Time from, const char *plan) {
    plan_ = plan;
    std::vector<Plan> &versions = book.plans[{program_no, plan}];
    versions.emplace_back();
    versions.back().no = 100 + ++last_no_;
    versions.back().version = static_cast<int>(versions.size());
    versions.back().from = from;
}

void Story::no_rules() { book.plans[{program_no, plan_}].back().rules.clear(); }

PlanRule &Story::rule(int no, std::function<std::optional<Decimal>(const RuleInput &)> amount,
                      std::function<bool(const RuleInput &)> condition) {
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

PlanRule &Story::only_rule(int no, std::function<std::optional<Decimal>(const RuleInput &)> amount,
                           std::function<bool(const RuleInput &)> condition) {
    no_rules();
    return rule(no, std::move(amount), std::move(condition));
}

Report Story::sale(const char *id, Time at, const char *amount) {
    TransactionState &state = add(id, at);
    state.ordered_at = state.completed_at = at;
    state.amount = money(amount);
    return Report(state);
}

Report Story::bare(const char *id, Time arrives, Status status) { return Report(add(id, arrives)).status(status); }

Report Story::update(const char *id, Time arrives) {
    TransactionState state;
    for (const TransactionState &other : reports)
        if (other.transaction_id == id) state = other;
    state.recorded_at = arrives;
    ++state.version;
    reports.push_back(state);
    return Report(reports.back());
}

Report Story::refund(const char *id, const char *original, Time at, const char *amount) {
    return follower(id, original, at, amount, Effect::refund);
}

Report Story::chargeback(const char *id, const char *original, Time at, const char *amount) {
    return follower(id, original, at, amount, Effect::chargeback);
}

Report Story::adjustment(const char *id, const char *original, Time at, const char *amount) {
    return follower(id, original, at, amount, Effect::correction);
}

DisputeState &Story::dispute(const char *id, const char *transaction, Time opened_at, const char *amount) {
    DisputeState state;
    state.dispute_id = id;
    state.transaction_id = transaction;
    state.opened_at = state.recorded_at = opened_at;
    if (amount != nullptr) state.amount = money(amount);
    disputes.push_back(state);
    return disputes.back();
}

DisputeState &Story::dispute_closed(const char *id, Time closed_at, DisputeState::Outcome outcome) {
    DisputeState state;
    for (const DisputeState &other : disputes)
        if (other.dispute_id == id) state = other;
    state.closed_at = state.recorded_at = closed_at;
    state.outcome = outcome;
    ++state.version;
    disputes.push_back(state);
    return disputes.back();
}

Click &Story::click(const char *id, int affiliate_no, Time at) {
    Click click;
    click.click_id = id;
    click.affiliate_no = affiliate_no;
    click.clicked_at = click.recorded_at = at;
    clicks.push_back(click);
    return clicks.back();
}

Event &Story::event(const char *id, EventKind kind, Time at, const char *transaction) {
    Event event;
    event.event_id = id;
    event.kind = kind;
    event.occurred_at = event.recorded_at = at;
    event.transaction_id = transaction;
    events.push_back(event);
    return events.back();
}

CustomerState &Story::customer(Time signup_at) {
    CustomerState state;
    state.customer_id = file.customer_id;
    state.signup_at = state.recorded_at = signup_at;
    state.version = static_cast<int>(customers.size());
    customers.push_back(state);
    return customers.back();
}

CustomerState &Story::customer_update(Time modified_at) {
    CustomerState state = customers.back();
    state.modified_at = state.recorded_at = modified_at;
    ++state.version;
    customers.push_back(state);
    return customers.back();
}

Override &Story::reassign(int affiliate_no, Time from) {
    Override item;
    item.no = static_cast<int>(overrides.size()) + 1;
    item.affiliate_no = affiliate_no;
    item.from = from;
    overrides.push_back(item);
    return overrides.back();
}

Settled Story::decide(Time now) {
    assemble();
    return affiliate::core::decide(file, book, *this, *this, now);
}

Outcome Story::settle(Time now) {
    Outcome outcome = post(file, decide(now));
    apply(file, ledger, outcome);
    return outcome;
}

void Story::pay(const char *id, Time at) {
    for (CommissionRow &row : file.commissions)
        if (row.subject_id == id) story::pay(file, ledger, row, at);
}

const ConversionRow &Story::conversion(const std::string &id) const {
    static ConversionRow const none;
    for (const ConversionRow &row : file.conversions)
        if (row.subject == Subject::transaction && row.transaction_id == id) return row;
    return none;
}

const ConversionRow &Story::registration() const {
    static ConversionRow const none;
    for (const ConversionRow &row : file.conversions)
        if (row.subject == Subject::registration) return row;
    return none;
}

const ConversionRow &Story::event_conversion(const std::string &id) const {
    static ConversionRow const none;
    for (const ConversionRow &row : file.conversions)
        if (row.subject == Subject::event && row.transaction_id == id) return row;
    return none;
}

int Story::owner(const std::string &id) const { return conversion(id).affiliate_no; }

const CommissionRow &Story::line(const std::string &id, int rule_no, int affiliate_no) const {
    static CommissionRow const none;
    int const whose = affiliate_no == nobody ? owner(id) : affiliate_no;
    for (const CommissionRow &row : file.commissions)
        if (row.subject == Subject::transaction && row.subject_id == id && (rule_no == 0 || row.rule_no == rule_no) &&
            row.affiliate_no == whose)
            return row;
    return none;
}

Decimal Story::net(const std::string &id) const { return line(id).accrued - line(id).reversed; }

bool Story::condition(const PlanRule &item, const RuleInput &input) { return texts_.at(item.no).condition(input); }

std::optional<Decimal> Story::amount(const PlanRule &item, const RuleInput &input) {
    return texts_.at(item.no).amount(input);
}

int Story::counted(int, int, int, Time) { return positions_before; }

Decimal Story::used(int, int, int, Time) { return used_before; }

void Story::assemble() {
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
    file.events.assign(events.begin(), events.end());
    std::sort(file.events.begin(), file.events.end(),
              [](const Event &a, const Event &b) { return a.event_id < b.event_id; });
    file.overrides.assign(overrides.begin(), overrides.end());
    book.rules.clear();
    for (const auto &[key, versions] : book.plans)
        for (const Plan &plan : versions)
            for (const PlanRule &item : plan.rules) {
                book.rules[item.no] = &item;
                book.plan_of_rule[item.no] = plan.no;
            }
}

TransactionState &Story::add(const char *id, Time arrives) {
    TransactionState state;
    state.transaction_id = id;
    state.type = "challenge";
    state.currency = "USD";
    state.status = Status::completed;
    state.recorded_at = arrives;
    reports.push_back(std::move(state));
    return reports.back();
}

Report Story::follower(const char *id, const char *original, Time at, const char *amount, Effect effect) {
    TransactionState &state = add(id, at);
    state.type = effect == Effect::refund ? "refund" : effect == Effect::chargeback ? "chargeback" : "adjustment";
    state.effect = effect;
    state.original_transaction_id = original;
    state.completed_at = at;
    if (amount != nullptr) state.amount = money(amount);
    return Report(state);
}

std::size_t reviews_of(const Outcome &outcome, const std::string &subject) {
    return static_cast<std::size_t>(std::count_if(outcome.reviews.begin(), outcome.reviews.end(),
                                                  [&](const Review &review) { return review.subject_id == subject; }));
}

Decimal owed_to(const Story &s, int affiliate_no) {
    Decimal total;
    for (const CommissionRow &row : s.file.commissions)
        if (row.affiliate_no == affiliate_no) total += row.accrued - row.reversed;
    return total;
}

std::optional<Decimal> fifty(const RuleInput &) { return money("50"); }

} // namespace story
