-- Published examples (docs/worked-examples.md): refunds, disputes, downgrades, before and after payment.
BEGIN;
SELECT plan(13);
\ir ../settle/_rig.sql
CREATE FUNCTION pg_temp.sale(program text, id text, amount numeric, day integer, code text, size numeric DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes, account_size)
    VALUES (program, program || id, program || id, 'challenge_fee', 'completed', 'USD', amount, timestamptz '2025-03-01' + day * interval '1 day', timestamptz '2025-03-01' + day * interval '1 day', ARRAY[code], size)
$$;

SELECT pg_temp.program('w48', 'net');
SELECT pg_temp.sale('w48', 'a', 100, 0, 'EVE');
SELECT pg_temp.drain();
SELECT lives_ok($$SELECT affiliate.record_payment('eve', 'w48', 'infinity', 'p1')$$, 'paid');
UPDATE affiliate.transaction SET refunded_amount = 100, refunded_at = '2025-04-01' WHERE program_id = 'w48';
SELECT pg_temp.sale('w48', 'b', 20, 32, 'EVE');
SELECT pg_temp.drain();
SELECT is((SELECT trim_scale(negative + eligible) FROM affiliate.balance('eve', 'w48')), -80::numeric, 'W-48: earned 20, clawed back 100');
SELECT throws_ok($$SELECT affiliate.record_payment('eve', 'w48', 'infinity', 'p2')$$, 'AF031', NULL, 'W-48: nothing is paid until it is positive');
SELECT pg_temp.program('w49', 'net * 0.8');
SELECT pg_temp.sale('w49', 'a', 100, 0, 'EVE');
SELECT pg_temp.drain();
SELECT lives_ok($$SELECT affiliate.record_payment('eve', 'w49', 'infinity', 'p1')$$, 'paid');
SELECT pg_temp.sale('w49', 'b', 1000, 0, 'EVE');
UPDATE affiliate.transaction SET refunded_amount = 100, refunded_at = '2025-04-01' WHERE transaction_id = 'w49a';
SELECT pg_temp.drain();
SELECT is((SELECT trim_scale(negative + eligible) FROM affiliate.balance('eve', 'w49')), 720::numeric, 'W-49: 800 less the 80 that were paid for the refunded one');
SELECT pg_temp.program('w50');
SELECT pg_temp.sale('w50', id, 100, 0, 'ANN') FROM unnest('{a,b,c}'::text[]) AS id;
INSERT INTO affiliate.dispute (dispute_id, transaction_id, amount, opened_at, closed_at, outcome) VALUES ('w50', 'w50a', 100, '2025-03-10', '2025-03-20', 'lost'), ('w51', 'w50b', 100, '2025-03-10', '2025-03-20', 'lost');
UPDATE affiliate.dispute SET outcome = 'partial', lost_amount = 60, closed_at = '2025-04-01' WHERE dispute_id = 'w50';
UPDATE affiliate.dispute SET outcome = 'partial', lost_amount = 60, closed_at = '2025-04-01', reason = 'redelivered' WHERE dispute_id = 'w50';
UPDATE affiliate.dispute SET outcome = 'won', closed_at = '2025-04-01' WHERE dispute_id = 'w51';
INSERT INTO affiliate.dispute (dispute_id, transaction_id, amount, opened_at) VALUES ('w52', 'w50c', 100, '2025-03-10');
SELECT pg_temp.drain();
SELECT is(pg_temp.entries('w50a'), 'accrual 10, reversal -10, reinstatement 4', 'W-50, W-53: 10 clawed, 4 of them reinstated, in the unit that was clawed');
UPDATE affiliate.transaction SET refunded_amount = 100, refunded_at = '2025-05-01' WHERE transaction_id IN ('w50a', 'w50b');
SELECT pg_temp.drain();
SELECT is(pg_temp.money('w50a'), 'ann 10 reversed 10', 'W-50: the full refund claws 6 + 4 in all');
SELECT is(pg_temp.entries('w50b'), 'accrual 10, reversal -10, reinstatement 10, reversal -10', 'W-51: a refund after a won dispute claws again');
SELECT is(pg_temp.money('w50c'), 'ann 10', 'W-52: open is not lost');
SELECT is((SELECT hold_reason FROM affiliate.commission WHERE subject_id = 'w50c'), 'dispute', 'W-52: it is held');
SELECT pg_temp.program('w02', 'net * 0.15'), pg_temp.program('w12', 'CASE account_size WHEN 50000 THEN 50 WHEN 100000 THEN 80 END');
SELECT pg_temp.sale('w02', 'x50', 500, 0, 'DAN'), pg_temp.sale('w12', 'x50', 500, 0, 'DAN', 100000);
UPDATE affiliate.transaction SET amount = 300, account_size = 50000, status_at = '2025-03-10' WHERE transaction_id IN ('w02x50', 'w12x50');
SELECT pg_temp.drain();
SELECT is(pg_temp.entries('w02x50') || '; ' || pg_temp.entries('w12x50'), 'accrual 75, adjustment -30; accrual 80, adjustment -30', 'X-50: a downgrade from 500 to 300');

SELECT is((SELECT affiliate.resettle(ARRAY(SELECT DISTINCT customer_id FROM affiliate.transaction))), 0::bigint, 'settling again posts nothing');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
