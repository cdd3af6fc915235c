// SPDX-License-Identifier: PostgreSQL
// Rows of the firm's tables as JSON objects: each column by the text that its type gives, which gives the same value back.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "pg/jsonb_writer.hpp"
#include "pg/query.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

/// What the texts of values depend on in a session, pinned. Most sessions have it so, and it costs nothing.
class ImageSettings : public LocalSettings {
public:
    explicit ImageSettings(Relation relation);
};

/// Writes rows of one table, inside of ImageSettings.
class RowImages {
public:
    explicit RowImages(Relation relation);
    /// An object of all columns; with `unlike`, of those that differ in it. Inside of call().
    void write(JsonbWriter &to, TupleTableSlot *row, TupleTableSlot *unlike = nullptr) const;
    /// The same as JSON text.
    std::string text(TupleTableSlot *row) const;
    /// Which row of the table it is, by its primary key; empty where it has none.
    std::string key(TupleTableSlot *row) const;
    const std::vector<int> &key_columns() const noexcept;
    bool has_key() const noexcept { return !key_columns().empty(); }

    struct Known;

private:
    friend class ImageSettings;
    TupleDesc descriptor_;
    std::shared_ptr<const Known> known_;
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

} // namespace affiliate::pg
