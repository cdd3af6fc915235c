-- W6: how long ownership lasts may hang on the band of the affiliate's last locked ladder month, pinned when it begins.
BEGIN;
SELECT plan(7);
\ir ../settle/_rig.sql
SELECT pg_temp.program('main', 'band_amount');
INSERT INTO affiliate.ladder (program_no, ladder_id) VALUES (pg_temp.no('main'), 'steps');
INSERT INTO affiliate.ladder_band (ladder_no, band, from_position, amount, ownership_window)
SELECT ladder_no, v.* FROM affiliate.ladder, (VALUES (1, 1, 10, interval '30 days'), (2, 3, 20, interval '60 days')) AS v;
UPDATE affiliate.plan_rule SET ladder_no = (SELECT ladder_no FROM affiliate.ladder), hold = '10 days';
INSERT INTO affiliate.agreement (program_no, affiliate_no, plan_id, valid_from, ownership_window) VALUES
    (pg_temp.no('main'), pg_temp.of('cyd'), 'standard', '2020-01-01', '5 days');
CREATE FUNCTION pg_temp.buy(customer text, day timestamptz, coupon text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
    VALUES (customer, customer || to_char(day, '-MMDD'), 'challenge_fee', 'completed', 'USD', 100, day, day, ARRAY[coupon])
$$;

SELECT pg_temp.clock('2025-01-25 12:00');
SELECT pg_temp.buy(who, '2025-01-20', 'ANN') FROM unnest('{a1,a2,a3}'::text[]) AS who;
SELECT pg_temp.buy('c1', '2025-01-20', 'CYD');
SELECT pg_temp.drain();
SELECT is(pg_temp.owned('a1'), 'ann 01-20..02-19', 'nothing is locked yet: the first band');
SELECT is(pg_temp.owned('c1'), 'cyd 01-20..01-25', 'an agreement is more specific');

-- January locks when February's first ten days are over
SELECT pg_temp.clock('2025-03-01 12:00');
SELECT pg_temp.buy('b1', '2025-02-10 23:00', 'ANN'), pg_temp.buy('b2', '2025-02-11 00:00', 'ANN'), pg_temp.buy('b3', '2025-02-20', 'BOB');
SELECT pg_temp.drain();
SELECT is(pg_temp.owned('b1'), 'ann 02-10..03-12', 'January is not locked');
SELECT is(pg_temp.owned('b2'), 'ann 02-11..04-12', 'three sales of January');
SELECT is(pg_temp.owned('b3'), 'bob 02-20..03-22', 'without sales the first band');

-- what January is now does not change what was pinned
DELETE FROM affiliate.affiliate_position;
SELECT pg_temp.drain();
SELECT is(pg_temp.owned('b2'), 'ann 02-11..04-12', 'the band is pinned');
SELECT is(array(SELECT pg_temp.violations()), '{}'::text[], 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
