// SPDX-License-Identifier: PostgreSQL
// What the store does with an Outcome, in memory: the posted rows of a case file, and a ledger of every entry.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "core/settle.hpp"

namespace story {

using namespace affiliate::core;

/// The append-only side: all entries ever written, by commission and by conversion.
struct Ledger {
    using CommissionKey =
        std::tuple<std::string, Subject, int, int, int>; ///< id, subject, rule, affiliate, level
    using ConversionKey = std::pair<std::string, Subject>;
    std::map<CommissionKey, std::vector<Entry>> entries;
    std::map<ConversionKey, std::vector<ConversionEntry>> conversion_entries;

    Decimal sum(const CommissionKey &key) const;
};

Ledger::CommissionKey key_of(const CommissionRow &row);
Ledger::ConversionKey key_of(const ConversionRow &row);

/// Whether nothing would be written.
bool is_empty(const Outcome &outcome);

void apply(CaseFile &file, Ledger &ledger, const Outcome &outcome);

/// Pays what is owed of one commission now; the line and its conversion count as stated from then on.
void pay(CaseFile &file, Ledger &ledger, CommissionRow &row, Time at);

} // namespace story
