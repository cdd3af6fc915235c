// SPDX-License-Identifier: PostgreSQL
#include "core/decision.hpp"

#include <algorithm>
#include <set>
#include <string_view>

namespace affiliate::core {

bool has_foreign_coupon(const Decision &decision) {
    return std::any_of(decision.candidates.begin(), decision.candidates.end(), [&](const Candidate &candidate) {
        return candidate.method == Method::coupon && candidate.affiliate_no != decision.affiliate_no &&
               std::string_view(candidate.code) == "outranked";
    });
}

Method deciding_method(const Decision &decision) {
    for (const Candidate &candidate : decision.candidates)
        if (std::string_view(candidate.code) == "self_referral") return candidate.method;
    return decision.method;
}

void explain_nobody(Decision &decision) {
    for (const Candidate &candidate : decision.candidates)
        if (candidate.affiliate_no != 0 && candidate.method != Method::override_ &&
            std::string_view(candidate.code) != "outranked") { // of a method that the precedence does not list
            decision.code = candidate.code;
            return;
        }
}

Candidate unknown_click(const std::string &click_id, Time at) {
    Candidate candidate;
    candidate.method = Method::click;
    candidate.at = at;
    candidate.ref = click_id;
    candidate.code = "unknown_click";
    return candidate;
}

void note_conflict(Decision &decision) {
    std::set<int> affiliates;
    for (const Candidate &candidate : decision.candidates)
        if (candidate.affiliate_no != 0) affiliates.insert(candidate.affiliate_no);
    decision.is_conflict = affiliates.size() > 1;
}

} // namespace affiliate::core
