// SPDX-License-Identifier: PostgreSQL
// The firm's own tables, attached: how their rows become facts (docs/adr/0014-attached-tables.md). A mapping is one statement
// that reads rows under the name new_rows and writes facts; what the rows are read from differs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pg/query.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

/// Rows of a table of the firm, in its present shape, for statements to read.
class FirmRows {
public:
    explicit FirmRows(Relation relation);
    void add(TupleTableSlot *slot);
    void add(Datum row); ///< a value of the table's row type
    std::size_t size() const noexcept { return size_; }
    void clear();
    void close();

    /// Makes them known to the present SpiSession as new_rows.
    void offer() const;
    /// Runs `statement` in the present SpiSession over the rows. `plan`: prepared at the first time, and kept. Returns the
    /// number of rows that it wrote or found.
    std::uint64_t run(const char *statement, SPIPlanPtr &plan) const;

private:
    Oid relation_;
    Tuplestorestate *store_;
    std::size_t size_ = 0;
};

/// What a backend knows of an attachment until its table is changed or it is attached anew.
struct Attachment {
    std::string id;
    Oid relation = InvalidOid; ///< whose rows: the attached table, or a partition of it
    bool is_current = false;
    std::vector<int> mapped;   ///< numbers of the columns that the mapping reads
    std::vector<int> keys;     ///< and of those that the key of the fact is made of
    Oid fact = InvalidOid;     ///< the table that the facts go to
    std::string statement;
    SPIPlanPtr plan = nullptr; ///< of the statement
};

/// nullptr where it has to be loaded.
Attachment *known_attachment(const std::string &id, Oid relation);
/// Reads it; throws AF051 to AF053 where there is no statement.
Attachment &load_attachment(const std::string &id, Oid relation);
inline Attachment &attachment(const std::string &id, Oid relation) {
    Attachment *const known = known_attachment(id, relation);
    return known != nullptr ? *known : load_attachment(id, relation);
}

/// The rights and settings under which expressions of others are evaluated: those of affiliate_owner in a
/// security-restricted operation, with all that their meaning depends on pinned.
class InMapping {
public:
    InMapping();
    void restore();

private:
    class Pinned : public LocalSettings {
    public:
        Pinned();
    };
    AsOwner owner_{SECURITY_RESTRICTED_OPERATION};
    Pinned settings_;
};

/// The settings under which a row becomes an image, and an image a row, inside of an InMapping. Money is another number
/// where the currency has other decimals: expressions read it as the session does, images as if there were two.
class InImages : public LocalSettings {
public:
    InImages();
};

/// While one lives, triggers fire as in an ordinary session: in the worker of a subscription those of our facts would not.
class AsOriginal {
public:
    AsOriginal() noexcept { SessionReplicationRole = SESSION_REPLICATION_ROLE_ORIGIN; }
    ~AsOriginal() { SessionReplicationRole = before_; }
    AsOriginal(const AsOriginal &) = delete;
    AsOriginal &operator=(const AsOriginal &) = delete;

private:
    int before_ = SessionReplicationRole;
};

/// Makes facts of the rows, inside of an InMapping. Returns how many were written or changed.
std::uint64_t write_facts(Attachment &attachment, FirmRows &rows);

} // namespace affiliate::pg
