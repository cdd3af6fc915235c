-- A statement that concerns more customers than are sorted or settled at once: every one is settled or queued, once.
BEGIN;
SELECT plan(14);
\ir _rig.sql
SELECT pg_temp.program('main', 'net / account_size');
SET LOCAL work_mem = '64kB';
-- Two sales of each customer, the last ones first; in groups of a thousand: an account of no size cannot be settled.
CREATE FUNCTION pg_temp.sell(prefix text, customers integer, bad integer) RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes, account_size)
    SELECT prefix || lpad(n::text, 4, '0'), format('%s%s-%s', prefix, n, sale), 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}',
        CASE n WHEN bad THEN 0 ELSE 10 END
    FROM generate_series(1, 2) AS sale, generate_series(customers, 1, -1) AS n
$$;
CREATE FUNCTION pg_temp.queued(prefix text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT concat_ws(' ', count(*), count(DISTINCT customer_id), min(customer_id), max(customer_id), string_agg(DISTINCT reason, ','))
    FROM affiliate.settle_queue WHERE customer_id LIKE prefix || '%'
$$;
CREATE FUNCTION pg_temp.posted(prefix text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT concat_ws(' ', count(*), count(DISTINCT customer_id)) FROM affiliate.entry WHERE customer_id LIKE prefix || '%'
$$;
SELECT pg_temp.sell('a', 2600, 1234);
SET LOCAL work_mem TO DEFAULT; -- it was for the keys only
ANALYZE affiliate.transaction, affiliate.conversion, affiliate.conversion_entry, affiliate.commission, affiliate.entry, affiliate.ownership;
SELECT is(pg_temp.queued('a'), '1000 1000 a1001 a2000 division by zero', 'the thousand with one that cannot be settled are queued');
SELECT is(pg_temp.posted('a'), '3200 1600', 'all others are settled');
SELECT affiliate.drain(5000);
SELECT is(pg_temp.queued('a'), '1 1 a1234 a1234 division by zero', 'the drain leaves that one');
SELECT is(pg_temp.posted('a'), '5198 2599', 'and settles the others');

SELECT pg_temp.sell('few', 1000, 0);
SELECT is(pg_temp.posted('few'), '2000 1000', 'as many as are sorted without the server');

SET LOCAL pg_affiliate.mode = queue;
SELECT pg_temp.sell('q', 2600, 0);
SELECT is(pg_temp.queued('q'), '2600 2600 q0001 q2600 mode queue', 'in mode queue each is queued once');
SET LOCAL pg_affiliate.mode = 'on';
SELECT affiliate.drain(5000);
SELECT is(pg_temp.posted('q'), '5200 2600', 'and drained');

-- The states that one UPDATE replaces, and news that names transactions.
UPDATE affiliate.transaction SET amount = CASE WHEN transaction_id LIKE '%-1' THEN 300 ELSE amount END,
    status_at = CASE WHEN transaction_id LIKE '%-1' THEN timestamptz '2025-03-02' END
WHERE transaction_id LIKE 'q%';
SELECT is((SELECT count(*) FROM affiliate.transaction_report WHERE transaction_id LIKE 'q%'), 2600::bigint, 'what did not change has no earlier state');
SELECT is((SELECT count(*) FROM affiliate.transaction_report AS r JOIN affiliate.transaction AS t USING (transaction_id)
           WHERE r.amount = 100 AND t.amount = 300 AND r.version = 0 AND t.version = 1 AND r.customer_id = t.customer_id), 2600::bigint, 'each state is that of its own row');
SELECT is((SELECT sum(accrued) FROM affiliate.commission WHERE customer_id LIKE 'q%'), 104000::numeric, 'all are settled again');
INSERT INTO affiliate.dispute (dispute_id, transaction_id, amount, opened_at, closed_at, outcome)
SELECT 'd' || n, format('q%s-1', n), 300, '2025-03-10', '2025-03-20', 'lost' FROM generate_series(2700, 1, -1) AS n;
SELECT is((SELECT sum(reversed) FROM affiliate.commission WHERE customer_id LIKE 'q%'), 78000::numeric, 'disputes find their customers');
SELECT is((SELECT count(*) || ' ' || string_agg(DISTINCT reason, ',') FROM affiliate.settle_queue WHERE kind = 'transaction'), '100 waits for its transaction',
    'those without a transaction wait for it');
SET LOCAL pg_affiliate.mode = queue;
INSERT INTO affiliate.transaction_ref (source, kind, external_id, transaction_id) SELECT 'processor', 'charge', 'ch' || n, format('q%s-1', n) FROM generate_series(1, 2600) AS n;
SELECT is((SELECT count(DISTINCT transaction_id) FROM affiliate.settle_queue WHERE kind = 'transaction' AND reason = 'mode queue'), 2600::bigint, 'names of transactions too');
SET LOCAL pg_affiliate.mode = 'on';
ANALYZE affiliate.transaction, affiliate.transaction_report, affiliate.dispute, affiliate.conversion, affiliate.conversion_entry, affiliate.commission, affiliate.entry, affiliate.ownership;
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
