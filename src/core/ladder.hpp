// SPDX-License-Identifier: PostgreSQL
// The affiliate stage: positions on ladders and room under caps, over all customers of one affiliate in one window, in
// the order (occurred_at, transaction_id) (SEMANTICS M7). Pure: lines in, positions and rooms out.
#pragma once

#include <string>
#include <vector>

#include "core/rulebook.hpp"

namespace affiliate::core {

/// A conversion that counts on the ladder, or that was wholly taken back.
struct LadderEvent {
    Time at = 0;
    std::string transaction_id;
    int count = 1;         ///< 1, or -1 for a reversal dated in the window
    std::string unit = {}; ///< what counts once: the order where orders count; empty = the transaction
};

/// A line whose rule looks at the ladder.
struct LadderLine {
    Time at = 0;
    std::string transaction_id;
    bool is_pinned = false; ///< stated, or final in a locked window: keeps its position
    int position = 0;       ///< in: what it has; out: what it should have
    std::string unit = {};  ///< as in LadderEvent
    std::size_t index = 0;  ///< whose line it is, for the caller
};

/// Ranks `lines` by `events`; both in any order. Returns the metric of the whole window.
/// marginal: one more than the metric of everything earlier; retroactive: the metric of the window. Never below 1.
/// All lines of a unit stand where the unit counts. In a locked window what is not pinned comes after everything else.
int rank(std::vector<LadderLine> &lines, std::vector<LadderEvent> events, bool retroactive, bool is_locked);

/// A line under a cap.
struct CapLine {
    Time at = 0;
    std::string transaction_id;
    Decimal accrued, net;              ///< without the cap: with nothing taken back, and now
    std::optional<Time> taken_back_at; ///< when net fell below accrued; voids have accrued = net = 0 here
    bool is_pinned = false;
    Decimal room; ///< in: what it has; out: what it should have
};

/// Gives each line the room that earlier lines leave under `cap`. A reversal gives room back to lines after it.
/// Returns the money used in the window.
Decimal fill_cap(std::vector<CapLine> &lines, const Decimal &cap, bool is_locked);

} // namespace affiliate::core
