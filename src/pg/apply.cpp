// SPDX-License-Identifier: PostgreSQL
#include "pg/row_writer.hpp"
#include "pg/store.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

namespace {

using namespace affiliate::core;

/// Who wrote an entry, when, and in which transaction.
class Stamp {
public:
    void put(RowWriter &row) const {
        row.put_time(recorded_at_);
        row.put(actor_);
        row.put(cluster_);
        row.put(xid_);
    }

private:
    Datum actor_ = call([] { return CStringGetTextDatum(GetUserNameFromId(GetSessionUserId(), false)); });
    Datum cluster_ = Int64GetDatum(static_cast<std::int64_t>(GetSystemIdentifier()));
    Datum xid_ = UInt64GetDatum(U64FromFullTransactionId(call([] { return GetTopFullTransactionId(); })));
    Time recorded_at_ = GetCurrentTimestamp();
};

/// The rows of the decisions and of the ledger that are new; written together at the end.
struct NewRows {
    static RowTable &conversion_table() {
        static RowTable *const table = new RowTable("conversion", {
            "customer_id", "transaction_id", "kind", "program_no", "state", "affiliate_no", "method", "code", "is_conflict",
            "candidates", "candidates_digest", "order_key", "purchase_number", "ordered_at", "occurred_at", "agreement_no",
            "plan_no", "currency", "fx_rate", "fx_source", "fx_valid_from", "ladder_counts", "taken_back_at",
            "ladder_reversed_at", "is_test", "quantity", "gross", "refunded", "charged_back", "charged_back_count",
            "version", "conversion_type", "product_id", "country", "campaign_no", "new_customers", "refunded_count",
            "discount"});
        return *table;
    }
    static RowTable &conversion_entry_table() {
        static RowTable *const table = new RowTable("conversion_entry", {
            "customer_id", "transaction_id", "kind", "program_no", "version", "affiliate_no", "currency", "quantity", "gross",
            "refunded", "charged_back", "charged_back_count", "cause", "earned_at", "effective_at", "recorded_at",
            "recorded_by", "cluster", "written_xid", "conversion_type", "product_id", "country", "campaign_no", "method",
            "new_customers", "refunded_count", "discount"});
        return *table;
    }
    static RowTable &commission_table() {
        static RowTable *const table = new RowTable("commission", {
            "customer_id", "subject_id", "subject_kind", "rule_no", "affiliate_no", "level", "program_no", "currency",
            "accrued", "reversed", "paid", "accrued_when_paid", "version", "earned_at", "eligible_at", "hold_reason",
            "is_void", "is_provisional", "ladder_no", "ladder_position", "cap_room", "uncapped_accrued", "uncapped_net"});
        return *table;
    }
    static RowTable &entry_table() {
        static RowTable *const table = new RowTable("entry", {
            "customer_id", "subject_id", "subject_kind", "rule_no", "affiliate_no", "level", "version", "program_no", "kind",
            "currency", "amount", "cause", "earned_at", "effective_at", "recorded_at", "recorded_by", "cluster",
            "written_xid"}, "commission");
        return *table;
    }
    static RowTable &ownership_table() {
        static RowTable *const table = new RowTable("ownership", {
            "customer_id", "program_no", "account_id", "ownership_no", "affiliate_no", "begins_at", "runs_from", "ends_at",
            "is_latest", "cause", "band"});
        return *table;
    }

    RowWriter ownerships{ownership_table()}, conversions{conversion_table()}, conversion_entries{conversion_entry_table()},
        commissions{commission_table()}, entries{entry_table()};
    Stamp stamp;

    void insert() { RowWriter::insert({&ownerships, &conversions, &conversion_entries, &commissions, &entries}); }
};

/// What reports group a conversion by.
void put_group(const ConversionRow &row, RowWriter &writer) {
    writer.put(row.conversion_type);
    writer.put(row.product);
    writer.put(row.country);
    writer.put_number(row.campaign_no);
}
void put_method(const ConversionRow &row, RowWriter &writer) {
    if (row.method == Method::none) writer.put_null();
    else writer.put_text(name(row.method));
}

void write_conversions(const std::vector<Outcome> &outcomes, NewRows &rows) {
    RowWriter updated(NewRows::conversion_table());
    std::vector<int> versions;
    for (const Outcome &outcome : outcomes)
        for (const ConversionChange &change : outcome.conversions) {
            RowWriter &writer = change.is_new ? rows.conversions : updated;
            if (!change.is_new) versions.push_back(change.version_before);
            const ConversionRow &row = change.row;
            writer.put_text(outcome.customer_id);
            writer.put_text(row.transaction_id);
            writer.put_text(name(row.subject));
            writer.put(outcome.program_no);
            writer.put_text(name(row.state));
            writer.put_number(row.affiliate_no);
            put_method(row, writer);
            writer.put(row.code);
            writer.put(row.is_conflict);
            if (row.candidates.empty()) writer.put_null();
            else writer.put(make_jsonb(row.candidates));
            writer.put(Int64GetDatum(row.candidates_digest));
            writer.put(row.order_key);
            writer.put_number(row.purchase_number);
            writer.put(row.ordered_at);
            writer.put(row.occurred_at);
            writer.put_number(row.agreement_no);
            writer.put_number(row.plan_no);
            writer.put(row.currency);
            writer.put(row.fx_rate);
            writer.put(row.fx_source);
            writer.put(row.fx_valid_from);
            writer.put(row.ladder_counts);
            writer.put(row.taken_back_at);
            writer.put(row.ladder_reversed_at);
            writer.put(row.is_test);
            writer.put_small(row.quantity);
            writer.put(row.gross);
            writer.put(row.refunded);
            writer.put(row.charged_back);
            writer.put_small(row.charged_back_count);
            writer.put(row.version);
            put_group(row, writer);
            writer.put_small(row.new_customers);
            writer.put_small(row.refunded_count);
            writer.put(row.discount);
            writer.end_row();
            if (row.is_test) continue;
            RowWriter &entries = rows.conversion_entries;
            for (const ConversionEntry &entry : change.entries) {
                entries.put_text(outcome.customer_id);
                entries.put_text(row.transaction_id);
                entries.put_text(name(row.subject));
                entries.put(outcome.program_no);
                entries.put(entry.version);
                entries.put_number(entry.affiliate_no);
                entries.put(row.currency);
                entries.put_small(entry.quantity);
                entries.put(entry.gross);
                entries.put(entry.refunded);
                entries.put(entry.charged_back);
                entries.put_small(entry.charged_back_count);
                entries.put_text(entry.cause);
                entries.put_time(row.occurred_at.value_or(*row.ordered_at));
                entries.put_time(entry.effective_at);
                rows.stamp.put(entries);
                put_group(row, entries);
                put_method(row, entries);
                entries.put_small(entry.new_customers);
                entries.put_small(entry.refunded_count);
                entries.put(entry.discount);
                entries.end_row();
            }
        }
    updated.update("UPDATE affiliate.conversion c SET state = r.state, affiliate_no = r.affiliate_no, method = r.method,"
                   " code = r.code, is_conflict = r.is_conflict, candidates = coalesce(r.candidates, c.candidates), candidates_digest = r.candidates_digest, order_key = r.order_key,"
                   " purchase_number = r.purchase_number, ordered_at = r.ordered_at, occurred_at = r.occurred_at,"
                   " agreement_no = r.agreement_no, plan_no = r.plan_no, currency = r.currency, fx_rate = r.fx_rate,"
                   " fx_source = r.fx_source, fx_valid_from = r.fx_valid_from, ladder_counts = r.ladder_counts,"
                   " taken_back_at = r.taken_back_at, ladder_reversed_at = r.ladder_reversed_at, is_test = r.is_test, quantity = r.quantity, gross = r.gross,"
                   " refunded = r.refunded, charged_back = r.charged_back, charged_back_count = r.charged_back_count,"
                   " version = r.version, conversion_type = r.conversion_type, product_id = r.product_id,"
                   " country = r.country, campaign_no = r.campaign_no, new_customers = r.new_customers,"
                   " refunded_count = r.refunded_count, discount = r.discount"
                   " FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS r"
                   " WHERE c.customer_id = r.customer_id AND c.transaction_id = r.transaction_id AND c.kind = r.kind"
                   " AND c.program_no = r.program_no AND c.version = r.unnest",
                   versions);
}

void write_commissions(const std::vector<Outcome> &outcomes, NewRows &rows) {
    RowWriter updated(NewRows::commission_table());
    std::vector<int> versions;
    for (const Outcome &outcome : outcomes)
        for (const CommissionChange &change : outcome.commissions) {
            RowWriter &writer = change.is_new ? rows.commissions : updated;
            if (!change.is_new) versions.push_back(change.version_before);
            const CommissionRow &row = change.row;
            writer.put_text(outcome.customer_id);
            writer.put_text(row.subject_id);
            writer.put_text(name(row.subject));
            writer.put(row.rule_no);
            writer.put(row.affiliate_no);
            writer.put_small(row.level);
            writer.put(outcome.program_no);
            writer.put_text(row.currency);
            writer.put(row.accrued);
            writer.put(row.reversed);
            writer.put(row.paid);
            writer.put(row.accrued_when_paid);
            writer.put(row.version);
            writer.put_time(row.earned_at);
            writer.put_time(row.eligible_at);
            writer.put(row.hold_reason);
            writer.put(row.is_void);
            writer.put(row.is_provisional);
            writer.put_number(row.ladder_no);
            writer.put_number(row.ladder_position);
            writer.put(row.cap_room);
            writer.put(row.uncapped_accrued);
            writer.put(row.uncapped_net);
            writer.end_row();
            RowWriter &entries = rows.entries;
            for (const Entry &entry : change.entries) {
                entries.put_text(outcome.customer_id);
                entries.put_text(row.subject_id);
                entries.put_text(name(row.subject));
                entries.put(row.rule_no);
                entries.put(row.affiliate_no);
                entries.put_small(row.level);
                entries.put(entry.version);
                entries.put(outcome.program_no);
                entries.put_text(entry.kind);
                entries.put_text(row.currency);
                entries.put(entry.amount);
                entries.put_text(entry.cause);
                entries.put_time(row.earned_at);
                entries.put_time(entry.effective_at);
                rows.stamp.put(entries);
                entries.end_row();
            }
        }
    updated.update("UPDATE affiliate.commission c SET accrued = r.accrued, reversed = r.reversed, version = r.version,"
                   " earned_at = r.earned_at, eligible_at = r.eligible_at, hold_reason = r.hold_reason,"
                   " is_void = r.is_void, is_provisional = r.is_provisional, ladder_position = r.ladder_position,"
                   " cap_room = r.cap_room, uncapped_accrued = r.uncapped_accrued, uncapped_net = r.uncapped_net"
                   " FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS r"
                   " WHERE c.customer_id = r.customer_id AND c.subject_id = r.subject_id"
                   " AND c.subject_kind = r.subject_kind AND c.rule_no = r.rule_no AND c.affiliate_no = r.affiliate_no"
                   " AND c.level = r.level AND c.version = r.unnest",
                   versions);
}

void write_ownerships(const std::vector<Outcome> &outcomes, NewRows &rows) {
    static Query *const remove = new Query(
        "DELETE FROM affiliate.ownership WHERE customer_id = $1 AND program_no = $2", {TEXTOID, INT4OID});
    RowWriter &writer = rows.ownerships;
    for (const Outcome &outcome : outcomes) {
        if (!outcome.ownerships_changed) continue;
        if (outcome.had_ownerships)
            remove->write({make_text(outcome.customer_id), Int32GetDatum(outcome.program_no)});
        for (const PostedOwnership &row : outcome.ownerships) {
            writer.put_text(outcome.customer_id);
            writer.put(outcome.program_no);
            writer.put_text(row.account_id);
            writer.put(row.ownership_no);
            writer.put(row.affiliate_no);
            writer.put_time(row.begins_at);
            writer.put_time(row.runs_from);
            writer.put_time(row.ends_at);
            writer.put(row.is_latest);
            writer.put_text(row.cause);
            if (row.band == 0) writer.put_null();
            else writer.put_small(row.band);
            writer.end_row();
        }
    }
}

/// Reviews, pinned matches and what the queue has to do later.
void write_consequences(const std::vector<Outcome> &outcomes, Time now) {
    static Query *const review = new Query(
        "INSERT INTO affiliate.review_case (kind, program_no, customer_id, subject_id, evidence, severity, money_at_stake)"
        " VALUES ($1, $2, $3, $4, pg_catalog.jsonb_build_object('detail', $5), $6, $7) ON CONFLICT DO NOTHING",
        {TEXTOID, INT4OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, NUMERICOID});
    static Query *const match = new Query(
        "INSERT INTO affiliate.refund_match (customer_id, transaction_id, matched_transaction_id) VALUES ($1, $2, $3)"
        " ON CONFLICT DO NOTHING",
        {TEXTOID, TEXTOID, TEXTOID});
    static Query *const enqueue = new Query(
        "INSERT INTO affiliate.settle_queue (kind, program_no, customer_id, affiliate_no, due_at, reason)"
        " VALUES ($1, $2, NULLIF($3, ''), NULLIF($4, 0), $5, $6)",
        {TEXTOID, INT4OID, TEXTOID, INT4OID, TIMESTAMPTZOID, TEXTOID});
    static Query *const awaited = new Query(
        "INSERT INTO affiliate.pending_input (kind, state, input_key, payload, reason) SELECT 'click', 'waiting', $1,"
        " pg_catalog.jsonb_build_object('customer_id', $2), 'an order names this click' WHERE NOT EXISTS (SELECT FROM"
        " affiliate.pending_input p WHERE p.kind = 'click' AND p.input_key = $1 AND p.payload ->> 'customer_id' = $2)",
        {TEXTOID, TEXTOID});
    std::map<std::pair<int, int>, bool> stages;
    for (const Outcome &outcome : outcomes) {
        for (const Review &item : outcome.reviews)
            review->write({make_text(item.kind), Int32GetDatum(outcome.program_no), make_text(outcome.customer_id),
                           make_text(item.subject_id), make_text(item.detail), make_text(item.severity),
                           item.money_at_stake ? make_numeric(*item.money_at_stake) : Datum{0}},
                          item.money_at_stake ? "       " : "      n");
        for (const RefundMatch &item : outcome.refund_matches)
            match->write({make_text(outcome.customer_id), make_text(item.transaction_id),
                          make_text(item.matched_transaction_id)});
        for (const std::string &click_id : outcome.awaited_clicks)
            awaited->write({make_text(click_id), make_text(outcome.customer_id)});
        if (outcome.wake_at && *outcome.wake_at > now)
            enqueue->write({make_text("customer"), Int32GetDatum(outcome.program_no), make_text(outcome.customer_id),
                            Int32GetDatum(0), TimestampTzGetDatum(*outcome.wake_at), make_text("waiting")});
        for (int const affiliate_no : outcome.stage_affiliates) stages[{outcome.program_no, affiliate_no}] = true;
    }
    for (const auto &[key, unused] : stages)
        enqueue->write({make_text("affiliate"), Int32GetDatum(key.first), make_text(""), Int32GetDatum(key.second),
                        TimestampTzGetDatum(kBeginning), make_text("second stage")});
}

} // namespace

std::uint64_t apply(const std::vector<Outcome> &outcomes, Time now) {
    NewRows rows;
    write_ownerships(outcomes, rows);
    write_conversions(outcomes, rows);
    write_commissions(outcomes, rows);
    rows.insert();
    write_consequences(outcomes, now);
    return rows.entries.size();
}

} // namespace affiliate::pg
