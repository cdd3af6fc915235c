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
    SortedKeys customers;
    SortedKeys transactions; ///< whose customers have to be looked up
    SortedKeys refs;         ///< "source \n kind \n external id", to be looked up too
};

void collect(const std::string &table, const FactRow &row, Concerned &out) {
    auto const text = [&row](FactColumn column) { return row.text(column); };
    if (table == "transaction") {
        if (std::string_view const customer = text(FactColumn::customer_id); !customer.empty()) out.customers.add(customer);
        else out.transactions.add(text(FactColumn::original_transaction_id));
    } else if (table == "event") {
        if (std::string_view const customer = text(FactColumn::customer_id); !customer.empty()) out.customers.add(customer);
        else out.transactions.add(text(FactColumn::transaction_id));
    } else if (table == "dispute") {
        if (std::string_view const id = text(FactColumn::transaction_id); !id.empty()) out.transactions.add(id);
        else
            out.refs.add(std::string(text(FactColumn::ref_source)) + '\n' + std::string(text(FactColumn::ref_kind)) + '\n' +
                         std::string(text(FactColumn::ref_external_id)));
    } else if (table == "transaction_ref") {
        out.transactions.add(text(FactColumn::transaction_id));
    } else {
        if (table == "customer_alias") out.customers.add(text(FactColumn::canonical_id));
        out.customers.add(text(FactColumn::customer_id));
    }
}

/// A dispute that was known by a reference only and names its transaction now concerns whom it concerned before, too.
void collect_old(const TriggerData &data, Concerned &out) {
    FactRows rows(data.tg_oldtable, data.tg_relation);
    while (rows.next()) collect("dispute", rows.row(), out);
    rows.close();
}

using Keys = std::vector<std::string>;

/// The customers of some keys, and which of the keys have one.
struct Found {
    SortedKeys &customers;
    Keys keys{};

    void add(Rows rows) {
        for (std::uint64_t i = 0; i < rows.size(); ++i) {
            Row const row = rows[i];
            customers.add(row.text(0));
            keys.push_back(row.text(1));
        }
    }
};

void find_by_transaction(const Keys &keys, Found &found) {
    static Query *const query = new Query(
        "SELECT customer_id, transaction_id FROM affiliate.transaction WHERE transaction_id = ANY ($1)"
        " AND customer_id <> ''",
        {TEXTARRAYOID});
    found.add(query->read({make_text_array(keys)}));
}

void find_by_ref(const Keys &keys, Found &found) {
    static Query *const query = new Query(
        "SELECT t.customer_id, $1 FROM affiliate.transaction_ref r JOIN affiliate.transaction t"
        " ON t.transaction_id = r.transaction_id WHERE r.source = pg_catalog.split_part($1, E'\\n', 1)"
        " AND r.kind = pg_catalog.split_part($1, E'\\n', 2) AND r.external_id = pg_catalog.split_part($1, E'\\n', 3)",
        {TEXTOID});
    for (const std::string &key : keys) found.add(query->read({make_text(key)}));
}

void look_up(SortedKeys &wanted, void (*find)(const Keys &, Found &), SortedKeys &customers) {
    constexpr std::size_t kAtOnce = 1000;
    while (!wanted.at_end()) {
        Keys const keys = wanted.next(kAtOnce);
        Found found{customers};
        AsOwner owner;
        IndexPlans plans;
        SpiSession session;
        find(keys, found);
        session.close();
        plans.restore();
        owner.restore();
        // What names no transaction yet waits: the sale may be under way in another connection, which does not see this.
        std::sort(found.keys.begin(), found.keys.end());
        Keys missing;
        std::set_difference(keys.begin(), keys.end(), found.keys.begin(), found.keys.end(), std::back_inserter(missing));
        enqueue_transactions(missing, "waits for its transaction");
    }
}

/// The customers of the transactions and refs; where nothing of ours may be read, they go to the queue by themselves.
void look_up_customers(Concerned &concerned) {
    const char *const why_not = mode() == Mode::queue ? "mode queue" : IsolationUsesXactSnapshot() ? "isolation level" : nullptr;
    for (SortedKeys *keys : {&concerned.transactions, &concerned.refs}) {
        keys->sort();
        if (why_not != nullptr) enqueue_transactions(*keys, why_not);
        else look_up(*keys, keys == &concerned.refs ? find_by_ref : find_by_transaction, concerned.customers);
        keys->close();
    }
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

/// Reads both transition tables of an UPDATE, which are in one order, for the states that it replaced.
class Replaced {
public:
    explicit Replaced(const TriggerData &data)
        : before_(data.tg_oldtable, data.tg_relation), after_(data.tg_newtable, data.tg_relation),
          plain_(call([&data] { return lookup_rowtype_tupdesc_copy(data.tg_relation->rd_rel->reltype, -1); })) {}

    /// The next states, in the present memory context; fewer than `most` at the end.
    std::vector<Datum> next(std::size_t most) {
        std::vector<Datum> states;
        while (states.size() < most && before_.next() && after_.next()) {
            if (before_.row().version() == after_.row().version()) continue;
            TupleTableSlot *const slot = before_.slot();
            TupleDesc const plain = plain_;
            states.push_back(call([slot, plain] {
                slot_getallattrs(slot);
                return HeapTupleGetDatum(heap_form_tuple(plain, slot->tts_values, slot->tts_isnull));
            }));
        }
        return states;
    }
    void close() {
        before_.close();
        after_.close();
    }

private:
    FactRows before_, after_;
    TupleDesc plain_;
};

/// Keeps the states that an UPDATE replaced: those whose version differs.
void keep_earlier_states(const TriggerData &data, const std::string &table) {
    constexpr std::size_t kAtOnce = 1000;
    Replaced replaced(data);
    AsOwner owner;
    for (bool is_done = false; !is_done;) {
        SpiSession session; // its memory is freed for each batch
        std::vector<Datum> const states = replaced.next(kAtOnce);
        write_earlier_states(table, states, data.tg_relation->rd_rel->reltype);
        is_done = states.size() < kAtOnce;
        session.close();
    }
    owner.restore();
    replaced.close();
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
    bool const settles = mode() != Mode::off;
    Concerned concerned;
    FactRows rows(data.tg_newtable, data.tg_relation);
    while (rows.next()) {
        FactRow const row = rows.row();
        check_fact(table, row, book);
        if (settles) collect(table, row, concerned);
    }
    rows.close();
    if (keeps_states) keep_earlier_states(data, table);
    if (!settles) return PointerGetDatum(nullptr);
    if (table == "dispute" && data.tg_oldtable != nullptr) collect_old(data, concerned);
    look_up_customers(concerned);
    settle_inline(concerned.customers);
    return PointerGetDatum(nullptr);
}

/// AFTER ROW on every rulebook table: all backends read the rulebook anew once this commits.
AFFILIATE_FUNCTION(affiliate_rulebook_changed) {
    trigger_data(fcinfo);
    rulebook_changed();
    return PointerGetDatum(nullptr);
}

} // namespace affiliate::pg
