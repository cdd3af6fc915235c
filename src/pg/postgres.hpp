// SPDX-License-Identifier: PostgreSQL
// The only door to the server's headers: the last include of every glue file. What differs between
// PostgreSQL 15 and 18 is levelled here and nowhere else.
#pragma once

#include <cstdint>
#include <cstdlib>

extern "C" {
#include "postgres.h"

// PostgreSQL 15 leaves PGDLLEXPORT empty, so -fvisibility=hidden would hide the entry points.
#undef PGDLLEXPORT
#define PGDLLEXPORT __attribute__((visibility("default")))

#include "access/detoast.h"
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/nbtree.h"
#include "access/skey.h"
#include "access/stratnum.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/visibilitymap.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "executor/tstoreReceiver.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/bitmapset.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_node.h"
#include "parser/parser.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/datum.h"
#include "utils/float.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/plancache.h"
#include "utils/queryenvironment.h"
#include "utils/rel.h"
#include "utils/regproc.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"
#include "utils/tuplesort.h"
#include "utils/typcache.h"
}

// postgres.h renames the printf family and gettext's _() by macro, which breaks std and Boost.
#undef _
#undef snprintf
#undef vsnprintf
#undef sprintf
#undef vsprintf
#undef printf
#undef vprintf
#undef fprintf
#undef vfprintf
#undef strerror
#undef strerror_r

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 190000
#error "pg_affiliate supports PostgreSQL 15 to 18"
#endif

namespace affiliate::pg {

/// Memory for the `extra` of a settings check hook; nullptr when there is none.
inline void *guc_extra(std::size_t size) noexcept {
#if PG_VERSION_NUM >= 160000
    return ::guc_malloc(LOG, size);
#else
    return std::malloc(size);
#endif
}

/// Another text for a setting, in its check hook; false when there is no memory.
inline bool replace_setting(char **value, const char *text) noexcept {
#if PG_VERSION_NUM >= 160000
    char *const copy = ::guc_strdup(LOG, text);
#else
    char *const copy = ::strdup(text);
#endif
    if (copy == nullptr) return false;
#if PG_VERSION_NUM >= 160000
    ::guc_free(*value);
#else
    std::free(*value);
#endif
    *value = copy;
    return true;
}

/// The file of a table or index.
#if PG_VERSION_NUM >= 160000
using RelationFile = RelFileLocator;
inline RelationFile file_of(Relation relation) noexcept { return relation->rd_locator; }
#else
using RelationFile = RelFileNode;
inline RelationFile file_of(Relation relation) noexcept { return relation->rd_node; }
#endif

/// Pins a page that was in `buffer` when it was last used; false where something else is there now.
inline bool read_recent_page(RelationFile file, BlockNumber block, Buffer buffer) {
    return ::ReadRecentBuffer(file, MAIN_FORKNUM, block, buffer);
}

/// An index scan with `keys` scan keys.
inline IndexScanDesc begin_index_scan(Relation table, Relation index, Snapshot snapshot, int keys) {
#if PG_VERSION_NUM >= 180000
    return ::index_beginscan(table, index, snapshot, nullptr, keys, 0);
#else
    return ::index_beginscan(table, index, snapshot, keys, 0);
#endif
}

/// The next value of a sort, in memory of its own; false at the end.
inline bool next_sorted(Tuplesortstate *sort, Datum *value) {
    bool null = true;
#if PG_VERSION_NUM >= 160000
    return ::tuplesort_getdatum(sort, true, true, value, &null, nullptr);
#else
    return ::tuplesort_getdatum(sort, true, value, &null, nullptr);
#endif
}

/// Enters a stored row into the indexes of its table; the indexes that have to be rechecked later.
inline List *insert_index_tuples(ResultRelInfo *result, TupleTableSlot *slot, EState *estate) {
#if PG_VERSION_NUM >= 160000
    return ::ExecInsertIndexTuples(result, slot, estate, false, false, nullptr, NIL, false);
#else
    return ::ExecInsertIndexTuples(result, slot, estate, false, false, nullptr, NIL);
#endif
}

using TreeWalker = bool (*)(Node *, void *);

/// Calls `walker` for what is below a node of an expression, or of a query.
inline bool walk_expression(Node *node, TreeWalker walker, void *context) {
#if PG_VERSION_NUM >= 160000
    return ::expression_tree_walker_impl(node, walker, context);
#else
    return ::expression_tree_walker(node, reinterpret_cast<bool (*)()>(reinterpret_cast<void *>(walker)), context);
#endif
}
inline bool walk_query(::Query *query, TreeWalker walker, void *context) {
#if PG_VERSION_NUM >= 160000
    return ::query_tree_walker_impl(query, walker, context, 0);
#else
    return ::query_tree_walker(query, reinterpret_cast<bool (*)()>(reinterpret_cast<void *>(walker)), context, 0);
#endif
}

/// Tells one top-level transaction of a backend from the next.
inline LocalTransactionId local_transaction_id() noexcept {
#if PG_VERSION_NUM >= 170000
    return MyProc->vxid.lxid;
#else
    return MyProc->lxid;
#endif
}

inline bool has_generated_columns(const TupleConstr &constraints) noexcept {
#if PG_VERSION_NUM >= 180000
    return constraints.has_generated_stored || constraints.has_generated_virtual;
#else
    return constraints.has_generated_stored;
#endif
}

inline bool is_enforced([[maybe_unused]] const ConstrCheck &check) noexcept {
#if PG_VERSION_NUM >= 180000
    return check.ccenforced;
#else
    return true;
#endif
}

/// DecodeDateTime without its error detail: 0 or a DTERR_ code.
inline int decode_date_time(char **field, int *ftype, int nf, int *dtype, pg_tm *tm, fsec_t *fsec,
                            int *tz) {
#if PG_VERSION_NUM >= 160000
    DateTimeErrorExtra extra;
    return ::DecodeDateTime(field, ftype, nf, dtype, tm, fsec, tz, &extra);
#else
    return ::DecodeDateTime(field, ftype, nf, dtype, tm, fsec, tz);
#endif
}

} // namespace affiliate::pg
