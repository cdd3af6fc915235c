// SPDX-License-Identifier: PostgreSQL
#include "pg/attached.hpp"

#include <cstring>
#include <map>

#include "pg/relation_lock.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

namespace {

using Attachments = std::map<std::pair<std::string, Oid>, Attachment>;

/// By the relation whose rows come in.
Attachments &attachments() {
    static Attachments *const all = new Attachments;
    return *all;
}

/// Attaching anew makes the triggers of the table anew, which invalidates it as well.
void on_relcache_invalidation(Datum, Oid relation) noexcept {
    for (auto &entry : attachments())
        if (relation == InvalidOid || relation == entry.second.relation) entry.second.is_current = false;
}

std::vector<int> read_ints(const Row &row, int column) {
    std::vector<int> result;
    for (const std::string &number : row.texts(column)) result.push_back(std::stoi(number));
    return result;
}

} // namespace

NamedRows::NamedRows(const char *name, Oid relation)
    : name_(name), relation_(relation), store_(call([] { return tuplestore_begin_heap(false, false, work_mem); })) {}

NamedRows::NamedRows(const char *name, TupleDesc columns)
    : name_(name), columns_(columns), store_(call([] { return tuplestore_begin_heap(false, false, work_mem); })) {}

void NamedRows::add(TupleTableSlot *slot) {
    Tuplestorestate *const store = store_;
    call([store, slot] { tuplestore_puttupleslot(store, slot); });
    ++size_;
}

void NamedRows::add(HeapTuple row) {
    Tuplestorestate *const store = store_;
    call([store, row] { tuplestore_puttuple(store, row); });
    ++size_;
}

void NamedRows::add(Datum row) {
    HeapTupleHeader const header = call([row] { return DatumGetHeapTupleHeader(row); });
    HeapTupleData tuple{};
    tuple.t_len = HeapTupleHeaderGetDatumLength(header);
    tuple.t_data = header;
    add(&tuple);
}

void NamedRows::clear() {
    Tuplestorestate *const store = store_;
    call([store] { tuplestore_clear(store); });
    size_ = 0;
}

void NamedRows::close() {
    Tuplestorestate *const store = store_;
    call([store] { tuplestore_end(store); });
}

void NamedRows::offer() const {
    const NamedRows &rows = *this;
    call([&rows] {
        auto const named = static_cast<EphemeralNamedRelation>(palloc0(sizeof(EphemeralNamedRelationData)));
        named->md.name = pstrdup(rows.name_);
        named->md.reliddesc = rows.relation_;
        named->md.tupdesc = rows.columns_;
        named->md.enrtype = ENR_NAMED_TUPLESTORE;
        named->md.enrtuples = static_cast<double>(tuplestore_tuple_count(rows.store_));
        named->reldata = rows.store_;
        SPI_register_relation(named);
    });
}

void PreparedText::prepare() {
    if (plan != nullptr) return;
    const char *const statement = text.c_str();
    plan = call([statement] {
        SPIPlanPtr const made = SPI_prepare(statement, 0, nullptr);
        if (made != nullptr) SPI_keepplan(made);
        return made;
    });
    if (plan == nullptr) throw core::Error("XX000", "the statement of an attached table cannot be prepared", text);
    SPIPlanPtr const made = plan;
    columns = call([made]() -> TupleDesc {
        TupleDesc const result = static_cast<CachedPlanSource *>(linitial(SPI_plan_get_plan_sources(made)))->resultDesc;
        if (result == nullptr) return nullptr;
        MemoryContext const before = MemoryContextSwitchTo(TopMemoryContext);
        TupleDesc const copy = CreateTupleDescCopy(result);
        MemoryContextSwitchTo(before);
        return copy;
    });
}

InMapping::Pinned::Pinned() {
    static constexpr const char *kPinned[][2] = {{"search_path", "pg_catalog, pg_temp"},
                                                 {"TimeZone", "UTC"},
                                                 {"DateStyle", "ISO, MDY"},
                                                 {"IntervalStyle", "postgres"},
                                                 {"extra_float_digits", "1"},
                                                 {"bytea_output", "hex"},
                                                 {"lc_monetary", "C"},
                                                 {"lc_numeric", "C"},
                                                 {"array_nulls", "on"},
                                                 {"row_security", "on"},
                                                 {"transform_null_equals", "off"},
                                                 {"standard_conforming_strings", "on"}};
    for (const auto &[name, value] : kPinned) {
        const char *const setting = name;
        const char *const present = call([setting] { return GetConfigOption(setting, false, false); });
        if (std::strcmp(present, value) != 0) set(name, value);
    }
}

InMapping::InMapping() = default;

void InMapping::restore() {
    settings_.restore();
    owner_.restore();
}

Attachment *known_attachment(const std::string &id, Oid relation) {
    auto const found = attachments().find({id, relation});
    return found == attachments().end() || !found->second.is_current ? nullptr : &found->second;
}

Attachment &load_attachment(const std::string &id, Oid relation) {
    static bool registered = false;
    if (!registered) {
        call([] {
            CacheRegisterRelcacheCallback([](Datum argument, Oid changed) { on_relcache_invalidation(argument, changed); },
                                          Datum{0});
        });
        registered = true;
    }
    static Query *const query =
        new Query("SELECT s.mapped::text[], s.keys::text[], s.fact::oid, s.mapping, s.key_mapping, s.write, s.claim"
                  " FROM affiliate._attached_statement($1, $2) AS s",
                  {TEXTOID, OIDOID});
    Attachment &attachment = attachments()[{id, relation}];
    attachment.id = id;
    attachment.relation = relation;
    attachment.is_current = true; // what is changed while it is read makes it out of date again
    AsOwner owner;
    SpiSession session;
    try {
        Rows rows = query->read({make_text(id), ObjectIdGetDatum(relation)});
        Row const row = rows[0];
        attachment.mapped = read_ints(row, 0);
        attachment.keys = read_ints(row, 1);
        attachment.fact = DatumGetObjectId(row.datum(2));
        attachment.is_of_it = !row.is_null(3);
        attachment.mapping.change(row.text(3));
        attachment.key_mapping.change(row.text(4));
        attachment.write.change(row.text(5));
        attachment.claim.change(row.text(6));
    } catch (...) {
        attachment.is_current = false;
        throw;
    }
    session.close();
    owner.restore();
    return attachment;
}

NamedRows map_rows(PreparedText &mapping, const FirmRows &rows) {
    AsMapper mapper;
    SpiSession session;
    rows.offer();
    mapping.prepare();
    session.close(); // what the result is kept in must outlive the session that fills it
    NamedRows mapped("mapped", mapping.columns);
    SpiSession filling;
    rows.offer();
    SPIPlanPtr const plan = mapping.plan;
    Tuplestorestate *const store = mapped.store();
    int const result = call([plan, store] {
        SPIExecuteOptions options{};
        options.dest = CreateTuplestoreDestReceiver();
        SetTuplestoreDestReceiverParams(options.dest, store, GetMemoryChunkContext(store), false, nullptr, nullptr);
        return SPI_execute_plan_extended(plan, &options);
    });
    if (result != SPI_OK_SELECT)
        throw core::Error("XX000", "unexpected result of the mapping of an attached table", SPI_result_code_string(result));
    filling.close();
    mapper.restore();
    return mapped;
}

namespace {

Written write(Attachment &attachment, PreparedText &statement, const FirmRows &rows) {
    Oid const fact = attachment.fact;
    if (!call([fact] { return take_lock(fact, RowExclusiveLock); })) refuse_to_wait();
    NamedRows mapped = map_rows(attachment.mapping, rows);
    SpiSession session;
    mapped.offer();
    statement.prepare();
    SPIPlanPtr const plan = statement.plan;
    int const result = call([plan] { return SPI_execute_plan(plan, nullptr, nullptr, false, 0); });
    if (result != SPI_OK_INSERT)
        throw core::Error("XX000", "unexpected result of the statement of an attached table", SPI_result_code_string(result));
    Written const result_of{static_cast<std::uint64_t>(tuplestore_tuple_count(mapped.store())), SPI_processed};
    session.close();
    mapped.close();
    return result_of;
}

} // namespace

Written write_facts(Attachment &attachment, const FirmRows &rows) { return write(attachment, attachment.write, rows); }
Written claim_facts(Attachment &attachment, const FirmRows &rows) { return write(attachment, attachment.claim, rows); }

/// _attached_changed(relation, waits): every session reads anew what is attached to the table. With `waits`, those that are
/// writing to it have ended then.
AFFILIATE_FUNCTION(affiliate_attached_changed) {
    Oid const relation = PG_GETARG_OID(0);
    bool const waits = PG_GETARG_BOOL(1);
    call([relation, waits] {
        if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relation))) return;
        CacheInvalidateRelcacheByRelid(relation);
        LOCKTAG tag;
        SET_LOCKTAG_RELATION(tag, MyDatabaseId, relation);
        if (waits) WaitForLockers(tag, ShareLock, false);
    });
    PG_RETURN_VOID();
}

} // namespace affiliate::pg
