// SPDX-License-Identifier: PostgreSQL
#include "pg/index_read.hpp"

#include "pg/relation_lock.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

FreshSnapshot::FreshSnapshot() {
    call([] {
        CommandCounterIncrement();
        PushActiveSnapshot(GetTransactionSnapshot());
        AcceptInvalidationMessages(); // of the tables that those have changed whose rows it sees
    });
}

void FreshSnapshot::close() {
    call([] { PopActiveSnapshot(); });
}

void IndexRead::find() {
    rootless_ = {};
    const char *const table = table_, *const index = index_;
    struct Found {
        Oid table, index;
    };
    Found const found = call([table, index] { return Found{our_relation(table), our_relation(index)}; });
    if (!OidIsValid(found.table) || !OidIsValid(found.index))
        throw core::Error("AF090", std::string("table \"affiliate.") + table_ + "\" or its index is missing", {},
                          "Run SELECT affiliate.setup() as a superuser.");
    if (found.table == table_oid_ && found.index == index_oid_) return;
    attributes_.clear();
    last_attribute_ = 0;
    for (const char *column : columns_) {
        Oid const oid = found.table;
        AttrNumber const number = call([oid, column] { return get_attnum(oid, column); });
        if (number == InvalidAttrNumber)
            throw core::Error("XX000", std::string("column \"") + column + "\" of \"" + table_ + "\" is missing");
        attributes_.push_back(number);
        last_attribute_ = std::max<int>(last_attribute_, number);
    }
    values_.resize(columns_.size());
    nulls_.resize(columns_.size());
    table_oid_ = found.table;
    index_oid_ = found.index;
}

namespace {

/// Most firms leave some tables unused: their indexes have no root yet. Whatever a snapshot may see was entered before.
bool has_root(Buffer metapage) {
    LockBuffer(metapage, BUFFER_LOCK_SHARE);
    bool const result = BTPageGetMeta(BufferGetPage(metapage))->btm_root != P_NONE;
    UnlockReleaseBuffer(metapage);
    return result;
}

} // namespace

bool IndexRead::is_still_empty() {
    if (rootless_.page == InvalidBuffer) return false;
    Rootless const seen = rootless_;
    bool const is_empty = call([seen] {
        return read_recent_page(seen.file, BTREE_METAPAGE, seen.page) && !has_root(seen.page);
    });
    if (!is_empty) rootless_ = {};
    return is_empty;
}

void IndexRead::open() {
    look_up();
    Oid const table = table_oid_, index = index_oid_;
    Scan &scan = scan_ = {};
    if (is_still_empty()) return;
    Rootless &rootless = rootless_;
    LOCKMODE const lock = lock_, release = to_release();
    bool const is_locked = call([table, index, &scan, &rootless, lock, release] {
        if (!take_lock(table, lock) || !take_lock(index, lock)) return false;
        scan.table = table_open(table, NoLock);
        scan.index = index_open(index, NoLock);
        Buffer const metapage = ReadBuffer(scan.index, BTREE_METAPAGE);
        if (!has_root(metapage)) {
            rootless = {file_of(scan.index), metapage};
            index_close(scan.index, release);
            table_close(scan.table, release);
            scan.table = scan.index = nullptr;
        } else {
            scan.slot = table_slot_create(scan.table, nullptr);
        }
        return true;
    });
    if (!is_locked) refuse_to_wait();
}

void IndexRead::begin() {
    Scan &scan = scan_;
    call([&scan] { scan.scan = begin_index_scan(scan.table, scan.index, GetActiveSnapshot(), 1); });
}

void IndexRead::end() {
    IndexScanDesc const scan = scan_.scan;
    call([scan] { index_endscan(scan); });
}

void IndexRead::seek(const std::string &key) {
    Datum const value = make_text(key);
    IndexScanDesc const scan = scan_.scan;
    Relation const index = scan_.index;
    call([=] {
        ScanKeyData condition;
        ScanKeyEntryInitialize(&condition, 0, 1, BTEqualStrategyNumber, InvalidOid, index->rd_indcollation[0], F_TEXTEQ,
                               value);
        index_rescan(scan, &condition, 1, nullptr, 0);
    });
}

bool IndexRead::next() {
    IndexScanDesc const scan = scan_.scan;
    TupleTableSlot *const slot = scan_.slot;
    int const last = last_attribute_;
    bool const found = call([=] {
        if (!index_getnext_slot(scan, ForwardScanDirection, slot)) return false;
        slot_getsomeattrs(slot, last);
        return true;
    });
    if (!found) return false;
    for (std::size_t i = 0; i < attributes_.size(); ++i) {
        values_[i] = slot->tts_values[attributes_[i] - 1];
        nulls_[i] = slot->tts_isnull[attributes_[i] - 1] ? 1 : 0;
    }
    return true;
}

bool IndexRead::has_more_than(const std::string &key, std::size_t most) {
    open();
    if (scan_.table == nullptr) return false;
    begin();
    seek(key);
    Scan const scan = scan_;
    bool const result = call([scan, most] {
        Buffer map = InvalidBuffer; // of the visibility map
        std::size_t found = 0;
        while (found <= most) {
            ItemPointer const place = index_getnext_tid(scan.scan, ForwardScanDirection);
            if (place == nullptr) break;
            if (VM_ALL_VISIBLE(scan.table, ItemPointerGetBlockNumber(place), &map) || index_fetch_heap(scan.scan, scan.slot))
                ++found;
        }
        if (BufferIsValid(map)) ReleaseBuffer(map);
        return found > most;
    });
    end();
    close();
    return result;
}

void IndexRead::close() {
    if (scan_.table == nullptr) return;
    Scan const scan = scan_;
    LOCKMODE const release = to_release();
    call([scan, release] {
        ExecDropSingleTupleTableSlot(scan.slot);
        index_close(scan.index, release);
        table_close(scan.table, release);
    });
}

OpenReads::OpenReads(std::initializer_list<IndexRead *> reads) : OpenReads() {
    reads_.reserve(reads.size());
    for (IndexRead *const read : reads) {
        read->open();
        read->is_held_open_ = true;
        reads_.push_back(read);
    }
}

OpenReads::~OpenReads() {
    for (IndexRead *const read : reads_) read->is_held_open_ = false;
}

void OpenReads::close() {
    for (IndexRead *const read : reads_) read->close();
}

} // namespace affiliate::pg
