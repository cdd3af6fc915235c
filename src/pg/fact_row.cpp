// SPDX-License-Identifier: PostgreSQL
#include "pg/fact_row.hpp"

#include <unordered_map>

#include "pg/look_up.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

namespace {

constexpr const char *kNames[kFactColumns] = {
    "account_currency", "account_id", "account_size", "amount", "canonical_id", "collected", "completed_at", "currency",
    "customer_id", "discount", "dispute_id", "event_id", "fee", "list_price", "lost_amount", "occurred_at", "ordered_at",
    "original_transaction_id", "profit_split", "program_id", "ref_external_id", "ref_kind", "ref_source",
    "refunded_amount", "refunded_at", "start_date", "status", "status_at", "tax", "transaction_id", "transaction_type",
    "version", "wallet_credit"};
static_assert(static_cast<std::size_t>(FactColumn::wallet_credit) + 1 == kFactColumns);

} // namespace

const TriggerData &trigger_data(FunctionCallInfo fcinfo) {
    if (!CALLED_AS_TRIGGER(fcinfo))
        throw core::Error("39P01", "this function can only be called by a trigger");
    return *reinterpret_cast<const TriggerData *>(fcinfo->context);
}

const char *name(FactColumn column) noexcept { return kNames[static_cast<std::size_t>(column)]; }

void FactColumns::find(TupleDesc descriptor) {
    numbers_.fill(-1);
    for (int i = 0; i < descriptor->natts; ++i)
        for (std::size_t column = 0; column < kFactColumns; ++column)
            if (!TupleDescAttr(descriptor, i)->attisdropped &&
                std::string_view(NameStr(TupleDescAttr(descriptor, i)->attname)) == kNames[column])
                numbers_[column] = i;
}

const FactColumns &FactColumns::of(Relation relation) {
    struct Known {
        LookUp look_up;
        FactColumns columns;
    };
    static auto *const all = new std::unordered_map<Oid, Known>;
    Known &known = (*all)[RelationGetRelid(relation)];
    known.look_up.renew([&known, relation] { known.columns.find(RelationGetDescr(relation)); });
    return known.columns;
}

} // namespace affiliate::pg
