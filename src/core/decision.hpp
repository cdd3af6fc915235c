// SPDX-License-Identifier: PostgreSQL
// Questions about one decision, and what is noted on it when all candidates are known.
#pragma once

#include "core/attribution.hpp"

namespace affiliate::core {

/// Whether a coupon of another affiliate than the winner could have won: it is judged by the coupon policy alone (W5).
bool has_foreign_coupon(const Decision &decision);

/// The method that decided, also where it was a self-referral and so nobody earns.
Method deciding_method(const Decision &decision);

/// Nobody could win: says what spoke against the strongest candidate rather than "organic".
void explain_nobody(Decision &decision);

/// A click that an order or a registration at `at` names and that is not there.
Candidate unknown_click(const std::string &click_id, Time at);

/// Two or more affiliates among the candidates are a conflict (W1).
void note_conflict(Decision &decision);

} // namespace affiliate::core
