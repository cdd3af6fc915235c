// SPDX-License-Identifier: PostgreSQL
// Inserts rows into tables of ours without planner and executor: constraints, indexes and row triggers as the executor
// does them, but prepared once per backend. An INSERT statement reads, plans and compiles the stored CHECKs and index
// predicates of its table anew, which was a third of a settle (docs/performance.md, docs/adr/0010).
#pragma once

#include <span>
#include <vector>

#include "pg/guard.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

class DirectInsert {
public:
    /// `attributes`: the index in the row of each column that is written; all others become null. `parent`: the table
    /// whose referenced rows this transaction always writes itself before, so that nobody else can delete them: foreign
    /// keys to it hold and are not looked up again; InvalidOid where there is none.
    DirectInsert(Oid table, const std::vector<std::size_t> &attributes, Oid parent);

    /// Locks and opens the table, for insert() to close. False, and nothing is open, where that cannot do what an INSERT
    /// would do to this table: where the table is no plain one any more, or somebody gave it a trigger or rule of a kind
    /// that only the executor runs. Then write an INSERT.
    bool open();

    /// What the last open() returned, unless the table was changed since.
    bool is_possible() const noexcept;

    /// Rows of one open table: the written columns, row after row.
    struct Rows {
        const DirectInsert *table;
        const Datum *values;
        const bool *nulls;
        std::size_t count;
    };
    /// Inserts the rows of all tables, at most one Rows for each, and closes them. Errors are PostgreSQL's own.
    static void insert(std::span<const Rows> tables);

    struct Prepared;

private:
    std::vector<int> attributes_;
    Prepared *prepared_; ///< lives as long as the backend: the invalidation callback knows it
    Relation relation_ = nullptr;
};

} // namespace affiliate::pg
