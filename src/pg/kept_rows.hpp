// SPDX-License-Identifier: PostgreSQL
// Rows of attached tables that could not become facts at once, kept as they were in pending_input.
#pragma once

#include <string>

#include "pg/row_image.hpp"
#include "pg/row_writer.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

/// Under which input_key a row of an attachment is kept; `row` may be nullptr.
std::string input_key(const std::string &attachment, const RowImages &images, TupleTableSlot *row);

/// Some rows of one table, to be kept.
class KeptRows {
public:
    /// Looks up and locks what they are written to; throws where that would have to wait and may not.
    KeptRows(const std::string &attachment, Relation relation);
    /// `before` or `after` may be nullptr; both are, for a TRUNCATE. `state` is waiting or rejected. As owner, inside of
    /// ImageSettings.
    void add(const char *operation, TupleTableSlot *before, TupleTableSlot *after, const char *state, const char *reason);
    /// Under which input_key a row is kept.
    std::string input_key(TupleTableSlot *row) const;
    std::size_t size() const noexcept { return writer_.size(); }
    /// Locks the indexes, too, and where large values go: what write() locks would be let go by a rollback.
    void hold();
    /// Writes them all; what was rolled back can be written again.
    void write();
    /// Whether write() looks for nothing by its name, and so does a second time what it has done once.
    bool is_repeatable() const noexcept { return writer_.is_direct(); }
    /// Frees the rows. On an error they go with the memory that was current when they were made.
    void close();

private:
    std::string attachment_, actor_;
    RowImages images_;
    RowWriter writer_;
    MemoryContext memory_;
};

} // namespace affiliate::pg
