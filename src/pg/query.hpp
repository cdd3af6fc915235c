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

    Row(const Datum *values, const bool *nulls) : values_(values), nulls_(nulls) {}

private:
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
    Query(const char *statement, std::vector<Oid> types) : text_(statement), types_(std::move(types)) {}
    Rows read(const std::vector<Datum> &values) { return run(values, nullptr, SPI_OK_SELECT); }
    /// Number of rows written. `nulls` has an 'n' for each null value, a blank for the others; nullptr = none is null.
    std::uint64_t write(const std::vector<Datum> &values, const char *nulls = nullptr);
    /// Prepare anew: the tables were replaced.
    void forget();

private:
    Rows run(const std::vector<Datum> &values, const char *nulls, int expected);

    const char *text_;
    std::vector<Oid> types_;
    SPIPlanPtr plan_ = nullptr;
};

/// Settings changed for a while. Restored by restore(), or by the abort of the (sub)transaction.
class LocalSettings {
public:
    LocalSettings();
    void set(const char *name, const char *value);
    void restore();

private:
    int level_;
};

/// While it lives, plans use the indexes whatever the statistics say: a freshly truncated table would otherwise be read
/// whole for every batch. Nor are they compiled, which the cost of a scan that is forbidden would bring about.
class IndexPlans : public LocalSettings {
public:
    IndexPlans();
};

/// The owner of everything, role affiliate_owner, for the time of a settle; as foreign-key triggers switch to the owner
/// of a table. Restored by restore(), or by the abort of the (sub)transaction.
class AsOwner {
public:
    /// `more`: further bits of the security context, for what others wrote.
    explicit AsOwner(int more = 0);
    void restore();

protected:
    AsOwner(Oid user, int more);

private:
    Oid user_ = InvalidOid;
    int context_ = 0;
};

/// The superuser that the cluster was made with, for statements of ours about tables that may belong to whomever.
class AsSuperuser : public AsOwner {
public:
    AsSuperuser() : AsOwner(BOOTSTRAP_SUPERUSERID, SECURITY_RESTRICTED_OPERATION) {}
};

} // namespace affiliate::pg
