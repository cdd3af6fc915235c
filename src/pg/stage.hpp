// SPDX-License-Identifier: PostgreSQL
// The affiliate stage: makes ladder positions and rooms under caps final (SEMANTICS M7). Runs in the drain only.
#pragma once

namespace affiliate::pg {

/// Re-ranks the open windows of an affiliate and settles the customers whose lines changed. The caller holds the
/// affiliate's lock. False where a customer's slot was taken: run again later.
bool run_stage(int program_no, int affiliate_no);

} // namespace affiliate::pg
