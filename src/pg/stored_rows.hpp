// SPDX-License-Identifier: PostgreSQL
// Rows that the server keeps for a statement, above all the transition tables of a trigger.
#pragma once

#include <cstdint>

#include "pg/guard.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

/// Reads such rows of a table from the first to the last. Others may read them, too.
class StoredRows {
public:
    StoredRows(Tuplestorestate *store, Relation relation);
    bool next();
    /// Back to before the first.
    void rewind();
    TupleTableSlot *slot() const noexcept { return slot_; }
    void close();

private:
    Tuplestorestate *store_;
    TupleTableSlot *slot_;
    int pointer_;
    std::uint64_t count_ = 0;
};

/// Shows values of a table's row type as rows.
class RowSlot {
public:
    explicit RowSlot(Relation relation);
    void put(Datum row);
    TupleTableSlot *get() const noexcept { return slot_; }
    void close();

private:
    TupleTableSlot *slot_;
};

} // namespace affiliate::pg
