// SPDX-License-Identifier: PostgreSQL
#include "pg/direct_insert.hpp"

#include "pg/relation_lock.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

/// What is known of a table until its relcache entry is invalidated. Everything it points to is in `context`.
struct DirectInsert::Prepared {
    Prepared *next = nullptr; ///< all of this backend
    Oid table = InvalidOid, parent = InvalidOid;
    bool is_valid = false, is_possible = false;
    std::uint64_t changes = 0; ///< invalidations seen
    MemoryContext context = nullptr;
    int columns = 0;
    const bool *not_null = nullptr; ///< per column of the table
    int checks = 0;
    ExprState **check = nullptr;
    int indexes = 0;
    Oid *index_oid = nullptr;
    IndexInfo **index = nullptr;
    TriggerDesc *triggers = nullptr; ///< nullptr where no row trigger has to run
};

namespace {

using Prepared = DirectInsert::Prepared;

constexpr int kRowsAtOnce = 500; // one multi-insert

Prepared *all_prepared = nullptr;

/// An index is part of what is known of its table; a change of one invalidates the table's entry too.
void on_relcache_invalidation(Datum, Oid relation) noexcept {
    for (Prepared *prepared = all_prepared; prepared != nullptr; prepared = prepared->next)
        if (relation == InvalidOid || relation == prepared->table) {
            prepared->is_valid = false;
            ++prepared->changes;
        }
}

/// Ordinary rows, no partition, no rule, no column that computes itself.
bool is_plain(Relation relation) {
    const TupleConstr *const constraints = RelationGetDescr(relation)->constr;
    return relation->rd_rel->relkind == RELKIND_RELATION && !relation->rd_rel->relispartition &&
           !relation->rd_rel->relhasrules && (constraints == nullptr || !has_generated_columns(*constraints));
}

/// BEFORE triggers may change or drop rows, statement triggers and transition tables belong to a statement.
bool has_only_after_row_triggers(const TriggerDesc *triggers) {
    return triggers == nullptr || !(triggers->trig_insert_before_row || triggers->trig_insert_instead_row ||
                                    triggers->trig_insert_before_statement || triggers->trig_insert_after_statement ||
                                    triggers->trig_insert_new_table);
}

/// The AFTER ROW triggers that an insert fires, without the check of references to `parent`; nullptr where there is none.
TriggerDesc *triggers_to_fire(const Relation relation, Oid parent) {
    if (relation->trigdesc == nullptr || !relation->trigdesc->trig_insert_after_row) return nullptr;
    TriggerDesc *const result = CopyTriggerDesc(relation->trigdesc);
    int kept = 0;
    bool fires = false;
    for (int i = 0; i < result->numtriggers; ++i) {
        const Trigger &trigger = result->triggers[i];
        if (trigger.tgfoid == F_RI_FKEY_CHECK_INS && OidIsValid(parent) && trigger.tgconstrrelid == parent) continue;
        fires = fires || TRIGGER_TYPE_MATCHES(trigger.tgtype, TRIGGER_TYPE_ROW, TRIGGER_TYPE_AFTER, TRIGGER_TYPE_INSERT);
        result->triggers[kept++] = trigger;
    }
    result->numtriggers = kept;
    return fires ? result : nullptr;
}

void prepare_columns(Prepared &prepared, TupleDesc descriptor) {
    prepared.columns = descriptor->natts;
    bool *const not_null = static_cast<bool *>(palloc0(sizeof(bool) * static_cast<std::size_t>(descriptor->natts)));
    for (int i = 0; i < descriptor->natts; ++i) not_null[i] = TupleDescAttr(descriptor, i)->attnotnull;
    prepared.not_null = not_null;
    prepared.checks = descriptor->constr == nullptr ? 0 : descriptor->constr->num_check;
    prepared.check = static_cast<ExprState **>(palloc0(sizeof(ExprState *) * static_cast<std::size_t>(prepared.checks + 1)));
    for (int i = 0; i < prepared.checks; ++i) {
        if (!is_enforced(descriptor->constr->check[i])) continue;
        Expr *const text = static_cast<Expr *>(stringToNode(descriptor->constr->check[i].ccbin));
        prepared.check[i] = ExecInitExpr(expression_planner(text), nullptr);
    }
}

void prepare_indexes(Prepared &prepared, Relation relation) {
    List *const list = RelationGetIndexList(relation);
    auto const count = static_cast<std::size_t>(list_length(list));
    prepared.indexes = static_cast<int>(count);
    prepared.index_oid = static_cast<Oid *>(palloc0(sizeof(Oid) * (count + 1)));
    prepared.index = static_cast<IndexInfo **>(palloc0(sizeof(IndexInfo *) * (count + 1)));
    for (int i = 0; i < prepared.indexes; ++i) {
        Oid const oid = list_nth_oid(list, i);
        Relation const index = index_open(oid, RowExclusiveLock);
        IndexInfo *const info = BuildIndexInfo(index);
        if (info->ii_Predicate != NIL)
            info->ii_PredicateState = ExecInitQual(
                reinterpret_cast<List *>(expression_planner(reinterpret_cast<Expr *>(info->ii_Predicate))), nullptr);
        // An index over expressions is prepared by the executor, with its own state: none of ours has any.
        if (info->ii_Expressions != NIL || info->ii_ExclusionOps != nullptr || !index->rd_index->indimmediate)
            prepared.is_possible = false;
        prepared.index_oid[i] = oid;
        prepared.index[i] = info;
        index_close(index, RowExclusiveLock);
    }
    list_free(list);
}

void prepare_now(Prepared &prepared, Relation relation) {
    if (MemoryContext const old = prepared.context; old != nullptr) {
        prepared.context = nullptr;
        MemoryContextSetParent(old, TopTransactionContext); // an insert whose triggers led here may be using it
    }
    prepared.context = AllocSetContextCreate(CacheMemoryContext, "pg_affiliate direct insert", ALLOCSET_SMALL_SIZES);
    std::uint64_t const changes = prepared.changes;
    MemoryContext const before = MemoryContextSwitchTo(prepared.context);
    prepared.is_possible = is_plain(relation) && has_only_after_row_triggers(relation->trigdesc);
    prepare_columns(prepared, RelationGetDescr(relation));
    prepare_indexes(prepared, relation);
    prepared.triggers = triggers_to_fire(relation, prepared.parent);
    prepared.is_valid = prepared.changes == changes;
    MemoryContextSwitchTo(before);
}

/// The executor's view of the table for one insert.
ResultRelInfo *open_result(const Prepared &prepared, Relation relation) {
    ResultRelInfo *const result = makeNode(ResultRelInfo);
    result->ri_RelationDesc = relation;
    result->ri_NumIndices = prepared.indexes;
    result->ri_IndexRelationInfo = prepared.index;
    result->ri_IndexRelationDescs =
        static_cast<RelationPtr>(palloc0(sizeof(Relation) * static_cast<std::size_t>(prepared.indexes + 1)));
    if (prepared.triggers != nullptr) {
        auto const count = static_cast<std::size_t>(prepared.triggers->numtriggers);
        result->ri_TrigDesc = prepared.triggers;
        result->ri_TrigFunctions = static_cast<FmgrInfo *>(palloc0(count * sizeof(FmgrInfo)));
        result->ri_TrigWhenExprs = static_cast<ExprState **>(palloc0(count * sizeof(ExprState *)));
    }
    return result;
}

bool fits(const Prepared &prepared, TupleTableSlot *slot, ExprContext *context) {
    for (int i = 0; i < prepared.columns; ++i)
        if (prepared.not_null[i] && slot->tts_isnull[i]) return false;
    context->ecxt_scantuple = slot;
    for (int i = 0; i < prepared.checks; ++i)
        if (prepared.check[i] != nullptr && !ExecCheck(prepared.check[i], context)) return false;
    return true;
}

/// One table while rows are inserted. Plain data, as everything that the server's errors jump over.
struct Part {
    Prepared prepared; ///< as it was when the insert began
    Relation relation;
    const int *attributes;
    std::size_t width;
    const Datum *values;
    const bool *nulls;
    std::size_t rows, done;
    ResultRelInfo *result;
    TupleTableSlot **slot;
    int slots, filled; ///< rows at once, and of those in work
};

void open_part(Part &part, EState *estate) {
    part.result = open_result(part.prepared, part.relation);
    estate->es_opened_result_relations = lappend(estate->es_opened_result_relations, part.result);
    part.slots = part.rows < kRowsAtOnce ? static_cast<int>(part.rows) : kRowsAtOnce;
    part.slot = static_cast<TupleTableSlot **>(palloc(sizeof(TupleTableSlot *) * static_cast<std::size_t>(part.slots)));
    for (int i = 0; i < part.slots; ++i)
        part.slot[i] = MakeSingleTupleTableSlot(RelationGetDescr(part.relation), table_slot_callbacks(part.relation));
}

void fill(TupleTableSlot *slot, const Part &part) {
    ExecClearTuple(slot);
    for (int i = 0; i < part.prepared.columns; ++i) slot->tts_isnull[i] = true;
    for (std::size_t i = 0; i < part.width; ++i) {
        slot->tts_values[part.attributes[i]] = part.values[part.done * part.width + i];
        slot->tts_isnull[part.attributes[i]] = part.nulls[part.done * part.width + i];
    }
    ExecStoreVirtualTuple(slot);
    slot->tts_tableOid = part.prepared.table;
}

/// The next rows, as CopyMultiInsertBufferFlush() does it; none where all are stored.
void store_rows(Part &part, EState *estate, CommandId command) {
    for (part.filled = 0; part.filled < part.slots && part.done < part.rows; ++part.filled, ++part.done) {
        TupleTableSlot *const slot = part.slot[part.filled];
        fill(slot, part);
        if (!fits(part.prepared, slot, GetPerTupleExprContext(estate)))
            ExecConstraints(part.result, slot, estate); // raises the error
    }
    if (part.filled == 1) table_tuple_insert(part.relation, part.slot[0], command, 0, nullptr);
    else if (part.filled > 1) table_multi_insert(part.relation, part.slot, part.filled, command, 0, nullptr);
}

/// Opens the indexes that the row belongs in; the executor leaves those alone that are not open.
void open_indexes(const Part &part, ExprContext *context) {
    for (int i = 0; i < part.prepared.indexes; ++i) {
        Relation &index = part.result->ri_IndexRelationDescs[i];
        if (index == nullptr && ExecQual(part.prepared.index[i]->ii_PredicateState, context))
            index = index_open(part.prepared.index_oid[i], RowExclusiveLock);
    }
}

/// Index entries and triggers of the rows just stored.
void enter_rows(const Part &part, EState *estate) {
    ExprContext *const context = GetPerTupleExprContext(estate);
    for (int i = 0; i < part.filled; ++i) {
        context->ecxt_scantuple = part.slot[i];
        open_indexes(part, context);
        List *const recheck = insert_index_tuples(part.result, part.slot[i], estate);
        if (part.prepared.triggers != nullptr) ExecARInsertTriggers(estate, part.result, part.slot[i], recheck, nullptr);
        ResetPerTupleExprContext(estate);
    }
}

void close_part(const Part &part) {
    for (int i = 0; i < part.slots; ++i) ExecDropSingleTupleTableSlot(part.slot[i]);
    for (int i = 0; i < part.prepared.indexes; ++i)
        if (Relation const index = part.result->ri_IndexRelationDescs[i]; index != nullptr)
            index_close(index, RowExclusiveLock);
    table_close(part.relation, NoLock);
}

/// Table by table in steps, not row by row: each step's code stays in the processor's cache for all tables.
void insert_now(Part *parts, std::size_t count) {
    PreventCommandIfReadOnly("settling");
    EState *const estate = CreateExecutorState();
    CommandId const command = GetCurrentCommandId(true);
    AfterTriggerBeginQuery();
    for (std::size_t i = 0; i < count; ++i) open_part(parts[i], estate);
    for (bool is_done = false; !is_done;) {
        for (std::size_t i = 0; i < count; ++i) store_rows(parts[i], estate, command);
        for (std::size_t i = 0; i < count; ++i) enter_rows(parts[i], estate);
        is_done = true;
        for (std::size_t i = 0; i < count; ++i) is_done = is_done && parts[i].done == parts[i].rows;
        CHECK_FOR_INTERRUPTS();
    }
    AfterTriggerEndQuery(estate);
    ExecResetTupleTable(estate->es_tupleTable, false); // what the triggers used
    for (std::size_t i = 0; i < count; ++i) close_part(parts[i]);
    FreeExecutorState(estate);
}

} // namespace

DirectInsert::DirectInsert(Oid table, const std::vector<std::size_t> &attributes, Oid parent) {
    for (std::size_t const attribute : attributes) attributes_.push_back(static_cast<int>(attribute));
    for (prepared_ = all_prepared; prepared_ != nullptr && !(prepared_->table == table && prepared_->parent == parent);
         prepared_ = prepared_->next) {}
    if (prepared_ != nullptr) return;
    if (all_prepared == nullptr)
        call([] {
            CacheRegisterRelcacheCallback([](Datum argument, Oid relation) { on_relcache_invalidation(argument, relation); },
                                          Datum{0});
        });
    prepared_ = new Prepared;
    prepared_->table = table;
    prepared_->parent = parent;
    prepared_->next = all_prepared;
    all_prepared = prepared_;
}

bool DirectInsert::open() {
    Prepared &prepared = *prepared_;
    bool is_locked = false;
    relation_ = call([&prepared, &is_locked]() -> Relation {
        is_locked = take_lock(prepared.table, RowExclusiveLock);
        if (!is_locked) return nullptr;
        Relation const relation = table_open(prepared.table, NoLock);
        for (int attempt = 0; !prepared.is_valid && attempt < 3; ++attempt) prepare_now(prepared, relation);
        if (prepared.is_valid && prepared.is_possible) return relation;
        table_close(relation, NoLock);
        return nullptr;
    });
    if (!is_locked) refuse_to_wait();
    return relation_ != nullptr;
}

bool DirectInsert::is_possible() const noexcept { return prepared_->is_valid && prepared_->is_possible; }

void DirectInsert::insert(std::span<const Rows> tables) {
    if (tables.empty()) return;
    std::vector<Part> parts;
    for (const Rows &rows : tables)
        parts.push_back({*rows.table->prepared_, rows.table->relation_, rows.table->attributes_.data(),
                         rows.table->attributes_.size(), rows.values, rows.nulls, rows.count, 0, nullptr, nullptr, 0, 0});
    Part *const first = parts.data();
    std::size_t const count = parts.size();
    call([first, count] { insert_now(first, count); });
}

} // namespace affiliate::pg
