// SPDX-License-Identifier: PostgreSQL
// The queue drain: new clicks, rulebook changes, queued customers, and the affiliate stage; one batch per call.
#include <algorithm>
#include <map>
#include <set>

#include "pg/halves.hpp"
#include "pg/query.hpp"
#include "pg/relation_lock.hpp"
#include "pg/rulebook.hpp"
#include "pg/settings.hpp"
#include "pg/settle.hpp"
#include "pg/slots.hpp"
#include "pg/stage.hpp"
#include "pg/store.hpp"

#include "pg/postgres.hpp"

namespace affiliate::pg {

namespace {

constexpr const char *kSnapshotIsOld = "The transaction sees only what was committed when it began.";

struct Statements {
    // Clicks of finished transactions since the last run; customers whose unstated orders they may concern (W12).
    Query horizon{"SELECT pg_catalog.pg_snapshot_xmin(s)::text::bigint, pg_catalog.pg_snapshot_xmax(s)::text::bigint,"
                  " (SELECT pg_catalog.min(x::text::bigint) FROM"
                  " pg_catalog.pg_snapshot_xip(s) x WHERE x IS DISTINCT FROM pg_catalog.pg_current_xact_id_if_assigned()),"
                  " p.click_xid::text::bigint, p.system_identifier, p.last_run_at FROM pg_catalog.pg_current_snapshot() s"
                  " LEFT JOIN affiliate.drain_progress p ON p.name = 'clicks'",
                  {}};
    // A change of the rulebook reaches sales that were under way when it was committed: it is taken up when every
    // transaction of that time has ended. A transaction that has not begun yet is one of another cluster (a restore).
    Query sighted{"UPDATE affiliate.settle_queue SET ready_xid = $1::text::xid8 WHERE kind = 'program'"
                  " AND (ready_xid IS NULL OR ready_xid > $1::text::xid8) AND due_at <= $2",
                  {INT8OID, TIMESTAMPTZOID}};
    // Where a later click moves ownership, it does so at the click, with or without an order (W5).
    Query clicked{"WITH fresh AS MATERIALIZED (SELECT click_id, customer_id, visitor_id, clicked_at FROM affiliate.click"
                  " WHERE cluster = $3 AND written_xid >= $1::text::xid8 AND written_xid < $2::text::xid8"
                  " AND recorded_at >= $4),"
                  " named AS (SELECT customer_id, clicked_at FROM fresh WHERE customer_id IS NOT NULL"
                  " UNION ALL SELECT v.customer_id, f.clicked_at FROM fresh f JOIN affiliate.visitor_customer v"
                  " ON v.visitor_id = f.visitor_id"
                  " UNION ALL SELECT p.payload ->> 'customer_id', f.clicked_at FROM fresh f JOIN affiliate.pending_input p"
                  " ON p.kind = 'click' AND p.input_key = f.click_id),"
                  " concerned AS (SELECT COALESCE(a.canonical_id, n.customer_id) AS customer_id, n.clicked_at FROM named n"
                  " LEFT JOIN affiliate.customer_alias a ON a.customer_id = n.customer_id)"
                  " INSERT INTO affiliate.settle_queue (kind, customer_id, reason)"
                  " SELECT DISTINCT 'customer', k.customer_id, 'new click' FROM concerned k WHERE EXISTS (SELECT FROM"
                  " affiliate.conversion c WHERE c.customer_id = k.customer_id AND c.stated_at IS NULL"
                  " AND c.ordered_at >= k.clicked_at) OR EXISTS (SELECT FROM affiliate.ownership o JOIN"
                  " affiliate.program p ON p.program_no = o.program_no AND p.later_click = 'move'"
                  " WHERE o.customer_id = k.customer_id AND o.begins_at <= k.clicked_at AND o.ends_at >= k.clicked_at)",
                  {INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID}};
    // Clicks that orders waited for: here now, or given up.
    Query awaited{"DELETE FROM affiliate.pending_input p WHERE p.kind = 'click' AND (EXISTS (SELECT FROM"
                  " affiliate.click c WHERE c.click_id = p.input_key) OR p.recorded_at < $1 -"
                  " (SELECT pg_catalog.max(late_grace) FROM affiliate.program))",
                  {TIMESTAMPTZOID}};
    Query progress{"INSERT INTO affiliate.drain_progress (name, click_xid, last_run_at, system_identifier)"
                   " VALUES ('clicks', $1::text::xid8, $2, $3) ON CONFLICT (name) DO UPDATE SET"
                   " click_xid = excluded.click_xid, last_run_at = excluded.last_run_at,"
                   " system_identifier = excluded.system_identifier",
                   {INT8OID, TIMESTAMPTZOID, INT8OID}};
    Query rulebook_changes{"SELECT affiliate._expand_rulebook($1, $2::text::xid8, $3)",
                           {TIMESTAMPTZOID, INT8OID, INT4OID}};
    // News of transactions: what finds its transaction concerns its customer. What does not waits: its sale, when it
    // arrives, reads such news by itself; only a sale that was under way then does not. So it is looked for ever more
    // rarely, and after half a day kept where people see it.
    Query transactions{"WITH due AS MATERIALIZED (SELECT queue_id, transaction_id, attempts FROM affiliate.settle_queue"
                       " WHERE kind = 'transaction' AND due_at <= $1 ORDER BY due_at, queue_id LIMIT $2"
                       " FOR UPDATE SKIP LOCKED),"
                       " found AS MATERIALIZED (SELECT d.queue_id, t.customer_id FROM due d JOIN affiliate.transaction t"
                       " ON t.transaction_id = d.transaction_id WHERE t.customer_id <> ''"
                       " UNION SELECT d.queue_id, t.customer_id FROM due d JOIN affiliate.transaction_ref r"
                       " ON r.external_id = pg_catalog.split_part(d.transaction_id, E'\\n', 3)"
                       " AND r.source = pg_catalog.split_part(d.transaction_id, E'\\n', 1)"
                       " AND r.kind = pg_catalog.split_part(d.transaction_id, E'\\n', 2)"
                       " JOIN affiliate.transaction t ON t.transaction_id = r.transaction_id WHERE t.customer_id <> ''),"
                       " gone AS (DELETE FROM affiliate.settle_queue q USING found f WHERE q.queue_id = f.queue_id),"
                       " enqueued AS (INSERT INTO affiliate.settle_queue (kind, customer_id, reason)"
                       " SELECT DISTINCT 'customer', customer_id, 'news of a transaction' FROM found),"
                       " lost AS MATERIALIZED (SELECT * FROM due d WHERE NOT EXISTS (SELECT FROM found f"
                       " WHERE f.queue_id = d.queue_id)),"
                       " postponed AS (UPDATE affiliate.settle_queue q SET attempts = q.attempts + 1,"
                       " due_at = $1 + pg_catalog.power(2, q.attempts) * interval '10 seconds'"
                       " FROM lost l WHERE q.queue_id = l.queue_id AND l.attempts < 12),"
                       " given_up AS (DELETE FROM affiliate.settle_queue q USING lost l WHERE q.queue_id = l.queue_id"
                       " AND l.attempts >= 12),"
                       " unplaced AS (SELECT DISTINCT transaction_id AS key FROM lost WHERE attempts >= 12),"
                       " replaced AS (DELETE FROM affiliate.pending_input p USING unplaced u WHERE p.kind = 'transaction'"
                       " AND p.state = 'waiting' AND p.input_key = u.key),"
                       " kept AS (INSERT INTO affiliate.pending_input (kind, state, input_key, payload, reason)"
                       " SELECT 'transaction', 'waiting', u.key, pg_catalog.jsonb_strip_nulls("
                       "pg_catalog.jsonb_build_object('program_id', (SELECT pg_catalog.min(n.program_id) FROM"
                       " (SELECT t.program_id FROM affiliate.transaction t WHERE t.customer_id = ''"
                       " AND t.original_transaction_id = u.key UNION ALL SELECT e.program_id FROM affiliate.event e"
                       " WHERE e.customer_id = '' AND e.transaction_id = u.key) n),"
                       " 'transactions', (SELECT pg_catalog.jsonb_agg(t.transaction_id ORDER BY t.transaction_id) FROM"
                       " affiliate.transaction t WHERE t.customer_id = '' AND t.original_transaction_id = u.key),"
                       " 'disputes', (SELECT pg_catalog.jsonb_agg(d.dispute_id ORDER BY d.dispute_id) FROM"
                       " affiliate.dispute d WHERE d.transaction_id = u.key OR d.transaction_id IS NULL"
                       " AND d.ref_external_id = pg_catalog.split_part(u.key, E'\\n', 3)"
                       " AND d.ref_source = pg_catalog.split_part(u.key, E'\\n', 1)"
                       " AND d.ref_kind = pg_catalog.split_part(u.key, E'\\n', 2)),"
                       " 'events', (SELECT pg_catalog.jsonb_agg(e.event_id ORDER BY e.event_id) FROM affiliate.event e"
                       " WHERE e.customer_id = '' AND e.transaction_id = u.key),"
                       " 'refs', (SELECT pg_catalog.jsonb_agg(r.external_id ORDER BY r.external_id) FROM"
                       " affiliate.transaction_ref r WHERE r.transaction_id = u.key))),"
                       " 'the transaction it is about has not arrived' FROM unplaced u)"
                       " SELECT pg_catalog.count(*) FROM due",
                       {TIMESTAMPTZOID, INT4OID}};
    // News that was given up, and its transaction came after all.
    Query placed{"WITH known AS (SELECT p.input_id, t.customer_id FROM affiliate.pending_input p"
                 " JOIN affiliate.transaction t ON t.transaction_id = p.input_key AND t.customer_id <> ''"
                 " WHERE p.kind = 'transaction' AND p.state = 'waiting'"
                 " UNION SELECT p.input_id, t.customer_id FROM affiliate.pending_input p JOIN affiliate.transaction_ref r"
                 " ON r.external_id = pg_catalog.split_part(p.input_key, E'\\n', 3)"
                 " AND r.source = pg_catalog.split_part(p.input_key, E'\\n', 1)"
                 " AND r.kind = pg_catalog.split_part(p.input_key, E'\\n', 2)"
                 " JOIN affiliate.transaction t ON t.transaction_id = r.transaction_id AND t.customer_id <> ''"
                 " WHERE p.kind = 'transaction' AND p.state = 'waiting'),"
                 " gone AS (DELETE FROM affiliate.pending_input p USING known k WHERE p.input_id = k.input_id)"
                 " INSERT INTO affiliate.settle_queue (kind, customer_id, reason)"
                 " SELECT DISTINCT 'customer', customer_id, 'news of a transaction' FROM known",
                 {}};
    Query attached_rows{"SELECT affiliate._drain_attached($1)", {INT4OID}};
    Query remember_names{"SELECT affiliate._remember_names()", {}};
    Query new_partitions{"SELECT attachment, relation FROM affiliate._new_partitions()", {}};
    Query watch_partition{"SELECT affiliate._make_attached_triggers($1, $2)", {TEXTOID, OIDOID}};
    Query jobs_may_run{"SELECT affiliate._jobs_may_run()", {}};
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
    Query queue_failed{"INSERT INTO affiliate.settle_queue (kind, customer_id, reason, attempts, last_error, due_at)"
                       " VALUES ('customer', $1, 'resettle', 1, $2, $3 + interval '1 minute')",
                       {TEXTOID, TEXTOID, TIMESTAMPTZOID}};
    Query ran{"INSERT INTO affiliate.drain_progress (name, last_run_at, settled) VALUES ('drain', $1, $2)"
              " ON CONFLICT (name) DO UPDATE SET last_run_at = excluded.last_run_at,"
              " settled = affiliate.drain_progress.settled + excluded.settled, last_error = NULL",
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

/// Clicks that were written since the last run, by transaction id. In another cluster than the last run's (a restore)
/// ids begin anew: taken up are those of this cluster, and of the others the ones recorded since that run, unread there
/// or written here before anything noticed.
void read_clicks(core::Time now, const Row &horizon) {
    auto const enqueue = [](std::int64_t from, std::int64_t until, std::int64_t cluster, core::Time since) {
        statements().clicked.write(
            {Int64GetDatum(from), Int64GetDatum(until), Int64GetDatum(cluster), TimestampTzGetDatum(since)});
    };
    std::int64_t const until = horizon.big(0), next = horizon.big(1);
    std::int64_t const here = static_cast<std::int64_t>(GetSystemIdentifier());
    std::int64_t from = horizon.big(3);
    if (!horizon.is_null(4) && horizon.big(4) != here) {
        enqueue(0, PG_INT64_MAX, horizon.big(4), horizon.time(5).value_or(now) - core::kDay); // clocks differ, transactions last
        from = 0;
    }
    if (from > next) from = 0;
    if (from >= until) return;
    enqueue(from, until, here, core::kBeginning);
    statements().awaited.write({TimestampTzGetDatum(now)});
    statements().placed.write({});
    statements().progress.write({Int64GetDatum(until), TimestampTzGetDatum(now), Int64GetDatum(here)});
}

/// What new facts and rules mean for the queue. Returns how many queue rows were looked at for good.
std::int64_t fill_queue(core::Time now, int batch) {
    return on_tables([&] {
        Rows rows = statements().horizon.read({});
        Row const row = rows[0];
        std::int64_t const next = row.big(1), oldest = row.is_null(2) ? next : row.big(2);
        read_clicks(now, row);
        std::int64_t const kept = statements().attached_rows.read({Int32GetDatum(batch)})[0].big(0);
        statements().sighted.write({Int64GetDatum(next), TimestampTzGetDatum(now)});
        std::int64_t const news =
            statements().transactions.read({TimestampTzGetDatum(now), Int32GetDatum(batch)})[0].big(0);
        return kept + news + statements()
                          .rulebook_changes.read({TimestampTzGetDatum(now), Int64GetDatum(oldest), Int32GetDatum(batch)})[0]
                          .big(0);
    });
}

/// Makes the triggers of new partitions of attached tables, where these can be locked in a moment; of how many. Until the
/// end of the transaction the firm cannot write to them.
std::int64_t watch_partitions() {
    std::int64_t watched = 0;
    std::vector<std::pair<std::string, Oid>> found;
    on_tables([&] {
        statements().remember_names.read({});
        Rows rows = statements().new_partitions.read({});
        for (std::uint64_t i = 0; i < rows.size(); ++i) found.emplace_back(rows[i].text(0), DatumGetObjectId(rows[i].datum(1)));
    });
    for (const auto &partition : found) {
        constexpr core::Duration kMoment = 40'000; // who writes to it queues behind us: less than an inline budget
        ErrorData *error = nullptr;
        watched += try_in_subtransaction(
            [&] {
                WaitAtMost const net(GetCurrentTimestamp() + kMoment);
                AsSuperuser superuser;
                SpiSession session;
                statements().watch_partition.read({make_text(partition.first), ObjectIdGetDatum(partition.second)});
                session.close();
                superuser.restore();
            },
            &error);
    }
    return watched;
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
            for (auto &[queue_id, id] : found) {
                std::vector<std::string> const one = canonical_customers({id});
                result.rows[one.empty() ? std::string() : one.front()].push_back(queue_id);
            }
        }
        for (const auto &[id, unused] : result.rows) // a row without a customer is only removed
            if (!id.empty()) result.customers.push_back(id);
        return result;
    });
}

/// Settles customers whose slots are held; who cannot be settled keeps nobody else from it.
std::uint64_t settle_halves(const std::vector<std::string> &customers, std::map<std::string, std::string> &errors) {
    std::uint64_t posted = 0;
    auto const at = [&customers](std::size_t i) { return customers.begin() + static_cast<std::ptrdiff_t>(i); };
    VainWaits vain;
    do_halves(
        0, customers.size(), [&](std::size_t begin, std::size_t end) { posted += settle_locked({at(begin), at(end)}); },
        [&](std::size_t i, const ErrorData &error) { errors[customers[i]] = error.message; }, vain);
    return posted;
}

std::int64_t drain_customers(core::Time now, int batch) {
    Queued const queued = queued_customers(now, batch);
    Settlement const settlement = settle(queued.customers);
    std::set<std::string> left(settlement.deferred.begin(), settlement.deferred.end());
    std::map<std::string, std::string> errors;
    if (!settlement.error.empty()) {
        // One of them is poisoned: it harms nobody else.
        std::vector<std::string> held;
        for (const std::string &customer : left)
            if (try_lock_customer(customer)) held.push_back(customer);
        settle_halves(held, errors);
        for (const std::string &customer : held)
            if (errors.count(customer) == 0) left.erase(customer);
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

std::uint64_t settle_each(const std::vector<std::string> &customers, std::map<std::string, std::string> &errors) {
    std::size_t const chunk = std::max<std::size_t>(1000, customers.size() / 16 + 1);
    std::uint64_t posted = 0;
    for (std::size_t begin = 0; begin < customers.size(); begin += chunk) {
        auto const from = customers.begin() + static_cast<std::ptrdiff_t>(begin);
        posted += settle_halves({from, from + static_cast<std::ptrdiff_t>(std::min(chunk, customers.size() - begin))}, errors);
    }
    return posted;
}

/// Who could not be settled is queued with the error, and the caller is told.
void report_failures(const std::map<std::string, std::string> &errors, std::size_t asked) {
    if (errors.empty()) return;
    on_tables([&] {
        for (const auto &[customer, message] : errors)
            statements().queue_failed.write(
                {make_text(customer), make_text(message), TimestampTzGetDatum(now_us())});
    });
    std::size_t const count = errors.size();
    const char *const customer = errors.begin()->first.c_str(), *const message = errors.begin()->second.c_str();
    call([=] {
        ereport(WARNING, (errmsg("%zu of %zu customers could not be settled", count, asked),
                          errdetail("Customer \"%s\": %s", customer, message),
                          errhint("They are queued with their errors; see affiliate.waiting.")));
    });
}

} // namespace

/// drain(batch): one batch of due work; returns how many queue rows were done, or partitions begun to be watched; 0 when
/// there was nothing to do.
AFFILIATE_FUNCTION(affiliate_drain) {
    if (IsolationUsesXactSnapshot())
        throw core::Error("25001", "the queue cannot be drained at this isolation level", kSnapshotIsOld,
                          "Call affiliate.drain() at READ COMMITTED.");
    refuse_other_version();
    if (!on_tables([] { return statements().jobs_may_run.read({})[0].boolean(0); })) return Int64GetDatum(0);
    int const batch = std::clamp(PG_GETARG_INT32(0), 1, 100'000);
    core::Time const now = now_us();
    if (std::int64_t const watched = watch_partitions(); watched > 0) return Int64GetDatum(watched); // without delay
    std::int64_t const looked_at = fill_queue(now, batch);
    std::int64_t const customers = drain_customers(now, batch);
    return Int64GetDatum(looked_at + customers + drain_affiliates(now, batch));
}

/// resettle(customer_ids): settles now, waiting for the customers' slots; who cannot be settled is queued.
AFFILIATE_FUNCTION(affiliate_resettle) {
    if (IsolationUsesXactSnapshot())
        throw core::Error("25001", "customers cannot be settled at this isolation level", kSnapshotIsOld,
                          "Call affiliate.resettle() at READ COMMITTED.");
    refuse_other_version();
    std::vector<std::string> const ids = read_text_array(PG_GETARG_DATUM(0));
    std::vector<std::string> const canonical = on_tables([&] { return canonical_customers(ids); });
    lock_customers(canonical);
    std::map<std::string, std::string> errors;
    std::uint64_t const posted = settle_each(canonical, errors);
    report_failures(errors, canonical.size());
    return Int64GetDatum(static_cast<std::int64_t>(posted));
}

/// _lock_customers(customer_ids): the slots of customers, for operators' calls that change headers themselves.
AFFILIATE_FUNCTION(affiliate_lock_customers) {
    std::vector<std::string> const ids = read_text_array(PG_GETARG_DATUM(0));
    lock_customers(on_tables([&] { return canonical_customers(ids); }));
    PG_RETURN_VOID();
}

} // namespace affiliate::pg
