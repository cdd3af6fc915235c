-- rollup_progress: not in use, in the middle of a refresh, at its end; and that a refresh goes in steps of about batch rows of each stream.
BEGIN;
SELECT plan(27);
\ir _rig.sql
\ir _past.sql
CREATE FUNCTION pg_temp.progress() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT format('%s, %s above', CASE WHEN in_use THEN 'at ' || CASE WHEN watermark > '100' AND watermark <= horizon THEN 'the end' ELSE watermark::text END ELSE 'not in use' END, coalesce(rows_above::text, 'unknown'))
    FROM affiliate.rollup_progress
$$;
-- what a step returns, and where it ends
CREATE FUNCTION pg_temp.step(batch integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    rows_folded bigint := affiliate.rollup_refresh(batch);
BEGIN
    RETURN rows_folded || ': ' || pg_temp.progress();
END
$$;
CREATE FUNCTION pg_temp.sums() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT pg_temp.report('{month,affiliate}', '{clicks,unique_clicks,conversions,gross,refunded,net_commission}') || ' | ' ||
           pg_temp.report('{month}', '{conversions,refunded,reversed}', basis => 'event')
$$;

-- not in use: never built
UPDATE affiliate.rollup_state SET watermark = NULL, cluster = NULL, refreshed_at = NULL, rebuilt_at = NULL, steps = 0, folded = 0, failed = 0, failed_at = NULL, last_error = NULL;
SELECT is(pg_temp.progress(), 'not in use, unknown above', 'never built: not in use');
SELECT is(pg_temp.lines('SELECT watermark, refreshed_at, rebuilt_at, steps, folded, failed, last_error FROM affiliate.rollup_progress'), ',,,0,0,0,', 'and nothing ever ran');
SELECT cmp_ok(horizon, '<=', pg_current_xact_id(), 'how far a refresh could go: not beyond a transaction that runs') FROM affiliate.rollup_progress;

-- in use as soon as they are built
SELECT is(pg_temp.refresh() > 0, true, 'building takes a step');
SELECT is(pg_temp.progress(), 'at the end, 0 above', 'built: nothing is above');
SELECT ok(refreshed_at >= now() AND rebuilt_at >= now() AND steps > 0, 'it says when') FROM affiliate.rollup_progress;
SELECT is(affiliate.rollup_refresh(), 0::bigint, 'again: nothing to do');

-- twelve transactions with a click and a sale each; one with five of both; and what this transaction writes
DO $$
BEGIN
    FOR n IN 1..12 LOOP
        PERFORM pg_temp.click('k' || n, 'ann-1', 'v' || n % 2, '2025-03-05 10:00Z'::timestamptz + n * interval '1 minute'), pg_temp.buy('s' || n, CASE WHEN n % 2 = 0 THEN 'ANN' ELSE 'BOB' END);
        PERFORM pg_temp.past((40 + n)::text::xid8);
    END LOOP;
    FOR n IN 1..5 LOOP
        PERFORM pg_temp.click('l' || n, 'bob-1'), pg_temp.buy('t' || n, 'BOB', '2025-04-05');
    END LOOP;
    PERFORM pg_temp.past('60');
END
$$;
SELECT pg_temp.refund('s2', 50, '2025-05-01');
SELECT pg_temp.read_to('41');
CREATE TEMP TABLE wanted AS SELECT pg_temp.sums() AS sums, steps, folded, refreshed_at FROM affiliate.rollup_progress;
SELECT is(pg_temp.progress(), 'at 41, 53 above', 'seventeen rows of each stream, and two of a refund that nobody else sees');

SELECT is(pg_temp.step(3), '9: at 44, 44 above', 'a step of three rows of each stream');
SELECT is(pg_temp.sums(), (SELECT sums FROM wanted), 'in the middle reports say the same');
SELECT is((SELECT sum(quantity) FROM affiliate.rollup WHERE grain = 'day' AND basis = 'sale' AND kind = 'transaction'), 3::numeric, 'three sales are folded');
SELECT is((SELECT sum(clicks) FROM affiliate.rollup_click WHERE grain = 'day'), 3::numeric, 'and three clicks');
SELECT is(pg_temp.lines('SELECT p.steps - w.steps, p.folded - w.folded, p.refreshed_at > w.refreshed_at FROM affiliate.rollup_progress AS p, wanted AS w'), '1,9,t', 'the step and its rows are counted');
SELECT is(pg_temp.step(1), '3: at 45, 41 above', 'a step of one row of each');
SELECT is(pg_temp.step(0), '3: at 46, 38 above', 'of nothing: of one');
SELECT is(pg_temp.step(-5), '3: at 47, 35 above', 'of less: of one');
SELECT is(pg_temp.step(6), '18: at 60, 17 above', 'a step ends before the transaction that is one row too much');
SELECT is(pg_temp.sums(), (SELECT sums FROM wanted), 'reports say the same');
SELECT is(pg_temp.step(3), '15: at 61, 2 above', 'a transaction is folded whole');
SELECT is(pg_temp.step(3), '0: at the end, 2 above', 'the end: what is above belongs to a transaction that runs');
SELECT is(pg_temp.lines('SELECT p.steps - w.steps, p.folded - w.folded FROM affiliate.rollup_progress AS p, wanted AS w'), '7,51', 'every row was folded once');
SELECT is(pg_temp.sums(), (SELECT sums FROM wanted), 'reports say the same');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');

-- a failure is kept, and the next step that goes through clears it
SELECT affiliate._rollup_failed('no space');
SELECT is(pg_temp.lines('SELECT failed, failed_at >= now(), last_error FROM affiliate.rollup_progress'), '1,t,"no space"', 'a step that failed');
SELECT affiliate.rollup_refresh();
SELECT is(pg_temp.lines('SELECT failed, last_error FROM affiliate.rollup_progress'), '1,', 'is counted; the next one goes on');

-- no more in use: another time zone, another cluster
UPDATE affiliate.program SET time_zone = 'UTC' WHERE program_id = 'main';
SELECT is(pg_temp.progress(), 'not in use, unknown above', 'a time zone was changed');
SELECT pg_temp.refresh();
UPDATE affiliate.rollup_state SET cluster = cluster + 1;
SELECT is(pg_temp.progress(), 'not in use, unknown above', 'restored from another cluster');
SELECT * FROM finish();
ROLLBACK;
