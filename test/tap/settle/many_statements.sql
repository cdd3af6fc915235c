-- One transaction settles 32 statements inline; later ones only enqueue.
BEGIN;
SELECT plan(7);
\ir _rig.sql
SELECT pg_temp.program('main');
DO $$
BEGIN
    FOR n IN 1..40 LOOP
        INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
        VALUES ('c' || n, 't' || n, 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}');
    END LOOP;
END
$$;
SELECT is((SELECT count(*) FROM affiliate.entry), 32::bigint, '32 are settled inline');
SELECT is((SELECT count(*) FROM affiliate.settle_queue WHERE due_at <= affiliate._now() AND kind <> 'program'), 8::bigint, 'the others are queued');
SELECT is((SELECT count(*) FROM affiliate.conversion), 32::bigint, 'and not decided yet');
SELECT is(affiliate.resettle(ARRAY(SELECT customer_id FROM affiliate.transaction)), 8::bigint, 'what is queued can be settled');
-- the drain's transactions are its own: a queue is drained however many batches it has
SET LOCAL pg_affiliate.mode = queue;
INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
SELECT 'q' || n, 'q' || n, 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}' FROM generate_series(1, 40) AS n;
SET LOCAL pg_affiliate.mode = 'on';
DO $$ BEGIN WHILE affiliate.drain(1) > 0 LOOP END LOOP; END $$;
SELECT is((SELECT count(*) FROM affiliate.entry WHERE customer_id LIKE 'q%'), 40::bigint, 'one by one');
SELECT is((SELECT count(*) FROM affiliate.settle_queue WHERE due_at <= affiliate._now() AND kind = 'customer'), 0::bigint, 'until nothing is due');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
