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
    /// What the registration says for an order at `at`: leads, best first, and declared id of the customer (W2, W6).
    /// `binding_at`: when the declared id bound him; `recorded_by`: when the order's touches had to be recorded (W12).
    void registration(Time at, Time completed_at, Time binding_at, Time recorded_by, std::vector<Candidate> &out) const;
    /// An affiliate id declared on a sale, with the campaign named beside it (W2).
    void declared(const std::string &id, const std::string &campaign, Time at, std::vector<Candidate> &out) const;
    /// The touches of the registration itself, for binding at registration and for the registration conversion.
    void at_registration(Time signup_at, Time recorded_by, std::vector<Candidate> &out) const;
    /// When the touches of the registration had to be recorded.
    Time registration_recorded_by() const noexcept;

    /// Whether the affiliate may earn for a touch at `touch_at` and an order at `order_at`: nullptr, or the code why not.
    const char *ineligible(const Affiliate &affiliate, Method method, Time touch_at, Time order_at) const;
    bool is_self(const Affiliate &affiliate, const std::vector<std::string> &fingerprints) const;
    /// Of the clicks among `candidates` that could win, the last (or first) inside its window; -1 for none.
    int winning_click(const std::vector<Candidate> &candidates) const;
    int first_eligible(const std::vector<Candidate> &candidates, Method method) const;
    /// The windows of a touch for an order at `at`: agreements go by the order (W8).
    Rulebook::Resolved windows(const Candidate &touch, Time at) const;

private:
    void leads(Time signup_at, Time at, Time recorded_by, std::vector<Candidate> &out) const;
    void add_lead(const Candidate &touch, Time signup_at, Time at, std::vector<Candidate> &out) const;
    Time lead_end(Time signup_at, Duration length) const;

    const CaseFile &file_;
    const Rulebook &rulebook_;
    const Program &program_;
};

} // namespace affiliate::core
