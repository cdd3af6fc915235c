// SPDX-License-Identifier: PostgreSQL
// Rows of the fact tables as a trigger's transition tables hold them. Columns are looked up by name once per backend and
// table, not once per row.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "pg/convert.hpp"
#include "pg/stored_rows.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

/// What the trigger manager says; throws where `fcinfo` is no trigger call.
const TriggerData &trigger_data(FunctionCallInfo fcinfo);
inline std::string table_of(const TriggerData &data) { return RelationGetRelationName(data.tg_relation); }

/// The columns that triggers read; a table has some of them.
enum class FactColumn : std::uint8_t {
    account_currency, account_id, account_size, amount, canonical_id, collected, completed_at, currency, customer_id,
    discount, dispute_id, event_id, fee, list_price, lost_amount, occurred_at, ordered_at, original_transaction_id,
    profit_split, program_id, ref_external_id, ref_kind, ref_source, refunded_amount, refunded_at, start_date, status,
    status_at, tax, transaction_id, transaction_type, version, wallet_credit
};
constexpr std::size_t kFactColumns = 33;
const char *name(FactColumn column) noexcept;

/// Where the columns are in one table.
class FactColumns {
public:
    /// Of an open fact table; remembered until a table changes.
    static const FactColumns &of(Relation relation);
    /// -1 where the table has no such column.
    int operator[](FactColumn column) const noexcept { return numbers_[static_cast<std::size_t>(column)]; }
    bool has(FactColumn column) const noexcept { return (*this)[column] >= 0; }

private:
    FactColumns() = default;
    void find(TupleDesc descriptor);
    std::array<int, kFactColumns> numbers_;
};

/// One row of a transition table. What it returns is valid until the next row.
class FactRow {
public:
    FactRow(TupleTableSlot *slot, const FactColumns &columns) : slot_(slot), columns_(columns) {}

    Datum value(FactColumn column, bool &null) const {
        int const i = columns_[column];
        if (i < 0) throw core::Error("XX000", std::string("column \"") + name(column) + "\" is missing");
        TupleTableSlot *const slot = slot_;
        if (i >= slot->tts_nvalid) call([slot, i] { slot_getsomeattrs(slot, i + 1); });
        null = slot->tts_isnull[i];
        return slot->tts_values[i];
    }
    /// Empty for null.
    std::string_view text(FactColumn column) const {
        bool null = true;
        Datum const datum = value(column, null);
        return null ? std::string_view() : view_bytes(datum);
    }
    int version() const {
        bool null = true;
        return DatumGetInt32(value(FactColumn::version, null));
    }
    bool has(FactColumn column) const noexcept { return columns_.has(column); }

private:
    TupleTableSlot *slot_;
    const FactColumns &columns_;
};

/// Reads a transition table from its beginning, row by row.
class FactRows : public StoredRows {
public:
    FactRows(Tuplestorestate *store, Relation relation) : StoredRows(store, relation), columns_(FactColumns::of(relation)) {}
    FactRow row() const { return {slot(), columns_}; }

private:
    const FactColumns &columns_;
};

} // namespace affiliate::pg
