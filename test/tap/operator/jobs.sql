-- schedule_jobs(), unschedule_jobs() and health().
BEGIN;
SELECT plan(35);
\ir _ledger.sql
SET LOCAL pg_affiliate.mode = 'on';
SET LOCAL pg_affiliate.now = '';

CREATE FUNCTION pg_temp.health(wanted text) RETURNS text LANGUAGE sql AS $$ SELECT state FROM affiliate.health() WHERE item = wanted $$;
SELECT set_eq('SELECT item FROM affiliate.health()',
    '{version,mode,test clock,queue length,queue age,failed attempts,last drain,drain error,waiting conversions,unplaced news,rejected input,open reviews,installation,drain job,subscription,oldest transaction}'::text[],
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
SELECT results_eq($$SELECT schedule, command, database, active FROM cron.job WHERE jobname = 'pg_affiliate drain' AND username = current_user$$,
    $$SELECT '* * * * *', 'CALL affiliate.drain_loop(''55 s'')', current_database()::text COLLATE "default", true$$, 'each minute');
SELECT is(affiliate.schedule_jobs(), (SELECT jobid FROM cron.job WHERE jobname = 'pg_affiliate drain' AND username = current_user), 'again: the same job');
SELECT is(pg_temp.health('drain job'), 'ok', 'health() sees it');
SELECT ok(affiliate.unschedule_jobs(), 'unscheduled');
SELECT ok(NOT affiliate.unschedule_jobs(), 'again: there is none');
SELECT is((SELECT count(*) FROM affiliate.audit_log WHERE action IN ('schedule_jobs', 'unschedule_jobs')), 3::bigint, 'audited');
-- pg_cron in another database: the hint is a statement that works there
SELECT is(affiliate._cron_hint('cron_db', 'CALL affiliate.drain_loop(''55 s'')'),
    format('Run in database "cron_db": SELECT cron.schedule_in_database(%L, %L, %L, %L);', 'pg_affiliate drain', '* * * * *', 'CALL affiliate.drain_loop(''55 s'')', current_database()), 'where and what');
DO $$ BEGIN EXECUTE substring(affiliate._cron_hint('cron_db', 'CALL affiliate.drain_loop(''55 s'')') FROM 'SELECT .*'); END $$;
SELECT results_eq($$SELECT schedule, command, database, active FROM cron.job WHERE jobname = 'pg_affiliate drain' AND username = current_user$$,
    $$SELECT '* * * * *', 'CALL affiliate.drain_loop(''55 s'')', current_database()::text COLLATE "default", true$$, 'schedules the same job');
SELECT matches(affiliate._cron_hint(NULL, 'x'), '^Run in the database of pg_cron: SELECT cron.schedule_in_database', 'where it is unknown');
DROP EXTENSION pg_cron;
SELECT throws_ok('SELECT affiliate.schedule_jobs()', 'AF040', format('pg_cron is not installed in database "%s"', current_database()), 'no pg_cron here');

SELECT * FROM finish();
ROLLBACK;
