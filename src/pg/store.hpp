// SPDX-License-Identifier: PostgreSQL
// The narrow door between the kernel and the tables: gather case files, apply outcomes. Each is a few small statements
// over arrays of keys per batch of customers. Callers hold the customers' slots (slots.hpp) and a SpiSession.
#pragma once

#include <cstdint>
#include <memory>

#include "core/settle.hpp"

namespace affiliate::pg {

/// The case files of canonical customers, one for each program in which they have facts or postings. `hypothetical` is a
/// transaction (jsonb, columns of affiliate.transaction) that is decided as if it were stored; 0 = none.
/// `large`: where given, customers with more than core::kLargeCaseFile transactions are put there and left out, without
/// reading all of these.
std::vector<core::CaseFile> gather(const std::vector<std::string> &customers, const core::Rulebook &rulebook,
                                   std::uintptr_t hypothetical = 0, std::vector<std::string> *large = nullptr);

/// The canonical ids of customers, sorted, without duplicates and without the empty id.
std::vector<std::string> canonical_customers(std::vector<std::string> customers);

/// Writes what the outcomes say. Returns the number of ledger entries posted. Throws 40001 where a header changed since
/// it was gathered: somebody else posted, so settle again.
std::uint64_t apply(const std::vector<core::Outcome> &outcomes, core::Time now);

/// affiliate_position, read once per window and batch.
std::unique_ptr<core::Positions> stored_positions();

} // namespace affiliate::pg
