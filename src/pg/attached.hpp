// SPDX-License-Identifier: PostgreSQL
// The firm's own tables, attached: how their rows become facts (docs/adr/0014-attached-tables.md). A mapping is one query over
// rows by the name of new_rows, and one statement that writes its result; what the rows are read from differs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pg/query.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

/// Rows that statements of ours read by a name.
class NamedRows {
public:
    /// Those of a table, in its present shape.
    NamedRows(const char *name, Oid relation);
    NamedRows(const char *name, TupleDesc columns);
    void add(TupleTableSlot *slot);
    void add(HeapTuple row);
    void add(Datum row); ///< a value of the table's row type
    std::size_t size() const noexcept { return size_; }
    void clear();
    void close();

    /// Makes them known to the present SpiSession.
    void offer() const;
    /// Where a query leaves its result.
    Tuplestorestate *store() const noexcept { return store_; }

private:
    const char *name_;
    Oid relation_ = InvalidOid;
    TupleDesc columns_ = nullptr;
    Tuplestorestate *store_;
    std::size_t size_ = 0;
};

/// Rows of a table of the firm.
class FirmRows : public NamedRows {
public:
    explicit FirmRows(Relation relation) : NamedRows("new_rows", RelationGetRelid(relation)) {}
};

/// A statement over named rows, prepared at its first use, and kept. Its plan notices changes of tables by itself.
struct PreparedText {
    std::string text;
    SPIPlanPtr plan = nullptr;
    TupleDesc columns = nullptr; ///< of its result

    /// Another text. The plan of the old one is not freed: it may be running.
    void change(const std::string &to) {
        if (text != to) *this = {to, nullptr, nullptr};
    }
    /// In a SpiSession to which its rows have been offered.
    void prepare();
};

/// What a backend knows of an attachment until its table is changed or it is attached anew.
struct Attachment {
    std::string id;
    Oid relation = InvalidOid; ///< whose rows: the attached table, or a partition of it
    bool is_current = false;
    bool is_of_it = false;     ///< whether the relation belongs to the attached table at all; a partition may have been detached
    std::vector<int> mapped;   ///< numbers of the columns that the mapping reads; 0: whatever is written is news
    std::vector<int> keys;     ///< and of those that the key of the fact is made of
    Oid fact = InvalidOid;     ///< the table that the facts go to
    PreparedText mapping;      ///< gives the fields of facts for new_rows
    PreparedText key_mapping;  ///< gives their keys alone
    PreparedText write;        ///< writes facts that a mapping gave, by the name of mapped
    PreparedText claim;        ///< the same, which locks the facts that are there and leaves them as they are
};

/// nullptr where it has to be loaded.
Attachment *known_attachment(const std::string &id, Oid relation);
/// Reads it; throws AF051 to AF053 where there is no statement.
Attachment &load_attachment(const std::string &id, Oid relation);
inline Attachment &attachment(const std::string &id, Oid relation) {
    Attachment *const known = known_attachment(id, relation);
    return known != nullptr ? *known : load_attachment(id, relation);
}

/// What the meaning of an expression, or of a text, depends on in a session: pinned, for statements of affiliate_owner.
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

/// Who evaluates what others wrote, inside of an InMapping: expressions of mappings, and types of the firm's. Their functions may be
/// those of an application, which must gain nothing.
class AsMapper : public AsOwner {
public:
    AsMapper() : AsOwner(call([] { return get_role_oid("affiliate_mapping", false); }), SECURITY_RESTRICTED_OPERATION) {}
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

/// Runs a mapping over the rows, inside of an InMapping. The result is closed by the caller.
NamedRows map_rows(PreparedText &mapping, const FirmRows &rows);
/// How many facts a mapping gave, and how many of them were written or changed.
struct Written {
    std::uint64_t mapped, written;
};
/// Makes facts of the rows, inside of an InMapping.
Written write_facts(Attachment &attachment, const FirmRows &rows);
/// The same for those that are missing. The others are locked: what the firm writes from now on of any of them is kept.
Written claim_facts(Attachment &attachment, const FirmRows &rows);

} // namespace affiliate::pg
