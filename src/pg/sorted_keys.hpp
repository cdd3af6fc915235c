// SPDX-License-Identifier: PostgreSQL
// Keys of the rows of a statement, in ascending order and each once. A statement may have millions of rows: many keys are
// sorted by the server within work_mem, and given out some at a time (POSTGRES.md 23).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pg/guard.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

/// add() any number, sort(), then next() until there are none. Lives in the memory context it was made in; after an error
/// the abort of the transaction frees what the server holds.
class SortedKeys {
public:
    /// Empty keys are left out.
    void add(std::string_view key);
    void sort();
    /// How many were added, repeated ones included.
    std::size_t added() const noexcept { return added_; }
    /// The next keys, `most` of them; fewer at the end.
    std::vector<std::string> next(std::size_t most);
    /// Whether next() has come to the end.
    bool at_end() const noexcept { return at_end_; }
    /// go_back() goes back to where mark() was called last, in the same sort().
    void mark();
    void go_back();
    /// Frees what the server holds; the keys are gone then.
    void close();

private:
    struct Place {
        std::size_t index = 0; ///< into few_
        std::string last;      ///< the key given out last; empty: none yet
    };
    void spill();
    void put(std::string_view key);
    bool step(std::string &key);

    MemoryContext home_ = CurrentMemoryContext;
    std::size_t added_ = 0;
    bool at_end_ = false;
    std::vector<std::string> few_; ///< all, while the server's sort is not needed
    Tuplesortstate *many_ = nullptr;
    Place place_, marked_;
};

} // namespace affiliate::pg
