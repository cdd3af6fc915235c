-- held and eligible of performance() are those of the balance, by whatever they are grouped, as the clock moves on.
BEGIN;
SELECT plan(33);
\ir _rig.sql
\ir _past.sql
SELECT pg_temp.program('capped');
UPDATE affiliate.program SET time_zone = 'UTC';
UPDATE affiliate.plan_rule SET hold = '14 days' WHERE plan_no = pg_temp.plan_of('main');
UPDATE affiliate.plan_rule SET monthly_cap = 1000 WHERE plan_no = pg_temp.plan_of('capped');

-- what each line is on 20 March: paid; paid and taken back since, which is owed at once; on hold no more; on hold; held by a dispute; not final
SELECT pg_temp.clock('2025-03-17 12:00Z');
SELECT pg_temp.buy('paid', 'ANN', '2025-03-01 12:00Z', 100), pg_temp.buy('negative', 'ANN', '2025-03-02 12:00Z', 100, product => 'p2'), pg_temp.buy('over', 'ANN', '2025-03-04 12:00Z', 300, product => 'p2'),
       pg_temp.buy('held', 'ANN', '2025-03-10 12:00Z', 500), pg_temp.buy('disputed', 'ANN', '2025-03-03 12:00Z', 700, product => 'p2'), pg_temp.buy('bob', 'BOB', '2025-03-10 12:00Z', 900);
INSERT INTO affiliate.dispute (dispute_id, transaction_id, opened_at) VALUES ('d', 'disputed', '2025-03-10');
INSERT INTO affiliate.customer (program_id, customer_id, country_code) VALUES ('main', 'held', 'DE'), ('main', 'over', 'AT');
SELECT pg_temp.drain();
SELECT is(pg_temp.lines($$SELECT lines, trim_scale(amount) FROM affiliate.record_payment('ann', 'main', '2025-03-17', 'p1')$$), '2,20', 'two lines are paid');
SELECT pg_temp.clock('2025-03-20 12:00Z');
SELECT pg_temp.refund('negative', 40, '2025-03-19 12:00Z');
INSERT INTO affiliate.dispute (dispute_id, transaction_id, opened_at) VALUES ('d2', 'negative', '2025-03-19 13:00Z'); -- what is owed back is not held
SELECT pg_temp.drain();
SELECT affiliate.adjust('dan', 'main', 7, 'credit', 'goodwill');
UPDATE affiliate.program SET adjust_approval = 'never' WHERE program_id = 'main';
SELECT affiliate.adjust('dan', 'main', 2, 'credit', 'goodwill');
SELECT pg_temp.buy('pending', 'ANN', '2025-03-05 12:00Z', 110, program => 'capped');

CREATE FUNCTION pg_temp.owed(group_by text[] DEFAULT '{affiliate}', filter jsonb DEFAULT '{"program": "main"}') RETURNS text LANGUAGE sql STABLE AS $$
    SELECT pg_temp.report(group_by, '{held,eligible}', filter => filter)
$$;
-- The same from the lines themselves, by everything that performance() groups by.
CREATE TEMP VIEW line AS
SELECT m.program, m.affiliate, m.currency, m.owed, m.state IN ('held', 'pending') AS is_held, (coalesce(c.occurred_at, m.earned_at) AT TIME ZONE 'UTC')::date AS day,
       v.product_id AS product, v.country, v.conversion_type, v.method
FROM affiliate.commissions AS m
LEFT JOIN affiliate.conversions AS c ON (c.program, c.customer_id, c.transaction_id, c.kind) = (m.program, m.customer_id, m.subject_id, m.subject_kind)
LEFT JOIN affiliate.conversion AS v ON (v.customer_id, v.transaction_id, v.kind) = (m.customer_id, m.subject_id, m.subject_kind);
-- the rows in which performance() and the lines differ
CREATE FUNCTION pg_temp.differ(unit text, from_day date, to_day date) RETURNS SETOF text LANGUAGE sql STABLE AS $$
    WITH reported AS (
        SELECT program, affiliate, period, product, country, conversion_type, method, currency, held, eligible
        FROM affiliate.performance(from_day, to_day, ARRAY[unit, 'program', 'affiliate', 'product', 'country', 'conversion_type', 'method']) WHERE (held, eligible) <> (0, 0)
    ), counted AS (
        SELECT program, affiliate, date_trunc(unit, day)::date AS period, nullif(product, ''), nullif(country, ''), nullif(conversion_type, ''), nullif(method, ''), currency,
               coalesce(sum(owed) FILTER (WHERE is_held), 0), coalesce(sum(owed) FILTER (WHERE NOT is_held), 0)
        FROM line WHERE day >= from_day AND day < to_day AND owed <> 0 GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
    )
    SELECT d::text FROM ((TABLE reported EXCEPT TABLE counted) UNION ALL (TABLE counted EXCEPT TABLE reported)) AS d
$$;
CREATE FUNCTION pg_temp.same(what text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    keys text;
BEGIN
    FOREACH keys IN ARRAY '{affiliate,"month,affiliate","day,affiliate","affiliate,product","affiliate,conversion_type"}'::text[] LOOP
        RETURN NEXT set_eq(format($q$SELECT program, affiliate, currency, sum(held) AS held, sum(eligible) AS eligible
            FROM affiliate.performance('2025-01-01', '2026-01-01', string_to_array(%L, ',') || '{program}') WHERE affiliate IS NOT NULL GROUP BY 1, 2, 3$q$, keys),
            'SELECT program, affiliate, currency, pending + held AS held, eligible + negative AS eligible FROM affiliate.affiliate_balance', format('%s: by %s, the sums are those of the balance', what, keys));
    END LOOP;
    RETURN NEXT is_empty($q$SELECT pg_temp.differ('day', '2025-01-01', '2026-01-01') UNION ALL SELECT pg_temp.differ('month', '2025-01-01', '2026-01-01') UNION ALL SELECT pg_temp.differ('day', '2025-03-03', '2025-03-06')$q$,
        what || ': each row is the sum of its lines');
END
$$;

SELECT is(pg_temp.owed(), 'ann: held 120, eligible 26; bob: held 90; dan: eligible 2', 'on hold until the 24th and by the dispute; over, less what was taken back');
SELECT is(pg_temp.owed('{affiliate}', '{"program": "capped"}'), 'ann: held 11', 'what is not final is held');
SELECT is(pg_temp.owed('{day,affiliate}', '{"affiliate": "ann", "program": "main"}'), '03-02 ann: eligible -4; 03-03 ann: held 70; 03-04 ann: eligible 30; 03-10 ann: held 50', 'on the days of the sales');
SELECT is(pg_temp.owed('{country,product}', '{"affiliate": "ann", "program": "main"}'), 'p1 DE: held 50; p2 AT: eligible 30; p2 nowhere: held 70, eligible -4', 'where they were sold, and what');
SELECT pg_temp.same('above the watermark');

SELECT pg_temp.past('50');
UPDATE affiliate.rollup_state SET watermark = NULL;
SELECT cmp_ok(pg_temp.refresh(), '>', 0, 'refreshed');
SELECT is(rows_above, 0::bigint, 'everything is in the rollups') FROM affiliate.rollup_progress;
SELECT is(pg_temp.owed(), 'ann: held 120, eligible 26; bob: held 90; dan: eligible 2', 'after a refresh the same');
SELECT pg_temp.same('below it');

-- nothing is written; only the clock moves on
SELECT pg_temp.clock('2025-03-24 11:59:59.999999Z');
SELECT is(pg_temp.owed(), 'ann: held 120, eligible 26; bob: held 90; dan: eligible 2', 'on hold until the last microsecond');
SELECT pg_temp.clock('2025-03-24 12:00Z');
SELECT is(pg_temp.owed(), 'ann: held 70, eligible 76; bob: eligible 90; dan: eligible 2', 'then it is eligible');
SELECT is(pg_temp.lines($$SELECT affiliate, trim_scale(value) FROM affiliate.top_affiliates('2025-03-01', '2025-04-01', 'held')$$), 'ann,81', 'top_affiliates by what is held');
SELECT pg_temp.same('as the clock moved on');

-- below and above at once: one more is sold, the rest is paid
SELECT pg_temp.buy('late', 'ANN', '2025-03-24 12:00Z', 30);
SELECT is(pg_temp.lines($$SELECT lines, trim_scale(amount) FROM affiliate.record_payment('ann', 'main', 'infinity', 'p2')$$), '3,76', 'what is eligible is what is paid');
UPDATE affiliate.dispute SET outcome = 'lost', closed_at = '2025-03-24 12:00Z' WHERE dispute_id = 'd';
SELECT pg_temp.drain();
SELECT is(pg_temp.owed('{affiliate}', '{"program": "capped"}'), 'ann: eligible 11', 'the drain made it final');
SELECT is(pg_temp.owed(), 'ann: held 3; bob: eligible 90; dan: eligible 2', 'paid, taken back, and on hold');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
