// SPDX-License-Identifier: PostgreSQL
#include "pg/direct_insert.hpp"

#include "pg/relation_lock.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

/// What is known of a table until its relcache entry is invalidated. Everything it points to is in `context`.
struct DirectInsert::Prepared {
    Prepared *next = nullptr; ///< all of this backend
    Oid table = InvalidOid;
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
        MemoryContextDelete(old);
    }
    prepared.context = AllocSetContextCreate(CacheMemoryContext, "pg_affiliate direct insert", ALLOCSET_SMALL_SIZES);
    std::uint64_t const changes = prepared.changes;
    MemoryContext const before = MemoryContextSwitchTo(prepared.context);
    prepared.is_possible = is_plain(relation) && has_only_after_row_triggers(relation->trigdesc);
    prepare_columns(prepared, RelationGetDescr(relation));
    prepare_indexes(prepared, relation);
    const TriggerDesc *const triggers = relation->trigdesc;
    prepared.triggers = triggers != nullptr && triggers->trig_insert_after_row ? CopyTriggerDesc(relation->trigdesc) : nullptr;
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
        static_cast<RelationPtr>(palloc(sizeof(Relation) * static_cast<std::size_t>(prepared.indexes + 1)));
    for (int i = 0; i < prepared.indexes; ++i)
        result->ri_IndexRelationDescs[i] = index_open(prepared.index_oid[i], RowExclusiveLock);
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

void fill(TupleTableSlot *slot, const Prepared &prepared, const int *attributes, int width, const Datum *values,
          const bool *nulls) {
    ExecClearTuple(slot);
    for (int i = 0; i < prepared.columns; ++i) slot->tts_isnull[i] = true;
    for (int i = 0; i < width; ++i) {
        slot->tts_values[attributes[i]] = values[i];
        slot->tts_isnull[attributes[i]] = nulls[i];
    }
    ExecStoreVirtualTuple(slot);
    slot->tts_tableOid = prepared.table;
}

/// As CopyMultiInsertBufferFlush() and ExecInsert() do it.
void insert_now(const Prepared &prepared, Relation relation, const int *attributes, int width, const Datum *values,
                const bool *nulls, std::size_t rows) {
    EState *const estate = CreateExecutorState();
    ResultRelInfo *const result = open_result(prepared, relation);
    estate->es_opened_result_relations = list_make1(result);
    CommandId const command = GetCurrentCommandId(true);
    if (prepared.triggers != nullptr) AfterTriggerBeginQuery();
    int const slots = rows < kRowsAtOnce ? static_cast<int>(rows) : kRowsAtOnce;
    TupleTableSlot **const slot =
        static_cast<TupleTableSlot **>(palloc(sizeof(TupleTableSlot *) * static_cast<std::size_t>(slots)));
    for (int i = 0; i < slots; ++i)
        slot[i] = MakeSingleTupleTableSlot(RelationGetDescr(relation), table_slot_callbacks(relation));
    for (std::size_t done = 0; done < rows;) {
        int count = 0;
        for (; count < slots && done < rows; ++count, ++done) {
            fill(slot[count], prepared, attributes, width, values + done * static_cast<std::size_t>(width),
                 nulls + done * static_cast<std::size_t>(width));
            if (!fits(prepared, slot[count], GetPerTupleExprContext(estate)))
                ExecConstraints(result, slot[count], estate); // raises the error
        }
        if (count == 1) table_tuple_insert(relation, slot[0], command, 0, nullptr);
        else table_multi_insert(relation, slot, count, command, 0, nullptr);
        for (int i = 0; i < count; ++i) {
            List *const recheck = insert_index_tuples(result, slot[i], estate);
            if (prepared.triggers != nullptr) ExecARInsertTriggers(estate, result, slot[i], recheck, nullptr);
            ResetPerTupleExprContext(estate);
        }
        CHECK_FOR_INTERRUPTS();
    }
    if (prepared.triggers != nullptr) AfterTriggerEndQuery(estate);
    for (int i = 0; i < slots; ++i) ExecDropSingleTupleTableSlot(slot[i]);
    ExecResetTupleTable(estate->es_tupleTable, false); // what the triggers used
    for (int i = 0; i < prepared.indexes; ++i) index_close(result->ri_IndexRelationDescs[i], RowExclusiveLock);
    FreeExecutorState(estate);
}

} // namespace

DirectInsert::DirectInsert(Oid table, const std::vector<std::size_t> &attributes) {
    for (std::size_t const attribute : attributes) attributes_.push_back(static_cast<int>(attribute));
    for (prepared_ = all_prepared; prepared_ != nullptr && prepared_->table != table; prepared_ = prepared_->next) {}
    if (prepared_ != nullptr) return;
    if (all_prepared == nullptr)
        call([] {
            CacheRegisterRelcacheCallback([](Datum argument, Oid relation) { on_relcache_invalidation(argument, relation); },
                                          Datum{0});
        });
    prepared_ = new Prepared;
    prepared_->table = table;
    prepared_->next = all_prepared;
    all_prepared = prepared_;
}

bool DirectInsert::is_possible() {
    Prepared &prepared = *prepared_;
    lock_relation(prepared.table, RowExclusiveLock);
    return call([&prepared] {
        Relation const relation = table_open(prepared.table, NoLock);
        for (int attempt = 0; !prepared.is_valid && attempt < 3; ++attempt) prepare_now(prepared, relation);
        table_close(relation, NoLock);
        return prepared.is_valid && prepared.is_possible;
    });
}

void DirectInsert::insert(const Datum *values, const bool *nulls, std::size_t count) {
    const Prepared &prepared = *prepared_;
    const int *const attributes = attributes_.data();
    int const width = static_cast<int>(attributes_.size());
    call([&prepared, attributes, width, values, nulls, count] {
        PreventCommandIfReadOnly("settling");
        Relation const relation = table_open(prepared.table, NoLock);
        insert_now(prepared, relation, attributes, width, values, nulls, count);
        table_close(relation, NoLock);
    });
}

} // namespace affiliate::pg
