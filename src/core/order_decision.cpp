// SPDX-License-Identifier: PostgreSQL
// The decision of one order: candidates, precedence, later touches, and names that are not known (SEMANTICS W1-W5, W12,
// W13).
#include <algorithm>
#include <string_view>

#include "core/decision.hpp"
#include "core/fold.hpp"
#include "core/json.hpp"

namespace affiliate::core {

bool Fold::self(int affiliate_no, const Order *order) const {
    const Affiliate *const affiliate = rulebook_.affiliate(affiliate_no);
    std::vector<std::string> fingerprints;
    if (order != nullptr)
        for (const Sale *line : order->lines)
            if (order->speaks(*line)) fingerprints.push_back(line->payment_fingerprint);
    return affiliate != nullptr && touches_.is_self(*affiliate, fingerprints);
}

void Fold::win(Decision &decision, int winner, const Order *order) {
    Candidate &candidate = decision.candidates[static_cast<std::size_t>(winner)];
    // an operator who names the affiliate has seen who he is
    if (candidate.method != Method::override_ && self(candidate.affiliate_no, order)) {
        candidate.code = "self_referral";
        decision.code = "self_referral";
        review("self_referral", order == nullptr ? std::string() : order->key, candidate.ref);
        return;
    }
    take(decision, winner);
}

void Fold::take(Decision &decision, int winner) {
    Candidate &candidate = decision.candidates[static_cast<std::size_t>(winner)];
    candidate.code = "won";
    decision.winner = winner;
    decision.affiliate_no = candidate.affiliate_no;
    decision.method = candidate.method;
    decision.code.clear();
}

void Fold::nobody(Decision &decision, const char *code) {
    decision.code = code;
    decision.affiliate_no = 0;
    decision.method = Method::none;
    decision.winner = -1;
}

/// An operator said that nobody earns. True when it decided.
bool Fold::decide_by_nobody(Decision &decision, int best) {
    Candidate &candidate = decision.candidates[static_cast<std::size_t>(best)];
    if (candidate.method != Method::override_ || candidate.affiliate_no != 0) return false;
    candidate.code = "won";
    nobody(decision, "nobody_by_override");
    return true;
}

// Candidates -----------------------------------------------------------------------------------------------------------

/// What the lines of the order say together (W7), and the clicks before it.
void Fold::collect_touches(const Order &order, std::vector<Candidate> &out) const {
    std::vector<std::string> codes, products;
    std::vector<const Sale *> const lines = order.speakers();
    for (const Sale *line : lines) {
        codes.insert(codes.end(), line->coupon_codes.begin(), line->coupon_codes.end());
        products.push_back(line->product_id);
    }
    touches_.coupons(codes, products, order.ordered_at, out);
    touches_.clicks(order.ordered_at, recorded_by(order), out);
    std::set<std::pair<std::string, std::string>> declared;
    for (const Sale *line : lines)
        if (!line->declared_affiliate.empty() && declared.insert({line->declared_affiliate, line->campaign_id}).second)
            touches_.declared(line->declared_affiliate, line->campaign_id, order.ordered_at, out);
}

Candidate Fold::ownership_candidate(const Ownership &owner, Time at) const {
    Candidate candidate;
    candidate.method = Method::ownership;
    candidate.affiliate_no = owner.affiliate_no;
    candidate.at = owner.covers_from;
    candidate.ref = owner.cause;
    candidate.campaign_no = owner.campaign_no;
    candidate.traffic_source = owner.traffic_source;
    if (const Affiliate *affiliate = rulebook_.affiliate(owner.affiliate_no))
        if (const char *why = touches_.ineligible(*affiliate, Method::ownership, owner.covers_from, at))
            candidate.code = why;
    return candidate;
}

void Fold::collect(const Order &order, std::vector<Candidate> &out) const {
    if (const Override *item = override_for(order)) out.push_back(override_candidate(*item, order.ordered_at));
    if (const Ownership *owner = result_.owner_at(account_key(order), order.ordered_at))
        out.push_back(ownership_candidate(*owner, order.ordered_at));
    collect_touches(order, out);
    Time const completed_at = order.completed_at.value_or(order.ordered_at);
    if (number_ == 0)
        touches_.registration(order.ordered_at, completed_at, binding_at_.value_or(kForever - 1), recorded_by(order), out);
}

// The decision ---------------------------------------------------------------------------------------------------------

/// W5: what a touch of another affiliate does to an order that an ownership covers.
void Fold::decide_owned(Decision &decision, int owned, const Order &order) {
    const Candidate owner = decision.candidates[static_cast<std::size_t>(owned)];
    auto const is_foreign = [&](int touch) {
        return touch >= 0 && decision.candidates[static_cast<std::size_t>(touch)].affiliate_no != owner.affiliate_no;
    };
    int touch = touches_.first_eligible(decision.candidates, Method::coupon);
    LaterTouch policy = program_.later_coupon;
    bool foreign = is_foreign(touch);
    bool const policy_of_coupon = foreign;
    if (!foreign) {
        touch = touches_.winning_click(decision.candidates);
        policy = program_.later_click == LaterTouch::move ? LaterTouch::keep : program_.later_click;
        foreign = is_foreign(touch) && decision.candidates[static_cast<std::size_t>(touch)].at > owner.at;
    }
    if (!foreign || policy == LaterTouch::keep) {
        win(decision, owned, &order);
        return;
    }
    if (policy == LaterTouch::nobody) {
        nobody(decision, policy_of_coupon ? "later_coupon" : "later_click");
        return;
    }
    win(decision, touch, &order);
    if (policy == LaterTouch::move && decision.winner >= 0 && order.completed_at && !order.is_void) moves_ = true;
}

/// The first method of the precedence that has an eligible candidate wins (W4).
void Fold::choose(Decision &decision, const Order &order) {
    for (Method const method : program_.precedence) {
        int const best = touches_.first_eligible(decision.candidates, method);
        if (best < 0) continue;
        if (method == Method::ownership) decide_owned(decision, best, order);
        else if (!decide_by_nobody(decision, best)) win(decision, best, &order);
        break;
    }
    if (decision.code == "organic") explain_nobody(decision);
}

void Fold::decide(Order &order) {
    Decision &decision = order.decision;
    decided_.insert(&order);
    moves_ = false;
    collect(order, decision.candidates);
    choose(decision, order);
    if (const ConversionRow *row = kept(order)) {
        // What would have moved the ownership to another one says nothing of the one who keeps the order.
        if (decision.affiliate_no != row->affiliate_no) moves_ = false;
        keep(decision, *row);
        bool const is_late = now_ >= recorded_by(order);
        review_unknown_names(order, is_late);
        note_unknown_clicks(order, is_late);
    } else {
        wait_for_click(order);
    }
    if (const Ownership *owner = result_.owner_at(account_key(order), order.ordered_at))
        decision.customer_since = owner->covers_from;
}

// Unknown names --------------------------------------------------------------------------------------------------------

void Fold::review(const char *kind, std::string subject, const std::string &detail) {
    result_.reviews.push_back({kind, std::move(subject), std::string(clipped(detail))});
}

void Fold::wait(Decision &decision, Time until) {
    decision.waits_until = until;
    look_again(until);
}

void Fold::look_again(Time at) { result_.wake_at = std::min(result_.wake_at.value_or(kForever), at); }

/// W12: an order that names an unknown click waits for it while the click could change the decision.
void Fold::wait_for_click(Order &order) {
    bool const is_late = !order.completed_at || now_ >= recorded_by(order);
    note_unknown_clicks(order, is_late);
    review_unknown_names(order, is_late);
    if (is_late) return;
    Decision &decision = order.decision;
    if (!click_could_win(decision)) return;
    for (const Sale *line : order.lines)
        if (order.speaks(*line) && may_arrive(line->click_id) && !known_click(line->click_id))
            wait(decision, recorded_by(order));
}

/// The registration's own click, likewise.
void Fold::wait_for_registration_click(Decision &decision, Time signup_at) {
    const CustomerState *const named = customer_at(file_, &CustomerState::click_id, signup_at);
    if (named == nullptr || known_click(named->click_id)) return;
    Time const until = touches_.registration_recorded_by();
    if (now_ < until && may_arrive(named->click_id)) {
        if (click_could_win(decision)) wait(decision, until);
        return;
    }
    decision.candidates.push_back(unknown_click(named->click_id, signup_at));
    if (decision.affiliate_no == 0) review("unknown_click", file_.customer_id, named->click_id);
}

/// Whether a click could change the decision: it comes before the method that decided, in the program's precedence or,
/// over an ownership, where later clicks are not simply kept out (W5).
bool Fold::click_could_win(const Decision &decision) const {
    if (decision.code == "nobody_by_override" || decision.code == "later_coupon") return false;
    Method const method = deciding_method(decision);
    // Judged by the coupon alone.
    if (decision.method == Method::ownership && has_foreign_coupon(decision)) return false;
    for (Method const stronger : program_.precedence) {
        if (stronger == Method::click) return true;
        if (stronger != method) continue;
        bool const may_override = method == Method::ownership && program_.later_click != LaterTouch::keep;
        return may_override && std::find(program_.precedence.begin(), program_.precedence.end(), Method::click) !=
                                   program_.precedence.end();
    }
    return false;
}

bool Fold::known_click(const std::string &click_id) const {
    return std::any_of(file_.clicks.begin(), file_.clicks.end(),
                       [&](const Click &click) { return click.click_id == click_id; });
}

/// Those that can arrive no more, or never could (W13).
void Fold::note_unknown_clicks(Order &order, bool is_late) {
    if (!order.completed_at) return;
    for (const Sale *line : order.lines) {
        if (!order.speaks(*line) || line->click_id.empty() || known_click(line->click_id)) continue;
        if (!is_late && may_arrive(line->click_id)) continue;
        order.decision.candidates.push_back(unknown_click(line->click_id, order.ordered_at));
        if (order.decision.affiliate_no == 0) review("unknown_click", line->row->transaction_id, line->click_id);
    }
}

/// Names of coupons and affiliates where nobody earns, and of campaigns, whose windows may be others: when the rulebook has
/// had the time to learn them.
void Fold::review_unknown_names(const Order &order, bool is_late) {
    if (!order.completed_at) return;
    for (const Candidate &candidate : order.decision.candidates) {
        std::string_view const code = candidate.code;
        bool const is_name = code == "unknown_coupon" || code == "unknown_affiliate";
        if (code != "unknown_campaign" && !(is_name && order.decision.affiliate_no == 0)) continue;
        if (is_late) review(candidate.code, order.lines.front()->row->transaction_id, candidate.ref);
        else look_again(recorded_by(order));
    }
}

} // namespace affiliate::core
