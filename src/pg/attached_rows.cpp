// SPDX-License-Identifier: PostgreSQL
// Rows of attached tables that become facts on request: kept ones (drain, replay), and those of the table itself (backfill,
// reconcile). A row that cannot become one harms no other.
#include <algorithm>

#include "core/json.hpp"
#include "pg/attached.hpp"
#include "pg/halves.hpp"
#include "pg/kept_rows.hpp"
#include "pg/relation_lock.hpp"
#include "pg/settings.hpp"
#include "pg/settle.hpp"
#include "pg/stored_rows.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

namespace {

constexpr core::Duration kLockWaitMax = 1'000'000; // microseconds

/// A table of the firm, held open.
class Opened {
public:
    explicit Opened(Oid oid) {
        relation_ = call([oid] {
            Relation const relation = ConditionalLockRelationOid(oid, AccessShareLock) ? try_relation_open(oid, NoLock) : nullptr;
            return relation;
        });
        if (relation_ == nullptr)
            throw core::Error("55P03", "an attached table is locked or gone", {}, "It is looked at again.");
    }
    Relation get() const noexcept { return relation_; }
    void close() {
        Relation const relation = relation_;
        call([relation] { relation_close(relation, NoLock); });
    }

private:
    Relation relation_;
};

/// A row that could not become a fact.
struct Rejected {
    std::size_t index;
    std::string code, message;
};

std::string sqlstate(const ErrorData &error) { return call([&error] { return unpack_sql_state(error.sqlerrcode); }); }

/// For do_halves(): adds those that failed.
auto add_to(std::vector<Rejected> &rejected) {
    return [&rejected](std::size_t i, const ErrorData &error) { rejected.push_back({i, sqlstate(error), error.message}); };
}

/// Tells who has asked for `rows` rows that all, or many, could not be done because of a lock.
void refuse_where_locked(const VainWaits &vain, std::size_t rows) {
    if (vain.count() == 0 || vain.count() < std::min(rows, VainWaits::kMost)) return;
    throw core::Error("55P03", "rows of an attached table cannot be compared with facts or become facts, since somebody holds a lock",
                      vain.error()->message, "Call it again when the lock is gone.");
}

std::vector<Datum> read_array(Datum array) {
    struct Elements {
        Datum *values;
        bool *nulls;
        int count;
    };
    Elements const elements = call([array] {
        Elements found{};
        ArrayType *const type = DatumGetArrayTypeP(array);
        int16 length = 0;
        bool by_value = false;
        char align = 0;
        get_typlenbyvalalign(ARR_ELEMTYPE(type), &length, &by_value, &align);
        deconstruct_array(type, ARR_ELEMTYPE(type), length, by_value, align, &found.values, &found.nulls, &found.count);
        return found;
    });
    return {elements.values, elements.values + elements.count};
}

std::string text_argument(FunctionCallInfo fcinfo, int index) { return read_bytes(PG_GETARG_DATUM(index)); }

/// Fills `rows` with kept rows [begin, end).
void populate(Relation relation, const std::vector<Datum> &images, std::size_t begin, std::size_t end, FirmRows &rows) {
    ImageReader const reader(relation);
    AsMapper mapper; // types of the firm's may have checks of their own
    for (std::size_t i = begin; i < end; ++i) {
        rows.add(reader.read(images[i]));
        check_interrupts();
    }
    mapper.restore();
}

std::string to_json(const std::vector<Rejected> &rejected) {
    std::string result = "[";
    for (const Rejected &row : rejected)
        result += (result.size() > 1 ? ", " : "") + core::JsonObject()
                                                        .add("row", static_cast<int>(row.index))
                                                        .add("code", row.code)
                                                        .add("message", row.message)
                                                        .text();
    return result + "]";
}

/// The one value of a row that SPI found: a row of the table. Whoever may call these functions writes the query.
Datum found_row(std::uint64_t index, Relation relation) {
    bool is_null = true;
    bool const is_row = SPI_tuptable->tupdesc->natts == 1 &&
                        TupleDescAttr(SPI_tuptable->tupdesc, 0)->atttypid == relation->rd_rel->reltype;
    Datum const row = !is_row ? Datum{0} : call([index, &is_null] {
        return SPI_getbinval(SPI_tuptable->vals[index], SPI_tuptable->tupdesc, 1, &is_null);
    });
    if (is_null)
        throw core::Error("42804", "the query does not give rows of the attached table", {},
                          "Give one column, the row: SELECT t FROM .. AS t.");
    return row;
}

/// Rows of a table as a query of the caller's found them.
struct FoundRows {
    std::vector<Datum> rows;
    SPITupleTable *table = nullptr;

    /// `anew`: with what was committed since.
    void read(const std::string &query, Relation relation, bool anew = false) {
        const char *const text = query.c_str();
        SPITupleTable *const before = table;
        rows.clear();
        int const result = call([text, anew, before] {
            if (before != nullptr) SPI_freetuptable(before);
            return SPI_execute(text, !anew, 0);
        });
        table = SPI_tuptable;
        if (result != SPI_OK_SELECT) throw core::Error("XX000", "the rows of an attached table cannot be read", text);
        for (std::uint64_t i = 0; i < SPI_processed; ++i) rows.push_back(found_row(i, relation));
    }
};

/// The same for a whole table, with little memory.
void read_all(const std::string &query, Relation relation, FirmRows &rows) {
    constexpr long kAtOnce = 1000;
    const char *const text = query.c_str();
    Portal const portal = call([text]() -> Portal {
        SPIPlanPtr const plan = SPI_prepare(text, 0, nullptr);
        return plan == nullptr || !SPI_is_cursor_plan(plan) ? nullptr : SPI_cursor_open(nullptr, plan, nullptr, nullptr, true);
    });
    if (portal == nullptr) throw core::Error("XX000", "the rows of an attached table cannot be read", text);
    for (;;) {
        call([portal] { SPI_cursor_fetch(portal, true, kAtOnce); });
        std::uint64_t const count = SPI_processed;
        for (std::uint64_t i = 0; i < count; ++i) rows.add(found_row(i, relation));
        call([] { SPI_freetuptable(SPI_tuptable); });
        if (count == 0) break;
        check_interrupts();
    }
    call([portal] { SPI_cursor_close(portal); });
}

void add_all(const std::vector<Datum> &all, std::size_t begin, std::size_t end, FirmRows &rows) {
    for (std::size_t i = begin; i < end; ++i) rows.add(all[i]);
}

/// Of rows that were kept in the same state before, only the newest stays.
void forget_same(const std::vector<std::string> &keys) {
    static Query *const query = new Query(
        "DELETE FROM affiliate.pending_input AS o WHERE o.kind = 'attached' AND o.state = 'rejected' AND o.input_key = ANY ($1)"
        " AND EXISTS (SELECT FROM affiliate.pending_input AS n WHERE n.kind = 'attached' AND n.state = 'rejected'"
        " AND n.input_key = o.input_key AND n.payload -> 'after' = o.payload -> 'after' AND n.input_id > o.input_id)",
        {TEXTARRAYOID});
    query->write({make_text_array(keys)});
}

/// Keeps rows that could not become facts, with the reason of each.
void keep_rejected(const std::string &id, Relation relation, const std::vector<Datum> &rows, const std::vector<Rejected> &rejected) {
    AsOwner owner(SECURITY_RESTRICTED_OPERATION);
    ImageSettings settings(relation);
    SpiSession session;
    KeptRows kept(id, relation);
    RowSlot slot(relation);
    std::vector<std::string> keys;
    for (const Rejected &row : rejected) {
        slot.put(rows[row.index]);
        keys.push_back(kept.input_key(slot.get()));
        kept.add("insert", nullptr, slot.get(), "rejected", (row.code + ": " + row.message).c_str());
    }
    kept.write();
    kept.close();
    forget_same(keys);
    slot.close();
    session.close();
    settings.restore();
    owner.restore();
}

} // namespace

/// _apply_images(attachment, relation, images, arrived_at): makes facts of kept rows, of each as of when it arrived; settles
/// nothing. Returns those that could not become one.
AFFILIATE_FUNCTION(affiliate_apply_images) {
    std::string const id = text_argument(fcinfo, 0);
    std::vector<Datum> const images = read_array(PG_GETARG_DATUM(2)), arrived_at = read_array(PG_GETARG_DATUM(3));
    std::vector<Rejected> rejected;
    Opened relation(PG_GETARG_OID(1));
    {
        Enclosed const later(0, false);
        WaitAtMost const net(GetCurrentTimestamp() + kLockWaitMax);
        auto const make_facts = [&](std::size_t begin, std::size_t end) {
            Attachment &mapping = attachment(id, RelationGetRelid(relation.get()));
            InMapping in_mapping;
            SpiSession session;
            FirmRows rows(relation.get());
            for (std::size_t next = begin; begin < end; begin = next) {
                while (next < end && arrived_at.at(next) == arrived_at[begin]) ++next;
                ArrivedAt const then(DatumGetTimestampTz(arrived_at[begin]));
                rows.clear();
                populate(relation.get(), images, begin, next, rows);
                write_facts(mapping, rows);
            }
            rows.close();
            session.close();
            in_mapping.restore();
        };
        VainWaits vain;
        do_halves(0, images.size(), make_facts, add_to(rejected), vain);
    }
    relation.close();
    return make_jsonb(to_json(rejected));
}

/// _load_rows(attachment, relation, query): makes facts of the rows that the query of the caller finds, and settles. Those that
/// cannot become one are kept. Returns how many there were of each. Where a customer cannot be settled the rows become facts all the
/// same, and the queue has the customer.
///
/// The firm may write a row between our reading it and our writing its fact. So the facts are claimed first, and what is
/// written of those that were there is read behind that: of a later state the fact is there by then, or it is kept.
AFFILIATE_FUNCTION(affiliate_load_rows) {
    std::string const id = text_argument(fcinfo, 0), query = text_argument(fcinfo, 2);
    Opened relation(PG_GETARG_OID(1));
    SpiSession session;
    FoundRows found;
    found.read(query, relation.get());
    Written total{0, 0};
    std::vector<Rejected> rejected;
    {
        WaitAtMost const net(GetCurrentTimestamp() + kLockWaitMax);
        auto const make_facts = [&](auto how) {
            auto const make_some = [&](std::size_t begin, std::size_t end) {
                Attachment &mapping = attachment(id, RelationGetRelid(relation.get()));
                InMapping in_mapping;
                FirmRows rows(relation.get());
                add_all(found.rows, begin, end, rows);
                Written const some = how(mapping, rows);
                rows.close();
                in_mapping.restore();
                total = {total.mapped + some.mapped, total.written + some.written};
            };
            std::vector<Rejected> failed;
            rejected.clear();
            {
                Enclosed const at_leisure(0, true);
                VainWaits vain;
                do_halves(0, found.rows.size(), make_some, add_to(failed), vain);
            }
            VainWaits vain;
            Enclosed const without_settling(0, false);
            for (std::size_t i = 0, next = 0; i < failed.size(); i = next) {
                while (next < failed.size() && failed[next].index - failed[i].index == next - i) ++next;
                do_halves(failed[i].index, failed[next - 1].index + 1, make_some, add_to(rejected), vain);
            }
            refuse_where_locked(vain, found.rows.size());
        };
        make_facts(claim_facts);
        if (total.written < total.mapped) { // facts that were there may be of later states by now
            found.read(query, relation.get(), true);
            make_facts(write_facts);
        }
    }
    if (!rejected.empty()) keep_rejected(id, relation.get(), found.rows, rejected);
    session.close();
    relation.close();
    return make_jsonb(core::JsonObject()
                          .add("rows", static_cast<int>(found.rows.size()))
                          .add("written", static_cast<int>(total.written))
                          .add("rejected", static_cast<int>(rejected.size()))
                          .text());
}

namespace {

/// The texts that a query over the rows gives, in the present SpiSession.
std::vector<std::string> ask(const std::string &query, const NamedRows &rows) {
    const char *const text = query.c_str();
    rows.offer();
    if (call([text] { return SPI_execute(text, false, 0); }) != SPI_OK_SELECT)
        throw core::Error("XX000", "a query about an attached table cannot be answered", query);
    std::vector<std::string> result;
    Rows found(SPI_tuptable, SPI_processed);
    for (std::uint64_t i = 0; i < found.size(); ++i) result.push_back(found[i].text(0));
    return result;
}

/// The primary key of a row, for people; empty where there is none.
std::string name_of(Relation relation, Datum row) {
    RowSlot slot(relation);
    slot.put(row);
    std::string const name = RowImages(relation).key(slot.get());
    slot.close();
    return name;
}

/// What the comparison of the attachment says about each of `count` rows, as the text of a JSON array. `fill` gives rows, `name` tells
/// which one cannot be read.
template <class Fill, class Name>
std::string compare_with_facts(const std::string &id, Relation relation, std::size_t count, bool all, Fill fill, Name name) {
    static Query *const query = new Query("SELECT affiliate._attached_comparison($1, $2)", {TEXTOID, BOOLOID});
    Datum const all_rows = BoolGetDatum(all);
    AsOwner owner;
    std::string const statement = query->read({make_text(id), all_rows})[0].text(0);
    owner.restore();
    std::string json;
    auto const compare = [&](std::size_t begin, std::size_t end) {
        Attachment &mapping = attachment(id, RelationGetRelid(relation));
        InMapping in_mapping;
        SpiSession session;
        FirmRows rows(relation);
        fill(begin, end, rows);
        NamedRows mapped = map_rows(mapping.mapping, rows);
        std::string part;
        for (const std::string &row : ask(statement, mapped)) part += (part.empty() ? "" : ", ") + row;
        mapped.close();
        rows.close();
        session.close();
        in_mapping.restore();
        json += (json.empty() || part.empty() ? "" : ", ") + part;
    };
    std::vector<Rejected> rejected;
    WaitAtMost const net(GetCurrentTimestamp() + kLockWaitMax);
    VainWaits vain;
    do_halves(0, count, compare, add_to(rejected), vain);
    refuse_where_locked(vain, count);
    for (const Rejected &row : rejected) {
        std::string const which = name(row.index);
        json += (json.empty() ? "" : ", ") +
                core::JsonObject()
                    .add("problem", "unreadable")
                    .add("detail", row.code + ": " + row.message + (which.empty() ? "" : "; the row is " + which))
                    .text();
    }
    return "[" + json + "]";
}

} // namespace

/// _compare_rows(attachment, relation, query): which of the rows of the caller's query are not what the facts say.
AFFILIATE_FUNCTION(affiliate_compare_rows) {
    std::string const id = text_argument(fcinfo, 0);
    Opened relation(PG_GETARG_OID(1));
    SpiSession session;
    FoundRows found;
    found.read(text_argument(fcinfo, 2), relation.get());
    std::string const json = compare_with_facts(
        id, relation.get(), found.rows.size(), false,
        [&](std::size_t begin, std::size_t end, FirmRows &rows) { add_all(found.rows, begin, end, rows); },
        [&](std::size_t index) { return name_of(relation.get(), found.rows[index]); });
    session.close();
    relation.close();
    return make_jsonb(json);
}

/// _gone_keys(attachment, relation, query): keys of facts of the attachment of which the caller's query finds no row.
AFFILIATE_FUNCTION(affiliate_gone_keys) {
    static Query *const query = new Query("SELECT affiliate._attached_gone($1)", {TEXTOID});
    std::string const id = text_argument(fcinfo, 0);
    Opened relation(PG_GETARG_OID(1));
    SpiSession session;
    FirmRows rows(relation.get());
    read_all(text_argument(fcinfo, 2), relation.get(), rows);
    Attachment &mapping = attachment(id, RelationGetRelid(relation.get()));
    InMapping in_mapping;
    std::string const statement = query->read({make_text(id)})[0].text(0);
    NamedRows mapped = map_rows(mapping.key_mapping, rows);
    SpiSession asking;
    std::vector<std::string> const keys = ask(statement, mapped);
    asking.close();
    mapped.close();
    in_mapping.restore();
    rows.close();
    session.close();
    relation.close();
    return make_text_array(keys);
}

/// _compare_images(attachment, relation, images): what the facts say of each of the kept rows.
AFFILIATE_FUNCTION(affiliate_compare_images) {
    std::string const id = text_argument(fcinfo, 0);
    std::vector<Datum> const images = read_array(PG_GETARG_DATUM(2));
    Opened relation(PG_GETARG_OID(1));
    SpiSession session;
    std::string const json = compare_with_facts(id, relation.get(), images.size(), true,
                                                [&](std::size_t begin, std::size_t end, FirmRows &rows) {
                                                    populate(relation.get(), images, begin, end, rows);
                                                },
                                                [](std::size_t) { return std::string(); });
    session.close();
    relation.close();
    return make_jsonb(json);
}

namespace {

constexpr const char *kUndone = "AF000"; // never seen: undoes what was tried

/// What would become of one row. Nothing of it stays.
std::string preview(const std::string &id, Relation relation, Datum row) {
    RowSlot slot(relation);
    slot.put(row);
    core::JsonObject result;
    ImageSettings settings(relation);
    result.add_json("row", RowImages(relation).text(slot.get()));
    settings.restore();
    slot.close();
    std::string const facts = compare_with_facts(
        id, relation, 1, true, [row](std::size_t, std::size_t, FirmRows &rows) { rows.add(row); }, [](std::size_t) { return std::string(); });
    result.add_json("facts", facts);
    ErrorData *error = nullptr;
    Enclosed const later(0, false);
    WaitAtMost const net(GetCurrentTimestamp() + kLockWaitMax);
    try_in_subtransaction(
        [&] {
            Attachment &mapping = attachment(id, RelationGetRelid(relation));
            InMapping in_mapping;
            FirmRows rows(relation);
            rows.add(row);
            write_facts(mapping, rows);
            throw core::Error(kUndone, "undone");
        },
        &error);
    std::string const code = sqlstate(*error);
    if (code != kUndone) result.add("problem", code + ": " + error->message);
    return result.text();
}

} // namespace

/// _preview_rows(attachment, relation, query): what would become of the rows of the caller's query.
AFFILIATE_FUNCTION(affiliate_preview_rows) {
    std::string const id = text_argument(fcinfo, 0);
    Opened relation(PG_GETARG_OID(1));
    SpiSession session;
    FoundRows found;
    found.read(text_argument(fcinfo, 2), relation.get());
    std::string json;
    for (Datum const row : found.rows) json += (json.empty() ? "" : ", ") + preview(id, relation.get(), row);
    session.close();
    relation.close();
    return make_jsonb("[" + json + "]");
}

} // namespace affiliate::pg
