-- A statement settles inline as long as its budget lasts; the rest is queued.
BEGIN;
SELECT plan(3);
\ir _rig.sql
SELECT pg_temp.program('main');
SET LOCAL pg_affiliate.inline_budget = '1ms';
INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
SELECT 'c' || n, 't' || n, 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}' FROM generate_series(1, 5000) AS n;
SELECT ok((SELECT count(*) FROM affiliate.settle_queue) > 0, 'beyond the budget the rest is queued');
SELECT is((SELECT count(*) FROM affiliate.conversion) + (SELECT count(DISTINCT customer_id) FROM affiliate.settle_queue), 5000::bigint, 'every customer is settled or queued');
SET LOCAL pg_affiliate.inline_budget = 0;
SELECT pg_temp.drain();
SELECT is((SELECT count(*) FROM affiliate.entry), 5000::bigint, 'the drain does what was left');
SELECT * FROM finish();
ROLLBACK;
