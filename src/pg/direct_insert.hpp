// SPDX-License-Identifier: PostgreSQL
// Inserts rows into a table of ours without planner and executor: constraints, indexes and row triggers as the executor
// does them, but prepared once per backend. An INSERT statement reads, plans and compiles the stored CHECKs and index
// predicates of its table anew, which was a third of a settle (docs/performance.md, docs/adr/0010).
#pragma once

#include <vector>

#include "pg/guard.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

class DirectInsert {
public:
    /// `attributes`: the index in the row of each column that is written; all others become null.
    DirectInsert(Oid table, const std::vector<std::size_t> &attributes);

    /// Whether it can do what an INSERT would do to this table. False where the table is no plain one any more, or
    /// somebody gave it a trigger, rule or default of a kind that only the executor runs: then write an INSERT.
    bool is_possible();

    /// Inserts `count` rows; `values` and `nulls` hold the written columns, row after row. Errors are PostgreSQL's own.
    void insert(const Datum *values, const bool *nulls, std::size_t count);

    struct Prepared;

private:
    std::vector<int> attributes_;
    Prepared *prepared_; ///< lives as long as the backend: the invalidation callback knows it
};

} // namespace affiliate::pg
