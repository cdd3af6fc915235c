// SPDX-License-Identifier: PostgreSQL
// What the store does with an Outcome, in memory: the posted rows of a case file, and a ledger of every entry.
#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "core/settle.hpp"

namespace story {

using namespace affiliate::core;

/// The append-only side: all entries ever written, by commission and by conversion.
struct Ledger {
    using CommissionKey =
        std::tuple<std::string, bool, int, int, int>; ///< subject, registration, rule, affiliate, level
    using ConversionKey = std::pair<std::string, bool>;
    std::map<CommissionKey, std::vector<Entry>> entries;
    std::map<ConversionKey, std::vector<ConversionEntry>> conversion_entries;

    Decimal sum(const CommissionKey &key) const {
        Decimal total;
        if (auto const it = entries.find(key); it != entries.end())
            for (const Entry &entry : it->second) total += entry.amount;
        return total;
    }
};

inline Ledger::CommissionKey key_of(const CommissionRow &row) {
    return {row.subject_id, row.registration, row.rule_no, row.affiliate_no, row.level};
}
inline Ledger::ConversionKey key_of(const ConversionRow &row) { return {row.transaction_id, row.registration}; }

/// Whether nothing would be written.
inline bool is_empty(const Outcome &outcome) {
    return outcome.conversions.empty() && outcome.commissions.empty() && !outcome.ownerships_changed &&
           outcome.refund_matches.empty();
}

/// Inserts or updates as affiliate.conversion and affiliate.commission are: by key, only from the version that was
/// read.
template <class Row, class Change> Row &written(std::vector<Row> &rows, const Change &change) {
    for (Row &row : rows)
        if (key_of(row) == key_of(change.row)) {
            if (change.is_new || row.version != change.version_before)
                throw std::logic_error("another version was read");
            auto const stated_at = row.stated_at;
            row = change.row;
            row.stated_at = stated_at;
            return row;
        }
    if (!change.is_new) throw std::logic_error("an update of a row that does not exist");
    rows.push_back(change.row);
    rows.back().stated_at.reset();
    return rows.back();
}

inline void apply(CaseFile &file, Ledger &ledger, const Outcome &outcome) {
    for (const ConversionChange &change : outcome.conversions) {
        written(file.conversions, change);
        auto &entries = ledger.conversion_entries[key_of(change.row)];
        entries.insert(entries.end(), change.entries.begin(), change.entries.end());
    }
    for (const CommissionChange &change : outcome.commissions) {
        written(file.commissions, change);
        auto &entries = ledger.entries[key_of(change.row)];
        entries.insert(entries.end(), change.entries.begin(), change.entries.end());
    }
    if (outcome.ownerships_changed) file.ownerships = outcome.ownerships;
    for (const RefundMatch &match : outcome.refund_matches) {
        bool known = false;
        for (const RefundMatch &other : file.refund_matches)
            known = known || other.transaction_id == match.transaction_id;
        if (!known) file.refund_matches.push_back(match);
    }
}

/// Pays what is owed of one commission now; the line and its conversion count as stated from then on.
inline void pay(CaseFile &file, Ledger &ledger, CommissionRow &row, Time at) {
    Decimal const owed = row.accrued - row.reversed - row.paid;
    row.paid += owed;
    row.accrued_when_paid = row.accrued;
    if (!row.stated_at) row.stated_at = at;
    ++row.version;
    ledger.entries[key_of(row)].push_back({row.version, "payment", -owed, "payment", at});
    for (ConversionRow &conversion : file.conversions)
        if (conversion.transaction_id == row.subject_id && conversion.registration == row.registration &&
            !conversion.stated_at)
            conversion.stated_at = at;
}

} // namespace story
