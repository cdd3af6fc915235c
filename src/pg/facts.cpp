// SPDX-License-Identifier: PostgreSQL
// Statement triggers on the fact tables: which earlier states are kept, and whom a statement concerns.
#include <algorithm>
#include <map>

#include "pg/fact_check.hpp"
#include "pg/query.hpp"
#include "pg/rulebook.hpp"
#include "pg/settings.hpp"
#include "pg/settle.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

namespace {

// Whom a statement concerns --------------------------------------------------------------------------------------

struct Concerned {
    std::vector<std::string> customers;
    std::vector<std::string> transactions; ///< whose customers have to be looked up
    std::vector<std::string> refs;         ///< "source \n kind \n external id", to be looked up too
};

void collect(const std::string &table, const FactRow &row, Concerned &out) {
    auto const text = [&row](FactColumn column) { return std::string(row.text(column)); };
    if (table == "transaction") {
        if (std::string customer = text(FactColumn::customer_id); !customer.empty())
            out.customers.push_back(std::move(customer));
        else out.transactions.push_back(text(FactColumn::original_transaction_id));
    } else if (table == "event") {
        if (std::string customer = text(FactColumn::customer_id); !customer.empty())
            out.customers.push_back(std::move(customer));
        else out.transactions.push_back(text(FactColumn::transaction_id));
    } else if (table == "dispute") {
        if (std::string id = text(FactColumn::transaction_id); !id.empty()) out.transactions.push_back(std::move(id));
        else
            out.refs.push_back(text(FactColumn::ref_source) + '\n' + text(FactColumn::ref_kind) + '\n' +
                               text(FactColumn::ref_external_id));
    } else if (table == "transaction_ref") {
        out.transactions.push_back(text(FactColumn::transaction_id));
    } else {
        if (table == "customer_alias") out.customers.push_back(text(FactColumn::canonical_id));
        out.customers.push_back(text(FactColumn::customer_id));
    }
}

/// A dispute that was known by a reference only and names its transaction now concerns whom it concerned before, too.
void collect_old(const TriggerData &data, Concerned &out) {
    FactRows rows(data.tg_oldtable, data.tg_relation);
    while (rows.next()) collect("dispute", rows.row(), out);
    rows.close();
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
        "SELECT customer_id, transaction_id FROM affiliate.transaction WHERE transaction_id = ANY ($1)"
        " AND customer_id <> ''",
        {TEXTARRAYOID});
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

/// Writes states into <table>_report.
void write_earlier_states(const std::string &table, const std::vector<Datum> &states, Oid row_type) {
    if (states.empty()) return;
    Oid const array_type = call([row_type] { return get_array_type(row_type); });
    std::string const text = "INSERT INTO affiliate." + table + "_report SELECT * FROM pg_catalog.unnest($1)";
    static std::map<std::string, Query> *const statements = new std::map<std::string, Query>;
    static std::map<std::string, std::string> *const texts = new std::map<std::string, std::string>;
    std::string const key = table + std::to_string(array_type);
    const std::string &kept = texts->try_emplace(key, text).first->second;
    Query &statement =
        statements->try_emplace(key, kept.c_str(), std::vector<Oid>{array_type}).first->second;
    statement.write({make_row_array(states, row_type)});
}

/// Keeps the states that an UPDATE replaced: those whose version differs. The two transition tables are in one order.
void keep_earlier_states(const TriggerData &data, const std::string &table, const std::vector<int> &versions) {
    constexpr std::size_t kAtOnce = 1000;
    Oid const row_type = data.tg_relation->rd_rel->reltype;
    std::vector<Datum> states;
    AsOwner owner;
    SpiSession session;
    TupleDesc const plain = call([row_type] { return lookup_rowtype_tupdesc_copy(row_type, -1); });
    FactRows rows(data.tg_oldtable, data.tg_relation);
    for (std::size_t i = 0; rows.next() && i < versions.size(); ++i) {
        if (rows.row().version() == versions[i]) continue;
        TupleTableSlot *const slot = rows.slot();
        states.push_back(call([slot, plain] {
            slot_getallattrs(slot);
            return HeapTupleGetDatum(heap_form_tuple(plain, slot->tts_values, slot->tts_isnull));
        }));
        if (states.size() < kAtOnce) continue;
        write_earlier_states(table, states, row_type);
        states.clear();
    }
    write_earlier_states(table, states, row_type);
    rows.close();
    session.close();
    owner.restore();
}

} // namespace

/// AFTER INSERT or UPDATE FOR EACH STATEMENT: checks the rows, keeps earlier states, settles whom it concerns.
AFFILIATE_FUNCTION(affiliate_settle_after) {
    const TriggerData &data = trigger_data(fcinfo);
    std::string const table = table_of(data);
    bool const keeps_states = data.tg_oldtable != nullptr && FactColumns::of(data.tg_relation).has(FactColumn::version);
    bool const needs_rulebook = table == "transaction" || table == "customer" || table == "account" || table == "event";
    std::shared_ptr<CompiledRulebook> const current = needs_rulebook ? rulebook_unless_locked() : nullptr;
    const core::Rulebook *const book = current ? &current->book : nullptr;
    Concerned concerned;
    std::vector<int> versions; // of an UPDATE's new rows, in order
    FactRows rows(data.tg_newtable, data.tg_relation);
    while (rows.next()) {
        FactRow const row = rows.row();
        check_fact(table, row, book);
        if (keeps_states) versions.push_back(row.version());
        collect(table, row, concerned);
    }
    rows.close();
    if (table == "dispute" && data.tg_oldtable != nullptr) collect_old(data, concerned);
    if (keeps_states) keep_earlier_states(data, table, versions);
    if (mode() == Mode::off) return PointerGetDatum(nullptr);
    look_up_customers(concerned);
    settle_inline(std::move(concerned.customers));
    return PointerGetDatum(nullptr);
}

/// AFTER ROW on every rulebook table: all backends read the rulebook anew once this commits.
AFFILIATE_FUNCTION(affiliate_rulebook_changed) {
    trigger_data(fcinfo);
    rulebook_changed();
    return PointerGetDatum(nullptr);
}

} // namespace affiliate::pg
