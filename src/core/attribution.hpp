// SPDX-License-Identifier: PostgreSQL
// Who earned it: the fold over a customer's orders in the order of W8, with the ownership it builds (SEMANTICS W1-W12a).
#pragma once

#include <string_view>

#include "core/news.hpp"

namespace affiliate::core {

/// A touch that competed for an order. `code` says how it fared: "won", "outranked" or why it could not win.
struct Candidate {
    Method method = Method::none;
    int affiliate_no = 0; ///< 0 = names no known affiliate
    Time at = 0;
    std::string ref; ///< click id, coupon code, declared id, transaction the ownership began with
    const char *code = "outranked";
    int campaign_no = 0;
    std::string traffic_source;
    const Coupon *coupon = nullptr;
};

struct Decision {
    int affiliate_no = 0; ///< 0 = nobody
    Method method = Method::none;
    std::string code = "organic"; ///< why nobody, or empty
    std::vector<Candidate> candidates;
    int winner = -1; ///< index into candidates
    bool is_conflict = false;
    std::optional<Time> waits_until; ///< nothing is posted before: an unknown click or original may change it
    int purchase_number = 0;
    int would_be_number = 0; ///< of a void order: the number it would have, for the conditions of its rules (M6)
    std::optional<Time> customer_since; ///< when the ownership that covers the order began
    bool is_stated = false;             ///< owner and number are those of a line that was stated

    const Candidate *won() const noexcept {
        return winner < 0 ? nullptr : &candidates[static_cast<std::size_t>(winner)];
    }
};

/// An upgrade that keeps the number of its original; where upgrades count as new purchases it is a purchase (M8).
bool is_upgrade(const Sale &sale, const Program &program) noexcept;

/// Lines with one order_id of one customer; they are attributed once.
struct Order {
    std::string key;
    std::vector<const Sale *> lines;
    Time ordered_at = 0;
    std::optional<Time> completed_at;
    Time first_completed_recorded_at = 0;
    bool is_void = false;    ///< every completed line is void
    bool is_special = false; ///< resets and upgrades only: decided by their original (W12a)
    bool is_upgrade = false;
    bool has_number = false; ///< completed, not void, not zero, not an upgrade
    Decision decision;

    /// The lines whose touches count (W7): the completed ones, void or not; where none is completed yet, all.
    bool speaks(const Sale &line) const noexcept { return line.completed_at || !completed_at; }
    /// They in the order in which their codes are listed (W3): by line number, then transaction id.
    std::vector<const Sale *> speakers() const;
};

/// The orders of a customer: completed ones by (completed_at, transaction_id), then those that are not completed.
std::vector<Order> orders_of(const News &news, const Program &program);

/// The sale a reset or upgrade refers to, by transaction, account or challenge; nullptr where it is unknown. Of several
/// sales of an account it is the first that completed, a purchase rather than another reset or upgrade.
const Sale *original_of(const Sale &line, const std::vector<Order> &orders, const std::vector<Account> &accounts) noexcept;
bool names_original(const Sale &line) noexcept;

/// What an original is known by. The first that is given counts.
struct OriginalKeys {
    std::string_view transaction_id, account_id, challenge_id;
};
const Sale *original_by(const OriginalKeys &keys, const std::vector<Order> &orders, const std::vector<Account> &accounts,
                        const Sale *except = nullptr) noexcept;

/// An event, the purchase it hangs on (nullptr: none is known), and whose it is.
struct DecidedEvent {
    const Event *event;
    const Sale *purchase;
    Decision decision;
};

struct Ownership {
    std::string account_id;
    int affiliate_no = 0;
    Time covers_from = 0, runs_from = 0, ends_at = 0;
    int band = 0; ///< of the affiliate's last locked ladder period when it began; 0 = none says how long it lasts
    std::string cause;
    int campaign_no = 0;
    std::string traffic_source;
};

struct Attribution {
    std::vector<Order> orders; ///< in fold order, those not completed last
    std::vector<Ownership> ownerships; ///< in the order in which they began to cover
    std::vector<DecidedEvent> events;  ///< in the order of the case file
    std::optional<Decision> registration;
    std::optional<Time> signup_at; ///< as it is known now
    std::vector<Review> reviews;
    std::optional<Time> wake_at;

    const Ownership *owner_at(const std::string &account_id, Time at) const noexcept;
};

/// Asks whether a payment restarts a rolling ownership (the program's ownership_restart_rule).
class RestartTest {
public:
    virtual ~RestartTest() = default;
    /// `so_far`: the fold up to this order; all orders and numbers are known, decisions only of those before it.
    virtual bool restarts(const Attribution &so_far, const Order &order) = 0;
};

/// Where the affiliate stage left an affiliate, for lines it has not ranked yet (M7).
class Positions {
public:
    virtual ~Positions() = default;
    virtual int counted(int program_no, int affiliate_no, int ladder_no, Time window_start) = 0;
    virtual Decimal used(int program_no, int affiliate_no, int rule_no, Time window_start) = 0;
};

Attribution attribute(const CaseFile &file, const Rulebook &rulebook, const News &news, Positions &positions, Time now,
                      RestartTest &restart);

/// What the customer rows say of an attribute at an instant (W11): the latest state that knows it and held by then, else
/// the earliest later one; nullptr where no state knows it.
const CustomerState *customer_at(const CaseFile &file, std::string CustomerState::*attribute, Time at) noexcept;
std::string_view customer_value(const CaseFile &file, std::string CustomerState::*attribute, Time at) noexcept;
/// The signup by the same rule.
std::optional<Time> signup_at(const CaseFile &file, Time at) noexcept;

} // namespace affiliate::core
