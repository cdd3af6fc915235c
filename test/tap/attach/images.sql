-- A row that was kept gives the fact that it would have given at once, whatever its types and the settings of who wrote it.
BEGIN;
SELECT plan(5);
\ir _firm.sql
CREATE DOMAIN firm.document AS jsonb;
CREATE TYPE firm.pair AS (a integer, b text);
CREATE TABLE firm.odd (
    id integer PRIMARY KEY, gone integer, meta jsonb, raw json, document firm.document, tags text[], pair firm.pair, price money, lasts interval, bytes bytea,
    ratio double precision, span int4range, bits bit(4), fixed char(5), amounts numeric(10,2)[], "user" name, "Odd ""one""" timestamptz);
ALTER TABLE firm.odd DROP COLUMN gone;
SELECT affiliate.attach('firm.odd', 'transaction', '{"transaction_id": "id", "customer_id": "id", "amount": "amounts[1]", "status": "''paid''",
    "coupon_codes": "ARRAY[meta ->> ''coupon'', raw ->> ''x'', document ->> ''y'', (pair).b]", "metadata": "to_jsonb(odd) - ''id''"}');
INSERT INTO firm.odd VALUES (1, '{"coupon": "ANN", "n": [1, null]}', '{"x":  "Y", "x": "Z"}', '{"y": "q\\\"r"}', '{a,NULL,"NULL","q,r"}', '(1,"x,y")', 12.34, '1 day -2 hours', '\x00ff',
    0.1::double precision + 0.2, '[1,3)', '1010', 'ab', '{1.50,NULL}', 'me', '2025-02-03 04:05:06.789+00');
SET LOCAL pg_affiliate.mode = 'queue';
SET LOCAL DateStyle = 'SQL, DMY';
SET LOCAL IntervalStyle = 'sql_standard';
SET LOCAL TimeZone = 'Asia/Tokyo';
SET LOCAL extra_float_digits = -10;
SET LOCAL bytea_output = 'escape';
INSERT INTO firm.odd SELECT 2, meta, raw, document, tags, pair, price, lasts, bytes, ratio, span, bits, fixed, amounts, "user", "Odd ""one""" FROM firm.odd;
SET LOCAL pg_affiliate.mode = 'on';
INSERT INTO firm.odd SELECT 3, meta, raw, document, tags, pair, price, lasts, bytes, ratio, span, bits, fixed, amounts, "user", "Odd ""one""" FROM firm.odd WHERE id = 1;
SELECT is((SELECT count(*) FROM affiliate.pending_input), 1::bigint, 'one row is kept');
SET LOCAL DateStyle = 'German';
SET LOCAL array_nulls = off;
SELECT affiliate.drain(100);
SET LOCAL array_nulls = on;
SELECT results_eq('SELECT DISTINCT metadata FROM affiliate.transaction', $$SELECT metadata FROM affiliate.transaction WHERE transaction_id = '1'$$, 'the same values');
SELECT results_eq('SELECT DISTINCT coupon_codes FROM affiliate.transaction', $$SELECT ARRAY['ANN', 'Z', 'q\"r', 'x,y']$$, 'also from inside of JSON and of rows');
SELECT is_empty('SELECT * FROM affiliate.pending_input', 'nothing is kept any more');

-- what a mapping says means the same in every session
CREATE TABLE firm.refs (ref text PRIMARY KEY, cents integer);
SET LOCAL standard_conforming_strings = off;
SET LOCAL escape_string_warning = off;
SELECT affiliate.attach('firm.refs', 'transaction', $${"transaction_id": "regexp_replace(ref, '\\D', '', 'g')", "customer_id": "ref", "amount": "cents", "status": "'paid'"}$$);
INSERT INTO firm.refs VALUES ('aD70', 1);
SELECT is((SELECT transaction_id FROM affiliate.transaction WHERE customer_id = 'aD70'), '70', 'whatever standard_conforming_strings says');
SELECT * FROM finish();
ROLLBACK;
