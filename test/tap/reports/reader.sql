-- Every report and every view as affiliate_reader, with rows below and above the watermark; nothing of it as affiliate_writer.
BEGIN;
\ir _rig.sql
\ir _past.sql
SELECT pg_temp.buy('below-' || n, 'ANN'), pg_temp.click('below-' || n, 'ann-1', 'v') FROM generate_series(1, 3) AS n;
INSERT INTO affiliate.review_case (kind, program_no, customer_id, subject_id, severity) VALUES ('test', pg_temp.no('main'), 'below-1', 'below-1', 'high');
SELECT pg_temp.past('50');
UPDATE affiliate.rollup_state SET watermark = NULL;
SELECT pg_temp.refresh();
SELECT pg_temp.click('above', 'bob-1'), pg_temp.buy('above', 'ANN', click => 'above');
SELECT pg_temp.refund('below-2', 50, '2025-05-01');
INSERT INTO affiliate.dispute (dispute_id, transaction_id, opened_at, amount) VALUES ('d', 'below-3', '2025-05-01', 20);
SELECT pg_temp.drain();
CREATE TABLE public.refunds_of_a_shop (id text, sale text);
SELECT affiliate.attach('public.refunds_of_a_shop', 'refund', '{"transaction_id": "id", "original_transaction_id": "sale"}');
SELECT affiliate._backfill_begin('public.refunds_of_a_shop:refund');
CREATE ROLE affiliate_test_analyst IN ROLE affiliate_reader;
CREATE ROLE affiliate_test_shop IN ROLE affiliate_writer;

-- a call, and what a reader must see of it at least
CREATE TEMP TABLE asked (call text, rows_at_least integer);
INSERT INTO asked
SELECT format('affiliate.%I', c.relname), CASE WHEN c.relname IN ('attribution_conflicts', 'waiting') THEN 0 ELSE 1 END
FROM pg_class AS c WHERE c.relnamespace = 'affiliate'::regnamespace AND c.relkind IN ('v', 'm')
UNION ALL SELECT format('affiliate.performance(''2025-01-01'', ''2026-01-01'', %L, basis => %L)', g, b), 1
FROM unnest('{"{}","{affiliate}","{month,program}","{day,affiliate,campaign,product,country,conversion_type,method}"}'::text[]) AS g, unnest('{sale,event}'::text[]) AS b
UNION ALL VALUES
    ('affiliate.performance(''2025-01-01'', ''2026-01-01'', filter => ''{"affiliate": "ann", "program": "main", "campaign": [null, "spring"], "product": "p1", "country": null, "method": "coupon", "currency": "USD"}'')', 1),
    ('affiliate.top_affiliates(''2025-01-01'', ''2026-01-01'')', 1), ('affiliate.top_affiliates(''2025-01-01'', ''2026-01-01'', ''earnings_per_click'', 3)', 1),
    ('affiliate.funnel(''2025-01-01'', ''2026-01-01'')', 1), ('affiliate.funnel(''2025-01-01'', ''2026-01-01'', ''{month,affiliate}'', ''{"affiliate": "ann"}'')', 1),
    ('affiliate.quality(''ann'', ''2025-01-01'', ''2026-01-01'')', 1), ('affiliate.chargeback_report(''2025-01-01'', ''2026-01-01'')', 1),
    ('affiliate.health()', 20), ('affiliate.metrics()', 20), ('affiliate.verify()', 0);
SELECT plan(9 + 2 * count(*)::integer) FROM asked;
GRANT SELECT ON asked TO affiliate_reader, affiliate_writer;

CREATE FUNCTION pg_temp.answered(call text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    rows_seen bigint;
BEGIN
    EXECUTE 'SELECT count(*) FROM (SELECT (q.*)::text FROM ' || call || ' AS q) AS q WHERE q IS NOT NULL' INTO rows_seen; -- every column is computed
    RETURN rows_seen;
END
$$;
-- what the owner of the test sees is what a reader is to see; health() and metrics() tell the time
CREATE FUNCTION pg_temp.seen(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE 'SELECT md5(string_agg(t, chr(10) ORDER BY t)) FROM (SELECT (q.*)::text AS t FROM ' || call || ' AS q) AS q' INTO result;
    RETURN result;
END
$$;
CREATE TEMP TABLE wanted AS SELECT call, pg_temp.seen(call) AS seen FROM asked WHERE call !~ 'health|metrics|rollup_progress';
GRANT SELECT ON wanted TO affiliate_reader;
SELECT ok(in_use AND rows_above > 0, 'rollups are in use, and there is something above them') FROM affiliate.rollup_progress;
SELECT cmp_ok((SELECT count(*) FROM asked WHERE call !~ '\('), '>=', 18::bigint, 'there are views to read');

SET LOCAL ROLE affiliate_test_analyst;
SELECT is(current_user, 'affiliate_test_analyst', 'a reader:');
SELECT cmp_ok(pg_temp.answered(call), '>=', rows_at_least::bigint, 'a reader reads ' || call) FROM asked ORDER BY call COLLATE "C";
SELECT is_empty('SELECT call FROM wanted WHERE pg_temp.seen(call) IS DISTINCT FROM seen', 'and sees what there is');
SELECT throws_ok('SELECT affiliate.rollup_refresh()', '42501', NULL, 'but refreshes nothing');
SELECT throws_ok($$SELECT affiliate.rollup_rebuild('2025-01-01', '2026-01-01')$$, '42501', NULL, 'and rebuilds nothing');
SELECT throws_ok(format('DELETE FROM affiliate.%I', t), '42501', NULL, 'nor writes ' || t) FROM unnest('{rollup,rollup_click}'::text[]) AS t;

RESET ROLE;
SET LOCAL ROLE affiliate_test_shop;
SELECT is(current_user, 'affiliate_test_shop', 'a writer:');
SELECT throws_ok('SELECT * FROM ' || call, '42501', NULL, 'a writer does not read ' || call) FROM asked ORDER BY call COLLATE "C";
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
