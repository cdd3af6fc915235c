-- A row that is kept is the same row when it is taken up, whatever its columns and the settings of the session.
BEGIN;
SELECT plan(6);
\ir _firm.sql
CREATE TYPE firm.mood AS ENUM ('glad', 'so "so"');
CREATE DOMAIN firm.cents AS bigint CHECK (VALUE > -1000000);
CREATE TYPE firm.pair AS (a integer, b text, m firm.mood);
CREATE DOMAIN firm.tags AS text[] CHECK (cardinality(VALUE) < 10);
CREATE DOMAIN firm.document AS jsonb CHECK (VALUE <> '{"bad": true}');
CREATE TABLE firm.odd (
    id integer PRIMARY KEY, cents firm.cents, mood firm.mood, tags firm.tags, pair firm.pair, pairs firm.pair[], matrix numeric[], bytes bytea, span interval, price money, prices money[],
    at timestamptz, local timestamp, day date, clock timetz, f8 double precision, f4 real, n numeric, exact numeric(9, 3), fixed character(7), flags bit varying(9), doc jsonb, raw json, docs jsonb[], document firm.document,
    r numrange, mr int4multirange, ip inet, mac macaddr, u uuid, v tsvector, p point, letter "char", rel regclass, ident name, other text, gone integer, "Odd ""name" text,
    twice bigint GENERATED ALWAYS AS (cents * 2) STORED
);
ALTER TABLE firm.odd DROP COLUMN gone;
GRANT USAGE ON SCHEMA firm TO affiliate_owner; -- to find what a regclass names
SELECT affiliate.attach('firm.odd', 'transaction', '{"transaction_id": "id", "customer_id": "coalesce(doc ->> ''user'', ''c'')", "amount": "coalesce(cents, 0) / 100.0", "status": "''paid''", "metadata": "to_jsonb(odd)"}');

-- the session that writes
SET LOCAL pg_affiliate.mode = 'queue';
SET LOCAL DateStyle = 'German';
SET LOCAL IntervalStyle = sql_standard;
SET LOCAL bytea_output = escape;
SET LOCAL extra_float_digits = 0;
SET LOCAL TimeZone = 'Asia/Kolkata';
SET LOCAL search_path = firm, public;
INSERT INTO odd VALUES (
    1, -5, 'so "so"', ARRAY['a,b', 'c"d', NULL, 'NULL', '', E'\\'], ROW (1, 'x,"y"', 'glad'), ARRAY[ROW (NULL, '', NULL)::pair, NULL], '[2:3][0:1]={{1.50,NaN},{NULL,Infinity}}', '\x00ff27225c0a',
    '-1 year 2 mons -3 days 04:05:06.000007', '-1234.56', ARRAY['1.5'::money, NULL], 'infinity', '1999-12-31 BC', '-infinity', '12:00:00.5+05:30', 0.1::float8 + 0.2, 'NaN', '123.4500', '1.5', 'ab', B'0101',
    '{"user": "zoe", "a": [1, null, {"b": "\u00e9"}]}', '{"b":  1, "a":2, "b": 3}', ARRAY['null', '"x"']::jsonb[], '[1, {}]', '[1.5,)', '{[1,3),[5,7)}', '::1/64', '08:00:2b:01:02:03',
    '00000000-0000-0000-0000-00000000000a', $$'a b':1 'c':2A$$, '(1.5,-0)', 'x', 'payments', 'Na me', E'\t\r\n\x01\x7f"\\ \u00e9 \U0001F600', E'\'');
INSERT INTO odd (id, doc, raw, document, cents) VALUES (2, 'null', 'null', 'null', 1), (3, '"s"', ' [1]', '"s"', 2), (4, '7', '7.50', 'true', 3);
INSERT INTO odd (id, other) SELECT 5, string_agg(md5(n::text), E'\n') FROM generate_series(1, 50000) AS n;
INSERT INTO odd (id) VALUES (6);
SELECT is((SELECT count(*) FROM affiliate.pending_input), 6::bigint, 'the rows are kept');

-- the session that drains
SET LOCAL pg_affiliate.mode = 'on';
SET LOCAL DateStyle = 'SQL, DMY';
SET LOCAL array_nulls = off;
SET LOCAL xmloption = document;
SET LOCAL TimeZone = 'America/New_York';
SET LOCAL search_path = '';
SELECT affiliate.drain(100);
RESET array_nulls;
SET LOCAL DateStyle = 'ISO, MDY';
SET LOCAL TimeZone = 'UTC';
SET LOCAL search_path = public, pg_catalog;
SET LOCAL extra_float_digits = 1;
SET LOCAL IntervalStyle = postgres;
SET LOCAL bytea_output = hex;
SELECT is_empty($$SELECT reason FROM affiliate.pending_input$$, 'each could be read');
SELECT is((SELECT count(*) FROM affiliate.transaction), 6::bigint, 'and is a fact');
SELECT is_empty($$SELECT o.id, j.key, j.value AS row, t.metadata -> j.key AS fact FROM firm.odd AS o JOIN affiliate.transaction AS t ON t.transaction_id = o.id::text CROSS JOIN jsonb_each(to_jsonb(o)) AS j
    WHERE j.value IS DISTINCT FROM t.metadata -> j.key$$, 'of the same row');
SELECT is((SELECT string_agg(customer_id, ' ' ORDER BY transaction_id) FROM affiliate.transaction), 'zoe c c c c c', 'JSON is no text of JSON');
SELECT is_empty($$SELECT * FROM affiliate.reconcile('firm.odd:transaction')$$, 'reconcile() finds no difference');
SELECT * FROM finish();
ROLLBACK;
