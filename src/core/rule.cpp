// SPDX-License-Identifier: PostgreSQL
#include "core/rule.hpp"

#include <algorithm>

namespace affiliate::core {

namespace {

bool applies_to(const PlanRule &rule, std::string_view type, Effect effect) {
    if (rule.transaction_types.empty()) return effect == Effect::sale;
    return std::find(rule.transaction_types.begin(), rule.transaction_types.end(), type) != rule.transaction_types.end();
}

} // namespace

Commissions::Commissions(const CaseFile &file, const Rulebook &rulebook, const News &news, Evaluator &evaluator,
                         Positions &positions, bool trace)
    : file_(file), program_(*file.program), rulebook_(rulebook), news_(news), evaluator_(evaluator),
      positions_(positions), trace_(trace) {}

const Plan *Commissions::plan_for(const Affiliate &affiliate, const Decision &decision, Time at, int &agreement_no) const {
    Time const when = program_.plan_by_customer && decision.customer_since ? *decision.customer_since : at;
    const Agreement *const agreement = rulebook_.agreement(program_.no, affiliate, when);
    agreement_no = agreement == nullptr ? 0 : agreement->no;
    const std::string &plan = agreement == nullptr ? program_.default_plan : agreement->plan;
    return plan.empty() ? nullptr : rulebook_.plan(program_.no, plan, when);
}

void Commissions::hold(const Line &line, Target &target) const {
    const PlanRule &rule = *target.rule;
    Time const by_time = later(line.completed_at, rule.hold);
    Time by_event = kForever;
    if (rule.hold_kind != HoldKind::time) {
        if (!rule.hold_until_type.empty()) {
            for (const Sale &other : news_.sales)
                if (other.row->type == rule.hold_until_type && other.completed_at && !other.is_void && !other.is_test &&
                    *other.completed_at > line.completed_at)
                    by_event = std::min(by_event, *other.completed_at);
        } else {
            for (const CustomerState &state : file_.customer)
                if (state.kyc_status == rule.hold_until_kyc)
                    by_event = std::min(by_event, std::max(state.modified_at.value_or(state.recorded_at), line.completed_at));
        }
    }
    target.eligible_at = rule.hold_kind == HoldKind::time    ? by_time
                         : rule.hold_kind == HoldKind::event ? by_event
                                                             : std::min(by_time, by_event);
    if (target.eligible_at == kForever) target.hold_reason = "event";
    const Affiliate *const affiliate = rulebook_.affiliate(target.affiliate_no);
    if (affiliate != nullptr && affiliate->status_at(line.ordered_at) == AffiliateStatus::suspended) {
        const SuspensionDecision *decided = nullptr;
        for (const SuspensionDecision &decision : affiliate->suspension)
            if (decided == nullptr && decision.program_no == program_.no && line.ordered_at <= decision.up_to) decided = &decision;
        if (decided == nullptr) {
            target.eligible_at = kForever;
            target.hold_reason = "suspended";
        } else if (decided->forfeit) {
            target.net = Decimal{};
            target.hold_reason = "forfeited";
        }
    }
    if (line.sale != nullptr && line.sale->dispute_open && !program_.reverse_on_dispute_opened) {
        target.eligible_at = kForever;
        target.hold_reason = "dispute";
    }
}

/// What a rule sees of its ladder at a position.
void Commissions::stand(const Ladder &ladder, int position, RuleInput &in) const {
    const Band *const band = ladder.band_at(position);
    in.position = position;
    in.band = band == nullptr ? 0 : band->band;
    in.band_rate = band == nullptr ? std::nullopt : band->rate;
    in.band_amount = band == nullptr ? std::nullopt : band->amount;
    in.band_label = band == nullptr ? std::string_view() : band->label;
}

/// Whether a condition that is false would hold in some band of the rule's ladder: the stage may still lead there (M7).
bool Commissions::may_hold_later(const PlanRule &rule, const RuleInput &seen) {
    const Ladder *const ladder = rulebook_.ladder(rule.ladder_no);
    if (ladder == nullptr) return false;
    for (const Band &band : ladder->bands) {
        RuleInput in = seen;
        stand(*ladder, band.from_position, in);
        if (band.band != seen.band && evaluator_.condition(rule, in)) return true;
    }
    return false;
}

const CommissionRow *Commissions::posted(const Line &line, const Target &target) const {
    return file_.posted(line.subject, line.kind, target.rule->no, target.affiliate_no, target.rule->level);
}

/// The line's position on the ladder of its rule: where it was posted, else the next one.
void Commissions::take_position(const Line &line, Asked &asked) {
    Target &target = asked.target;
    const Ladder *const ladder = rulebook_.ladder(target.rule->ladder_no);
    if (ladder == nullptr) return;
    const CommissionRow *const before = posted(line, target);
    int position = before != nullptr ? before->ladder_position : 0;
    if (position == 0) {
        Time const month = program_.calendar->month_start(line.completed_at);
        position = positions_.counted(program_.no, target.affiliate_no, ladder->no, month);
        if (!ladder->retroactive || line.ladder_counts) ++position;
    }
    target.ladder_position = std::max(position, 1);
    stand(*ladder, target.ladder_position, asked.seen);
}

/// What the line may give at most: what it had, else what others left of the month.
std::optional<Decimal> Commissions::room_under_cap(const Line &line, const Target &target) {
    const PlanRule &rule = *target.rule;
    if (!rule.monthly_cap) return std::nullopt;
    if (const CommissionRow *before = posted(line, target); before != nullptr && before->cap_room) return before->cap_room;
    Time const month = program_.calendar->month_start(line.completed_at);
    return max(*rule.monthly_cap - positions_.used(program_.no, target.affiliate_no, rule.no, month), Decimal{});
}

Commissions::Asked Commissions::ask(const Line &line, const PlanRule &rule, const RuleInput &base, int beneficiary) {
    Asked asked{base, {}};
    asked.target.rule = &rule;
    asked.target.affiliate_no = beneficiary;
    if (rule.second_stage()) {
        const CommissionRow *const before = posted(line, asked.target);
        // A line that was withdrawn under a cap has no room of its own any more: it gets in line again.
        asked.target.provisional = before == nullptr || before->is_provisional || (rule.monthly_cap && !before->cap_room);
        take_position(line, asked);
    }
    look_live(rule, asked.seen);
    return asked;
}

std::optional<Target> Commissions::apply(const Line &line, Asked asked) {
    RuleInput &in = asked.seen;
    Target &target = asked.target;
    const PlanRule &rule = *target.rule;
    std::optional<Decimal> full = evaluator_.amount(rule, in);
    if (!full && rule.ladder_no == 0) return std::nullopt;
    target.gives = full.has_value();
    if (!full) full = Decimal{}; // the stage may lead to a band that gives something (M7)
    if (trace_) tried_.push_back({&rule, target.affiliate_no, true, in, std::nullopt});
    target.cap_room = room_under_cap(line, target);
    target.accrued = max(full->rounded(rule.scale, rule.rounding), Decimal{});
    target.net = target.accrued;
    const Sale *const sale = line.sale;
    if (sale != nullptr && !sale->taken.is_zero() && rule.take_back != TakeBack::keep) {
        if (sale->taken == sale->gross) {
            target.net = Decimal{};
        } else if (rule.take_back == TakeBack::proportional) {
            target.net = Decimal::divide(*full * (sale->gross - sale->taken), sale->gross).rounded(rule.scale, rule.rounding);
        } else {
            in.net = sale->net() * line.rate;
            in.refunded = sale->taken * line.rate;
            in.original_net = sale->net();
            if (sale->new_size) in.account_size = sale->new_size;
            target.net = evaluator_.amount(rule, in).value_or(Decimal{}).rounded(rule.scale, rule.rounding);
            if (trace_) tried_.back().after = in;
        }
    }
    target.net = min(target.accrued, max(target.net, Decimal{}));
    if (sale != nullptr && sale->is_void) target.net = Decimal{};
    target.uncapped_accrued = target.accrued;
    target.uncapped_net = target.net;
    if (target.cap_room) {
        target.accrued = min(target.accrued, *target.cap_room);
        target.net = min(target.net, *target.cap_room);
    }
    hold(line, target);
    return std::move(target);
}

/// Inputs that the rule declares live are read as they are now, not as of completed_at (W11).
void Commissions::look_live(const PlanRule &rule, RuleInput &in) const {
    if (rule.live_kyc) in.kyc_status = customer_value(file_, &CustomerState::kyc_status, kForever - 1);
    if (rule.live_sales_status) in.sales_status = customer_value(file_, &CustomerState::sales_status, kForever - 1);
}

void Commissions::add_rules(const Line &line, const Plan &plan, int beneficiary, int level, ConversionTarget &target) {
    std::vector<std::string> matched_groups;
    RuleInput in = input(line);
    in.level = level;
    if (const Affiliate *affiliate = rulebook_.affiliate(beneficiary)) in.beneficiary = affiliate->id;
    Effect const effect = line.sale == nullptr ? Effect::credit : line.sale->row->effect;
    for (const PlanRule &rule : plan.rules) {
        if (rule.level != level || !applies_to(rule, in.transaction_type, effect)) continue;
        if (!rule.group.empty() &&
            std::find(matched_groups.begin(), matched_groups.end(), rule.group) != matched_groups.end())
            continue;
        Asked asked = ask(line, rule, in, beneficiary);
        if (!evaluator_.condition(rule, asked.seen)) {
            if (trace_) tried_.push_back({&rule, beneficiary, false, asked.seen, std::nullopt});
            if (rule.ladder_no != 0 && may_hold_later(rule, asked.seen)) {
                asked.target.matched = asked.target.gives = false;
                hold(line, asked.target);
                target.commissions.push_back(std::move(asked.target));
            }
            continue;
        }
        if (!rule.group.empty()) matched_groups.push_back(rule.group);
        if (std::optional<Target> found = apply(line, std::move(asked))) target.commissions.push_back(std::move(*found));
    }
}

/// Whether a commission that was posted for a stated line is part of the choice it was stated with.
bool Commissions::is_entitled(const Line &line, const CommissionRow &row) const {
    if (row.level == 0) return row.affiliate_no == line.decision.affiliate_no;
    const Affiliate *const owner = rulebook_.affiliate(line.decision.affiliate_no);
    if (owner != nullptr && row.affiliate_no == owner->upline_at(row.level, line.ordered_at)) return true;
    // An upline that was paid keeps it where the tree changed since; not where the line was taken from its owner.
    if (!row.stated_at) return false;
    bool const is_withdrawn = line.decision.method == Method::override_ && row.accrued == row.reversed;
    auto const others = file_.commissions_of(row.subject_id, row.subject);
    return !is_withdrawn && std::none_of(others.begin(), others.end(), [&](const auto &other) {
        return other.stated_at && other.level == 0 && other.affiliate_no != line.decision.affiliate_no;
    });
}

/// The choice of rules was pinned when the line was stated, wherever they stand now (W10).
void Commissions::add_stated_rules(const Line &line, const ConversionRow &before, ConversionTarget &target) {
    for (const CommissionRow &row : file_.commissions_of(before.transaction_id, line.kind)) {
        // A header of somebody who lost the line, or that was withdrawn before it was stated, is no choice.
        if (!is_entitled(line, row)) continue;
        if (!row.stated_at && row.accrued.is_zero() && !row.uncapped_accrued) continue;
        auto const it = rulebook_.rules.find(row.rule_no);
        if (it == rulebook_.rules.end()) continue;
        RuleInput in = input(line);
        in.level = row.level;
        if (const Affiliate *who = rulebook_.affiliate(row.affiliate_no)) in.beneficiary = who->id;
        if (std::optional<Target> found = apply(line, ask(line, *it->second, in, row.affiliate_no)))
            target.commissions.push_back(std::move(*found));
    }
    target.row.plan_no = before.plan_no;
    target.row.agreement_no = before.agreement_no;
    target.row.code = before.code;
}

bool Commissions::holds(const PlanRule &rule, const Attribution &so_far, const Order &order) {
    for (const Sale *sale : order.lines) {
        if (!sale->completed_at || sale->is_void || (sale->is_zero() && !program_.zero_amount_counts)) continue;
        ConversionRow ignored;
        std::optional<Decimal> const unit = rate(*sale, file_.posted(sale->row->transaction_id, Subject::transaction), ignored);
        if (!unit) continue;
        Line const line{&so_far, &order, sale, order.decision, sale->row->transaction_id, Subject::transaction,
                        sale->ordered_at, *sale->completed_at, *unit, false};
        RuleInput in = input(line);
        in.level = rule.level;
        in.beneficiary = in.affiliate;
        if (const Ladder *ladder = rulebook_.ladder(rule.ladder_no); ladder != nullptr && !ladder->bands.empty()) {
            stand(*ladder, ladder->bands.front().from_position, in);
            in.position = 1;
        }
        look_live(rule, in);
        if (applies_to(rule, in.transaction_type, sale->row->effect) && evaluator_.condition(rule, in)) return true;
    }
    return false;
}

/// Whether some rule of the owner's plan would give something if this were the customer's first purchase.
bool Commissions::is_for_first_purchase(const Line &line, const Plan &plan) {
    RuleInput in = input(line);
    in.purchase_number = 1;
    if (const Affiliate *affiliate = rulebook_.affiliate(line.decision.affiliate_no)) in.beneficiary = affiliate->id;
    for (const PlanRule &rule : plan.rules) {
        if (rule.level != 0 || !applies_to(rule, in.transaction_type, line.sale->row->effect)) continue;
        RuleInput const seen = ask(line, rule, in, line.decision.affiliate_no).seen;
        if (evaluator_.condition(rule, seen) && evaluator_.amount(rule, seen)) return true;
    }
    return false;
}

} // namespace affiliate::core
