// SPDX-License-Identifier: PostgreSQL
// Small prepared statements through SPI: arrays of keys in, rows out. Every use is inside a SpiSession.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "pg/convert.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

/// SPI connected from construction to close(). On an error the (sub)transaction's abort disconnects it, so the
/// destructor does nothing.
class SpiSession {
public:
    SpiSession() {
        call([] { SPI_connect(); });
    }
    void close() {
        call([] { SPI_finish(); });
    }
};

/// One result row, deformed. Values live as long as the SpiSession.
class Row {
public:
    bool is_null(int column) const { return nulls_[column]; }
    std::string text(int column) const { return nulls_[column] ? std::string() : read_bytes(values_[column]); }
    std::vector<std::string> texts(int column) const {
        return nulls_[column] ? std::vector<std::string>() : read_text_array(values_[column]);
    }
    std::optional<core::Decimal> decimal(int column) const {
        return nulls_[column] ? std::nullopt : read_decimal(values_[column]);
    }
    std::optional<core::Time> time(int column) const {
        return nulls_[column] ? std::nullopt : std::optional(read_time(values_[column]));
    }
    std::optional<core::Duration> duration(int column) const {
        return nulls_[column] ? std::nullopt : std::optional(read_duration(values_[column]));
    }
    int integer(int column) const { return nulls_[column] ? 0 : DatumGetInt32(values_[column]); }
    int small(int column) const { return nulls_[column] ? 0 : DatumGetInt16(values_[column]); }
    std::int64_t big(int column) const { return nulls_[column] ? 0 : DatumGetInt64(values_[column]); }
    bool boolean(int column) const { return !nulls_[column] && DatumGetBool(values_[column]); }
    Datum datum(int column) const { return values_[column]; }

private:
    friend class Rows;
    Row(const Datum *values, const bool *nulls) : values_(values), nulls_(nulls) {}
    const Datum *values_;
    const bool *nulls_;
};

/// The rows of the last statement, read one at a time.
class Rows {
public:
    Rows(SPITupleTable *table, std::uint64_t count);
    std::uint64_t size() const noexcept { return count_; }
    Row operator[](std::uint64_t index);

private:
    SPITupleTable *table_;
    std::uint64_t count_;
    std::vector<Datum> values_;
    std::vector<char> nulls_;
};

/// A statement prepared once per backend. `text` must outlive it (a literal).
class Query {
public:
    Query(const char *statement, std::initializer_list<Oid> types) : text_(statement), types_(types) {}
    Rows read(std::initializer_list<Datum> values) { return run(values, SPI_OK_SELECT); }
    /// Number of rows written.
    std::uint64_t write(std::initializer_list<Datum> values);
    Rows run(std::initializer_list<Datum> values, int expected);
    /// Prepare anew: the tables were replaced.
    void forget();

private:
    const char *text_;
    std::vector<Oid> types_;
    SPIPlanPtr plan_ = nullptr;
};

/// While it lives, plans use the indexes whatever the statistics say: a freshly truncated table would otherwise be read
/// whole for every batch. Restored by restore(), or by the abort of the (sub)transaction.
class IndexPlans {
public:
    IndexPlans();
    void restore();

private:
    int level_;
};

/// The setting `name` for the rest of the GUC nest level opened by the caller.
void set_local(const char *name, const char *value);

/// The owner of everything, role affiliate_owner, for the time of a settle; as foreign-key triggers switch to the owner
/// of a table. Restored by restore(), or by the abort of the (sub)transaction.
class AsOwner {
public:
    AsOwner();
    void restore();

private:
    Oid user_ = InvalidOid;
    int context_ = 0;
};

} // namespace affiliate::pg
