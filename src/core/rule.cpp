// SPDX-License-Identifier: PostgreSQL
#include "core/rule.hpp"

#include <algorithm>

#include "core/json.hpp"

namespace affiliate::core {

namespace {

/// Purchase 1 of the customer, seen from `order` in the fold.
const Order *first_purchase(const Attribution &attribution) {
    const Order *found = nullptr;
    for (const Order &order : attribution.orders)
        if (order.has_number && (found == nullptr || *order.completed_at < *found->completed_at)) found = &order;
    return found;
}

bool counts_in(const Sale &line, const Program &program) {
    return line.completed_at && !line.is_void && !is_upgrade(line, program) &&
           (!line.is_zero() || program.zero_amount_counts);
}

/// The line that stands for its order on ladders that count orders.
const Sale *first_counting_line(const Order &order, const Program &program) {
    for (const Sale *line : order.lines)
        if (counts_in(*line, program)) return line;
    return nullptr;
}

/// The text only where it differs from what is stored.
void note_candidates(const Decision &decision, const ConversionRow *before, bool always, ConversionRow &row) {
    row.candidates_digest = candidates_digest(decision);
    if (always || before == nullptr || before->candidates_digest != row.candidates_digest)
        row.candidates = candidates_json(decision);
}

/// Content that was corrected to nothing after the line was stated: nothing was sold (M8), whatever rules were chosen.
bool is_nothing(const Sale &sale, const ConversionRow &before, const Program &program) {
    if (sale.row->effect != Effect::sale || !sale.is_zero() || program.zero_amount_counts || sale.is_void) return false;
    return !before.gross.is_zero() || before.code == "zero_amount";
}

/// When a purchase left the ladders again: its line was wholly taken back; where orders count, all its lines were (M7).
std::optional<Time> ladder_reversed_at(const Order &order, const Sale &sale, const Program &program) {
    if (!program.ladder_counts_orders) return sale.taken_whole_at;
    std::optional<Time> last = sale.taken_whole_at;
    for (const Sale *line : order.lines) {
        if (!counts_in(*line, program)) continue;
        if (!line->taken_whole_at) return std::nullopt;
        last = std::max(last, line->taken_whole_at);
    }
    return last;
}

bool applies_to(const PlanRule &rule, const std::string &type, Effect effect) {
    if (rule.transaction_types.empty()) return effect == Effect::sale;
    return std::find(rule.transaction_types.begin(), rule.transaction_types.end(), type) != rule.transaction_types.end();
}

} // namespace

/// One line as its rules see it.
struct Commissions::Line {
    const Attribution *attribution;
    const Order *order; ///< null for a registration
    const Sale *sale;   ///< null for a registration
    const Decision &decision;
    std::string subject;
    bool registration;
    Time ordered_at, completed_at;
    Decimal rate;
    bool ladder_counts;
};

Commissions::Commissions(const CaseFile &file, const Rulebook &rulebook, const News &news, Evaluator &evaluator,
                         Positions &positions, bool trace)
    : file_(file), program_(*file.program), rulebook_(rulebook), news_(news), evaluator_(evaluator),
      positions_(positions), trace_(trace) {}

const CommissionRow *Commissions::posted(const std::string &subject, int rule_no, int affiliate_no, int level) const {
    for (const CommissionRow &row : file_.commissions)
        if (row.rule_no == rule_no && row.affiliate_no == affiliate_no && row.level == level && row.subject_id == subject)
            return &row;
    return nullptr;
}

const ConversionRow *Commissions::posted(const std::string &transaction_id, bool registration) const {
    for (const ConversionRow &row : file_.conversions)
        if (row.registration == registration && row.transaction_id == transaction_id) return &row;
    return nullptr;
}

RuleInput Commissions::input(const Line &line) const {
    RuleInput in;
    in.customer_country = customer_value(file_, &CustomerState::country, line.completed_at);
    in.customer_language = customer_value(file_, &CustomerState::language, line.completed_at);
    in.kyc_status = customer_value(file_, &CustomerState::kyc_status, line.completed_at);
    in.sales_status = customer_value(file_, &CustomerState::sales_status, line.completed_at);
    in.ordered_at = line.ordered_at;
    in.completed_at = line.completed_at;
    in.method = name(line.decision.method);
    bool const is_void = line.sale != nullptr && line.sale->is_void;
    in.purchase_number = line.decision.purchase_number != 0 || !is_void ? line.decision.purchase_number
                                                                        : line.decision.would_be_number;
    in.fx_rate = line.rate;
    in.coupon_kind = "none";
    for (const Candidate &candidate : line.decision.candidates) {
        if (candidate.method != Method::coupon || candidate.coupon == nullptr) continue;
        in.coupon_code = candidate.coupon->code;
        in.coupon_discount = candidate.coupon->discount;
        in.coupon_kind = candidate.coupon->affiliate_no == 0                            ? "house"
                         : candidate.coupon->affiliate_no == line.decision.affiliate_no ? "own"
                                                                                        : "other";
        break;
    }
    if (const Candidate *won = line.decision.won()) {
        in.days_since_touch = days_between(won->at, line.ordered_at);
        in.traffic_source = won->traffic_source;
        if (auto const it = rulebook_.campaigns.find(won->campaign_no); it != rulebook_.campaigns.end())
            in.campaign = it->second.id;
    }
    std::optional<Time> const signup =
        line.registration ? line.attribution->signup_at : signup_at(file_, line.completed_at);
    if (signup) in.days_since_signup = days_between(*signup, line.completed_at);
    if (const Affiliate *affiliate = rulebook_.affiliate(line.decision.affiliate_no)) {
        in.affiliate = affiliate->id;
        in.affiliate_group = affiliate->group;
        in.partner_type = affiliate->partner_type;
        in.affiliate_country = affiliate->country;
    }
    if (line.sale == nullptr) {
        in.transaction_type = "registration";
        return in;
    }
    const Sale &sale = *line.sale;
    if (in.campaign.empty()) in.campaign = sale.campaign_id;
    in.transaction_type = sale.row->type;
    in.sale_kind = name(sale.row->sale_kind);
    in.product = sale.product_id;
    if (auto const it = rulebook_.products.find({program_.no, sale.product_id}); it != rulebook_.products.end()) {
        in.product_family = it->second.family;
        in.account_size = it->second.account_size;
        in.list_price = it->second.list_price;
    }
    in.challenge_type = sale.challenge_type;
    in.phase = sale.phase;
    if (sale.account_size) in.account_size = sale.account_size;
    in.currency = sale.row->currency;
    in.metadata = sale.metadata;
    auto const converted = [&line](const std::optional<Decimal> &amount) -> std::optional<Decimal> {
        if (!amount) return std::nullopt;
        return *amount * line.rate;
    };
    if (sale.list_price) in.list_price = converted(sale.list_price);
    in.discount = converted(sale.discount);
    in.fee = converted(sale.fee);
    in.collected = converted(sale.collected);
    in.tax = sale.tax * line.rate;
    in.wallet_credit = sale.wallet_credit * line.rate;
    in.gross = sale.gross * line.rate;
    in.base = sale.base() * line.rate;
    in.net = in.base;
    in.original_gross = sale.gross;
    in.original_net = sale.base();
    if (const Order *first = first_purchase(*line.attribution); first != nullptr && *first->completed_at <= line.completed_at) {
        in.days_since_first_purchase = days_between(*first->completed_at, line.completed_at);
        in.months_since_first_purchase = program_.calendar->months_between(*first->completed_at, line.completed_at);
    } else if (is_void) { // it would have been the first
        in.days_since_first_purchase = in.months_since_first_purchase = 0;
    }
    for (const Sale &other : news_.sales)
        if (!sale.original_transaction_id.empty() && other.row->transaction_id == sale.original_transaction_id)
            in.days_since_original = days_between(other.completed_at.value_or(other.ordered_at), line.completed_at);
    return in;
}

const Plan *Commissions::plan_for(const Affiliate &affiliate, const Decision &decision, Time at, int &agreement_no) const {
    Time const when = program_.plan_by_customer && decision.customer_since ? *decision.customer_since : at;
    const Agreement *const agreement = rulebook_.agreement(program_.no, affiliate, when);
    agreement_no = agreement == nullptr ? 0 : agreement->no;
    const std::string &plan = agreement == nullptr ? program_.default_plan : agreement->plan;
    return plan.empty() ? nullptr : rulebook_.plan(program_.no, plan, when);
}

void Commissions::hold(const Line &line, const PlanRule &rule, int beneficiary, Target &target) const {
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
    const Affiliate *const affiliate = rulebook_.affiliate(beneficiary);
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
    in.band_label = band == nullptr ? std::string() : band->label;
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

void Commissions::second_stage(const Line &line, const PlanRule &rule, int beneficiary, RuleInput &in, Target &target) {
    const CommissionRow *const before = posted(line.subject, rule.no, beneficiary, rule.level);
    Time const month = program_.calendar->month_start(line.completed_at);
    // A line that was withdrawn under a cap has no room of its own any more: it gets in line again.
    target.provisional = before == nullptr || before->is_provisional || (rule.monthly_cap && !before->cap_room);
    if (const Ladder *ladder = rulebook_.ladder(rule.ladder_no)) {
        int position = before != nullptr ? before->ladder_position : 0;
        if (position == 0) {
            position = positions_.counted(program_.no, beneficiary, ladder->no, month);
            if (!ladder->retroactive || line.ladder_counts) ++position;
        }
        target.ladder_position = std::max(position, 1);
        stand(*ladder, target.ladder_position, in);
    }
    if (rule.monthly_cap) {
        if (before != nullptr && before->cap_room) target.cap_room = before->cap_room;
        else target.cap_room =
                 max(*rule.monthly_cap - positions_.used(program_.no, beneficiary, rule.no, month), Decimal{});
    }
}

std::optional<Target> Commissions::apply(const Line &line, const PlanRule &rule, const RuleInput &base, int beneficiary) {
    RuleInput in = base;
    Target target;
    target.rule = &rule;
    target.affiliate_no = beneficiary;
    if (rule.second_stage()) second_stage(line, rule, beneficiary, in, target);
    look_live(rule, in);
    std::optional<Decimal> full = evaluator_.amount(rule, in);
    if (!full && rule.ladder_no == 0) return std::nullopt;
    target.gives = full.has_value();
    if (!full) full = Decimal{}; // the stage may lead to a band that gives something (M7)
    if (trace_) tried_.push_back({&rule, beneficiary, true, in, std::nullopt});
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
    hold(line, rule, beneficiary, target);
    return target;
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
        RuleInput seen = in;
        Target ignored;
        if (rule.ladder_no != 0) second_stage(line, rule, beneficiary, seen, ignored);
        look_live(rule, seen);
        if (!evaluator_.condition(rule, seen)) {
            if (trace_) tried_.push_back({&rule, beneficiary, false, seen, std::nullopt});
            if (rule.ladder_no != 0 && may_hold_later(rule, seen)) {
                ignored.rule = &rule;
                ignored.affiliate_no = beneficiary;
                ignored.matched = ignored.gives = false;
                ignored.cap_room.reset();
                hold(line, rule, beneficiary, ignored);
                target.commissions.push_back(std::move(ignored));
            }
            continue;
        }
        if (!rule.group.empty()) matched_groups.push_back(rule.group);
        if (std::optional<Target> found = apply(line, rule, in, beneficiary)) target.commissions.push_back(std::move(*found));
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
    return !is_withdrawn && std::none_of(file_.commissions.begin(), file_.commissions.end(), [&](const auto &other) {
        return other.stated_at && other.level == 0 && other.affiliate_no != line.decision.affiliate_no &&
               other.registration == row.registration && other.subject_id == row.subject_id;
    });
}

/// The choice of rules was pinned when the line was stated, wherever they stand now (W10).
void Commissions::add_stated_rules(const Line &line, const ConversionRow &before, ConversionTarget &target) {
    for (const CommissionRow &row : file_.commissions) {
        if (row.subject_id != before.transaction_id || row.registration != line.registration) continue;
        // A header of somebody who lost the line, or that was withdrawn before it was stated, is no choice.
        if (!is_entitled(line, row)) continue;
        if (!row.stated_at && row.accrued.is_zero() && !row.uncapped_accrued) continue;
        auto const it = rulebook_.rules.find(row.rule_no);
        if (it == rulebook_.rules.end()) continue;
        RuleInput in = input(line);
        in.level = row.level;
        if (const Affiliate *who = rulebook_.affiliate(row.affiliate_no)) in.beneficiary = who->id;
        if (std::optional<Target> found = apply(line, *it->second, in, row.affiliate_no))
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
        std::optional<Decimal> const unit = rate(*sale, posted(sale->row->transaction_id, false), ignored);
        if (!unit) continue;
        Line const line{&so_far, &order, sale, order.decision, sale->row->transaction_id, false,
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

std::optional<Decimal> Commissions::rate(const Sale &sale, const ConversionRow *before, ConversionRow &row) const {
    if (sale.row->currency == program_.currency) return Decimal::from_int(1);
    if (before != nullptr && before->fx_rate && before->stated_at) {
        row.fx_rate = before->fx_rate;
        row.fx_source = before->fx_source;
        row.fx_valid_from = before->fx_valid_from;
    } else if (const FxRate *found = rulebook_.fx_rate(sale.row->currency, program_.currency, *sale.completed_at)) {
        row.fx_rate = found->rate;
        row.fx_source = found->source;
        row.fx_valid_from = found->from;
    }
    return row.fx_rate;
}

/// Why the owner earns nothing, or nullptr where he earns (M11).
const char *Commissions::why_nothing(const Line &line, const Plan *plan, const ConversionTarget &target) {
    if (plan == nullptr) return "no_plan";
    bool has_rule = false, is_capped = false;
    for (const Target &item : target.commissions) {
        if (item.rule->level != 0 || !item.gives) continue;
        if (!item.accrued.is_zero()) return nullptr;
        has_rule = true;
        is_capped = is_capped || (item.cap_room && !item.uncapped_accrued.is_zero());
    }
    if (has_rule) return is_capped ? "capped" : line.sale->is_zero() ? "zero_amount" : "rounds_to_zero";
    return line.decision.purchase_number > 1 && is_for_first_purchase(line, *plan) ? "not_first_purchase" : "out_of_scope";
}

/// Whether some rule of the owner's plan would give something if this were the customer's first purchase.
bool Commissions::is_for_first_purchase(const Line &line, const Plan &plan) {
    RuleInput in = input(line);
    in.purchase_number = 1;
    if (const Affiliate *affiliate = rulebook_.affiliate(line.decision.affiliate_no)) in.beneficiary = affiliate->id;
    for (const PlanRule &rule : plan.rules) {
        if (rule.level != 0 || !applies_to(rule, in.transaction_type, line.sale->row->effect)) continue;
        RuleInput seen = in;
        Target ignored;
        if (rule.ladder_no != 0) second_stage(line, rule, line.decision.affiliate_no, seen, ignored);
        look_live(rule, seen);
        if (evaluator_.condition(rule, seen) && evaluator_.amount(rule, seen)) return true;
    }
    return false;
}

ConversionTarget Commissions::conversion(const Attribution &attribution, const Order &order, const Sale &sale) {
    tried_.clear();
    ConversionTarget target;
    ConversionRow &row = target.row;
    const Decision &decision = order.decision;
    row.transaction_id = sale.row->transaction_id;
    row.order_key = order.key;
    row.affiliate_no = decision.affiliate_no;
    row.method = decision.method;
    row.code = decision.code;
    row.is_conflict = decision.is_conflict;
    row.ordered_at = sale.ordered_at;
    row.occurred_at = sale.completed_at;
    row.currency = sale.row->currency;
    row.is_test = sale.is_test;
    target.effective_at = sale.latest_news_at;
    target.cause = "report";
    const ConversionRow *const before = posted(row.transaction_id, false);
    note_candidates(decision, before, trace_, row);
    if (before != nullptr) row.stated_at = before->stated_at;
    if (!sale.completed_at) {
        row.state = ConversionState::pending;
        if (row.code.empty()) row.code = "not_completed";
        return target;
    }
    if (decision.waits_until) {
        row.state = ConversionState::waiting;
        row.code = order.is_special ? "original_unknown" : "unknown_click";
        return target;
    }
    std::optional<Decimal> const unit = rate(sale, before, row);
    if (!unit) {
        row.state = ConversionState::waiting;
        row.code = "fx_missing";
        return target;
    }
    bool const is_numbered = order.has_number && !sale.is_void && (!sale.is_zero() || program_.zero_amount_counts) &&
                             !is_upgrade(sale, program_);
    row.purchase_number = is_numbered || is_upgrade(sale, program_) ? decision.purchase_number : 0;
    if (before != nullptr && before->stated_at) row.purchase_number = before->purchase_number; // pinned (W10)
    row.state = sale.is_void ? ConversionState::void_ : ConversionState::counted;
    bool const is_first_line = !program_.ladder_counts_orders || first_counting_line(order, program_) == &sale;
    row.ladder_counts = !sale.is_void && !sale.is_test && decision.affiliate_no != 0 && (!sale.is_zero() || program_.zero_amount_counts) &&
                        !is_upgrade(sale, program_) && row.purchase_number == 1 && is_first_line;
    if (sale.row->effect == Effect::sale)
        row.charged_back_count = sale.charged_back_count; // a chargeback after a void only counts (M6)
    if (!sale.is_void) {
        row.taken_back_at = sale.taken_at;
        if (row.ladder_counts) row.ladder_reversed_at = ladder_reversed_at(order, sale, program_);
    }
    if (!sale.is_void && sale.row->effect == Effect::sale) { // payouts and credits are no revenue
        row.quantity = 1;
        row.gross = sale.gross;
        row.refunded = sale.refunded;
        row.charged_back = sale.charged_back;
    }
    if (sale.is_test) {
        row.code = "test";
        return target;
    }
    if (decision.affiliate_no == 0) return target;
    Line const line{&attribution, &order, &sale, decision, row.transaction_id, false,
                    sale.ordered_at, *sale.completed_at, *unit, row.ladder_counts};
    if (decision.is_stated && before != nullptr && before->stated_at && !is_nothing(sale, *before, program_)) {
        add_stated_rules(line, *before, target);
        return target;
    }
    if (sale.ordered_at < program_.commission_from) {
        row.code = "before_go_live";
        return target;
    }
    if (sale.row->effect == Effect::sale && sale.is_zero() && !program_.zero_amount_counts) {
        row.code = "zero_amount";
        return target;
    }
    if (sale.row->sale_kind == SaleKind::upgrade && program_.upgrade_counts == UpgradeCounts::none) {
        row.code = "upgrade";
        return target;
    }
    const Affiliate *const affiliate = rulebook_.affiliate(decision.affiliate_no);
    const Plan *plan = affiliate == nullptr ? nullptr : plan_for(*affiliate, decision, sale.ordered_at, row.agreement_no);
    if (plan != nullptr) {
        row.plan_no = plan->no;
        add_rules(line, *plan, decision.affiliate_no, 0, target);
    }
    if (affiliate != nullptr)
        for (int level = 1; int const upline_no = affiliate->upline_at(level, sale.ordered_at); ++level) {
            const Affiliate *const upline = rulebook_.affiliate(upline_no);
            if (upline == nullptr || upline->status_at(sale.ordered_at) == AffiliateStatus::pending ||
                upline->status_at(sale.ordered_at) == AffiliateStatus::terminated)
                continue;
            int ignored = 0;
            if (const Plan *own = plan_for(*upline, decision, sale.ordered_at, ignored))
                add_rules(line, *own, upline_no, level, target);
        }
    if (const char *const code = why_nothing(line, plan, target)) row.code = code;
    return target;
}

std::optional<ConversionTarget> Commissions::registration(const Attribution &attribution) {
    if (!attribution.registration || !attribution.signup_at) return std::nullopt;
    tried_.clear();
    const Decision &decision = *attribution.registration;
    ConversionTarget target;
    ConversionRow &row = target.row;
    row.registration = true;
    row.affiliate_no = decision.affiliate_no;
    row.method = decision.method;
    row.code = decision.code;
    row.is_conflict = decision.is_conflict;
    row.ordered_at = row.occurred_at = attribution.signup_at;
    row.state = ConversionState::counted;
    row.quantity = 1;
    row.is_test = !file_.customer.empty() && file_.customer.front().is_test;
    target.effective_at = *attribution.signup_at;
    target.cause = "registration";
    const ConversionRow *const before = posted(std::string(), true);
    note_candidates(decision, before, trace_, row);
    if (before != nullptr) row.stated_at = before->stated_at;
    const Affiliate *const affiliate = rulebook_.affiliate(decision.affiliate_no);
    if (decision.waits_until) {
        row.state = ConversionState::waiting;
        row.code = "unknown_click";
        row.quantity = 0;
        return target;
    }
    if (row.is_test) row.code = "test";
    if (affiliate == nullptr || row.is_test) return target;
    Line const line{&attribution, nullptr, nullptr, decision, std::string(), true,
                    *attribution.signup_at, *attribution.signup_at, Decimal::from_int(1), false};
    if (decision.is_stated) {
        add_stated_rules(line, *before, target);
        return target;
    }
    const Plan *const plan = plan_for(*affiliate, decision, *attribution.signup_at, row.agreement_no);
    if (*attribution.signup_at < program_.commission_from) row.code = "before_go_live";
    else if (plan == nullptr) row.code = "no_plan";
    else {
        row.plan_no = plan->no;
        add_rules(line, *plan, decision.affiliate_no, 0, target);
        if (target.commissions.empty()) row.code = "out_of_scope";
        else if (std::all_of(target.commissions.begin(), target.commissions.end(),
                             [](const Target &item) { return item.accrued.is_zero(); }))
            row.code = "rounds_to_zero";
    }
    return target;
}

} // namespace affiliate::core
