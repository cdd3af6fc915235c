// SPDX-License-Identifier: PostgreSQL
// The queue drain: new clicks, rulebook changes, queued customers, and the affiliate stage; one batch per call.
#include <algorithm>
#include <map>
#include <set>

#include "pg/query.hpp"
#include "pg/rulebook.hpp"
#include "pg/settings.hpp"
#include "pg/settle.hpp"
#include "pg/slots.hpp"
#include "pg/stage.hpp"
#include "pg/store.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

namespace {

struct Statements {
    // Clicks of finished transactions since the last run; customers whose unstated orders they may concern (W12).
    Query horizon{"SELECT pg_catalog.pg_snapshot_xmin(s)::text::bigint,"
                  " (SELECT click_xid::text::bigint FROM affiliate.drain_progress WHERE name = 'clicks'),"
                  " pg_catalog.pg_snapshot_xmax(s)::text::bigint, (SELECT pg_catalog.min(x::text::bigint) FROM"
                  " pg_catalog.pg_snapshot_xip(s) x WHERE x IS DISTINCT FROM pg_catalog.pg_current_xact_id_if_assigned())"
                  " FROM pg_catalog.pg_current_snapshot() s",
                  {}};
    // A change of the rulebook reaches sales that were under way when it was committed: it is taken up when every
    // transaction of that time has ended.
    Query sighted{"UPDATE affiliate.settle_queue SET ready_xid = $1::text::xid8 WHERE kind = 'program'"
                  " AND ready_xid IS NULL AND due_at <= $2",
                  {INT8OID, TIMESTAMPTZOID}};
    Query clicked{"WITH fresh AS MATERIALIZED (SELECT click_id, customer_id, visitor_id, clicked_at FROM affiliate.click"
                  " WHERE written_xid >= $1::text::xid8 AND written_xid < $2::text::xid8),"
                  " concerned AS (SELECT customer_id, clicked_at FROM fresh WHERE customer_id IS NOT NULL"
                  " UNION ALL SELECT v.customer_id, f.clicked_at FROM fresh f JOIN affiliate.visitor_customer v"
                  " ON v.visitor_id = f.visitor_id"
                  " UNION ALL SELECT p.payload ->> 'customer_id', f.clicked_at FROM fresh f JOIN affiliate.pending_input p"
                  " ON p.kind = 'click' AND p.input_key = f.click_id)"
                  " INSERT INTO affiliate.settle_queue (kind, customer_id, reason)"
                  " SELECT DISTINCT 'customer', k.customer_id, 'new click' FROM concerned k WHERE EXISTS (SELECT FROM"
                  " affiliate.conversion c WHERE c.customer_id = k.customer_id AND c.stated_at IS NULL"
                  " AND c.ordered_at >= k.clicked_at)",
                  {INT8OID, INT8OID}};
    // Clicks that orders waited for: here now, or given up.
    Query awaited{"DELETE FROM affiliate.pending_input p WHERE p.kind = 'click' AND (EXISTS (SELECT FROM"
                  " affiliate.click c WHERE c.click_id = p.input_key) OR p.recorded_at < $1 -"
                  " (SELECT pg_catalog.max(late_grace) FROM affiliate.program))",
                  {TIMESTAMPTZOID}};
    Query progress{"INSERT INTO affiliate.drain_progress (name, click_xid, last_run_at) VALUES ('clicks',"
                   " $1::text::xid8, $2) ON CONFLICT (name) DO UPDATE SET click_xid = excluded.click_xid,"
                   " last_run_at = excluded.last_run_at",
                   {INT8OID, TIMESTAMPTZOID}};
    Query programs{"WITH due AS (DELETE FROM affiliate.settle_queue WHERE queue_id IN (SELECT queue_id FROM"
                   " affiliate.settle_queue WHERE kind = 'program' AND due_at <= $1 AND ready_xid <= $2::text::xid8"
                   " FOR UPDATE SKIP LOCKED)"
                   " RETURNING program_no)"
                   " INSERT INTO affiliate.settle_queue (kind, program_no, customer_id, reason)"
                   " SELECT DISTINCT 'customer', c.program_no, c.customer_id, 'rulebook' FROM affiliate.conversion c"
                   " WHERE c.program_no IN (SELECT program_no FROM due) AND c.stated_at IS NULL",
                   {TIMESTAMPTZOID, INT8OID}};
    // News of transactions: what finds its transaction concerns its customer, what does not waits (see unmatched).
    Query transactions{"WITH due AS (SELECT queue_id, transaction_id FROM affiliate.settle_queue WHERE kind = 'transaction'"
                       " AND due_at <= $1 ORDER BY queue_id LIMIT $2 FOR UPDATE SKIP LOCKED),"
                       " found AS (SELECT d.queue_id, t.customer_id FROM due d JOIN affiliate.transaction t"
                       " ON t.transaction_id = d.transaction_id WHERE t.customer_id <> ''"
                       " UNION SELECT d.queue_id, t.customer_id FROM due d JOIN affiliate.transaction_ref r"
                       " ON r.external_id = pg_catalog.split_part(d.transaction_id, E'\\n', 3)"
                       " AND r.source = pg_catalog.split_part(d.transaction_id, E'\\n', 1)"
                       " AND r.kind = pg_catalog.split_part(d.transaction_id, E'\\n', 2)"
                       " JOIN affiliate.transaction t ON t.transaction_id = r.transaction_id WHERE t.customer_id <> ''),"
                       " gone AS (DELETE FROM affiliate.settle_queue q USING found f WHERE q.queue_id = f.queue_id)"
                       " INSERT INTO affiliate.settle_queue (kind, customer_id, reason)"
                       " SELECT DISTINCT 'customer', customer_id, 'news of a transaction' FROM found",
                       {TIMESTAMPTZOID, INT4OID}};
    // Its sale, when it arrives, reads such news by itself; only a sale that was under way then does not. So it is
    // looked for ever more rarely, and given up after half a day.
    Query unmatched{"WITH given_up AS (DELETE FROM affiliate.settle_queue WHERE kind = 'transaction' AND due_at <= $1"
                    " AND attempts >= 12)"
                    " UPDATE affiliate.settle_queue SET attempts = attempts + 1,"
                    " due_at = $1 + pg_catalog.power(2, attempts) * interval '10 seconds'"
                    " WHERE kind = 'transaction' AND due_at <= $1 AND attempts < 12",
                    {TIMESTAMPTZOID}};
    Query customers{"SELECT queue_id, customer_id FROM affiliate.settle_queue WHERE kind = 'customer' AND due_at <= $1"
                    " ORDER BY due_at, queue_id LIMIT $2",
                    {TIMESTAMPTZOID, INT4OID}};
    Query affiliates{"SELECT queue_id, program_no, affiliate_no FROM affiliate.settle_queue WHERE kind = 'affiliate'"
                     " AND due_at <= $1 ORDER BY due_at, queue_id LIMIT $2",
                     {TIMESTAMPTZOID, INT4OID}};
    Query remove{"DELETE FROM affiliate.settle_queue WHERE queue_id = ANY ($1)", {INT8ARRAYOID}};
    Query failed{"UPDATE affiliate.settle_queue SET attempts = attempts + 1, last_error = $2, due_at = $3 +"
                 " LEAST(attempts + 1, 60) * interval '1 minute' WHERE queue_id = ANY ($1)",
                 {INT8ARRAYOID, TEXTOID, TIMESTAMPTZOID}};
    Query ran{"INSERT INTO affiliate.drain_progress (name, last_run_at, settled) VALUES ('drain', $1, $2)"
              " ON CONFLICT (name) DO UPDATE SET last_run_at = excluded.last_run_at,"
              " settled = affiliate.drain_progress.settled + excluded.settled",
              {TIMESTAMPTZOID, INT8OID}};
};

Statements &statements() {
    static Statements *const all = new Statements;
    return *all;
}

Datum make_big_array(const std::vector<std::int64_t> &values) {
    std::vector<Datum> datums;
    for (std::int64_t const value : values) datums.push_back(Int64GetDatum(value));
    Datum *const data = datums.data();
    int const count = static_cast<int>(datums.size());
    return call([data, count] {
        return PointerGetDatum(construct_array(data, count, INT8OID, 8, true, TYPALIGN_DOUBLE));
    });
}

/// Runs `f` on our tables, as their owner.
template <class F> auto on_tables(F f) -> decltype(f()) {
    AsOwner owner;
    IndexPlans plans;
    SpiSession session;
    if constexpr (std::is_void_v<decltype(f())>) {
        f();
        session.close();
        plans.restore();
        owner.restore();
    } else {
        auto result = f();
        session.close();
        plans.restore();
        owner.restore();
        return result;
    }
}

/// What new facts and rules mean for the queue.
void fill_queue(core::Time now, int batch) {
    on_tables([&] {
        Rows rows = statements().horizon.read({});
        Row const row = rows[0];
        std::int64_t const until = row.big(0), from = row.is_null(1) ? 0 : row.big(1), next = row.big(2),
                           oldest = row.is_null(3) ? next : row.big(3);
        if (from < until) {
            statements().clicked.write({Int64GetDatum(from), Int64GetDatum(until)});
            statements().awaited.write({TimestampTzGetDatum(now)});
            statements().progress.write({Int64GetDatum(until), TimestampTzGetDatum(now)});
        }
        statements().sighted.write({Int64GetDatum(next), TimestampTzGetDatum(now)});
        statements().programs.write({TimestampTzGetDatum(now), Int64GetDatum(oldest)});
        statements().transactions.write({TimestampTzGetDatum(now), Int32GetDatum(batch)});
        statements().unmatched.write({TimestampTzGetDatum(now)});
    });
}

struct Queued {
    std::map<std::string, std::vector<std::int64_t>> rows; ///< queue rows by canonical customer
    std::vector<std::string> customers;
};

Queued queued_customers(core::Time now, int batch) {
    return on_tables([&] {
        Queued result;
        std::vector<std::pair<std::int64_t, std::string>> found;
        std::vector<std::string> ids;
        Rows rows = statements().customers.read({TimestampTzGetDatum(now), Int32GetDatum(batch)});
        for (std::uint64_t i = 0; i < rows.size(); ++i) {
            Row const row = rows[i];
            found.emplace_back(row.big(0), row.text(1));
            ids.push_back(row.text(1));
        }
        if (ids.empty()) return result;
        std::sort(ids.begin(), ids.end());
        ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
        std::vector<std::string> const canonical = canonical_customers(ids);
        if (canonical.size() == ids.size() && canonical == ids) {
            for (auto &[queue_id, id] : found) result.rows[id].push_back(queue_id);
        } else {
            for (auto &[queue_id, id] : found) result.rows[canonical_customers({id}).front()].push_back(queue_id);
        }
        for (const auto &[id, unused] : result.rows) result.customers.push_back(id);
        return result;
    });
}

std::int64_t drain_customers(core::Time now, int batch) {
    Queued const queued = queued_customers(now, batch);
    if (queued.customers.empty()) return 0;
    Settlement settlement = settle(queued.customers, 0);
    std::set<std::string> left(settlement.deferred.begin(), settlement.deferred.end());
    std::map<std::string, std::string> errors;
    if (!settlement.error.empty()) {
        // One of them is poisoned: key by key, so that it harms nobody else.
        for (const std::string &customer : std::set<std::string>(left)) {
            if (!try_lock_customer(customer)) continue;
            ErrorData *error = nullptr;
            if (try_in_subtransaction([&] { settle_locked({customer}); }, &error)) left.erase(customer);
            else errors[customer] = error->message;
        }
    }
    std::vector<std::int64_t> done;
    std::int64_t settled = 0;
    for (const auto &[customer, rows] : queued.rows) {
        if (left.count(customer) != 0) continue;
        done.insert(done.end(), rows.begin(), rows.end());
        ++settled;
    }
    on_tables([&] {
        if (!done.empty()) statements().remove.write({make_big_array(done)});
        for (const auto &[customer, message] : errors)
            statements().failed.write(
                {make_big_array(queued.rows.at(customer)), make_text(message), TimestampTzGetDatum(now)});
        statements().ran.write({TimestampTzGetDatum(now), Int64GetDatum(settled)});
    });
    return static_cast<std::int64_t>(done.size() + errors.size());
}

std::int64_t drain_affiliates(core::Time now, int batch) {
    std::map<std::pair<int, int>, std::vector<std::int64_t>> queued;
    on_tables([&] {
        Rows rows = statements().affiliates.read({TimestampTzGetDatum(now), Int32GetDatum(batch)});
        for (std::uint64_t i = 0; i < rows.size(); ++i) {
            Row const row = rows[i];
            queued[{row.integer(1), row.integer(2)}].push_back(row.big(0));
        }
    });
    std::int64_t handled = 0;
    for (const auto &entry : queued) {
        const std::pair<int, int> &key = entry.first;
        const std::vector<std::int64_t> &rows = entry.second;
        if (!lock_affiliate(key.first, key.second, false)) continue;
        bool is_complete = false;
        ErrorData *error = nullptr;
        if (!try_in_subtransaction([&] { is_complete = run_stage(key.first, key.second); }, &error)) {
            on_tables([&] {
                statements().failed.write({make_big_array(rows), make_text(error->message), TimestampTzGetDatum(now)});
            });
        } else if (is_complete) {
            on_tables([&] { statements().remove.write({make_big_array(rows)}); });
        } else {
            continue;
        }
        handled += static_cast<std::int64_t>(rows.size());
    }
    return handled;
}

} // namespace

/// drain(batch): one batch of due work; returns how many queue rows were done, 0 when there was nothing to do.
AFFILIATE_FUNCTION(affiliate_drain) {
    if (IsolationUsesXactSnapshot())
        throw core::Error("25001", "the queue cannot be drained at this isolation level", {},
                          "Call affiliate.drain() at READ COMMITTED.");
    int const batch = std::clamp(PG_GETARG_INT32(0), 1, 100'000);
    core::Time const now = now_us();
    fill_queue(now, batch);
    std::int64_t const customers = drain_customers(now, batch);
    return Int64GetDatum(customers + drain_affiliates(now, batch));
}

/// resettle(customer_ids): settles now, waiting for the customers' slots.
AFFILIATE_FUNCTION(affiliate_resettle) {
    if (IsolationUsesXactSnapshot())
        throw core::Error("25001", "customers cannot be settled at this isolation level", {},
                          "Call affiliate.resettle() at READ COMMITTED.");
    std::vector<std::string> const ids = read_text_array(PG_GETARG_DATUM(0));
    std::vector<std::string> const canonical = on_tables([&] { return canonical_customers(ids); });
    lock_customers(canonical);
    return Int64GetDatum(static_cast<std::int64_t>(settle_locked(canonical)));
}

/// _lock_customers(customer_ids): the slots of customers, for operators' calls that change headers themselves.
AFFILIATE_FUNCTION(affiliate_lock_customers) {
    std::vector<std::string> const ids = read_text_array(PG_GETARG_DATUM(0));
    lock_customers(on_tables([&] { return canonical_customers(ids); }));
    PG_RETURN_VOID();
}

} // namespace affiliate::pg
