// SPDX-License-Identifier: PostgreSQL
// Writes rows of one table: new ones directly (direct_insert.hpp), changed ones with one statement over unnested rows.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "pg/query.hpp"

namespace affiliate::pg {

class RowWriter {
public:
    /// `columns` are those that are written, in the order of put(); all others keep their defaults.
    RowWriter(const char *table, std::vector<const char *> columns);

    // One row: put() every column in order, then end_row(). `put_null` for a missing value.
    void put(Datum value) { place(value, false); }
    void put_null() { place(0, true); }
    void put(const std::string &value) { value.empty() ? put_null() : put(make_text(value)); }
    void put_text(std::string_view value) { put(make_text(value)); }
    void put(const core::Decimal &value) { put(make_numeric(value)); }
    void put(const std::optional<core::Decimal> &value) { value ? put(make_numeric(*value)) : put_null(); }
    void put(std::optional<core::Time> value) { value ? put(TimestampTzGetDatum(*value)) : put_null(); }
    void put_time(core::Time value) { put(TimestampTzGetDatum(value)); }
    void put(int value) { put(Int32GetDatum(value)); }
    void put_number(int value) { value == 0 ? put_null() : put(value); } ///< 0 is null
    void put_small(int value) { put(Int16GetDatum(static_cast<std::int16_t>(value))); }
    void put(bool value) { put(BoolGetDatum(value)); }
    void end_row();
    std::size_t size() const noexcept { return nulls_.size() / table_width(); }

    /// INSERT of the rows. Nothing where there are none.
    void insert();
    /// UPDATE of the rows by `statement`, which reads them as `r` and `versions` as `r.unnest`; throws 40001 unless
    /// every row found its counterpart.
    void update(const std::string &statement, const std::vector<int> &versions);

private:
    struct Table;
    static Table &table(const char *name, const std::vector<const char *> &columns);
    void place(Datum value, bool is_null) {
        values_.push_back(value);
        nulls_.push_back(is_null ? 1 : 0);
    }
    std::size_t table_width() const noexcept;
    std::vector<Datum> composites() const;

    Table &table_;
    std::vector<Datum> values_; ///< row after row, the written columns only
    std::vector<char> nulls_;
};

} // namespace affiliate::pg
