// SPDX-License-Identifier: PostgreSQL
#include "pg/stored_rows.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

StoredRows::StoredRows(Tuplestorestate *store, Relation relation) : store_(store) {
    TupleDesc const descriptor = RelationGetDescr(relation);
    slot_ = call([descriptor] { return MakeSingleTupleTableSlot(descriptor, &TTSOpsMinimalTuple); });
    pointer_ = call([store] { return tuplestore_alloc_read_pointer(store, EXEC_FLAG_REWIND); });
    rewind();
}

bool StoredRows::next() {
    Tuplestorestate *const store = store_;
    TupleTableSlot *const slot = slot_;
    int const pointer = pointer_;
    if (++count_ % 1000 == 0) check_interrupts();
    // What is read from a file is allocated, and freed when the slot takes the next row: not in memory that a caller frees.
    MemoryContext const before = MemoryContextSwitchTo(slot->tts_mcxt);
    bool const found = call([=] {
        tuplestore_select_read_pointer(store, pointer);
        return tuplestore_gettupleslot(store, true, false, slot);
    });
    MemoryContextSwitchTo(before);
    return found;
}

void StoredRows::rewind() {
    Tuplestorestate *const store = store_;
    int const pointer = pointer_;
    call([=] {
        tuplestore_select_read_pointer(store, pointer);
        tuplestore_rescan(store);
    });
}

void StoredRows::close() {
    TupleTableSlot *const slot = slot_;
    call([slot] { ExecDropSingleTupleTableSlot(slot); });
}

RowSlot::RowSlot(Relation relation) {
    TupleDesc const descriptor = RelationGetDescr(relation);
    slot_ = call([descriptor] { return MakeSingleTupleTableSlot(descriptor, &TTSOpsVirtual); });
}

void RowSlot::put(Datum row) {
    TupleTableSlot *const slot = slot_;
    call([slot, row] { ExecStoreHeapTupleDatum(row, slot); });
}

void RowSlot::close() {
    TupleTableSlot *const slot = slot_;
    call([slot] { ExecDropSingleTupleTableSlot(slot); });
}

} // namespace affiliate::pg
