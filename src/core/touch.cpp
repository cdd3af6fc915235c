// SPDX-License-Identifier: PostgreSQL
#include "core/touch.hpp"

#include <algorithm>
#include <string_view>

namespace affiliate::core {

namespace {

bool listed(const std::vector<std::string> &list, std::string_view value) {
    return std::find(list.begin(), list.end(), value) != list.end();
}

// By content: equal literals need not have one address.
bool may_win(const Candidate &candidate) { return std::string_view(candidate.code) == "outranked"; }

} // namespace

void date_customer_states(std::vector<CustomerState> &states) {
    auto const says_the_same = [](const CustomerState &a, const CustomerState &b) {
        return a.modified_at == b.modified_at && a.signup_at == b.signup_at && a.country == b.country &&
               a.language == b.language && a.kyc_status == b.kyc_status && a.sales_status == b.sales_status &&
               a.declared_affiliate == b.declared_affiliate && a.campaign_id == b.campaign_id &&
               a.click_id == b.click_id && a.payment_fingerprint == b.payment_fingerprint &&
               a.coupon_codes == b.coupon_codes && a.is_test == b.is_test;
    };
    std::size_t first = 0; // state of the row
    for (std::size_t i = 0; i < states.size(); ++i) {
        CustomerState &state = states[i];
        if (states[first].customer_id != state.customer_id) first = i;
        bool const is_dated = state.modified_at && (i == first || states[i - 1].modified_at != state.modified_at);
        state.held_from = is_dated                        ? *state.modified_at
                          : i == first && state.signup_at ? *state.signup_at
                                                          : state.recorded_at;
        for (std::size_t earlier = first; earlier < i; ++earlier)
            if (says_the_same(states[earlier], state)) {
                state.held_from = states[earlier].held_from;
                break;
            }
    }
}

namespace {

/// W11: of the states that know something, the latest that held by then, else the earliest later one; ties by value.
template <class Known, class Less>
const CustomerState *state_at(const CaseFile &file, Time at, Known known, Less less) noexcept {
    const CustomerState *latest = nullptr, *next = nullptr;
    for (const CustomerState &state : file.customer) {
        if (!known(state)) continue;
        const CustomerState *&best = state.held_from <= at ? latest : next;
        bool const is_closer = best == nullptr || (state.held_from <= at ? state.held_from > best->held_from
                                                                         : state.held_from < best->held_from);
        if (is_closer || (state.held_from == best->held_from && less(*best, state))) best = &state;
    }
    return latest != nullptr ? latest : next;
}

} // namespace

const CustomerState *customer_at(const CaseFile &file, std::string CustomerState::*attribute, Time at) noexcept {
    return state_at(
        file, at, [attribute](const CustomerState &state) { return !(state.*attribute).empty(); },
        [attribute](const CustomerState &a, const CustomerState &b) { return a.*attribute < b.*attribute; });
}

std::string_view customer_value(const CaseFile &file, std::string CustomerState::*attribute, Time at) noexcept {
    const CustomerState *const state = customer_at(file, attribute, at);
    return state == nullptr ? std::string_view() : state->*attribute;
}

std::optional<Time> signup_at(const CaseFile &file, Time at) noexcept {
    const CustomerState *const state = state_at(
        file, at, [](const CustomerState &item) { return item.signup_at.has_value(); },
        [](const CustomerState &a, const CustomerState &b) { return *a.signup_at < *b.signup_at; });
    return state == nullptr ? std::nullopt : state->signup_at;
}

Touches::Touches(const CaseFile &file, const Rulebook &rulebook)
    : file_(file), rulebook_(rulebook), program_(*file.program) {}

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
    if (affiliate == nullptr) return {program_.click_window, program_.lead_window, program_.ownership_window, true};
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
            std::string_view const country = customer_value(file_, &CustomerState::country, at);
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

void Touches::declared(const std::string &id, const std::string &campaign, Time at, std::vector<Candidate> &out) const {
    Candidate candidate;
    candidate.method = Method::declared;
    candidate.at = at;
    candidate.ref = id;
    const Affiliate *const affiliate = rulebook_.affiliate_named(id);
    if (affiliate == nullptr) candidate.code = "unknown_affiliate";
    else {
        candidate.affiliate_no = affiliate->no;
        if (const char *why = ineligible(*affiliate, Method::declared, at, at)) candidate.code = why;
    }
    auto const it = rulebook_.campaign_by_id.find({program_.no, campaign});
    if (it != rulebook_.campaign_by_id.end()) candidate.campaign_no = it->second;
    out.push_back(std::move(candidate));
    if (affiliate == nullptr || campaign.empty() || it != rulebook_.campaign_by_id.end()) return;
    Candidate unknown; // names nobody, but the windows of the declared one might have been others
    unknown.method = Method::declared;
    unknown.at = at;
    unknown.ref = campaign;
    unknown.code = "unknown_campaign";
    out.push_back(std::move(unknown));
}

Time Touches::registration_recorded_by() const noexcept {
    Time recorded = kForever;
    for (const CustomerState &state : file_.customer) recorded = std::min(recorded, state.recorded_at);
    return later(recorded, program_.late_grace);
}

void Touches::at_registration(Time signup_at, Time recorded_by, std::vector<Candidate> &out) const {
    const CustomerState *earliest = nullptr; // of the states that know coupon codes
    for (const CustomerState &state : file_.customer)
        if (!state.coupon_codes.empty() && (earliest == nullptr || state.held_from < earliest->held_from))
            earliest = &state;
    if (earliest != nullptr) coupons(earliest->coupon_codes, {}, signup_at, out);
    clicks(signup_at, recorded_by, out);
    if (const CustomerState *state = customer_at(file_, &CustomerState::declared_affiliate, signup_at))
        declared(state->declared_affiliate, {}, signup_at, out);
}

/// The end of a lead window; one without length holds no instant, wherever windows end (W6).
Time Touches::lead_end(Time signup_at, Duration length) const {
    return length <= 0 ? kBeginning : window_end(signup_at, length, program_.window_end, *program_.calendar);
}

void Touches::add_lead(const Candidate &touch, Time signup_at, Time at, std::vector<Candidate> &out) const {
    const Affiliate &affiliate = *rulebook_.affiliate(touch.affiliate_no);
    Candidate lead = touch;
    lead.method = Method::lead;
    lead.at = signup_at;
    lead.coupon = nullptr;
    if (at >= lead_end(signup_at, windows(lead, at).lead)) lead.code = "window_expired";
    else if (const char *why = ineligible(affiliate, Method::lead, signup_at, at)) lead.code = why;
    out.push_back(std::move(lead));
}

/// Every touch that could have won the registration makes a lead: coupons where the precedence lists them, and clicks,
/// in its order; the best click is the one that winning_click() prefers.
void Touches::leads(Time signup_at, Time at, Time recorded_by, std::vector<Candidate> &out) const {
    std::vector<Candidate> touches;
    at_registration(signup_at, recorded_by, touches);
    std::vector<Method> methods;
    for (Method const method : program_.precedence)
        if (method == Method::coupon || method == Method::click) methods.push_back(method);
    if (std::find(methods.begin(), methods.end(), Method::click) == methods.end()) methods.push_back(Method::click);
    for (Method const method : methods) {
        std::vector<const Candidate *> found;
        for (const Candidate &touch : touches)
            if (touch.method == method && may_win(touch)) found.push_back(&touch);
        if (method == Method::click && !program_.first_click) std::reverse(found.begin(), found.end());
        for (const Candidate *touch : found) add_lead(*touch, signup_at, at, out);
    }
}

void Touches::registration(Time at, Time completed_at, Time binding_at, Time recorded_by,
                           std::vector<Candidate> &out) const {
    std::optional<Time> const signup = signup_at(file_, completed_at);
    if (!signup || *signup > at) return;
    leads(*signup, at, recorded_by, out);
    const CustomerState *const state = customer_at(file_, &CustomerState::declared_affiliate, binding_at);
    if (state == nullptr) return;
    Candidate candidate;
    candidate.method = Method::declared;
    candidate.at = *signup;
    candidate.ref = state->declared_affiliate;
    if (const Affiliate *affiliate = rulebook_.affiliate_named(state->declared_affiliate)) {
        candidate.affiliate_no = affiliate->no;
        if (at >= lead_end(*signup, windows(candidate, at).lead)) candidate.code = "window_expired";
        else if (const char *why = ineligible(*affiliate, Method::declared, *signup, at)) candidate.code = why;
    } else {
        candidate.code = "unknown_affiliate";
    }
    out.push_back(std::move(candidate));
}

} // namespace affiliate::core
