// SPDX-License-Identifier: PostgreSQL
#include "core/settle.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

namespace affiliate::core {

namespace {

class RuleRestart : public RestartTest {
public:
    RuleRestart(Commissions &commissions, const Rulebook &rulebook, const Program &program)
        : commissions_(commissions) {
        auto const it = rulebook.rules.find(program.ownership_restart_rule);
        rule_ = it == rulebook.rules.end() ? nullptr : it->second;
    }
    bool restarts(const Attribution &so_far, const Order &order) override {
        return rule_ != nullptr && commissions_.holds(*rule_, so_far, order);
    }

private:
    Commissions &commissions_;
    const PlanRule *rule_;
};

bool same_decision(const ConversionRow &a, const ConversionRow &b) {
    return a.state == b.state && a.affiliate_no == b.affiliate_no && a.method == b.method && a.code == b.code &&
           a.is_conflict == b.is_conflict && a.candidates_digest == b.candidates_digest && a.order_key == b.order_key &&
           a.purchase_number == b.purchase_number && a.ordered_at == b.ordered_at && a.occurred_at == b.occurred_at &&
           a.agreement_no == b.agreement_no && a.plan_no == b.plan_no && a.currency == b.currency &&
           a.fx_rate == b.fx_rate && a.ladder_counts == b.ladder_counts && a.taken_back_at == b.taken_back_at &&
           a.ladder_reversed_at == b.ladder_reversed_at && a.is_test == b.is_test && a.same_group(b);
}

/// What a conversion was stated with stays, whatever is decided of it now (I14).
void keep_stated(ConversionRow &row, const ConversionRow &before) {
    if (!before.stated_at) return;
    row.fx_rate = before.fx_rate;
    row.fx_source = before.fx_source;
    row.fx_valid_from = before.fx_valid_from;
    if (row.affiliate_no != before.affiliate_no) return;
    row.plan_no = before.plan_no;
    row.agreement_no = before.agreement_no;
}

bool same_totals(const ConversionRow &a, const ConversionRow &b) {
    return a.quantity == b.quantity && a.new_customers == b.new_customers && a.refunded_count == b.refunded_count &&
           a.charged_back_count == b.charged_back_count && a.gross == b.gross && a.discount == b.discount &&
           a.refunded == b.refunded && a.charged_back == b.charged_back;
}

ConversionEntry difference(const ConversionRow &from, const ConversionRow &to) {
    ConversionEntry item;
    item.quantity = to.quantity - from.quantity;
    item.new_customers = to.new_customers - from.new_customers;
    item.refunded_count = to.refunded_count - from.refunded_count;
    item.charged_back_count = to.charged_back_count - from.charged_back_count;
    item.gross = to.gross - from.gross;
    item.discount = to.discount - from.discount;
    item.refunded = to.refunded - from.refunded;
    item.charged_back = to.charged_back - from.charged_back;
    return item;
}

bool is_nothing(const ConversionEntry &item) {
    return item.quantity == 0 && item.new_customers == 0 && item.refunded_count == 0 && item.charged_back_count == 0 &&
           item.gross.is_zero() && item.discount.is_zero() && item.refunded.is_zero() && item.charged_back.is_zero();
}

void post_conversion(const ConversionTarget &target, const ConversionRow *before, Outcome &outcome) {
    ConversionChange change;
    change.row = target.row;
    change.is_new = before == nullptr;
    change.version_before = before == nullptr ? 0 : before->version;
    change.row.version = change.version_before;
    ConversionRow const empty;
    const ConversionRow &old = before == nullptr ? empty : *before;
    auto const add = [&](int affiliate_no, ConversionEntry item, const char *cause, Time at) {
        item.version = ++change.row.version;
        item.affiliate_no = affiliate_no;
        item.cause = cause;
        item.effective_at = at;
        change.entries.push_back(std::move(item));
    };
    // each on its day: what was sold, and what was taken back of it
    auto const entry = [&](int affiliate_no, const ConversionEntry &all, const char *cause, Time sold_at) {
        ConversionEntry sale = all, taken_back = all;
        sale.refunded_count = sale.charged_back_count = taken_back.quantity = taken_back.new_customers = 0;
        sale.refunded = sale.charged_back = taken_back.gross = taken_back.discount = Decimal{};
        if (!is_nothing(sale)) add(affiliate_no, std::move(sale), cause, sold_at);
        if (!is_nothing(taken_back)) add(affiliate_no, std::move(taken_back), cause, target.taken_back_at);
    };
    Time const occurred_at = target.row.occurred_at.value_or(target.effective_at);
    if (old.affiliate_no != target.row.affiliate_no && !same_totals(old, empty)) {
        entry(old.affiliate_no, difference(old, empty), "reattributed", occurred_at);
        entry(target.row.affiliate_no, difference(empty, target.row), "reattributed", occurred_at);
    } else if (!same_totals(old, target.row)) {
        entry(target.row.affiliate_no, difference(old, target.row), target.cause, old.version == 0 ? occurred_at : target.effective_at);
    } else if (!same_totals(old, empty) && !old.same_group(target.row)) { // nothing but the place where reports show it
        add(target.row.affiliate_no, {}, "regrouped", target.effective_at);
    }
    if (before != nullptr && change.entries.empty() && same_decision(*before, target.row)) return;
    outcome.conversions.push_back(std::move(change));
}

const char *adjustment_cause(const CommissionRow &row) {
    return row.ladder_no != 0 || row.cap_room ? "second_stage" : "redecided";
}

void post_commission(CommissionRow row, const CommissionRow *before, Time accrued_at, Time taken_back_at, Outcome &outcome) {
    CommissionChange change;
    change.is_new = before == nullptr;
    change.version_before = before == nullptr ? 0 : before->version;
    CommissionRow const empty;
    const CommissionRow &old = before == nullptr ? empty : *before;
    row.version = change.version_before;
    row.paid = old.paid;
    row.accrued_when_paid = old.accrued_when_paid;
    row.stated_at = old.stated_at;
    auto const entry = [&](const char *kind, Decimal amount, const char *cause, Time at) {
        if (amount.is_zero()) return;
        change.entries.push_back({++row.version, kind, std::move(amount), cause, at});
    };
    entry(change.is_new ? "accrual" : "adjustment", row.accrued - old.accrued, change.is_new ? "sale" : adjustment_cause(row), accrued_at);
    Decimal const reversed = row.reversed - old.reversed;
    if (reversed.sign() > 0)
        entry(row.is_void ? "void" : "reversal", -reversed, row.is_void ? "cooling_off" : "take_back", taken_back_at);
    else entry("reinstatement", -reversed, old.is_void ? "void_undone" : "take_back_undone", taken_back_at);
    bool const same = before != nullptr && change.entries.empty() && old.eligible_at == row.eligible_at &&
                      old.hold_reason == row.hold_reason && old.is_void == row.is_void &&
                      old.uncapped_net == row.uncapped_net && old.uncapped_accrued == row.uncapped_accrued && old.ladder_position == row.ladder_position &&
                      old.cap_room == row.cap_room && old.earned_at == row.earned_at;
    if (same) return;
    change.row = std::move(row);
    outcome.commissions.push_back(std::move(change));
}

CommissionRow commission_row(const ConversionTarget &conversion, const Target &target, const std::string &currency,
                             const CommissionRow *before) {
    CommissionRow row;
    row.subject_id = conversion.row.transaction_id;
    row.subject = conversion.row.subject;
    row.currency = currency;
    row.rule_no = target.rule->no;
    row.level = target.rule->level;
    row.affiliate_no = target.affiliate_no;
    row.accrued = target.accrued;
    if (before != nullptr && before->stated_at) row.accrued = max(before->accrued_when_paid, target.accrued);
    row.reversed = row.accrued - target.net;
    row.is_void = conversion.row.state == ConversionState::void_ && (before == nullptr || !before->stated_at);
    row.is_provisional = target.provisional;
    row.ladder_no = target.rule->ladder_no;
    row.ladder_position = target.ladder_position;
    row.cap_room = target.cap_room;
    if (target.rule->second_stage() && target.matched) {
        row.uncapped_accrued = target.uncapped_accrued;
        row.uncapped_net = target.uncapped_net;
    }
    row.earned_at = *conversion.row.occurred_at;
    row.eligible_at = target.eligible_at;
    row.hold_reason = target.hold_reason;
    return row;
}

/// A line that no rule gives any more: nothing is left of it; what was paid is taken back. It takes no room under a cap
/// and is no choice of a rule (M5, M7).
CommissionRow withdrawn(const CommissionRow &before) {
    CommissionRow row = before;
    row.accrued = before.stated_at ? before.accrued_when_paid : Decimal{};
    row.reversed = row.accrued;
    row.is_void = false;
    row.hold_reason.clear();
    row.uncapped_accrued.reset();
    row.uncapped_net.reset();
    row.cap_room.reset();
    if (row.ladder_no == 0) row.is_provisional = false; // nothing ranks it any more
    return row;
}

/// When what was taken back of a subject last changed.
class TakeBackTimes {
public:
    explicit TakeBackTimes(const Settled &settled) {
        for (const ConversionTarget &target : settled.conversions)
            times_.emplace(Key(target.row.transaction_id, target.row.subject), target.taken_back_at);
    }
    Time of(const CommissionRow &row) const {
        auto const found = times_.find(Key(row.subject_id, row.subject));
        return found == times_.end() ? row.earned_at : found->second;
    }

private:
    using Key = std::pair<std::string_view, Subject>;
    std::map<Key, Time> times_;
};

void post_ownerships(const CaseFile &file, const Attribution &attribution, Outcome &outcome) {
    std::map<std::string, int> numbers;
    for (const Ownership &ownership : attribution.ownerships) {
        PostedOwnership row;
        row.account_id = ownership.account_id;
        row.ownership_no = ++numbers[ownership.account_id];
        row.affiliate_no = ownership.affiliate_no;
        row.begins_at = ownership.covers_from;
        row.runs_from = ownership.runs_from;
        row.ends_at = ownership.ends_at;
        row.cause = ownership.cause;
        row.band = ownership.band;
        outcome.ownerships.push_back(std::move(row));
    }
    for (PostedOwnership &row : outcome.ownerships) row.is_latest = row.ownership_no == numbers[row.account_id];
    std::sort(outcome.ownerships.begin(), outcome.ownerships.end(), [](const auto &a, const auto &b) {
        return a.account_id != b.account_id ? a.account_id < b.account_id : a.ownership_no < b.ownership_no;
    });
    outcome.had_ownerships = !file.ownerships.empty();
    outcome.ownerships_changed = outcome.ownerships != file.ownerships;
    if (!outcome.ownerships_changed) outcome.ownerships.clear();
}

} // namespace

const char *name(ConversionState state) noexcept {
    switch (state) {
    case ConversionState::pending: return "pending";
    case ConversionState::waiting: return "waiting";
    case ConversionState::counted: return "counted";
    case ConversionState::void_: return "void";
    }
    return "pending";
}

const char *name(Subject subject) noexcept {
    switch (subject) {
    case Subject::transaction: return "transaction";
    case Subject::registration: return "registration";
    case Subject::event: return "event";
    }
    return "event";
}

Settled decide(const CaseFile &file, const Rulebook &rulebook, Evaluator &evaluator, Positions &positions, Time now,
               bool trace) {
    Settled settled;
    settled.news = read_news(file, now);
    Commissions commissions(file, rulebook, settled.news, evaluator, positions, trace);
    RuleRestart restart(commissions, rulebook, *file.program);
    settled.attribution = attribute(file, rulebook, settled.news, positions, now, restart);
    auto const add = [&](ConversionTarget target) {
        ConversionRow &row = target.row;
        if (const ConversionRow *before = file.posted(row.transaction_id, row.subject)) keep_stated(row, *before);
        settled.conversions.push_back(std::move(target));
        if (trace) settled.tried.push_back(commissions.tried());
    };
    if (std::optional<ConversionTarget> target = commissions.registration(settled.attribution)) add(std::move(*target));
    for (const Order &order : settled.attribution.orders)
        for (const Sale *sale : order.lines) add(commissions.conversion(settled.attribution, order, *sale));
    for (const DecidedEvent &event : settled.attribution.events) add(commissions.event(event));
    return settled;
}

Outcome post(const CaseFile &file, const Settled &settled) {
    Outcome outcome;
    outcome.program_no = file.program->no;
    outcome.customer_id = file.customer_id;
    std::set<int> stage;
    std::set<const CommissionRow *> seen;
    for (const ConversionTarget &target : settled.conversions) {
        const ConversionRow *const before = file.posted(target.row.transaction_id, target.row.subject);
        std::size_t const changes = outcome.conversions.size() + outcome.commissions.size();
        post_conversion(target, before, outcome);
        for (const Target &commission : target.commissions) {
            const CommissionRow *const posted =
                file.posted(target.row.transaction_id, target.row.subject, commission.rule->no,
                            commission.affiliate_no, commission.rule->level);
            if (posted != nullptr) seen.insert(posted);
            else if (commission.accrued.is_zero() && !commission.rule->second_stage()) continue;
            CommissionRow row = commission_row(target, commission, file.program->currency, posted);
            Time const accrued_at = posted == nullptr ? row.earned_at : target.effective_at;
            post_commission(std::move(row), posted, accrued_at, target.taken_back_at, outcome);
        }
        bool const changed = outcome.conversions.size() + outcome.commissions.size() != changes;
        bool const counted = target.row.ladder_counts || (before != nullptr && before->ladder_counts);
        if (changed && counted && file.program->has_second_stage) {
            if (target.row.affiliate_no != 0) stage.insert(target.row.affiliate_no);
            if (before != nullptr && before->affiliate_no != 0) stage.insert(before->affiliate_no);
        }
        if (changed)
            for (const Target &commission : target.commissions)
                if (commission.rule->second_stage()) stage.insert(commission.affiliate_no);
    }
    std::optional<TakeBackTimes> times; // made where a line is withdrawn, which is rare
    for (const CommissionRow &row : file.commissions)
        if (seen.count(&row) == 0 && (!row.accrued.is_zero() || !row.reversed.is_zero() || row.uncapped_accrued)) {
            if (!times) times.emplace(settled);
            post_commission(withdrawn(row), &row, row.earned_at, times->of(row), outcome);
            if (row.ladder_no != 0 || row.cap_room) stage.insert(row.affiliate_no);
        }
    post_ownerships(file, settled.attribution, outcome);
    outcome.refund_matches = settled.news.new_matches;
    outcome.reviews = settled.news.reviews;
    outcome.reviews.insert(outcome.reviews.end(), settled.attribution.reviews.begin(), settled.attribution.reviews.end());
    grade_reviews(file, settled, outcome.reviews);
    for (const Order &order : settled.attribution.orders)
        if (order.decision.waits_until && !order.is_special)
            for (const Sale *line : order.lines)
                if (order.speaks(*line) && may_arrive(line->click_id)) outcome.awaited_clicks.push_back(line->click_id);
    if (settled.attribution.registration && settled.attribution.registration->waits_until)
        for (const CustomerState &state : file.customer)
            if (may_arrive(state.click_id)) outcome.awaited_clicks.push_back(state.click_id);
    outcome.stage_affiliates.assign(stage.begin(), stage.end());
    outcome.wake_at = settled.news.wake_at;
    if (settled.attribution.wake_at)
        outcome.wake_at = std::min(outcome.wake_at.value_or(kForever), *settled.attribution.wake_at);
    return outcome;
}

} // namespace affiliate::core
