// SPDX-License-Identifier: PostgreSQL
// Triggers on the fact tables: what may be written, which earlier state is kept, and whom a statement concerns.
#include <algorithm>
#include <unordered_map>

#include "pg/convert.hpp"
#include "pg/query.hpp"
#include "pg/rulebook.hpp"
#include "pg/settings.hpp"
#include "pg/settle.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

namespace {

using core::Decimal;

constexpr int kSignificantDigitsMax = 15;

const TriggerData &trigger_data(FunctionCallInfo fcinfo) {
    if (!CALLED_AS_TRIGGER(fcinfo))
        throw core::Error("39P01", "this function can only be called by a trigger");
    return *reinterpret_cast<const TriggerData *>(fcinfo->context);
}

std::string table_of(const TriggerData &data) { return RelationGetRelationName(data.tg_relation); }

/// Column numbers of a fact table by name.
class FactColumns {
public:
    explicit FactColumns(TupleDesc descriptor) {
        for (int i = 0; i < descriptor->natts; ++i)
            numbers_[NameStr(TupleDescAttr(descriptor, i)->attname)] = i;
    }
    int operator[](const char *column) const {
        auto const it = numbers_.find(std::string_view(column));
        if (it == numbers_.end()) throw core::Error("XX000", std::string("column \"") + column + "\" is missing");
        return it->second;
    }

private:
    std::unordered_map<std::string_view, int> numbers_;
};

/// One row of a transition table, by column name.
class FactRow {
public:
    FactRow(TupleTableSlot *slot, const FactColumns &columns) : slot_(slot), columns_(columns) {}
    bool is_null(const char *column) const {
        bool null = true;
        value(column, null);
        return null;
    }
    std::string text(const char *column) const {
        bool null = true;
        Datum const datum = value(column, null);
        return null ? std::string() : read_bytes(datum);
    }
    Datum value(const char *column, bool &null) const {
        TupleTableSlot *const slot = slot_;
        int const i = columns_[column];
        if (i >= slot->tts_nvalid) call([slot, i] { slot_getsomeattrs(slot, i + 1); });
        null = slot->tts_isnull[i];
        return slot->tts_values[i];
    }

private:
    TupleTableSlot *slot_;
    const FactColumns &columns_;
};

/// Reads a transition table row by row.
template <class F> void each_row(Tuplestorestate *store, TupleDesc descriptor, F f) {
    if (store == nullptr) return;
    FactColumns const columns(descriptor);
    TupleTableSlot *const slot =
        call([descriptor] { return MakeSingleTupleTableSlot(descriptor, &TTSOpsMinimalTuple); });
    int const pointer = call([store] { return tuplestore_alloc_read_pointer(store, EXEC_FLAG_REWIND); });
    call([store, pointer] {
        tuplestore_select_read_pointer(store, pointer);
        tuplestore_rescan(store);
    });
    for (std::uint64_t i = 1; call([store, slot] { return tuplestore_gettupleslot(store, true, false, slot); }); ++i) {
        f(FactRow(slot, columns));
        if (i % 1000 == 0) check_interrupts();
        call([store, pointer] { tuplestore_select_read_pointer(store, pointer); });
    }
    call([slot] { ExecDropSingleTupleTableSlot(slot); });
}

// What a transaction row must be ---------------------------------------------------------------------------------

[[noreturn]] void bad_fact(const char *sqlstate, const std::string &id, std::string message, std::string hint) {
    throw core::Error(sqlstate, std::move(message), "Transaction \"" + id + "\" was not stored.", std::move(hint));
}

void check_number(const FactRow &row, const char *column, const std::string &id) {
    bool null = true;
    Datum const datum = row.value(column, null);
    if (null) return;
    std::optional<Decimal> const value = read_decimal(datum);
    if (!value)
        bad_fact("AF010", id, std::string(column) + " is not a finite number", "Leave it null where it is unknown.");
    if (value->normalized().significant_digits() > kSignificantDigitsMax || value->scale() > 2 * kSignificantDigitsMax)
        bad_fact("AF010", id, std::string(column) + " has more than 15 significant digits",
                 "Amounts of money have at most 15 significant digits; round it in the source.");
}

void check_time(const FactRow &row, const char *column, const std::string &id) {
    bool null = true;
    Datum const datum = row.value(column, null);
    if (!null && TIMESTAMP_NOT_FINITE(DatumGetTimestampTz(datum)))
        bad_fact("AF010", id, std::string(column) + " is infinite", "Leave it null where it is unknown.");
}

void check_transaction(const FactRow &row, const core::Rulebook &book) {
    std::string const id = row.text("transaction_id"), program = row.text("program_id"),
                      currency = row.text("currency"), type = row.text("transaction_type"), status = row.text("status");
    auto const found = book.program_by_id.find(program);
    if (found == book.program_by_id.end())
        bad_fact("AF012", id, "program \"" + program + "\" does not exist",
                 "Insert it into affiliate.program, or name one that exists.");
    if (book.currencies.find(currency) == book.currencies.end())
        bad_fact("AF013", id, "currency \"" + currency + "\" is not known",
                 "Use an ISO 4217 code in capitals, or add the currency to affiliate.currency.");
    const core::TransactionType *const known = book.type(type);
    if (known == nullptr)
        bad_fact("AF014", id, "transaction type \"" + type + "\" is not known",
                 "Add it to affiliate.transaction_type, or as one of the words of a type that exists.");
    if (!book.status(status))
        bad_fact("AF015", id, "transaction status \"" + status + "\" is not known",
                 "Add the word to affiliate.transaction_status with its meaning.");
    if (row.text("customer_id").empty() && known->effect != core::Effect::refund &&
        known->effect != core::Effect::chargeback && known->effect != core::Effect::correction)
        bad_fact("AF010", id, "customer_id is missing",
                 "Only refunds, chargebacks and adjustments may leave out the customer of their transaction.");
    for (const char *column : {"amount", "refunded_amount", "list_price", "discount", "tax", "fee", "wallet_credit",
                               "collected", "account_size"})
        check_number(row, column, id);
    for (const char *column : {"ordered_at", "completed_at", "refunded_at", "status_at"}) check_time(row, column, id);
}

// Whom a statement concerns --------------------------------------------------------------------------------------

struct Concerned {
    std::vector<std::string> customers;
    std::vector<std::string> transactions; ///< whose customers have to be looked up
    std::vector<std::string> refs;         ///< "source \n kind \n external id", to be looked up too
};

void collect(const std::string &table, const FactRow &row, Concerned &out) {
    if (table == "transaction") {
        std::string const customer = row.text("customer_id");
        if (!customer.empty()) out.customers.push_back(customer);
        else if (std::string original = row.text("original_transaction_id"); !original.empty())
            out.transactions.push_back(std::move(original));
    } else if (table == "dispute") {
        if (std::string id = row.text("transaction_id"); !id.empty()) out.transactions.push_back(std::move(id));
        else out.refs.push_back(row.text("ref_source") + '\n' + row.text("ref_kind") + '\n' + row.text("ref_external_id"));
    } else if (table == "transaction_ref") {
        out.transactions.push_back(row.text("transaction_id"));
    } else if (table == "customer_alias") {
        out.customers.push_back(row.text("canonical_id"));
        out.customers.push_back(row.text("customer_id"));
    } else {
        out.customers.push_back(row.text("customer_id"));
    }
}

void unique(std::vector<std::string> &keys) {
    std::sort(keys.begin(), keys.end());
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
}

/// The customers of the transactions and refs; where nothing of ours may be read, they go to the queue by themselves.
void look_up_customers(Concerned &concerned) {
    unique(concerned.transactions);
    unique(concerned.refs);
    if (concerned.transactions.empty() && concerned.refs.empty()) return;
    if (IsolationUsesXactSnapshot() || mode() == Mode::queue) {
        enqueue_transactions(concerned.transactions, "isolation level");
        enqueue_transactions(concerned.refs, "isolation level");
        return;
    }
    static Query *const of_transactions = new Query(
        "SELECT customer_id, transaction_id FROM affiliate.transaction WHERE transaction_id = ANY ($1)", {TEXTARRAYOID});
    static Query *const of_refs = new Query(
        "SELECT t.customer_id, $1 FROM affiliate.transaction_ref r JOIN affiliate.transaction t"
        " ON t.transaction_id = r.transaction_id WHERE r.source = pg_catalog.split_part($1, E'\\n', 1)"
        " AND r.kind = pg_catalog.split_part($1, E'\\n', 2) AND r.external_id = pg_catalog.split_part($1, E'\\n', 3)",
        {TEXTOID});
    AsOwner owner;
    IndexPlans plans;
    SpiSession session;
    std::vector<std::string> found;
    auto const add = [&](Rows rows) {
        for (std::uint64_t i = 0; i < rows.size(); ++i) {
            Row const row = rows[i];
            concerned.customers.push_back(row.text(0));
            found.push_back(row.text(1));
        }
    };
    if (!concerned.transactions.empty()) add(of_transactions->read({make_text_array(concerned.transactions)}));
    for (const std::string &ref : concerned.refs) add(of_refs->read({make_text(ref)}));
    session.close();
    plans.restore();
    owner.restore();
    // What names no transaction yet waits: the sale may be under way in another connection, which does not see this.
    std::sort(found.begin(), found.end());
    std::vector<std::string> missing;
    for (const std::vector<std::string> *keys : {&concerned.transactions, &concerned.refs})
        std::set_difference(keys->begin(), keys->end(), found.begin(), found.end(), std::back_inserter(missing));
    enqueue_transactions(missing, "waits for its transaction");
}

// Earlier states -------------------------------------------------------------------------------------------------

/// Columns that the extension itself keeps.
bool is_own_column(const char *name) {
    return strcmp(name, "version") == 0 || strcmp(name, "recorded_at") == 0 || strcmp(name, "recorded_by") == 0;
}

bool is_immutable(const std::string &table, const char *column) {
    static constexpr const char *kTransaction[] = {"customer_id", "transaction_id", "program_id", "transaction_type",
                                                   "currency"};
    if (table == "transaction")
        return std::any_of(std::begin(kTransaction), std::end(kTransaction),
                           [column](const char *name) { return strcmp(name, column) == 0; });
    if (table == "customer") return strcmp(column, "customer_id") == 0 || strcmp(column, "program_id") == 0;
    return strcmp(column, "dispute_id") == 0;
}

/// Writes the states that an UPDATE replaced into <table>_report; the two transition tables are in the same order.
void keep_earlier_states(const std::string &table, const std::vector<Datum> &states, Oid row_type, Oid array_type) {
    if (states.empty()) return;
    std::string const text = "INSERT INTO affiliate." + table + "_report SELECT * FROM pg_catalog.unnest($1)";
    static std::map<std::string, Query> *const statements = new std::map<std::string, Query>;
    static std::map<std::string, std::string> *const texts = new std::map<std::string, std::string>;
    std::string const key = table + std::to_string(array_type);
    const std::string &kept = texts->try_emplace(key, text).first->second;
    Query &statement =
        statements->try_emplace(key, kept.c_str(), std::vector<Oid>{array_type}).first->second;
    statement.write({make_row_array(states, row_type)});
}

} // namespace

/// BEFORE UPDATE FOR EACH ROW: refuses changed keys, numbers the state and stamps its arrival.
AFFILIATE_FUNCTION(affiliate_fact_before_update) {
    const TriggerData &data = trigger_data(fcinfo);
    std::string const table = table_of(data);
    TupleDesc const descriptor = RelationGetDescr(data.tg_relation);
    HeapTuple const before = data.tg_trigtuple;
    HeapTuple const after = data.tg_newtuple;
    bool changed = false;
    int version = 0, recorded_at = 0, recorded_by = 0;
    for (int i = 1; i <= descriptor->natts; ++i) {
        Form_pg_attribute const attribute = TupleDescAttr(descriptor, i - 1);
        const char *const name = NameStr(attribute->attname);
        if (strcmp(name, "version") == 0) version = i;
        if (strcmp(name, "recorded_at") == 0) recorded_at = i;
        if (strcmp(name, "recorded_by") == 0) recorded_by = i;
        if (attribute->attisdropped || is_own_column(name)) continue;
        struct {
            Datum old_value, new_value;
            bool old_null, new_null, equal;
        } cell{};
        call([&cell, before, after, descriptor, i, attribute] {
            cell.old_value = heap_getattr(before, i, descriptor, &cell.old_null);
            cell.new_value = heap_getattr(after, i, descriptor, &cell.new_null);
            cell.equal = cell.old_null == cell.new_null &&
                         (cell.old_null ||
                          datum_image_eq(cell.old_value, cell.new_value, attribute->attbyval, attribute->attlen));
        });
        if (cell.equal) continue;
        changed = true;
        bool const is_order_time = table == "transaction" && strcmp(name, "ordered_at") == 0 && !cell.old_null;
        if (is_immutable(table, name) || is_order_time)
            throw core::Error("AF011", std::string("column \"") + name + "\" of a stored " + table + " cannot be changed",
                              "The key of a fact, its program, type, currency and order time are what everything else hangs on.",
                              "Send it as a new " + table + ", or correct the amount, status or times.");
    }
    int columns[3] = {version, recorded_at, recorded_by};
    Datum values[3] = {};
    bool nulls[3] = {};
    return call([&] {
        bool null = false;
        Datum const old_version = heap_getattr(before, columns[0], descriptor, &null);
        if (changed) {
            values[0] = Int32GetDatum(DatumGetInt32(old_version) + 1);
            values[1] = TimestampTzGetDatum(now_us());
            values[2] = CStringGetTextDatum(GetUserNameFromId(GetSessionUserId(), false));
        } else {
            for (int i = 0; i < 3; ++i) values[i] = heap_getattr(before, columns[i], descriptor, &nulls[i]);
        }
        return PointerGetDatum(heap_modify_tuple_by_cols(after, descriptor, 3, columns, values, nulls));
    });
}

/// AFTER INSERT or UPDATE FOR EACH STATEMENT: checks the rows, keeps earlier states, settles whom it concerns.
AFFILIATE_FUNCTION(affiliate_settle_after) {
    const TriggerData &data = trigger_data(fcinfo);
    std::string const table = table_of(data);
    TupleDesc const descriptor = RelationGetDescr(data.tg_relation);
    Tuplestorestate *const new_rows = data.tg_newtable, *const old_rows = data.tg_oldtable;
    bool const is_update = old_rows != nullptr;
    Concerned concerned;
    const core::Rulebook *const book = table == "transaction" ? &rulebook() : nullptr;
    std::vector<int> versions; // of an UPDATE's new rows, in order
    each_row(new_rows, descriptor, [&](const FactRow &row) {
        if (book != nullptr) check_transaction(row, *book);
        if (is_update && table != "visitor_customer" && table != "account" && table != "transaction_ref" &&
            table != "customer_alias") {
            bool null = true;
            versions.push_back(DatumGetInt32(row.value("version", null)));
        }
        collect(table, row, concerned);
    });
    if (!versions.empty()) {
        Oid const row_type = data.tg_relation->rd_rel->reltype;
        Oid const array_type = call([row_type] { return get_array_type(row_type); });
        std::vector<Datum> states;
        std::size_t index = 0;
        FactColumns const columns(descriptor);
        AsOwner owner;
        SpiSession session;
        TupleDesc const plain = call([row_type] { return lookup_rowtype_tupdesc_copy(row_type, -1); });
        TupleTableSlot *const slot = call([descriptor] { return MakeSingleTupleTableSlot(descriptor, &TTSOpsMinimalTuple); });
        int const pointer = call([old_rows] { return tuplestore_alloc_read_pointer(old_rows, EXEC_FLAG_REWIND); });
        auto const next = [&] {
            return call([=] {
                tuplestore_select_read_pointer(old_rows, pointer);
                return tuplestore_gettupleslot(old_rows, true, false, slot);
            });
        };
        call([=] {
            tuplestore_select_read_pointer(old_rows, pointer);
            tuplestore_rescan(old_rows);
        });
        while (next() && index < versions.size()) {
            bool null = true;
            if (DatumGetInt32(FactRow(slot, columns).value("version", null)) != versions[index++])
                states.push_back(call([=] {
                    slot_getallattrs(slot);
                    return HeapTupleGetDatum(heap_form_tuple(plain, slot->tts_values, slot->tts_isnull));
                }));
            if (states.size() == 1000) {
                keep_earlier_states(table, states, row_type, array_type);
                states.clear();
            }
        }
        keep_earlier_states(table, states, row_type, array_type);
        call([slot] { ExecDropSingleTupleTableSlot(slot); });
        session.close();
        owner.restore();
    }
    if (mode() == Mode::off) return PointerGetDatum(nullptr);
    look_up_customers(concerned);
    settle_inline(std::move(concerned.customers));
    return PointerGetDatum(nullptr);
}

/// AFTER ROW on every rulebook table: all backends read the rulebook anew once this commits.
AFFILIATE_FUNCTION(affiliate_rulebook_changed) {
    trigger_data(fcinfo);
    call([] {
        Oid const relation = get_relname_relid("program", get_namespace_oid("affiliate", false));
        if (OidIsValid(relation)) CacheInvalidateRelcacheByRelid(relation);
    });
    return PointerGetDatum(nullptr);
}

} // namespace affiliate::pg
