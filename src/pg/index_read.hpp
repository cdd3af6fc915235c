// SPDX-License-Identifier: PostgreSQL
// Reads our own tables by the leading text column of an index, without planner and executor: a case file needs some
// fifteen such reads, and a prepared statement costs ten times as much as the scan itself (docs/performance.md).
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "pg/look_up.hpp"
#include "pg/query.hpp"

namespace affiliate::pg {

/// A snapshot that sees everything committed by now and our own changes. One for all reads of a gather.
/// Popped by close(), or by the abort of the (sub)transaction.
class FreshSnapshot {
public:
    FreshSnapshot();
    void close();
};

/// One table, one index, the columns wanted; made once per backend, and anew where the table was replaced.
class IndexRead {
public:
    /// `as_for_writing`: what the statement or apply() writes is locked for that at once, until the end of the transaction:
    /// to take the same lock once more costs a third, and it is not given back.
    enum class Lock : std::uint8_t { while_read, as_for_writing };
    IndexRead(const char *table, const char *index, std::vector<const char *> columns, Lock lock = Lock::while_read)
        : table_(table), index_(index), columns_(std::move(columns)),
          lock_(lock == Lock::as_for_writing ? RowExclusiveLock : AccessShareLock) {}

    /// Calls f(row) for every visible row whose leading index column is one of `keys`; where f returns false, the rest of
    /// that key is left out. Rows have the columns in the order given; they are valid during the call only.
    template <class F> void each(const std::vector<std::string> &keys, F f) {
        if (keys.empty()) return;
        if (!is_held_open_) open();
        if (scan_.table != nullptr) {
            begin();
            each_row(keys, f);
            end();
        }
        if (!is_held_open_) close();
    }

    /// Whether more than `most` visible rows have the key. Reads no more index entries than that, and the rows themselves
    /// only where their page has changed since the last vacuum.
    bool has_more_than(const std::string &key, std::size_t most);

private:
    friend class OpenReads;
    template <class F> void each_row(const std::vector<std::string> &keys, F &f) {
        for (const std::string &key : keys) {
            seek(key);
            while (next()) {
                Row const row(values_.data(), reinterpret_cast<const bool *>(nulls_.data()));
                if constexpr (std::is_same_v<decltype(f(row)), bool>) {
                    if (!f(row)) break;
                } else {
                    f(row);
                }
            }
        }
    }
    void open();  ///< nothing is open then where the index is empty
    void begin(); ///< a scan takes 28 kB: one at a time, so that the process' memory does not grow and shrink
    void end();
    void seek(const std::string &key);
    bool next();
    void close();
    void look_up() {
        look_up_.renew([this] { find(); });
    }
    void find();
    bool is_still_empty();
    LOCKMODE to_release() const noexcept { return lock_ == AccessShareLock ? lock_ : NoLock; }

    const char *table_, *index_;
    std::vector<const char *> columns_;
    LOCKMODE lock_;
    LookUp look_up_;
    Oid table_oid_ = InvalidOid, index_oid_ = InvalidOid;
    std::vector<int> attributes_; ///< attribute number of each column
    int last_attribute_ = 0;
    std::vector<Datum> values_;
    std::vector<char> nulls_;
    bool is_held_open_ = false; ///< by OpenReads
    /// The metapage of an index that was found empty. While no table of the database is changed, a look at the page tells
    /// whether it still is: without locks, which take longer than all else of a read that finds nothing.
    struct Rootless {
        RelationFile file;
        Buffer page = InvalidBuffer;
    } rootless_;
    /// What is open. Plain data: the server's errors jump over it.
    struct Scan {
        Relation table, index; ///< nullptr where the index is empty
        TupleTableSlot *slot;
        IndexScanDesc scan;
    } scan_{};
};

/// Holds several reads open, for their each() to use: in steps, not read by read, each step's code stays in the
/// processor's cache.
class OpenReads {
public:
    explicit OpenReads(std::initializer_list<IndexRead *> reads);
    ~OpenReads(); ///< after an error the abort of the (sub)transaction closes them
    OpenReads(const OpenReads &) = delete;
    OpenReads &operator=(const OpenReads &) = delete;
    void close();

private:
    OpenReads() = default;
    std::vector<IndexRead *> reads_;
};

} // namespace affiliate::pg
