// SPDX-License-Identifier: PostgreSQL
// The compiled rulebook: every configuration table as values, indexed for the questions the kernel asks.
// Names and defaults of the policies are those of the table affiliate.program (src/sql/31_rulebook_setup.sql).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/decimal.hpp"
#include "core/time.hpp"

namespace affiliate::core {

enum class Method : std::uint8_t { override_, ownership, coupon, click, lead, declared, none };
enum class LaterTouch : std::uint8_t { keep, this_order, move, nobody };
enum class OwnershipKind : std::uint8_t { fixed, rolling, lifetime, per_account };
enum class AffiliateStatus : std::uint8_t { pending, active, suspended, terminated };
enum class Effect : std::uint8_t { sale, refund, chargeback, credit, correction, cost };
enum class SaleKind : std::uint8_t { purchase, reset, upgrade, activation, addon, subscription, other };
enum class Status : std::uint8_t {
    pending, completed, failed, cancelled, refunded, refund_failed, disputed, chargeback, dispute_won, reinstated
};
/// The seven kinds of the event chain (L1).
enum class EventKind : std::uint8_t {
    challenge_purchased, evaluation_started, evaluation_failed, reset_purchased, evaluation_passed, funded,
    chargeback_filed
};
enum class TakeBack : std::uint8_t { recompute, proportional, keep };
enum class HoldKind : std::uint8_t { time, event, earlier };
enum class UpgradeCounts : std::uint8_t { delta, new_purchase, none };

const char *name(Method method) noexcept;
Method method_named(std::string_view text) noexcept; ///< Method::none for any other word
const char *name(SaleKind kind) noexcept;
const char *name(EventKind kind) noexcept;
std::optional<EventKind> event_kind_named(std::string_view text) noexcept;

/// Spans that a more specific level may override (W6); nullopt = not set on this level.
struct Windows {
    std::optional<Duration> click, lead, ownership;
};

struct Program {
    int no = 0;
    std::string id, currency;
    int exponent = 2;
    std::string default_plan;
    std::vector<Method> precedence;
    bool first_click = false;
    LaterTouch later_coupon = LaterTouch::keep, later_click = LaterTouch::keep;
    Duration click_window = 72 * kHour, lead_window = 90 * kDay, ownership_window = 90 * kDay;
    WindowEnd window_end = WindowEnd::instant_exclusive;
    bool bind_at_registration = false, bind_number_one_only = false, ownership_rebind = true;
    OwnershipKind ownership_kind = OwnershipKind::fixed;
    int ownership_restart_rule = 0;
    bool ladder_counts_orders = false, plan_by_customer = false;
    Duration late_grace = 24 * kHour, cooling_off = 48 * kHour;
    Time commission_from = kBeginning;
    bool reverse_on_dispute_opened = false, reverse_success_bonus = false;
    std::vector<std::string> success_bonus_reasons, chargeback_reasons;
    bool ladder_ignores_reversals = false, zero_amount_counts = false;
    UpgradeCounts upgrade_counts = UpgradeCounts::delta;
    int window_ladder = 0;         ///< the first of its ladders whose bands set an ownership window; 0 = none
    bool has_second_stage = false; ///< some rule of the program needs the affiliate stage
    std::shared_ptr<const Calendar> calendar;
};

struct StatusChange {
    Time from;
    AffiliateStatus status;
};
struct Upline {
    int upline_no, level;
    Time from, until;
};
/// What an operator decided about the money of a suspended affiliate, for orders up to `up_to`.
struct SuspensionDecision {
    int program_no;
    bool forfeit;
    Time decided_at, up_to;
};

struct Affiliate {
    int no = 0;
    std::string id, group, partner_type, country;
    AffiliateStatus initial = AffiliateStatus::active;
    std::vector<StatusChange> changes; ///< by time
    std::vector<Upline> uplines;
    std::vector<std::string> own_customers, fingerprints;
    std::vector<SuspensionDecision> suspension; ///< by up_to

    AffiliateStatus status_at(Time at) const noexcept;
    /// When it was terminated, as seen at `at`; kForever where it is not.
    Time terminated_at(Time at) const noexcept;
    /// The affiliate `level` above at `at`, 0 for none.
    int upline_at(int level, Time at) const noexcept;
};

struct Campaign {
    int no = 0, program_no = 0;
    std::string id;
    Windows windows;
};
struct Link {
    int program_no = 0, affiliate_no = 0, campaign_no = 0;
    std::string traffic_source;
};
struct Coupon {
    int no = 0, program_no = 0, affiliate_no = 0, campaign_no = 0; ///< affiliate_no 0 = house coupon
    std::string code;                                              ///< normalised
    Decimal discount;
    Time from = kBeginning, until = kForever;
    std::vector<std::string> products, countries; ///< empty = all
};
struct Product {
    std::string family;
    std::optional<Decimal> account_size, list_price;
};
struct TransactionType {
    std::string name;
    Effect effect = Effect::sale;
    SaleKind kind = SaleKind::purchase;
};

struct Band {
    int band = 0, from_position = 1;
    std::optional<Decimal> rate, amount;
    std::string label;
    std::optional<Duration> ownership_window{}; ///< of customers who become the affiliate's while he is in it (W6)
};
struct Ladder {
    int no = 0, program_no = 0;
    bool retroactive = false;
    std::vector<Band> bands; ///< by from_position

    /// The band of a 1-based position; nullptr below the first band.
    const Band *band_at(int position) const noexcept;
};

struct PlanRule {
    int no = 0, sequence_no = 0, level = 0; ///< level 0 = the owner, n = the n-th upline
    std::string group, name;
    std::vector<std::string> transaction_types; ///< empty = every type of effect sale
    std::string condition, amount;
    Rounding rounding = Rounding::half_up;
    int scale = 2;
    TakeBack take_back = TakeBack::recompute;
    HoldKind hold_kind = HoldKind::time;
    Duration hold = 0;
    std::string hold_until_type, hold_until_kyc;
    int ladder_no = 0;
    std::optional<Decimal> monthly_cap;
    bool live_kyc = false, live_sales_status = false;

    bool second_stage() const noexcept { return ladder_no != 0 || monthly_cap.has_value(); }
};
struct Plan {
    int no = 0, version = 0;
    Time from = kBeginning;
    std::vector<PlanRule> rules; ///< by sequence_no
};
struct Agreement {
    int no = 0, program_no = 0, affiliate_no = 0; ///< affiliate_no 0 = of a group
    std::string group, plan;
    Time from = kBeginning, until = kForever;
    Windows windows;
    Duration termination_tail = 0;
};
struct FxRate {
    Time from;
    Decimal rate;
    std::string source;
};

/// Lookups by heterogenous string keys.
struct StringHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
};
template <class T> using ByName = std::unordered_map<std::string, T, StringHash, std::equal_to<>>;

class Rulebook {
public:
    // Filled by the store; the order within the vectors is as their comments say.
    std::string schema_version; ///< of the tables, as setup() recorded it
    std::map<int, Program> programs;
    ByName<int> program_by_id;
    std::unordered_map<int, Affiliate> affiliates;
    ByName<int> affiliate_by_id, affiliate_by_alias;
    std::unordered_map<int, Campaign> campaigns;
    std::map<std::pair<int, std::string>, int> campaign_by_id;
    ByName<Link> links;
    std::map<std::pair<int, std::string>, Windows> traffic_sources;
    std::map<std::pair<int, std::string>, std::vector<Coupon>> coupons; ///< by (program_no, normalised code)
    std::map<std::pair<int, std::string>, Product> products;
    ByName<TransactionType> types; ///< by type and by the firm's words for it
    ByName<Status> statuses;
    ByName<EventKind> event_types; ///< by the firm's words for them
    std::map<std::pair<int, std::string>, std::vector<Plan>> plans; ///< versions by valid_from
    std::unordered_map<int, const PlanRule *> rules;                ///< every rule of `plans` (fill after them)
    std::unordered_map<int, int> plan_of_rule;
    std::unordered_map<int, Ladder> ladders;
    std::map<std::pair<int, int>, std::vector<Agreement>> agreements;                ///< by (program, affiliate)
    std::map<std::pair<int, std::string>, std::vector<Agreement>> group_agreements;  ///< by (program, group)
    Duration longest_hold = 0;  ///< of all rules: a ladder's period locks when it is over (M7)
    bool has_overrides = false; ///< some customer has an attribution_override
    ByName<int> currencies;                                                          ///< exponent
    std::map<std::pair<std::string, std::string>, std::vector<FxRate>> fx_rates;     ///< by valid_from

    const Affiliate *affiliate(int no) const noexcept;
    /// By id, else by alias of any source; nullptr if unknown.
    const Affiliate *affiliate_named(std::string_view id) const noexcept;
    const TransactionType *type(std::string_view word) const noexcept;
    std::optional<Status> status(std::string_view word) const noexcept;
    std::optional<EventKind> event_kind(std::string_view word) const noexcept;
    const Agreement *agreement(int program_no, const Affiliate &affiliate, Time at) const noexcept;
    /// The version of a plan in force at an instant; nullptr before the first.
    const Plan *plan(int program_no, const std::string &plan_id, Time at) const noexcept;
    const Ladder *ladder(int no) const noexcept;
    /// One unit of `from` in `to` at an instant; nullptr where unknown. Not for from == to.
    const FxRate *fx_rate(const std::string &from, const std::string &to, Time at) const noexcept;
    /// What the windows of a touch are: agreement, campaign, traffic source, program; the most specific one that is set.
    struct Resolved {
        Duration click, lead, ownership;
        bool is_program_ownership = true; ///< nothing more specific says how long ownership lasts
    };
    Resolved windows(const Program &program, const Affiliate &affiliate, int campaign_no,
                     const std::string &traffic_source, Time at) const noexcept;
};

/// Coupon codes are compared without surrounding blanks and case (ASCII), as coupon.code_normalised.
std::string normalised_code(std::string_view code);

} // namespace affiliate::core
