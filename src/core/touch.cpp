// SPDX-License-Identifier: PostgreSQL
#include "core/touch.hpp"

#include <algorithm>
#include <string_view>

namespace affiliate::core {

namespace {

bool listed(const std::vector<std::string> &list, const std::string &value) {
    return std::find(list.begin(), list.end(), value) != list.end();
}

// By content: equal literals need not have one address.
bool may_win(const Candidate &candidate) { return std::string_view(candidate.code) == "outranked"; }

} // namespace

Time held_from(const CustomerState &state) noexcept {
    if (state.modified_at) return *state.modified_at;
    return state.version == 0 && state.signup_at ? *state.signup_at : state.recorded_at;
}

const CustomerState *customer_at(const CaseFile &file, std::string CustomerState::*attribute, Time at) noexcept {
    const CustomerState *latest = nullptr, *next = nullptr;
    for (const CustomerState &state : file.customer) {
        if ((state.*attribute).empty()) continue;
        Time const from = held_from(state);
        const CustomerState *&best = from <= at ? latest : next;
        if (best == nullptr) {
            best = &state;
            continue;
        }
        Time const other = held_from(*best);
        bool const is_closer = from <= at ? from > other : from < other;
        if (is_closer || (from == other && state.*attribute > best->*attribute)) best = &state;
    }
    return latest != nullptr ? latest : next;
}

std::string customer_value(const CaseFile &file, std::string CustomerState::*attribute, Time at) {
    const CustomerState *const state = customer_at(file, attribute, at);
    return state == nullptr ? std::string() : state->*attribute;
}

Touches::Touches(const CaseFile &file, const Rulebook &rulebook)
    : file_(file), rulebook_(rulebook), program_(*file.program) {
    for (const CustomerState &state : file.customer)
        if (state.signup_at && (!signup_at_ || *state.signup_at < *signup_at_)) signup_at_ = state.signup_at;
}

bool Touches::is_self(const Affiliate &affiliate, const std::vector<std::string> &fingerprints) const {
    if (!affiliate.own_customers.empty()) {
        if (listed(affiliate.own_customers, file_.customer_id)) return true;
        for (const std::string &alias : file_.aliases)
            if (listed(affiliate.own_customers, alias)) return true;
    }
    if (affiliate.fingerprints.empty()) return false;
    for (const CustomerState &state : file_.customer)
        if (!state.payment_fingerprint.empty() && listed(affiliate.fingerprints, state.payment_fingerprint)) return true;
    for (const std::string &fingerprint : fingerprints)
        if (!fingerprint.empty() && listed(affiliate.fingerprints, fingerprint)) return true;
    return false;
}

const char *Touches::ineligible(const Affiliate &affiliate, Method method, Time touch_at, Time order_at) const {
    AffiliateStatus const then = affiliate.status_at(touch_at), now = affiliate.status_at(order_at);
    if (then == AffiliateStatus::pending || now == AffiliateStatus::pending || then == AffiliateStatus::terminated)
        return "affiliate_inactive";
    if (now != AffiliateStatus::terminated) return nullptr;
    if (method != Method::ownership) return "affiliate_inactive";
    Time const terminated = affiliate.terminated_at(order_at);
    const Agreement *const agreement = rulebook_.agreement(program_.no, affiliate, order_at);
    Duration const tail = agreement == nullptr ? 0 : agreement->termination_tail;
    return touch_at < terminated && order_at < later(terminated, tail) ? nullptr : "affiliate_inactive";
}

Rulebook::Resolved Touches::windows(const Candidate &touch, Time at) const {
    const Affiliate *const affiliate = rulebook_.affiliate(touch.affiliate_no);
    if (affiliate == nullptr) return {program_.click_window, program_.lead_window, program_.ownership_window};
    return rulebook_.windows(program_, *affiliate, touch.campaign_no, touch.traffic_source, at);
}

void Touches::coupons(const std::vector<std::string> &codes, const std::vector<std::string> &products, Time at,
                      std::vector<Candidate> &out) const {
    std::vector<std::string> seen;
    for (const std::string &text : codes) {
        std::string code = normalised_code(text);
        if (code.empty() || listed(seen, code)) continue;
        seen.push_back(code);
        Candidate candidate;
        candidate.method = Method::coupon;
        candidate.at = at;
        candidate.ref = code;
        auto const it = rulebook_.coupons.find({program_.no, code});
        const Coupon *coupon = nullptr;
        if (it != rulebook_.coupons.end())
            for (const Coupon &version : it->second)
                if (version.from <= at && at < version.until) coupon = &version;
        if (it == rulebook_.coupons.end()) candidate.code = "unknown_coupon";
        else if (coupon == nullptr) {
            candidate.code = "coupon_expired";
            candidate.affiliate_no = it->second.back().affiliate_no;
        } else {
            candidate.affiliate_no = coupon->affiliate_no;
            candidate.campaign_no = coupon->campaign_no;
            candidate.coupon = coupon;
            std::string const country = customer_value(file_, &CustomerState::country, at);
            bool const product_fits =
                coupon->products.empty() || std::any_of(products.begin(), products.end(), [&](const std::string &id) {
                    return listed(coupon->products, id);
                });
            bool const country_fits = coupon->countries.empty() || country.empty() || listed(coupon->countries, country);
            const Affiliate *const affiliate = rulebook_.affiliate(coupon->affiliate_no);
            if (affiliate == nullptr) candidate.code = "house_coupon";
            else if (!product_fits) candidate.code = "wrong_product";
            else if (!country_fits) candidate.code = "wrong_country";
            else if (const char *code_why = ineligible(*affiliate, Method::coupon, at, at)) candidate.code = code_why;
        }
        out.push_back(std::move(candidate));
    }
}

void Touches::clicks(Time at, Time recorded_by, std::vector<Candidate> &out) const {
    auto const begin = static_cast<std::ptrdiff_t>(out.size());
    for (const Click &click : file_.clicks) {
        Candidate candidate;
        candidate.method = Method::click;
        candidate.affiliate_no = click.affiliate_no;
        candidate.at = click.clicked_at;
        candidate.ref = click.click_id;
        candidate.campaign_no = click.campaign_no;
        candidate.traffic_source = click.traffic_source;
        const Affiliate *const affiliate = rulebook_.affiliate(click.affiliate_no);
        if (click.is_test) candidate.code = "test_click";
        else if (click.wrong_program) candidate.code = "wrong_program";
        else if (affiliate == nullptr) candidate.code = "unknown_affiliate";
        else if (click.clicked_at > at) candidate.code = "after_order";
        else if (click.recorded_at > recorded_by) candidate.code = "recorded_late";
        else if (at >= window_end(click.clicked_at, windows(candidate, at).click, program_.window_end, *program_.calendar))
            candidate.code = "window_expired";
        else if (const char *why = ineligible(*affiliate, Method::click, click.clicked_at, at)) candidate.code = why;
        out.push_back(std::move(candidate));
    }
    std::sort(out.begin() + begin, out.end(), [](const Candidate &a, const Candidate &b) {
        return a.at != b.at ? a.at < b.at : a.ref < b.ref;
    });
}

int Touches::winning_click(const std::vector<Candidate> &candidates) const {
    int best = -1;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        const Candidate &candidate = candidates[i];
        if (candidate.method != Method::click || !may_win(candidate)) continue;
        if (best >= 0) {
            const Candidate &other = candidates[static_cast<std::size_t>(best)];
            bool const is_later =
                candidate.at != other.at ? candidate.at > other.at : candidate.ref > other.ref;
            if (is_later == program_.first_click) continue;
        }
        best = static_cast<int>(i);
    }
    return best;
}

int Touches::first_eligible(const std::vector<Candidate> &candidates, Method method) const {
    if (method == Method::click) return winning_click(candidates);
    for (std::size_t i = 0; i < candidates.size(); ++i)
        if (candidates[i].method == method && may_win(candidates[i])) return static_cast<int>(i);
    return -1;
}

void Touches::declared(const std::string &id, Time at, Method method, Time end, Time order_at,
                       std::vector<Candidate> &out) const {
    if (id.empty()) return;
    Candidate candidate;
    candidate.method = method;
    candidate.at = at;
    candidate.ref = id.substr(0, 500);
    const Affiliate *const affiliate = rulebook_.affiliate_named(id);
    if (affiliate == nullptr) candidate.code = "unknown_affiliate";
    else {
        candidate.affiliate_no = affiliate->no;
        if (at > order_at) candidate.code = "after_order";
        else if (order_at >= end) candidate.code = "window_expired";
        else if (const char *why = ineligible(*affiliate, method, at, order_at)) candidate.code = why;
    }
    out.push_back(std::move(candidate));
}

void Touches::at_registration(std::vector<Candidate> &out) const {
    if (!signup_at_) return;
    Time recorded = kForever;
    const CustomerState *earliest = nullptr; // of the states that know coupon codes
    for (const CustomerState &state : file_.customer) {
        recorded = std::min(recorded, state.recorded_at);
        if (!state.coupon_codes.empty() && (earliest == nullptr || held_from(state) < held_from(*earliest)))
            earliest = &state;
    }
    std::vector<std::string> const codes = earliest == nullptr ? std::vector<std::string>() : earliest->coupon_codes;
    coupons(codes, {}, *signup_at_, out);
    clicks(*signup_at_, later(recorded, program_.late_grace), out);
    if (const CustomerState *state = customer_at(file_, &CustomerState::declared_affiliate, *signup_at_))
        declared(state->declared_affiliate, *signup_at_, Method::declared, kForever, *signup_at_, out);
}

void Touches::registration(Time at, Time binding_at, std::vector<Candidate> &out) const {
    if (!signup_at_ || *signup_at_ > at) return;
    std::vector<Candidate> touches;
    at_registration(touches);
    int best = first_eligible(touches, Method::coupon);
    if (best < 0) best = winning_click(touches);
    if (best >= 0) {
        Candidate lead = touches[static_cast<std::size_t>(best)];
        const Affiliate &affiliate = *rulebook_.affiliate(lead.affiliate_no);
        Duration const length =
            rulebook_.windows(program_, affiliate, lead.campaign_no, lead.traffic_source, at).lead;
        lead.method = Method::lead;
        lead.at = *signup_at_;
        lead.coupon = nullptr;
        if (at >= window_end(*signup_at_, length, program_.window_end, *program_.calendar)) lead.code = "window_expired";
        else if (const char *why = ineligible(affiliate, Method::lead, *signup_at_, at)) lead.code = why;
        out.push_back(std::move(lead));
    }
    if (const CustomerState *state = customer_at(file_, &CustomerState::declared_affiliate, binding_at)) {
        const Affiliate *const affiliate = rulebook_.affiliate_named(state->declared_affiliate);
        Duration const length =
            affiliate == nullptr ? program_.lead_window
                                 : rulebook_.windows(program_, *affiliate, 0, {}, at).lead;
        declared(state->declared_affiliate, *signup_at_, Method::declared,
                 window_end(*signup_at_, length, program_.window_end, *program_.calendar), at, out);
    }
}

} // namespace affiliate::core
