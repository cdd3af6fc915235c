-- One transaction settles 32 statements inline; later ones only enqueue.
BEGIN;
SELECT plan(5);
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
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
