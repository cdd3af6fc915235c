// SPDX-License-Identifier: PostgreSQL
// One conversion as it should be: what it counts for, and which commissions hang on it (SEMANTICS M5, M8, M9, M11).
#include <algorithm>

#include "core/json.hpp"
#include "core/rule.hpp"

namespace affiliate::core {

namespace {

constexpr std::size_t kGroupBytesMax = 200; ///< of a product or country that reports group by

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

/// The row of a sale as far as its order decides it.
ConversionRow decided(const Order &order, const Sale &sale) {
    const Decision &decision = order.decision;
    ConversionRow row;
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
    return row;
}

} // namespace

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

/// Why no rule is asked at all, or nullptr.
const char *Commissions::why_outside(const Sale &sale) const noexcept {
    if (sale.ordered_at < program_.commission_from) return "before_go_live";
    if (sale.row->effect == Effect::sale && sale.is_zero() && !program_.zero_amount_counts) return "zero_amount";
    if (sale.row->sale_kind == SaleKind::upgrade && program_.upgrade_counts == UpgradeCounts::none) return "upgrade";
    return nullptr;
}

/// The number of a completed sale and its place on ladders, which no amount is needed for.
void Commissions::place(const Order &order, const Sale &sale, const ConversionRow *before, ConversionRow &row) const {
    bool const is_numbered = order.has_number && !sale.is_void && (!sale.is_zero() || program_.zero_amount_counts) &&
                             !is_upgrade(sale, program_);
    row.purchase_number = is_numbered || is_upgrade(sale, program_) ? order.decision.purchase_number : 0;
    if (before != nullptr && before->stated_at) row.purchase_number = before->purchase_number; // pinned (W10)
    bool const is_first_line = !program_.ladder_counts_orders || first_counting_line(order, program_) == &sale;
    row.ladder_counts = !sale.is_void && !sale.is_test && order.decision.affiliate_no != 0 && (!sale.is_zero() || program_.zero_amount_counts) &&
                        !is_upgrade(sale, program_) && row.purchase_number == 1 && is_first_line;
    if (row.ladder_counts) row.ladder_reversed_at = ladder_reversed_at(order, sale, program_);
}

/// What a completed sale with a rate counts for: its state and totals.
void Commissions::count(const Order &order, const Sale &sale, ConversionRow &row) const {
    row.state = sale.is_void ? ConversionState::void_ : ConversionState::counted;
    if (sale.row->effect == Effect::sale)
        row.charged_back_count = sale.charged_back_count; // a chargeback after a void only counts (M6)
    if (!sale.is_void) row.taken_back_at = sale.taken_at;
    if (sale.is_void || sale.row->effect != Effect::sale) return; // payouts and credits are no revenue
    row.quantity = 1;
    row.new_customers = row.purchase_number == 1 && first_counting_line(order, program_) == &sale ? 1 : 0;
    row.gross = sale.gross;
    row.discount = sale.discount.value_or(Decimal{});
    row.refunded = sale.refunded;
    row.refunded_count = sale.refunded.is_zero() ? 0 : 1;
    row.charged_back = sale.charged_back;
}

/// What reports group it by, `sale` being the one that it is or belongs to. Keys of reports are as long as a key may be.
void Commissions::describe(std::string type, const Decision &decision, const Sale *sale, Time at, ConversionRow &row) const {
    row.conversion_type = std::move(type);
    row.country = clipped(customer_value(file_, &CustomerState::country, at), kGroupBytesMax);
    if (const Candidate *won = decision.won()) row.campaign_no = won->campaign_no;
    if (sale == nullptr) return;
    row.product = clipped(sale->product_id, kGroupBytesMax);
    if (row.campaign_no != 0 || sale->campaign_id.empty()) return;
    auto const it = rulebook_.campaign_by_id.find({program_.no, sale->campaign_id});
    if (it != rulebook_.campaign_by_id.end()) row.campaign_no = it->second;
}

/// The owner's rules, and those of his uplines.
void Commissions::add_chain(const Line &line, const Plan *plan, ConversionTarget &target) {
    const Affiliate *const affiliate = rulebook_.affiliate(line.decision.affiliate_no);
    if (plan != nullptr) {
        target.row.plan_no = plan->no;
        add_rules(line, *plan, line.decision.affiliate_no, 0, target);
    }
    if (affiliate == nullptr) return;
    for (int level = 1; int const upline_no = affiliate->upline_at(level, line.ordered_at); ++level) {
        const Affiliate *const upline = rulebook_.affiliate(upline_no);
        if (upline == nullptr || upline->status_at(line.ordered_at) == AffiliateStatus::pending ||
            upline->status_at(line.ordered_at) == AffiliateStatus::terminated)
            continue;
        int ignored = 0;
        if (const Plan *own = plan_for(*upline, line.decision, line.ordered_at, ignored))
            add_rules(line, *own, upline_no, level, target);
    }
}

ConversionTarget Commissions::conversion(const Attribution &attribution, const Order &order, const Sale &sale) {
    tried_.clear();
    ConversionTarget target;
    ConversionRow &row = target.row;
    const Decision &decision = order.decision;
    row = decided(order, sale);
    target.effective_at = sale.latest_news_at;
    target.taken_back_at = sale.latest_take_back_at;
    const ConversionRow *const before = file_.posted(row.transaction_id, Subject::transaction);
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
    place(order, sale, before, row);
    std::optional<Decimal> const unit = rate(sale, before, row);
    if (!unit) {
        row.state = ConversionState::waiting;
        row.code = "fx_missing";
        return target;
    }
    count(order, sale, row);
    describe(sale.row->type, decision, &sale, *sale.completed_at, row);
    if (sale.is_test) row.code = "test";
    if (sale.is_test || decision.affiliate_no == 0) return target;
    Line const line{&attribution, &order, &sale, decision, row.transaction_id, Subject::transaction,
                    sale.ordered_at, *sale.completed_at, *unit, row.ladder_counts};
    if (decision.is_stated && before != nullptr && before->stated_at) {
        if (is_nothing(sale, *before, program_)) row.code = "zero_amount"; // whatever other policies say by now
        else add_stated_rules(line, *before, target);
        return target;
    }
    if (const char *const code = why_outside(sale)) {
        row.code = code;
        return target;
    }
    const Affiliate *const affiliate = rulebook_.affiliate(decision.affiliate_no);
    const Plan *plan = affiliate == nullptr ? nullptr : plan_for(*affiliate, decision, sale.ordered_at, row.agreement_no);
    add_chain(line, plan, target);
    if (const char *const code = why_nothing(line, plan, target)) row.code = code;
    return target;
}

std::optional<ConversionTarget> Commissions::registration(const Attribution &attribution) {
    if (!attribution.registration || !attribution.signup_at) return std::nullopt;
    tried_.clear();
    const Decision &decision = *attribution.registration;
    ConversionTarget target;
    ConversionRow &row = target.row;
    row.subject = Subject::registration;
    row.affiliate_no = decision.affiliate_no;
    row.method = decision.method;
    row.code = decision.code;
    row.is_conflict = decision.is_conflict;
    row.ordered_at = row.occurred_at = attribution.signup_at;
    row.state = ConversionState::counted;
    row.quantity = 1;
    row.is_test = !file_.customer.empty() && file_.customer.front().is_test;
    target.effective_at = target.taken_back_at = *attribution.signup_at;
    target.cause = "registration";
    describe("registration", decision, nullptr, *attribution.signup_at, row);
    const ConversionRow *const before = file_.posted(std::string(), Subject::registration);
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
    Line const line{&attribution, nullptr, nullptr, decision, std::string(), Subject::registration,
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

/// An event counts for whoever brought the trader; no rule pays for one yet (L1).
ConversionTarget Commissions::event(const DecidedEvent &item) {
    tried_.clear();
    const Event &event = *item.event;
    ConversionTarget target;
    ConversionRow &row = target.row;
    row.subject = Subject::event;
    row.transaction_id = event.event_id;
    row.affiliate_no = item.decision.affiliate_no;
    row.method = item.decision.method;
    row.code = item.decision.code;
    row.ordered_at = row.occurred_at = event.occurred_at;
    row.is_test = event.is_test;
    if (item.purchase != nullptr) {
        row.order_key = item.purchase->order_key;
        row.is_test = row.is_test || item.purchase->is_test;
    }
    target.effective_at = target.taken_back_at = event.occurred_at;
    target.cause = "event";
    note_candidates(item.decision, file_.posted(row.transaction_id, Subject::event), trace_, row);
    if (!event.kind || item.decision.waits_until) {
        row.state = ConversionState::waiting;
        row.code = event.kind ? "purchase_waiting" : "unknown_event_type";
        return target;
    }
    row.state = ConversionState::counted;
    row.quantity = 1;
    describe(name(*event.kind), item.decision, item.purchase, event.occurred_at, row);
    if (row.is_test) row.code = "test";
    else if (row.affiliate_no != 0) row.code = "out_of_scope";
    return target;
}

} // namespace affiliate::core
