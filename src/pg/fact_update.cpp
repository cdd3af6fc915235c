// SPDX-License-Identifier: PostgreSQL
// Row trigger on the fact tables: which columns an UPDATE may change.
#include <algorithm>
#include <vector>

#include "pg/fact_row.hpp"
#include "pg/settings.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

namespace {

using Names = std::vector<std::string_view>;

struct Keys {
    std::string_view table;
    Names always, once_given; ///< columns that never change, and those that may only be filled in
};

/// What everything else hangs on: changing it would leave the postings of the earlier value behind (I2).
const Keys &keys_of(std::string_view table) {
    static const std::vector<Keys> *const all = new std::vector<Keys>{
        {"transaction", {"customer_id", "transaction_id", "program_id", "transaction_type", "currency"}, {"ordered_at"}},
        {"customer", {"customer_id", "program_id"}, {}},
        {"customer_pii", {"customer_id"}, {}},
        {"dispute", {"dispute_id"}, {"transaction_id", "ref_source", "ref_kind", "ref_external_id"}},
        {"account", {"customer_id", "account_id", "program_id"}, {}},
        {"visitor_customer", {"visitor_id", "customer_id"}, {}},
        {"transaction_ref", {"source", "kind", "external_id", "transaction_id"}, {}},
    };
    for (const Keys &keys : *all)
        if (keys.table == table) return keys;
    throw core::Error("XX000", "no keys are known of table \"" + std::string(table) + "\"");
}

bool contains(const Names &names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

/// The row before and after the UPDATE.
struct Change {
    TupleDesc descriptor;
    HeapTuple before, after;

    Datum value_before(int number, bool &null) const {
        const Change &change = *this;
        return call([&change, number, &null] { return heap_getattr(change.before, number, change.descriptor, &null); });
    }
    /// 0 where the table has no such column.
    int number_of(std::string_view column) const {
        for (int i = 1; i <= descriptor->natts; ++i)
            if (std::string_view(NameStr(TupleDescAttr(descriptor, i - 1)->attname)) == column) return i;
        return 0;
    }
    bool differs(int number, bool &was_null) const {
        const Change &change = *this;
        return call([&change, number, &was_null] {
            Form_pg_attribute const attribute = TupleDescAttr(change.descriptor, number - 1);
            bool is_null = false;
            Datum const old_value = heap_getattr(change.before, number, change.descriptor, &was_null);
            Datum const new_value = heap_getattr(change.after, number, change.descriptor, &is_null);
            return was_null != is_null ||
                   (!was_null && !datum_image_eq(old_value, new_value, attribute->attbyval, attribute->attlen));
        });
    }
};

/// A refund that names no customer belongs to its transaction.
bool hangs_on_original(const Change &change, std::string_view column) {
    if (column != "original_transaction_id") return false;
    bool null = false;
    return view_bytes(change.value_before(change.number_of("customer_id"), null)).empty();
}

/// Whether anything changed but the columns that the extension itself keeps; throws where a key did.
bool has_changed(const Change &change, const std::string &table) {
    static const Names *const own = new Names{"version", "recorded_at", "recorded_by"};
    const Keys &keys = keys_of(table);
    bool changed = false;
    for (int number = 1; number <= change.descriptor->natts; ++number) {
        Form_pg_attribute const attribute = TupleDescAttr(change.descriptor, number - 1);
        std::string_view const column = NameStr(attribute->attname);
        bool was_null = false;
        if (attribute->attisdropped || contains(*own, column) || !change.differs(number, was_null)) continue;
        changed = true;
        bool const is_key = contains(keys.always, column) || (!was_null && contains(keys.once_given, column)) ||
                            (!was_null && table == "transaction" && hangs_on_original(change, column));
        if (is_key)
            throw core::Error("AF011", "column \"" + std::string(column) + "\" of a stored " + table + " cannot be changed",
                              "The key of a fact, its program, type, currency, order time and what it refers to are what "
                              "everything else hangs on.",
                              "Send it as a new " + table + ", or correct the amount, status or times.");
    }
    return changed;
}

} // namespace

/// BEFORE UPDATE FOR EACH ROW: refuses changed keys, numbers the state and stamps its arrival.
AFFILIATE_FUNCTION(affiliate_fact_before_update) {
    const TriggerData &data = trigger_data(fcinfo);
    Change const change{RelationGetDescr(data.tg_relation), data.tg_trigtuple, data.tg_newtuple};
    bool const changed = has_changed(change, table_of(data));
    int columns[3] = {change.number_of("version"), change.number_of("recorded_at"), change.number_of("recorded_by")};
    if (columns[0] == 0) return PointerGetDatum(change.after);
    Datum values[3] = {};
    bool nulls[3] = {};
    for (int i = 0; i < 3; ++i) values[i] = change.value_before(columns[i], nulls[i]);
    return call([&] {
        if (changed) {
            values[0] = Int32GetDatum(DatumGetInt32(values[0]) + 1);
            values[1] = TimestampTzGetDatum(now_us());
            values[2] = CStringGetTextDatum(GetUserNameFromId(GetSessionUserId(), false));
        }
        return PointerGetDatum(heap_modify_tuple_by_cols(change.after, change.descriptor, 3, columns, values, nulls));
    });
}

} // namespace affiliate::pg
