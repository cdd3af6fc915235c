// SPDX-License-Identifier: PostgreSQL
#include "core/rulebook.hpp"

#include <algorithm>

namespace affiliate::core {

const char *name(Method method) noexcept {
    switch (method) {
    case Method::override_: return "override";
    case Method::ownership: return "ownership";
    case Method::coupon: return "coupon";
    case Method::click: return "click";
    case Method::lead: return "lead";
    case Method::declared: return "declared";
    case Method::none: return "none";
    }
    return "none";
}

Method method_named(std::string_view text) noexcept {
    for (int i = 0; i < static_cast<int>(Method::none); ++i)
        if (text == name(static_cast<Method>(i))) return static_cast<Method>(i);
    return Method::none;
}

const char *name(SaleKind kind) noexcept {
    switch (kind) {
    case SaleKind::purchase: return "purchase";
    case SaleKind::reset: return "reset";
    case SaleKind::upgrade: return "upgrade";
    case SaleKind::activation: return "activation";
    case SaleKind::addon: return "addon";
    case SaleKind::subscription: return "subscription";
    case SaleKind::other: return "other";
    }
    return "other";
}

const char *name(EventKind kind) noexcept {
    switch (kind) {
    case EventKind::challenge_purchased: return "challenge_purchased";
    case EventKind::evaluation_started: return "evaluation_started";
    case EventKind::evaluation_failed: return "evaluation_failed";
    case EventKind::reset_purchased: return "reset_purchased";
    case EventKind::evaluation_passed: return "evaluation_passed";
    case EventKind::funded: return "funded";
    case EventKind::chargeback_filed: return "chargeback_filed";
    }
    return "chargeback_filed";
}

std::optional<EventKind> event_kind_named(std::string_view text) noexcept {
    for (int i = 0; i <= static_cast<int>(EventKind::chargeback_filed); ++i)
        if (text == name(static_cast<EventKind>(i))) return static_cast<EventKind>(i);
    return std::nullopt;
}

AffiliateStatus Affiliate::status_at(Time at) const noexcept {
    AffiliateStatus status = initial;
    for (const StatusChange &change : changes) {
        if (change.from > at) break;
        status = change.status;
    }
    return status;
}

Time Affiliate::terminated_at(Time at) const noexcept {
    Time since = initial == AffiliateStatus::terminated ? kBeginning : kForever;
    for (const StatusChange &change : changes) {
        if (change.from > at) break;
        if (change.status != AffiliateStatus::terminated) since = kForever;
        else if (since == kForever) since = change.from;
    }
    return since;
}

int Affiliate::upline_at(int level, Time at) const noexcept {
    for (const Upline &upline : uplines)
        if (upline.level == level && upline.from <= at && at < upline.until) return upline.upline_no;
    return 0;
}

const Band *Ladder::band_at(int position) const noexcept {
    const Band *found = nullptr;
    for (const Band &band : bands)
        if (band.from_position <= position) found = &band;
    return found;
}

const Affiliate *Rulebook::affiliate(int no) const noexcept {
    auto const it = affiliates.find(no);
    return it == affiliates.end() ? nullptr : &it->second;
}

const Affiliate *Rulebook::affiliate_named(std::string_view id) const noexcept {
    if (auto const it = affiliate_by_id.find(id); it != affiliate_by_id.end()) return affiliate(it->second);
    if (auto const it = affiliate_by_alias.find(id); it != affiliate_by_alias.end()) return affiliate(it->second);
    return nullptr;
}

const TransactionType *Rulebook::type(std::string_view word) const noexcept {
    auto const it = types.find(word);
    return it == types.end() ? nullptr : &it->second;
}

std::optional<Status> Rulebook::status(std::string_view word) const noexcept {
    auto const it = statuses.find(word);
    if (it == statuses.end()) return std::nullopt;
    return it->second;
}

std::optional<EventKind> Rulebook::event_kind(std::string_view word) const noexcept {
    auto const it = event_types.find(word);
    if (it == event_types.end()) return std::nullopt;
    return it->second;
}

namespace {

const Agreement *in_force(const std::vector<Agreement> &agreements, Time at) noexcept {
    for (const Agreement &agreement : agreements)
        if (agreement.from <= at && at < agreement.until) return &agreement;
    return nullptr;
}

} // namespace

const Agreement *Rulebook::agreement(int program_no, const Affiliate &affiliate, Time at) const noexcept {
    if (auto const it = agreements.find({program_no, affiliate.no}); it != agreements.end())
        if (const Agreement *own = in_force(it->second, at)) return own;
    if (affiliate.group.empty()) return nullptr;
    auto const it = group_agreements.find({program_no, affiliate.group});
    return it == group_agreements.end() ? nullptr : in_force(it->second, at);
}

const Plan *Rulebook::plan(int program_no, const std::string &plan_id, Time at) const noexcept {
    auto const it = plans.find({program_no, plan_id});
    if (it == plans.end()) return nullptr;
    const Plan *found = nullptr;
    for (const Plan &version : it->second) {
        if (version.from > at) break;
        found = &version;
    }
    return found;
}

const Ladder *Rulebook::ladder(int no) const noexcept {
    auto const it = ladders.find(no);
    return it == ladders.end() ? nullptr : &it->second;
}

const FxRate *Rulebook::fx_rate(const std::string &from, const std::string &to, Time at) const noexcept {
    auto const it = fx_rates.find({from, to});
    if (it == fx_rates.end()) return nullptr;
    const FxRate *found = nullptr;
    for (const FxRate &rate : it->second) {
        if (rate.from > at) break;
        found = &rate;
    }
    return found;
}

Rulebook::Resolved Rulebook::windows(const Program &program, const Affiliate &affiliate, int campaign_no,
                                     const std::string &traffic_source, Time at) const noexcept {
    const Windows *levels[3] = {};
    if (const Agreement *own = agreement(program.no, affiliate, at)) levels[0] = &own->windows;
    if (auto const it = campaigns.find(campaign_no); it != campaigns.end()) levels[1] = &it->second.windows;
    if (!traffic_source.empty())
        if (auto const it = traffic_sources.find({program.no, traffic_source}); it != traffic_sources.end())
            levels[2] = &it->second;
    auto const pick = [&levels](std::optional<Duration> Windows::*member, Duration fallback) {
        for (const Windows *level : levels)
            if (level != nullptr && level->*member) return *(level->*member);
        return fallback;
    };
    bool is_own = false;
    for (const Windows *level : levels) is_own = is_own || (level != nullptr && level->ownership);
    return {pick(&Windows::click, program.click_window), pick(&Windows::lead, program.lead_window),
            pick(&Windows::ownership, program.ownership_window), !is_own};
}

std::string normalised_code(std::string_view code) {
    while (!code.empty() && code.front() == ' ') code.remove_prefix(1);
    while (!code.empty() && code.back() == ' ') code.remove_suffix(1);
    std::string result(code);
    for (char &c : result)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    return result;
}

} // namespace affiliate::core
