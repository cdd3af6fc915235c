// SPDX-License-Identifier: PostgreSQL
// Rows of attached tables that could not become facts at once, kept as they were in pending_input.
#pragma once

#include <string>
#include <vector>

#include "pg/row_writer.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

/// What the texts of values depend on in a session, pinned. Most sessions have it so, and it costs nothing.
class ImageSettings : public LocalSettings {
public:
    explicit ImageSettings(Relation relation);
};

/// Rows of one table as JSON, inside of ImageSettings: each column by the text that its type gives, which gives the same value back.
class RowImages {
public:
    explicit RowImages(Relation relation);
    /// A JSON object of all columns; with `unlike`, of those that differ in it.
    std::string image(TupleTableSlot *row, TupleTableSlot *unlike = nullptr) const;
    /// Which row of the table it is, by its primary key; empty where it has none.
    std::string key(TupleTableSlot *row) const;
    bool has_key() const noexcept { return !key_columns_.empty(); }
    const std::vector<int> &key_columns() const noexcept { return key_columns_; }

private:
    char **texts(TupleTableSlot *row) const;

    TupleDesc descriptor_;
    FmgrInfo *output_; ///< of each column
    std::vector<int> key_columns_;
};

/// Reads such objects. Each text is given to its type: what is JSON inside of a row is a text in the object.
class ImageReader {
public:
    explicit ImageReader(Relation relation);
    /// Columns that the image does not have are null.
    HeapTuple read(Datum image) const;

private:
    AttInMetadata *input_;
};

/// Whether a column, by its number, has another value in the other row.
bool differs(TupleTableSlot *row, TupleTableSlot *other, int column);

/// Writes rows into pending_input.
class KeptRows {
public:
    KeptRows(std::string attachment, Relation relation);
    /// `before` or `after` may be nullptr; both are, for a TRUNCATE. `state` is waiting or rejected.
    void add(const char *operation, TupleTableSlot *before, TupleTableSlot *after, const char *state, const char *reason);
    /// Under which input_key a row is kept.
    std::string input_key(TupleTableSlot *row) const;
    bool has_key() const noexcept { return images_.has_key(); }
    const std::vector<int> &key_columns() const noexcept { return images_.key_columns(); }
    std::size_t size() const noexcept { return writer_.size(); }
    /// In a SpiSession, as owner.
    void write();
    /// Locks the table that they are written to; throws where that would have to wait and may not.
    static void lock();

private:
    std::string attachment_;
    RowImages images_;
    RowWriter writer_;
};

} // namespace affiliate::pg
