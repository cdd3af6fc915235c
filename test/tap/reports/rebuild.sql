-- rollup_rebuild(): sums the months of the days anew that it is given, and touches no others.
BEGIN;
SELECT plan(17);
\ir _rig.sql
\ir _past.sql
SELECT affiliate.rollup_rebuild('2025-01-01', '2026-01-01');
SELECT pg_temp.buy(month || '-' || n, CASE n WHEN 1 THEN 'ANN' ELSE 'BOB' END, format('2025-%s-05 12:00Z', month)::timestamptz), pg_temp.click(month || '-' || n, 'ann-1', 'v' || n, format('2025-%s-05 10:00Z', month)::timestamptz, 'DE')
FROM unnest('{02,03,04}'::text[]) AS month, generate_series(1, 2) AS n;
SELECT pg_temp.past('50');
UPDATE affiliate.rollup_state SET watermark = NULL;
SELECT affiliate.rollup_rebuild('2025-01-01', '2026-01-01');
SELECT is_empty('SELECT FROM affiliate.rollup UNION ALL SELECT FROM affiliate.rollup_click', 'where rollups are not in use a rebuild does nothing');
SELECT pg_temp.refresh();
-- what a rebuild must leave to the streams
SELECT pg_temp.buy('above', 'ANN', '2025-03-20 12:00Z'), pg_temp.click('above', 'ann-1', 'v1', '2025-03-20 10:00Z');
CREATE TEMP TABLE sound AS SELECT * FROM affiliate.rollup;
CREATE TEMP TABLE sound_click AS SELECT * FROM affiliate.rollup_click;

-- in each month: every number of every row is one too many, of all kinds of rows; one row is gone, one is there that stands for nothing
CREATE FUNCTION pg_temp.damage() RETURNS void LANGUAGE sql AS $$
    UPDATE affiliate.rollup SET quantity = quantity + 1, new_customers = new_customers + 1, gross = gross + 1, discount = discount + 1, refunded_count = refunded_count + 1, refunded = refunded + 1,
        charged_back_count = charged_back_count + 1, charged_back = charged_back + 1, accrued = accrued + 1, reversed = reversed + 1, paid = paid + 1;
    DELETE FROM affiliate.rollup WHERE grain = 'day' AND affiliate_no = pg_temp.of('bob');
    INSERT INTO affiliate.rollup SELECT r.grain, r.period, r.program_no, pg_temp.of('eve'), r.basis, r.kind, r.conversion_type, r.campaign_no, r.product_id, r.country, r.method, r.currency, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1
        FROM affiliate.rollup AS r WHERE r.grain = 'month' AND r.affiliate_no = pg_temp.of('bob');
    UPDATE affiliate.rollup_click SET clicks = clicks + 1, unique_clicks = unique_clicks + 1;
    DELETE FROM affiliate.rollup_click WHERE grain = 'day';
    INSERT INTO affiliate.rollup_click SELECT r.grain, r.period, r.source_no, 'AT', 1, 1 FROM affiliate.rollup_click AS r WHERE r.grain = 'month';
$$;
-- the months in which rows of the rollups differ from what they were: 'days and months'
CREATE FUNCTION pg_temp.differ() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(DISTINCT to_char(d.period, 'MM'), ' ' ORDER BY to_char(d.period, 'MM')), 'none')
    FROM ((TABLE affiliate.rollup EXCEPT TABLE sound) UNION ALL (TABLE sound EXCEPT TABLE affiliate.rollup)) AS d
$$;
CREATE FUNCTION pg_temp.differ_click() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(DISTINCT to_char(d.period, 'MM'), ' ' ORDER BY to_char(d.period, 'MM')), 'none')
    FROM ((TABLE affiliate.rollup_click EXCEPT TABLE sound_click) UNION ALL (TABLE sound_click EXCEPT TABLE affiliate.rollup_click)) AS d
$$;
-- which months are still damaged after a rebuild of these days, in the two tables; undone afterwards
CREATE FUNCTION pg_temp.rebuilt(from_day date, to_day date) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    BEGIN
        PERFORM pg_temp.damage();
        PERFORM affiliate.rollup_rebuild(from_day, to_day);
        answer := pg_temp.differ() || ', ' || pg_temp.differ_click();
        RAISE EXCEPTION USING ERRCODE = 'XX999';
    EXCEPTION WHEN SQLSTATE 'XX999' THEN
        RETURN answer;
    END;
END
$$;
SELECT is(pg_temp.rebuilt('2025-03-10', '2025-03-11'), '02 04, 02 04', 'a day: its month, and no other');
SELECT is(pg_temp.rebuilt('2025-03-01', '2025-04-01'), '02 04, 02 04', 'a month');
SELECT is(pg_temp.rebuilt('2025-03-31', '2025-04-02'), '02, 02', 'days of two months: both');
SELECT is(pg_temp.rebuilt('2025-02-28', '2025-03-02'), '04, 04', 'the last of one and the first of the next');
SELECT is(pg_temp.rebuilt('2025-05-01', '2025-06-01'), '02 03 04, 02 03 04', 'another month');
SELECT is(pg_temp.rebuilt('-infinity', 'infinity'), 'none, none', 'all');
SELECT is(pg_temp.rebuilt('-infinity', '2025-04-01'), '04, 04', 'all up to a day');
SELECT is(pg_temp.rebuilt('2025-04-30', 'infinity'), '02 03, 02 03', 'all from a day on');
SELECT throws_ok($$SELECT affiliate.rollup_rebuild(NULL, '2026-01-01')$$, 'AF033', NULL, 'no first day');

-- for good, and what reports and verify() say of it
SELECT pg_temp.damage();
SELECT set_eq($$SELECT v.code, substring(v.subject FROM '2025-\d\d') FROM affiliate.verify() AS v WHERE v.code LIKE 'rollup%'$$,
    $$SELECT c, m FROM unnest('{rollup,rollup_click}'::text[]) AS c, unnest('{2025-02,2025-03,2025-04}'::text[]) AS m$$, 'verify() names the damage of three months in both tables');
UPDATE affiliate.rollup_state SET rebuilt_at = '2025-01-01', refreshed_at = '2025-01-01';
CREATE TEMP TABLE state AS SELECT * FROM affiliate.rollup_state;
SELECT affiliate.rollup_rebuild('2025-03-10', '2025-03-11');
SELECT set_eq($$SELECT v.code, substring(v.subject FROM '2025-\d\d') FROM affiliate.verify() AS v WHERE v.code LIKE 'rollup%'$$,
    $$SELECT c, m FROM unnest('{rollup,rollup_click}'::text[]) AS c, unnest('{2025-02,2025-04}'::text[]) AS m$$, 'after a rebuild of March those of February and April');
SELECT is(pg_temp.report('{affiliate}', '{clicks,unique_clicks,conversions,new_customers,gross,discount,refunds,accrued,reversed,paid}', '2025-03-01', '2025-04-01'),
    'ann: clicks 3, unique_clicks 3, conversions 2, new_customers 2, gross 200, accrued 20; bob: conversions 1, new_customers 1, gross 100, accrued 10', 'March is right again, what is above the watermark counts once');
SELECT isnt(pg_temp.report('{affiliate}', '{conversions}', '2025-04-01', '2025-05-01'), 'ann: conversions 1; bob: conversions 1', 'April is not');
SELECT ok(n.rebuilt_at >= now() AND (n.watermark, n.refreshed_at, n.steps, n.folded) = (o.watermark, o.refreshed_at, o.steps, o.folded), 'it says when, and is no refresh') FROM affiliate.rollup_state AS n, state AS o;
SELECT affiliate.rollup_rebuild('-infinity', 'infinity');
SELECT is(pg_temp.differ() || ', ' || pg_temp.differ_click(), 'none, none', 'everything rebuilt');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
