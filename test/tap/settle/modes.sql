-- pg_affiliate.mode: on | queue | off. What is off is never the recording of reports.
BEGIN;
SELECT plan(19);
\ir _rig.sql
SELECT pg_temp.program('main');
CREATE FUNCTION pg_temp.queued() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(DISTINCT concat_ws(' ', kind, customer_id, transaction_id), ', '), 'nothing') FROM affiliate.settle_queue WHERE due_at <= affiliate._now() AND kind <> 'program'
$$;
CREATE FUNCTION pg_temp.sale(id text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
    VALUES (id, id, 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}')
$$;
SELECT pg_temp.sale('a');
SELECT is(pg_temp.money('a'), 'ann 10', 'on: settled at once');
SELECT is(pg_temp.queued(), 'nothing', 'and nothing is queued');

SET LOCAL pg_affiliate.mode = queue;
SELECT pg_temp.sale('b');
INSERT INTO affiliate.dispute (dispute_id, transaction_id, amount, opened_at, closed_at, outcome) VALUES ('d', 'a', 100, '2025-03-10', '2025-03-20', 'lost');
SELECT is(pg_temp.money('b'), NULL, 'queue: nothing is posted');
SELECT is(pg_temp.queued(), 'customer b, transaction a', 'who is concerned is queued; nothing had to be read for it');
SET LOCAL pg_affiliate.mode = 'on';
SELECT ok(affiliate.drain() > 0, 'drained');
SELECT is(pg_temp.money('a') || ', ' || pg_temp.money('b'), 'ann 10 reversed 10, ann 10', 'then it is posted');
SELECT is(pg_temp.queued(), 'nothing', 'and gone from the queue');

SET LOCAL pg_affiliate.mode = off;
SELECT pg_temp.sale('c');
SET LOCAL pg_affiliate.mode = 'on';
SELECT pg_temp.sale('a-other');
SELECT is(pg_temp.money('a-other'), 'ann 10', 'a statement settles the customer it touches');
SELECT is(pg_temp.money('c'), NULL, 'and no other one');
SET LOCAL pg_affiliate.mode = off;
UPDATE affiliate.transaction SET amount = 300, status_at = '2025-03-02' WHERE transaction_id = 'c';
UPDATE affiliate.transaction SET refunded_amount = 30, refunded_at = '2025-03-10' WHERE transaction_id = 'c';
SELECT is(pg_temp.money('c'), NULL, 'off: nothing is posted');
SELECT is(pg_temp.queued(), 'nothing', 'nor queued');
SELECT is((SELECT count(*) FROM affiliate.transaction_report WHERE transaction_id = 'c'), 2::bigint, 'but every report is kept');
SELECT throws_ok($$UPDATE affiliate.transaction SET currency = 'EUR' WHERE transaction_id = 'c'$$, 'AF011', NULL, 'and keys are guarded');
SET LOCAL pg_affiliate.mode = 'on';
INSERT INTO affiliate.customer_alias (customer_id, canonical_id) VALUES ('c2', 'c');
SELECT is(affiliate.resettle_program('main', '2025-04-01'), 0::bigint, 'nobody bought in April');
SELECT is(affiliate.resettle_program('main', to_at => '2025-04-01'), 4::bigint, 'four did before');
SELECT is(pg_temp.queued(), 'customer a, customer a-other, customer b, customer c', 'who are enqueued');
DO $$ BEGIN WHILE affiliate.drain(1) > 0 LOOP END LOOP; END $$;
SELECT is(pg_temp.entries('c'), 'accrual 30, reversal -3', 'the drain catches up');
SELECT affiliate.resettle_program('main'), affiliate.drain();
SELECT is(pg_temp.entries('c'), 'accrual 30, reversal -3', 'once');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
