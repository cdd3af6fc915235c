-- News that comes before its transaction: looked for in batches, ever more rarely, and never dropped.
BEGIN;
SELECT plan(18);
\ir _rig.sql
SELECT pg_temp.program('main');
CREATE FUNCTION pg_temp.sale(id text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
    VALUES (id, id, 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}')
$$;
CREATE FUNCTION pg_temp.attempts() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(transaction_id || ' ' || attempts, ', ' ORDER BY transaction_id), 'nothing') FROM affiliate.settle_queue WHERE kind = 'transaction'
$$;
INSERT INTO affiliate.dispute (dispute_id, transaction_id, amount, opened_at, closed_at, outcome)
SELECT 'd' || n, 't' || n, 100, '2025-03-10', '2025-03-20', 'lost' FROM generate_series(1, 7) AS n;
SELECT is(pg_temp.attempts(), 't1 0, t2 0, t3 0, t4 0, t5 0, t6 0, t7 0', 'disputes wait for their transactions');

-- the last three come, unseen by the news; the drain looks up three rows at a time
SET LOCAL session_replication_role = replica;
SELECT pg_temp.sale('t' || n) FROM generate_series(5, 7) AS n;
SET LOCAL session_replication_role = origin;
SELECT ok(affiliate.drain(3) > 0, 'a batch of three');
SELECT is(pg_temp.attempts(), 't1 1, t2 1, t3 1, t4 0, t5 0, t6 0, t7 0', 'only what was looked up is postponed');
SELECT ok(affiliate.drain(3) > 0, 'the next batch');
SELECT is(pg_temp.attempts(), 't1 1, t2 1, t3 1, t4 1, t7 0', 'what finds its transaction is no longer queued as news');
SELECT affiliate.drain(3), affiliate.drain(3), affiliate.drain(3);
SELECT is(pg_temp.attempts(), 't1 1, t2 1, t3 1, t4 1', 'batch by batch all are looked up');
SELECT is(pg_temp.money('t5') || ', ' || pg_temp.money('t7'), 'ann 10 reversed 10, ann 10 reversed 10', 'and settled');

-- half a day later: rows beyond the batch are not given up either
UPDATE affiliate.settle_queue SET attempts = 12, due_at = '-infinity' WHERE kind = 'transaction';
SELECT affiliate.drain(1);
SELECT is((SELECT count(*) FROM affiliate.settle_queue WHERE kind = 'transaction'), 3::bigint, 'one row a batch of one');
INSERT INTO affiliate.transaction (transaction_id, original_transaction_id, transaction_type, status, currency, amount, completed_at)
VALUES ('r9', 't9', 'refund', 'completed', 'USD', 5, '2025-03-05'), ('r9b', 't9', 'refund', 'completed', 'USD', 6, '2025-03-06');
INSERT INTO affiliate.dispute (dispute_id, ref_source, ref_kind, ref_external_id, amount, opened_at) VALUES ('dr', 'stripe', 'charge', 'ch_1', 100, '2025-03-10');
INSERT INTO affiliate.transaction_ref (source, kind, external_id, transaction_id) VALUES ('stripe', 'charge', 'ch_2', 't8');
UPDATE affiliate.settle_queue SET attempts = 12, due_at = '-infinity' WHERE kind = 'transaction';
SELECT affiliate.drain();
SELECT is(pg_temp.attempts(), 'nothing', 'then they leave the queue');
SELECT results_eq($$SELECT subject_id, reason FROM affiliate.waiting WHERE what = 'input' ORDER BY subject_id$$,
    $$SELECT k COLLATE "C", 'the transaction it is about has not arrived' FROM unnest(ARRAY[E'stripe\ncharge\nch_1', 't1', 't2', 't3', 't4', 't8', 't9']) AS k ORDER BY 1$$,
    'and stay in plain sight');
SELECT results_eq($$SELECT input_key, payload FROM affiliate.pending_input WHERE input_key <> ALL ('{t2,t3,t4}') ORDER BY input_key$$,
    $$SELECT k COLLATE "C", p::jsonb FROM (VALUES (E'stripe\ncharge\nch_1', '{"disputes": ["dr"]}'), ('t1', '{"disputes": ["d1"]}'), ('t8', '{"refs": ["ch_2"]}'),
        ('t9', '{"program_id": "main", "transactions": ["r9", "r9b"]}')) AS v (k, p)$$, 'with what names them');
-- more news of the same transaction
INSERT INTO affiliate.dispute (dispute_id, transaction_id, amount, opened_at) VALUES ('d1b', 't1', 100, '2025-04-10');
UPDATE affiliate.settle_queue SET attempts = 12, due_at = '-infinity' WHERE kind = 'transaction';
SELECT affiliate.drain();
SELECT results_eq($$SELECT payload FROM affiliate.pending_input WHERE input_key = 't1'$$, $$SELECT '{"disputes": ["d1", "d1b"]}'::jsonb$$, 'is one row');

-- the sales come after all
SELECT pg_temp.sale('t1');
SELECT is(pg_temp.money('t1'), 'ann 10 reversed 10', 'a sale reads what came before it');
SELECT pg_temp.sale('t9');
INSERT INTO affiliate.transaction_ref (source, kind, external_id, transaction_id) VALUES ('stripe', 'charge', 'ch_1', 't9');
-- a clock of transaction ids: what is under way is not read
SET LOCAL session_replication_role = replica;
UPDATE affiliate.drain_progress SET click_xid = '3' WHERE name = 'clicks';
SET LOCAL session_replication_role = origin;
SELECT pg_temp.drain();
SELECT is((SELECT string_agg(subject_id, ', ' ORDER BY subject_id) FROM affiliate.waiting WHERE what = 'input'), 't2, t3, t4, t8', 'then nothing waits for them');
SELECT is(pg_temp.money('t9'), 'ann 10 reversed 1.1', 'and they are settled');
SELECT is((SELECT count(*) FROM affiliate.settle_queue WHERE kind = 'transaction'), 0::bigint, 'nothing is looked for any more');
SELECT is((SELECT count(*) FROM affiliate.pending_input WHERE state <> 'waiting' OR kind <> 'transaction'), 0::bigint, 'nor is anything else kept');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
