// SPDX-License-Identifier: PostgreSQL
#include "apply_outcome.hpp"

#include <stdexcept>

namespace story {

Decimal Ledger::sum(const CommissionKey &key) const {
    Decimal total;
    if (auto const it = entries.find(key); it != entries.end())
        for (const Entry &entry : it->second) total += entry.amount;
    return total;
}

Ledger::CommissionKey key_of(const CommissionRow &row) {
    return {row.subject_id, row.subject, row.rule_no, row.affiliate_no, row.level};
}
Ledger::ConversionKey key_of(const ConversionRow &row) { return {row.transaction_id, row.subject}; }

bool is_empty(const Outcome &outcome) {
    return outcome.conversions.empty() && outcome.commissions.empty() && !outcome.ownerships_changed &&
           outcome.refund_matches.empty();
}

namespace {

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

} // namespace

void apply(CaseFile &file, Ledger &ledger, const Outcome &outcome) {
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
    file.sort_posted();
    if (outcome.ownerships_changed) file.ownerships = outcome.ownerships;
    for (const RefundMatch &match : outcome.refund_matches) {
        bool known = false;
        for (const RefundMatch &other : file.refund_matches)
            known = known || other.transaction_id == match.transaction_id;
        if (!known) file.refund_matches.push_back(match);
    }
}

void pay(CaseFile &file, Ledger &ledger, CommissionRow &row, Time at) {
    Decimal const owed = row.accrued - row.reversed - row.paid;
    row.paid += owed;
    row.accrued_when_paid = row.accrued;
    if (!row.stated_at) row.stated_at = at;
    ++row.version;
    ledger.entries[key_of(row)].push_back({row.version, "payment", -owed, "payment", at});
    for (ConversionRow &conversion : file.conversions)
        if (conversion.transaction_id == row.subject_id && conversion.subject == row.subject &&
            !conversion.stated_at)
            conversion.stated_at = at;
}

} // namespace story
