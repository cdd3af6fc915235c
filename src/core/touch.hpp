// SPDX-License-Identifier: PostgreSQL
// The touches of a customer: which of them may compete for an order, and why the others may not (SEMANTICS W1-W3, W6).
#pragma once

#include "core/attribution.hpp"

namespace affiliate::core {

/// Collects and judges touches of one case file. Candidates that may win have the code "outranked" until one does.
class Touches {
public:
    Touches(const CaseFile &file, const Rulebook &rulebook);

    /// Coupons of the codes, in their order, as used at `at` for one of `products`.
    void coupons(const std::vector<std::string> &codes, const std::vector<std::string> &products, Time at,
                 std::vector<Candidate> &out) const;
    /// Clicks up to `at`; those recorded after `recorded_by` came too late (W12).
    void clicks(Time at, Time recorded_by, std::vector<Candidate> &out) const;
    /// What the registration says for an order at `at`: lead and declared id of the customer (W2, W6).
    void registration(Time at, Time binding_at, std::vector<Candidate> &out) const;
    /// An affiliate id declared on a sale (W2).
    void declared(const std::string &id, Time at, Method method, Time window_end, Time order_at,
                  std::vector<Candidate> &out) const;
    /// The touches of the registration itself, for binding at registration and for the registration conversion.
    void at_registration(std::vector<Candidate> &out) const;

    /// Whether the affiliate may earn for a touch at `touch_at` and an order at `order_at`: nullptr, or the code why not.
    const char *ineligible(const Affiliate &affiliate, Method method, Time touch_at, Time order_at) const;
    bool is_self(const Affiliate &affiliate, const std::vector<std::string> &fingerprints) const;
    /// Of the clicks among `candidates` that could win, the last (or first) inside its window; -1 for none.
    int winning_click(const std::vector<Candidate> &candidates) const;
    int first_eligible(const std::vector<Candidate> &candidates, Method method) const;
    /// The windows of a touch for an order at `at`: agreements go by the order (W8).
    Rulebook::Resolved windows(const Candidate &touch, Time at) const;

    std::optional<Time> signup_at() const noexcept { return signup_at_; }

private:
    const CaseFile &file_;
    const Rulebook &rulebook_;
    const Program &program_;
    std::optional<Time> signup_at_;
};

} // namespace affiliate::core
