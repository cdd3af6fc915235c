-- M9: commissions are in the program's currency at the rate of completed_at; without a rate the conversion waits, never 1.0.
BEGIN;
SELECT plan(17);
\ir ../settle/_rig.sql
SELECT pg_temp.program('main');
SELECT pg_temp.program('yen', currency => 'JPY');
SELECT pg_temp.program('dinar', currency => 'KWD');
INSERT INTO affiliate.fx_rate (from_currency, to_currency, valid_from, rate, source) VALUES
    ('EUR', 'USD', '2025-03-01', 1.08, 'ecb'), ('EUR', 'USD', '2025-03-10', 1.10, 'ecb'), ('USD', 'JPY', '2025-01-01', 149.876, 'manual'), ('USD', 'KWD', '2025-01-01', 0.3077, 'manual');
CREATE FUNCTION pg_temp.sale(program text, id text, currency text, completed timestamptz, amount numeric DEFAULT 100) RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
    VALUES (program, id, id, 'challenge_fee', 'completed', currency, amount, '2025-03-01', completed, '{ANN}')
$$;
SELECT pg_temp.sale('main', 'a1', 'EUR', '2025-03-09 23:59:59.999999');
SELECT pg_temp.sale('main', 'a2', 'EUR', '2025-03-10');
SELECT is(pg_temp.money('a1') || ', ' || pg_temp.money('a2'), 'ann 10.8, ann 11', 'the rate of completed_at');
SELECT results_eq($$SELECT fx_rate, fx_source, fx_valid_from, currency::text COLLATE "default" FROM affiliate.conversion WHERE transaction_id = 'a1'$$, $$VALUES (1.08, 'ecb', timestamptz '2025-03-01', 'EUR')$$, 'with its source and age');
SELECT is((SELECT currency FROM affiliate.commission WHERE subject_id = 'a1'), 'USD', 'in the program''s currency');
-- rounding to the currency
SELECT pg_temp.sale('yen', 'b1', 'USD', '2025-03-05', 33.33);
SELECT pg_temp.sale('dinar', 'b2', 'USD', '2025-03-05', 33.33);
SELECT is(pg_temp.money('b1') || ', ' || pg_temp.money('b2'), 'ann 500, ann 1.026', 'no digits for yen, three for dinars');
-- no rate: it waits
SELECT pg_temp.sale('main', 'c1', 'GBP', '2025-03-05');
SELECT pg_temp.sale('main', 'c2', 'EUR', '2025-02-28');
SELECT is(pg_temp.outcome('main', 'c_'), 'c1 waiting ann coupon fx_missing #1, c2 waiting ann coupon fx_missing #1', 'no rate, and none at that time');
SELECT is((SELECT count(*) FROM affiliate.entry WHERE subject_id IN ('c1', 'c2')), 0::bigint, 'nothing is posted');
SELECT is((SELECT string_agg(subject_id || ' ' || reason, ', ' ORDER BY subject_id) FROM affiliate.waiting WHERE what = 'conversion'), 'c1 fx_missing, c2 fx_missing', 'in plain sight');
INSERT INTO affiliate.fx_rate (from_currency, to_currency, valid_from, rate) VALUES ('GBP', 'USD', '2025-03-01', 1.3);
SELECT pg_temp.drain();
SELECT is(pg_temp.outcome('main', 'c1'), 'c1 ann coupon #1 13', 'the rate came');
-- only the other direction is known: that is no rate
INSERT INTO affiliate.fx_rate (from_currency, to_currency, valid_from, rate) VALUES ('USD', 'CHF', '2025-01-01', 0.88);
SELECT pg_temp.sale('main', 'c3', 'CHF', '2025-03-05');
SELECT is(pg_temp.outcome('main', 'c3'), 'c3 waiting ann coupon fx_missing #1', 'an inverse rate is not guessed');
-- a rate that is written later decides for what is not stated (W10); of a stated line the rate never changes, take-backs use it
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
VALUES ('main', 'd1', 'd1', 'challenge_fee', 'completed', 'GBP', 100, '2025-03-01', '2025-03-05', '{BOB}');
SELECT lives_ok($$SELECT affiliate.record_payment('bob', 'main', 'infinity', 'p1')$$, 'bob is paid');
INSERT INTO affiliate.fx_rate (from_currency, to_currency, valid_from, rate) VALUES ('GBP', 'USD', '2025-03-04', 2);
SELECT pg_temp.drain();
SELECT is(pg_temp.money('c1') || ', ' || pg_temp.money('d1'), 'ann 20, bob 13 paid 13', 'a rate that was in force at completed_at');
UPDATE affiliate.transaction SET refunded_amount = 50, refunded_at = '2025-04-10' WHERE transaction_id IN ('a1', 'd1');
SELECT is(pg_temp.money('a1') || ', ' || pg_temp.money('d1'), 'ann 10.8 reversed 5.4, bob 13 reversed 6.5 paid 13', 'a take-back at the original rate');
SELECT throws_ok($$UPDATE affiliate.fx_rate SET rate = 5 WHERE from_currency = 'EUR' AND valid_from = '2025-03-01'$$, 'AF022', NULL, 'a used rate is never changed');
SELECT throws_ok($$DELETE FROM affiliate.fx_rate WHERE from_currency = 'EUR'$$, 'AF022', NULL, 'nor deleted');
SELECT throws_ok($$INSERT INTO affiliate.fx_rate (from_currency, to_currency, valid_from, rate) VALUES ('EUR', 'GBP', '2025-01-01', 0)$$, '23514', NULL, 'a rate is positive');
SELECT is((SELECT affiliate.resettle(ARRAY(SELECT DISTINCT customer_id FROM affiliate.transaction))), 0::bigint, 'settling again posts nothing');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
