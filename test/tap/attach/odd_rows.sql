-- Functions that fail and values that nobody expects: the row is kept, its neighbour is settled.
BEGIN;
SELECT plan(10);
\ir _firm.sql
\ir _disturb.sql
-- a function that a mapping uses
CREATE FUNCTION firm.cents(bigint) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 / 100.0; END';
GRANT USAGE ON SCHEMA firm TO affiliate_mapping;
SELECT affiliate.attach('firm.payments', 'transaction', columns => pg_temp.mapping() || '{"amount": "firm.cents(total_cents)"}');
SELECT is(pg_temp.sell_during('', '', 21), 'a fact', 'a mapping with a function');
SELECT is(pg_temp.sell_during('DROP FUNCTION firm.cents(bigint)', $$CREATE FUNCTION firm.cents(bigint) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RAISE ''no''; END'$$, 22), 'function firm.cents(bigint) does not exist', 'which is dropped');
SELECT is(pg_temp.sell_during('', '', 23), 'no', 'which raises an error');
SELECT is(pg_temp.sell_during($$CREATE OR REPLACE FUNCTION firm.cents(bigint) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN firm.cents($1); END'$$, '', 24), 'stack depth limit exceeded', 'which never ends');
SELECT is(pg_temp.sell_during($$CREATE OR REPLACE FUNCTION firm.cents(bigint) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 / 100.0; END'; REVOKE ALL ON FUNCTION firm.cents(bigint) FROM PUBLIC$$, '', 25),
    'permission denied for function cents', 'which may not be called');
GRANT EXECUTE ON FUNCTION firm.cents(bigint) TO affiliate_mapping;
SELECT affiliate.drain(1000);
SELECT is((SELECT count(*) FROM pg_temp.net() WHERE subject_id LIKE '2_'), 5::bigint, 'the fix and a drain bring them all');

-- odd values; the mapping reads all of these columns
SELECT affiliate.attach('firm.payments', 'transaction', columns => pg_temp.mapping() || '{"product_id": "note"}');
SELECT lives_ok($$INSERT INTO firm.payments (id, user_id, total_cents, state, coupon, created_at, note) VALUES
    (30, 30, 100, '', '', 'infinity', ''), (31, 31, -100, 'paid', 'ANN', '-infinity', NULL), (32, 32, 9223372036854775807, 'paid', 'ANN', '4713-01-01 BC', E'\x01\x1f\x7f"\\'), (33, 33, 0, 'paid', repeat('x', 3000), DEFAULT, repeat('é', 3000)),
    (34, 34, 100, repeat('long', 100000), 'ANN', DEFAULT, NULL), (-2147483648, 35, 100, 'paid', 'ANN', DEFAULT, NULL), (36, 36, 100, 'paid', 'ann', DEFAULT, 'good')$$, 'odd values');
SELECT affiliate.drain(1000);
SELECT is((SELECT net FROM pg_temp.net() WHERE subject_id = '36'), 0.1, 'their neighbour is settled');
SELECT is((SELECT count(*) FROM pg_temp.kept WHERE reason IS NULL OR reason = ''), 0::bigint, 'each that is kept says why');
SELECT is((SELECT count(*) FROM pg_temp.kept) + (SELECT count(*) FROM affiliate.transaction WHERE customer_id ~ '^3[0-6]$'), 7::bigint, 'each is kept or a fact');
SELECT * FROM finish();
ROLLBACK;
