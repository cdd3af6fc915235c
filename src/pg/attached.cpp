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

bool is_set_to(const char *setting, const char *value) {
    return std::strcmp(call([setting] { return GetConfigOption(setting, false, false); }), value) == 0;
}

SPIPlanPtr prepare(const char *statement) {
    SPIPlanPtr const plan = call([statement] {
        SPIPlanPtr const made = SPI_prepare(statement, 0, nullptr);
        if (made != nullptr) SPI_keepplan(made);
        return made;
    });
    if (plan == nullptr) throw core::Error("XX000", "the statement of an attached table cannot be prepared", statement);
    return plan;
}

} // namespace

FirmRows::FirmRows(Relation relation)
    : relation_(RelationGetRelid(relation)), store_(call([] { return tuplestore_begin_heap(false, false, work_mem); })) {}

void FirmRows::add(TupleTableSlot *slot) {
    Tuplestorestate *const store = store_;
    call([store, slot] { tuplestore_puttupleslot(store, slot); });
    ++size_;
}

void FirmRows::add(Datum row) {
    Tuplestorestate *const store = store_;
    call([store, row] {
        HeapTupleHeader const header = DatumGetHeapTupleHeader(row);
        HeapTupleData tuple{};
        tuple.t_len = HeapTupleHeaderGetDatumLength(header);
        tuple.t_data = header;
        tuplestore_puttuple(store, &tuple);
    });
    ++size_;
}

void FirmRows::clear() {
    Tuplestorestate *const store = store_;
    call([store] { tuplestore_clear(store); });
    size_ = 0;
}

void FirmRows::close() {
    Tuplestorestate *const store = store_;
    call([store] { tuplestore_end(store); });
}

void FirmRows::offer() const {
    Oid const relation = relation_;
    Tuplestorestate *const store = store_;
    auto const rows = static_cast<double>(size_);
    call([=] {
        auto const named = static_cast<EphemeralNamedRelation>(palloc0(sizeof(EphemeralNamedRelationData)));
        named->md.name = pstrdup("new_rows");
        named->md.reliddesc = relation;
        named->md.enrtype = ENR_NAMED_TUPLESTORE;
        named->md.enrtuples = rows;
        named->reldata = store;
        SPI_register_relation(named);
    });
}

std::uint64_t FirmRows::run(const char *statement, SPIPlanPtr &plan) const {
    offer();
    if (plan == nullptr) plan = prepare(statement);
    SPIPlanPtr const prepared = plan;
    int const result = call([prepared] { return SPI_execute_plan(prepared, nullptr, nullptr, false, 0); });
    if (result < 0)
        throw core::Error("XX000", "unexpected result of the statement of an attached table", SPI_result_code_string(result));
    return SPI_processed;
}

InMapping::Pinned::Pinned() {
    static constexpr const char *kPinned[][2] = {{"search_path", "pg_catalog, pg_temp"},
                                                 {"TimeZone", "UTC"},
                                                 {"DateStyle", "ISO, MDY"},
                                                 {"IntervalStyle", "postgres"},
                                                 {"extra_float_digits", "1"},
                                                 {"array_nulls", "on"},
                                                 {"xmloption", "content"},
                                                 {"standard_conforming_strings", "on"},
                                                 {"bytea_output", "hex"},
                                                 {"jit", "off"}}; // compiling takes longer than the firm's statement may wait
    for (const auto &[name, value] : kPinned)
        if (!is_set_to(name, value)) set(name, value);
}

InImages::InImages() {
    if (!is_set_to("lc_monetary", "C")) set("lc_monetary", "C");
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
        new Query("SELECT s.mapped::text[], s.keys::text[], s.fact::oid, s.statement"
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
        // Its plan notices changes of the table by itself. That of another statement is not freed: it may be running.
        if (std::string statement = row.text(3); attachment.statement != statement) {
            attachment.statement = std::move(statement);
            attachment.plan = nullptr;
        }
    } catch (...) {
        attachment.is_current = false;
        throw;
    }
    session.close();
    owner.restore();
    return attachment;
}

std::uint64_t write_facts(Attachment &attachment, FirmRows &rows) {
    Oid const fact = attachment.fact;
    if (!call([fact] { return take_lock(fact, RowExclusiveLock); })) refuse_to_wait();
    SpiSession session;
    std::uint64_t const written = rows.run(attachment.statement.c_str(), attachment.plan);
    session.close();
    return written;
}

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
