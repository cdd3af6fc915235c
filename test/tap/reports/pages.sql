-- The SQL of docs/reports.md, and that of docs/operations.md which is to be read only, as affiliate_reader: it runs, and has rows to show.
BEGIN;
\ir _rig.sql
\ir _past.sql
\set reports `cat docs/reports.md`
\set operations `cat docs/operations.md`
CREATE TEMP TABLE page AS SELECT :'reports'::text AS reports, :'operations'::text AS operations;
CREATE TEMP TABLE statement AS
SELECT row_number() OVER (ORDER BY b.no, s.no) AS no, s.text
FROM page AS p
CROSS JOIN LATERAL regexp_matches(p.reports, E'```sql\n(.*?)```', 'g') WITH ORDINALITY AS b (block, no)
CROSS JOIN LATERAL regexp_split_to_table(b.block[1], E';[ \t]*\n') WITH ORDINALITY AS s (text, no)
WHERE s.text ~ '\S';
SELECT plan(10 + count(*)::integer) FROM statement;

-- something for every question, in the years and under the names that the page asks for
SELECT pg_temp.clock(now());
UPDATE affiliate.program SET later_coupon = 'keep', later_click = 'keep' WHERE program_id = 'main';
SELECT pg_temp.click('k1', 'bob-1', 'v', '2025-03-04 10:00Z', 'DE'), pg_temp.click('k2', 'ann-1', 'v', '2025-03-04 11:00Z');
SELECT pg_temp.buy('s1', 'ANN', click => 'k1'), pg_temp.buy('s2', 'ANN'), pg_temp.buy('s3', NULL, click => 'k1'), pg_temp.buy('s4', 'ANN', '2025-02-05');
INSERT INTO affiliate.customer (program_id, customer_id, signup_date, country_code) VALUES ('main', 's1', '2025-03-01', 'DE');
INSERT INTO affiliate.event (program_id, event_id, customer_id, event_type, occurred_at, transaction_id)
SELECT 'main', 'e-' || t, 's1', t, '2025-03-10'::timestamptz + n * interval '1 day', 's1' FROM unnest('{evaluation_started,evaluation_passed,funded}'::text[]) WITH ORDINALITY AS e (t, n);
SELECT pg_temp.drain();
SELECT pg_temp.past('50');
UPDATE affiliate.rollup_state SET watermark = NULL;
SELECT pg_temp.refresh();
SELECT pg_temp.refund('s2', 30, now() - interval '1 day');
UPDATE affiliate.transaction SET status = 'chargeback', status_at = '2025-03-20' WHERE transaction_id = 's3';
INSERT INTO affiliate.review_case (kind, program_no, customer_id, subject_id) VALUES ('test', pg_temp.no('main'), 's1', 's1');
CREATE TABLE public.payments_of_a_shop (id text, buyer text, price numeric);
SELECT affiliate.attach('public.payments_of_a_shop', 'transaction', '{"transaction_id": "id", "customer_id": "buyer", "amount": "price", "status": "''paid''", "currency": "''USD''", "program_id": "''main''"}');
SELECT pg_temp.drain();
ANALYZE affiliate.conversion_entry;

CREATE ROLE affiliate_test_analyst IN ROLE affiliate_reader;
GRANT SELECT ON statement, page TO affiliate_reader;
-- how many rows a statement of a page has
CREATE FUNCTION pg_temp.run(statement text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    EXECUTE rtrim(statement, E'; \n');
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END
$$;
SELECT is((SELECT count(*) FROM page, regexp_matches(reports, E'\n## \\d+\\. ', 'g')), (SELECT count(*) FROM page, regexp_matches(reports, E'\n## \\d+\\. (?:(?!\n## ).)*?```sql\n', 'g')), 'every question has a query');
SELECT is((SELECT count(*) FROM statement), (SELECT count(*) FROM page, regexp_matches(reports, E'\n## \\d+\\. ', 'g')), 'and only one');
SET LOCAL ROLE affiliate_test_analyst;
SELECT cmp_ok(pg_temp.run(text), '>', 0::bigint, format('docs/reports.md, statement %s: %s', no, left(regexp_replace(text, '\s+', ' ', 'g'), 100))) FROM statement ORDER BY no;
SELECT is_empty($$SELECT n FROM page, unnest(ARRAY(SELECT m[1] FROM regexp_matches(substring(reports FROM 'comment on every column:.*?A condition'), '`([a-z_]+)`', 'g') AS m)) AS n
    WHERE NOT EXISTS (SELECT FROM pg_class AS c WHERE c.relnamespace = 'affiliate'::regnamespace AND c.relkind = 'v' AND c.relname = n)$$, 'what it calls views are views');
SELECT cmp_ok((SELECT count(*) FROM page, regexp_matches(substring(reports FROM 'comment on every column:.*?A condition'), '`([a-z_]+)`', 'g')), '>=', 14::bigint, 'it names fourteen');

-- docs/operations.md: the sizes of tables, and what the exporter asks
SELECT cmp_ok(pg_temp.run(substring(operations FROM E'```sql\n(SELECT c\\.relname.*?)```')), '>', 0::bigint, 'docs/operations.md: what tables take') FROM page;
SELECT cmp_ok(pg_temp.run(substring(operations FROM E'query: \\|\n(.*?)```')), '>', 20::bigint, 'docs/operations.md: the query of the exporter') FROM page;
SELECT is_empty(format('SELECT metric, kind, state, severity FROM (%s) AS q GROUP BY 1, 2, 3, 4 HAVING count(*) > 1', substring(operations FROM E'query: \\|\n(.*?)```')), 'its labels tell the series apart') FROM page;
SELECT isnt_empty('SELECT FROM affiliate.rollup_progress WHERE in_use AND rows_above > 0', 'all of it with rows below and above the watermark');
RESET ROLE;
CREATE EXTENSION IF NOT EXISTS pg_cron; -- with its tables every metric is known
SELECT is_empty($$SELECT DISTINCT m[1] FROM page, regexp_matches(operations, '`(pg_affiliate_[a-z0-9_]+)', 'g') AS m EXCEPT SELECT name FROM affiliate.metrics()$$, 'docs/operations.md: every metric that it names exists');
SELECT cmp_ok((SELECT count(DISTINCT m[1]) FROM page, regexp_matches(operations, '`(pg_affiliate_[a-z0-9_]+)', 'g') AS m), '>=', 12::bigint, 'it names a dozen');
SELECT * FROM finish();
ROLLBACK;
