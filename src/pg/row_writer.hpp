// SPDX-License-Identifier: PostgreSQL
// Writes rows of one table: new ones directly (direct_insert.hpp), changed ones with one statement over unnested rows.
#pragma once

#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pg/direct_insert.hpp"
#include "pg/look_up.hpp"
#include "pg/query.hpp"

namespace affiliate::pg {

/// A table and the columns that are written; made once per backend, looked up again where the table was replaced.
class RowTable {
public:
    /// `columns` in the order of RowWriter::put(); all others are null in new rows. `parent`: the table whose rows the new
    /// ones refer to and that is always written just before, in the same transaction (DirectInsert).
    RowTable(const char *name, std::vector<const char *> columns, const char *parent = nullptr)
        : name_(name), columns_(std::move(columns)), parent_(parent) {}

private:
    friend class RowWriter;
    void look_up() {
        look_up_.renew([this] { find(); });
    }
    void find();
    void describe(Oid relation);

    const char *name_;
    std::vector<const char *> columns_;
    const char *parent_;
    LookUp look_up_;
    Oid relation_ = InvalidOid, row_type_ = InvalidOid, array_type_ = InvalidOid;
    TupleDesc descriptor_ = nullptr;
    std::vector<std::size_t> attributes_; ///< index into the row of each written column
    std::unique_ptr<DirectInsert> direct_;
    std::string insert_text_;
    std::unique_ptr<Query> insert_; ///< where `direct_` is not possible
    std::map<std::string, std::unique_ptr<Query>> updates_;
};

class RowWriter {
public:
    explicit RowWriter(RowTable &table) : table_(table) { table_.look_up(); }

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
    std::size_t size() const noexcept { return nulls_.size() / width(); }

    /// The table, as it was found when this writer was made.
    Oid table() const noexcept { return table_.relation_; }
    /// Whether the last insert() went without a statement.
    bool is_direct() const noexcept { return table_.direct_->is_possible(); }

    /// INSERT of the rows of all writers, one for each table.
    static void insert(std::initializer_list<RowWriter *> writers);
    /// UPDATE of the rows by `statement`, which reads them as `r` and `versions` as `r.unnest`; throws 40001 unless
    /// every row found its counterpart.
    void update(const std::string &statement, const std::vector<int> &versions);

private:
    void place(Datum value, bool is_null) {
        if (values_.empty()) { // mostly it is one row
            values_.reserve(width());
            nulls_.reserve(width());
        }
        values_.push_back(value);
        nulls_.push_back(is_null ? 1 : 0);
    }
    std::size_t width() const noexcept { return table_.columns_.size(); }
    std::vector<Datum> composites() const;

    RowTable &table_;
    std::vector<Datum> values_; ///< row after row, the written columns only
    std::vector<char> nulls_;
};

} // namespace affiliate::pg
