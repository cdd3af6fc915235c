-- schedule_jobs(), unschedule_jobs() and health().
BEGIN;
SELECT plan(37);
\ir _ledger.sql
SET LOCAL pg_affiliate.mode = 'on';
SET LOCAL pg_affiliate.now = '';

CREATE FUNCTION pg_temp.health(wanted text) RETURNS text LANGUAGE sql AS $$ SELECT state FROM affiliate.health() WHERE item = wanted $$;
SELECT set_eq('SELECT item FROM affiliate.health()',
    '{version,mode,test clock,queue length,queue age,failed attempts,last drain,drain error,waiting conversions,unplaced news,rejected input,attached tables,kept rows,lost rows,open reviews,installation,drain job,subscription,rollup job,rollups,last rollup,watermark age,rollup error,failed jobs,oldest transaction}'::text[],
    'the items of health()');
SELECT is_empty($$SELECT * FROM affiliate.health() WHERE state NOT IN ('ok', 'warn', 'bad') OR value IS NULL OR (state = 'ok') <> (hint IS NULL)$$,
    'each has a value and a state, and a hint unless it is ok');

SELECT is(pg_temp.health('version'), 'ok', 'one version');
SELECT is(pg_temp.health('mode'), 'ok', 'mode on');
SET LOCAL pg_affiliate.mode = 'queue';
SELECT is(pg_temp.health('mode'), 'warn', 'mode queue');
SET LOCAL pg_affiliate.mode = 'off';
SELECT is(pg_temp.health('mode'), 'bad', 'mode off');
SELECT is(pg_temp.health('test clock'), 'ok', 'no test clock');
SET LOCAL pg_affiliate.now = '2025-06-15 12:00+00';
SELECT is(pg_temp.health('test clock'), 'bad', 'a test clock');
SET LOCAL pg_affiliate.now = '';

DELETE FROM affiliate.settle_queue;
SELECT is(pg_temp.health('queue age'), 'ok', 'an empty queue');
INSERT INTO affiliate.settle_queue (customer_id, reason, due_at) VALUES ('h1', 'test', now() + interval '1 day');
SELECT is((SELECT value FROM affiliate.health() WHERE item = 'queue length'), '0', 'what is due later is no queue');
INSERT INTO affiliate.settle_queue (customer_id, reason, enqueued_at) VALUES ('h2', 'test', now() - interval '3 minutes');
SELECT is(pg_temp.health('queue age'), 'warn', 'a queue of three minutes');
INSERT INTO affiliate.settle_queue (customer_id, reason, enqueued_at, attempts, last_error) VALUES ('h3', 'test', now() - interval '11 minutes', 2, 'poisoned');
SELECT is(pg_temp.health('queue age'), 'bad', 'a queue of eleven minutes');
SELECT is((SELECT hint FROM affiliate.health() WHERE item = 'failed attempts'), 'Last error: poisoned', 'failed attempts, with the error');
SELECT set_has($$SELECT customer_id, reason FROM affiliate.waiting WHERE what = 'queue'$$, $$VALUES ('h2', 'test'), ('h3', 'test')$$, 'the view waiting has them');

DELETE FROM affiliate.drain_progress;
SELECT is(pg_temp.health('last drain'), 'warn', 'no drain ran');
SELECT affiliate.drain();
SELECT is(pg_temp.health('last drain'), 'ok', 'one ran');
SELECT is(pg_temp.health('drain error'), 'ok', 'and did not fail: see drain_loop.sql for one that does');
INSERT INTO affiliate.pending_input (kind, state, input_key, payload, reason) VALUES ('transaction', 'rejected', 'x', '{}', 'test');
SELECT is(pg_temp.health('rejected input'), 'warn', 'rejected input');
SELECT is(pg_temp.health('unplaced news'), 'ok', 'no news is left over');
INSERT INTO affiliate.pending_input (kind, state, input_key, payload, reason) VALUES ('transaction', 'waiting', 'x', '{}', 'test');
SELECT is(pg_temp.health('unplaced news'), 'warn', 'news without its transaction');
INSERT INTO affiliate.review_case (kind, subject_id, severity) VALUES ('test', 'x', 'high');
SELECT is(pg_temp.health('open reviews'), 'warn', 'an open case of high severity');
DROP TRIGGER entry_append_only ON affiliate.entry;
SELECT is(pg_temp.health('installation'), 'bad', 'a guard is gone');
SELECT throws_ok($$CALL affiliate.drain_loop(NULL)$$, 'AF033', NULL, 'drain_loop needs a duration');
SELECT throws_ok($$CALL affiliate.drain_loop('-1 s')$$, 'AF033', NULL, 'not a negative one');

-- with pg_cron in this database, and without
CREATE EXTENSION IF NOT EXISTS pg_cron;
SELECT ok(affiliate.schedule_jobs() > 0, 'scheduled');
CREATE FUNCTION pg_temp.jobs() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', jobname, schedule, command, database = current_database(), active), '; ' ORDER BY jobname) FROM cron.job WHERE username = current_user AND jobname LIKE 'pg_affiliate%'
$$;
SELECT is(pg_temp.jobs(), 'pg_affiliate drain * * * * * CALL affiliate.drain_loop(''55 s'') t t; pg_affiliate rollup * * * * * CALL affiliate.rollup_catch_up() t t', 'each minute');
SELECT is(affiliate.schedule_jobs(), (SELECT jobid FROM cron.job WHERE jobname = 'pg_affiliate drain' AND username = current_user), 'again: the same job');
SELECT is(pg_temp.health('drain job'), 'ok', 'health() sees it');
SELECT is(pg_temp.health('rollup job'), 'ok', 'and the other one');
SELECT is((SELECT value FROM affiliate.health() WHERE item = 'failed jobs'), (SELECT count(*)::text FROM cron.job_run_details WHERE status = 'failed' AND strpos(command, 'affiliate.') > 0
    AND database = current_database() AND start_time > now() - interval '1 day'), 'and runs that failed');
SELECT ok(affiliate.unschedule_jobs(), 'unscheduled');
SELECT ok(NOT affiliate.unschedule_jobs(), 'again: there is none');
SELECT is((SELECT count(*) FROM affiliate.audit_log WHERE action IN ('schedule_jobs', 'unschedule_jobs')), 6::bigint, 'audited: two jobs, scheduled twice, removed once');
-- pg_cron in another database: the hint is statements that work there
SELECT is(affiliate._cron_hint('cron_db'),
    format('Run in database "cron_db": SELECT cron.schedule_in_database(%L, %L, %L, %L); SELECT cron.schedule_in_database(%L, %L, %L, %4$L);', 'pg_affiliate drain ' || current_database(), '* * * * *',
           'CALL affiliate.drain_loop(''55 s'')', current_database(), 'pg_affiliate rollup ' || current_database(), '* * * * *', 'CALL affiliate.rollup_catch_up()'), 'where and what');
DO $$ BEGIN EXECUTE substring(affiliate._cron_hint('cron_db') FROM 'SELECT .*'); END $$;
SELECT is(replace(pg_temp.jobs(), ' ' || current_database() || ' *', ' *'), 'pg_affiliate drain * * * * * CALL affiliate.drain_loop(''55 s'') t t; pg_affiliate rollup * * * * * CALL affiliate.rollup_catch_up() t t', 'schedules the same jobs, by names of their own');
SELECT matches(affiliate._cron_hint(NULL), '^Run in the database of pg_cron: SELECT cron.schedule_in_database', 'where it is unknown');
DROP EXTENSION pg_cron;
SELECT throws_ok('SELECT affiliate.schedule_jobs()', 'AF040', format('pg_cron is not installed in database "%s"', current_database()), 'no pg_cron here');

SELECT * FROM finish();
ROLLBACK;
