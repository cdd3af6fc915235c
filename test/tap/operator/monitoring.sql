-- health() and metrics(): rollups, failed jobs, and the numbers behind what is to be watched, each as it is made.
BEGIN;
SELECT plan(63);
\ir _ledger.sql
\ir ../reports/_past.sql
CREATE FUNCTION pg_temp.health(wanted text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', state, '(' || value || ')') || CASE WHEN hint IS NULL THEN '' ELSE ' with a hint' END FROM affiliate.health() WHERE item = wanted
$$;
CREATE FUNCTION pg_temp.state(wanted text) RETURNS text LANGUAGE sql AS $$ SELECT state FROM affiliate.health() WHERE item = wanted $$;
CREATE FUNCTION pg_temp.metric(wanted text, of jsonb DEFAULT '{}') RETURNS numeric LANGUAGE sql AS $$
    SELECT trim_scale(value) FROM affiliate.metrics() WHERE name = 'pg_affiliate_' || wanted AND labels = of
$$;
CREATE FUNCTION pg_temp.ago(age interval) RETURNS void LANGUAGE sql AS $$
    UPDATE affiliate.rollup_state SET refreshed_at = clock_timestamp() - age
$$;

-- rollups: never built
UPDATE affiliate.schema_version SET installed_at = clock_timestamp() - interval '1000 seconds';
UPDATE affiliate.rollup_state SET watermark = NULL, cluster = NULL, refreshed_at = NULL, rebuilt_at = NULL, steps = 0, folded = 0, failed = 0, failed_at = NULL, last_error = NULL;
SELECT is(pg_temp.health('rollups'), 'warn (not in use) with a hint', 'rollups that were never built');
SELECT is(pg_temp.health('last rollup'), 'warn (never) with a hint', 'no refresh ever ran');
SELECT is(pg_temp.metric('rollup_in_use'), 0::numeric, 'metrics() says that they are not in use');
SELECT is(pg_temp.metric('rollup_rows_above'), NULL, 'nothing is above what is not there');
SELECT ok(pg_temp.metric('rollup_age_seconds') BETWEEN 1000 AND 1060, 'nobody refreshed since setup()');

-- built
SELECT cmp_ok(pg_temp.refresh(), '>', 0, 'they are built');
SELECT is(pg_temp.health('rollups'), 'ok (0 rows above)', 'in use, nothing above');
SELECT matches(pg_temp.health('last rollup'), '^ok \(20.*\)$', 'it ran just now');
SELECT is(pg_temp.state('watermark age'), 'ok', 'the watermark is young');
SELECT is(pg_temp.metric('rollup_in_use'), 1::numeric, 'in use, for machines');
SELECT is(pg_temp.metric('rollup_rows_above'), 0::numeric, 'nothing above');
SELECT ok(pg_temp.metric('rollup_age_seconds') BETWEEN 0 AND 60, 'and young');

-- rows above; they are folded
SELECT pg_temp.line('m1', 'mt1', 100, 40, '2025-06-10');
SELECT is(pg_temp.health('rollups'), 'ok (3 rows above)', 'a sale: three rows are above');
SELECT is(pg_temp.metric('rollup_rows_above'), 3::numeric, 'for machines');
SELECT pg_temp.past('50');
SELECT pg_temp.read_to('50');
SELECT is(affiliate.rollup_refresh(), 3::bigint, 'a refresh folds them');
SELECT is(pg_temp.health('rollups') || ', ' || pg_temp.metric('rollup_rows_above') || ' above, ' || pg_temp.metric('rollup_folded_total') || ' folded', 'ok (0 rows above), 0 above, 3 folded', 'then none is above');

-- a million of them would take some minutes to write
CREATE FUNCTION pg_temp.pretend(rows_above bigint) RETURNS void LANGUAGE plpgsql AS $f$
BEGIN
    EXECUTE format('CREATE OR REPLACE FUNCTION affiliate._written_rows(from_xid xid8, until_xid xid8) RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE AS %L', 'SELECT ' || rows_above || '::bigint');
END
$f$;
SELECT pg_temp.pretend(999999);
SELECT is(pg_temp.health('rollups'), 'ok (999999 rows above)', 'many rows above');
SELECT pg_temp.pretend(1000000);
SELECT is(pg_temp.health('rollups'), 'warn (1000000 rows above) with a hint', 'too many');
SELECT is(pg_temp.metric('rollup_rows_above'), 1000000::numeric, 'metrics() counts the same');
SELECT pg_temp.pretend(0);

-- no refresh runs any more
SELECT pg_temp.ago('290 seconds');
SELECT is(pg_temp.state('last rollup') || ' ' || pg_temp.state('watermark age'), 'ok ok', 'a refresh some minutes ago');
SELECT pg_temp.ago('301 seconds');
SELECT is(pg_temp.state('last rollup') || ' ' || pg_temp.state('watermark age'), 'warn ok', 'none for five minutes');
SELECT ok(pg_temp.metric('rollup_age_seconds') BETWEEN 301 AND 361, 'its age in seconds');
SELECT pg_temp.ago('890 seconds');
SELECT is(pg_temp.state('watermark age'), 'ok', 'the watermark stands still');
SELECT pg_temp.ago('901 seconds');
SELECT matches(pg_temp.health('watermark age'), '^warn \(00:15:0\d\) with a hint$', 'for fifteen minutes');
SELECT matches(pg_temp.health('last rollup'), '^warn \(20.*\) with a hint$', 'and no refresh ran');
SELECT pg_temp.ago('0');

-- a refresh that failed
SELECT affiliate._rollup_failed('no space') FROM generate_series(1, 2);
SELECT is(pg_temp.health('rollup error') || ', ' || pg_temp.metric('rollup_error') || ', ' || pg_temp.metric('rollup_failed_total'), 'bad (no space) with a hint, 1, 2', 'a refresh that failed twice');
SELECT affiliate.rollup_refresh();
SELECT is(pg_temp.health('rollup error') || ', ' || pg_temp.metric('rollup_error') || ', ' || pg_temp.metric('rollup_failed_total'), 'ok (none), 0, 2', 'the next one goes through; what failed stays counted');

-- the drain
SET LOCAL pg_affiliate.mode = 'on';
DELETE FROM affiliate.settle_queue;
DELETE FROM affiliate.drain_progress;
SET LOCAL pg_affiliate.now = '';
SELECT ok(pg_temp.metric('drain_age_seconds') BETWEEN 1000 AND 1060, 'no drain ran since setup()');
SELECT is(pg_temp.metric('test_clock'), 0::numeric, 'by the clock of everybody');
SET LOCAL pg_affiliate.now = '2025-06-15 12:00:00+00';
SELECT is(pg_temp.metric('test_clock'), 1::numeric, 'by one of tests');
SELECT affiliate.drain();
SELECT is(pg_temp.metric('drain_age_seconds'), 0::numeric, 'one ran now');
SET LOCAL pg_affiliate.now = '2025-06-15 12:07:30+00';
SELECT is(pg_temp.metric('drain_age_seconds'), 450::numeric, 'and none since');
SELECT matches(pg_temp.health('last drain'), '^warn \(2025-06-15 12:00:00\+00\) with a hint$', 'for people');
SELECT affiliate._drain_failed('no memory');
SELECT is(pg_temp.metric('drain_error') || ', ' || pg_temp.health('drain error'), '1, bad (no memory) with a hint', 'a drain that failed');
UPDATE affiliate.drain_progress SET settled = 4711 WHERE name = 'drain';
SELECT is(pg_temp.metric('drain_settled_total'), (SELECT sum(settled) FROM affiliate.drain_progress), 'what was settled');

-- the queue
SELECT is(pg_temp.metric('queue_age_seconds') + pg_temp.metric('queue_failed_rows'), 0::numeric, 'an empty queue');
INSERT INTO affiliate.settle_queue (customer_id, reason, due_at) VALUES ('m2', 'test', '2025-06-15 12:07:31+00');
SELECT is(pg_temp.metric('queue_rows', '{"kind": "customer"}'), 0::numeric, 'what is due later is no queue');
SELECT is(pg_temp.metric('queue_scheduled_rows'), 1::numeric, 'but counted');
INSERT INTO affiliate.settle_queue (kind, customer_id, program_no, reason, enqueued_at, due_at, attempts, last_error) VALUES
    ('customer', 'm3', NULL, 'test', clock_timestamp() - interval '200 seconds', '2025-06-15', 0, NULL), ('customer', 'm4', NULL, 'test', clock_timestamp() - interval '100 seconds', '2025-06-15', 2, 'poisoned'),
    ('program', '', 81, 'test', clock_timestamp(), '2025-06-15', 0, NULL);
SELECT is(concat_ws(' ', pg_temp.metric('queue_rows', '{"kind": "customer"}'), pg_temp.metric('queue_rows', '{"kind": "program"}'), pg_temp.metric('queue_rows', '{"kind": "transaction"}'), pg_temp.metric('queue_rows', '{"kind": "affiliate"}')),
    '2 1 0 0', 'by kind');
SELECT ok(pg_temp.metric('queue_age_seconds') BETWEEN 200 AND 260, 'the oldest of it');
SELECT is(pg_temp.metric('queue_failed_rows'), 1::numeric, 'what failed');

-- input and reviews
DELETE FROM affiliate.pending_input;
SELECT is(pg_temp.metric('pending_input_rows', '{"state": "waiting"}') + pg_temp.metric('pending_input_rows', '{"state": "rejected"}'), 0::numeric, 'no input is pending');
INSERT INTO affiliate.pending_input (kind, state, input_key, payload, reason) SELECT 'transaction', CASE WHEN n = 1 THEN 'rejected' ELSE 'waiting' END, n, '{}', 'test' FROM generate_series(1, 3) AS n;
SELECT is(pg_temp.metric('pending_input_rows', '{"state": "rejected"}'), 1::numeric, 'input that cannot be understood');
SELECT is(pg_temp.metric('pending_input_rows', '{"state": "waiting"}'), 2::numeric, 'input that waits');
CREATE FUNCTION pg_temp.reviews() RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(pg_temp.metric('review_open_cases', jsonb_build_object('severity', s)) || ' ' || s, ', ') FROM unnest('{low,normal,high}'::text[]) AS s
$$;
SELECT is(pg_temp.reviews() || ' ' || pg_temp.state('open reviews'), '0 low, 0 normal, 0 high ok', 'no reviews');
INSERT INTO affiliate.review_case (kind, subject_id, severity, state) VALUES ('test', 'a', 'low', 'open'), ('test', 'b', 'low', 'open'), ('test', 'c', 'low', 'open'), ('test', 'd', 'normal', 'open'), ('test', 'e', 'normal', 'open');
SELECT is(pg_temp.reviews() || ' ' || pg_temp.state('open reviews'), '3 low, 2 normal, 0 high ok', 'reviews of no hurry');
INSERT INTO affiliate.review_case (kind, subject_id, severity, state) VALUES ('test', 'f', 'high', 'open');
SELECT is(pg_temp.reviews() || ' ' || pg_temp.state('open reviews'), '3 low, 2 normal, 1 high warn', 'one that is urgent');
UPDATE affiliate.review_case SET state = 'closed', closed_at = now(), closed_by = 'olga', action = 'ignore' WHERE subject_id IN ('a', 'd', 'f');
SELECT is(pg_temp.reviews() || ' ' || pg_temp.state('open reviews'), '2 low, 1 normal, 0 high ok', 'what is closed is not open');

-- conversions that wait, the installation
SELECT is(pg_temp.metric('waiting_conversions') || ' ' || pg_temp.state('waiting conversions'), '0 ok', 'no sale waits');
INSERT INTO affiliate.conversion (customer_id, transaction_id, kind, program_no, state) VALUES ('m5', 'mt5', 'transaction', 81, 'waiting'), ('m3', 'mt3', 'transaction', 81, 'waiting');
SELECT is(pg_temp.metric('waiting_conversions') || ' ' || pg_temp.state('waiting conversions'), '2 warn', 'two do, one of a customer who is not queued');
DELETE FROM affiliate.conversion WHERE transaction_id = 'mt5';
SELECT is(pg_temp.metric('waiting_conversions') || ' ' || pg_temp.state('waiting conversions'), '1 ok', 'the other will be settled');
CREATE TEMP TABLE problems AS SELECT pg_temp.metric('installation_problems') AS before;
GRANT SELECT ON affiliate.customer_pii TO PUBLIC;
SELECT is(pg_temp.metric('installation_problems'), before + 1, 'a privilege too many') FROM problems;

-- version and transactions
SELECT is(pg_temp.metric('version_mismatch'), 0::numeric, 'one version');
INSERT INTO affiliate.schema_version (version, installed_at) VALUES ('99.1', clock_timestamp() + interval '1 second');
SELECT is(pg_temp.metric('version_mismatch'), 1::numeric, 'two');
DELETE FROM affiliate.schema_version WHERE version = '99.1';
SELECT ok(pg_temp.metric('oldest_transaction_seconds') >= floor(extract(epoch FROM statement_timestamp() - now())), 'this transaction is not younger than it is');
SELECT is_empty($$SELECT name, labels FROM affiliate.metrics() WHERE name NOT LIKE 'pg\_affiliate\_%' OR value IS NULL GROUP BY 1, 2$$, 'every series has a value');

-- what pg_cron notes of a run of ours that failed; and of what is nothing of ours, is past, went through
CREATE EXTENSION IF NOT EXISTS pg_cron;
DELETE FROM cron.job_run_details;
SELECT is(pg_temp.health('failed jobs') || ', ' || pg_temp.metric('failed_jobs_1d'), 'ok (0), 0', 'no run failed');
INSERT INTO cron.job_run_details (jobid, runid, job_pid, database, username, command, status, return_message, start_time, end_time)
SELECT 1, r.no, 4711, r.in_database, current_user, r.command, r.status, 'ERROR:  canceling statement due to user request', clock_timestamp() - r.age, clock_timestamp() - r.age + interval '2 seconds'
FROM (VALUES (1, current_database(), 'CALL affiliate.drain_loop(''55 s'')', 'succeeded', interval '1 minute'), (2, 'another', 'CALL affiliate.drain_loop(''55 s'')', 'failed', '1 minute'),
             (3, current_database(), 'VACUUM', 'failed', '1 minute'),
             (4, current_database(), 'CALL affiliate.rollup_catch_up()', 'failed', '25 hours'), (5, current_database(), 'CALL affiliate.rollup_catch_up()', 'running', '1 second')) AS r (no, in_database, command, status, age);
SELECT is(pg_temp.health('failed jobs'), 'ok (0)', 'none of ours in the last day');
INSERT INTO cron.job_run_details (jobid, runid, job_pid, database, username, command, status, return_message, start_time, end_time)
VALUES (1, 6, 4711, current_database(), current_user, 'CALL affiliate.rollup_catch_up()', 'failed', 'ERROR:  out of memory', clock_timestamp() - interval '23 hours', clock_timestamp() - interval '23 hours');
SELECT is(pg_temp.health('failed jobs') || ', ' || pg_temp.metric('failed_jobs_1d'), 'warn (1) with a hint, 1', 'a refresh failed');
INSERT INTO cron.job_run_details (jobid, runid, job_pid, database, username, command, status, return_message, start_time, end_time)
VALUES (2, 7, 4711, current_database(), current_user, 'CALL affiliate.drain_loop(''55 s'')', 'failed', 'ERROR:  out of memory', clock_timestamp() - interval '1 minute', clock_timestamp());
SELECT is(pg_temp.health('failed jobs') || ', ' || pg_temp.metric('failed_jobs_1d'), 'warn (2) with a hint, 2', 'and a drain');
-- as pg_cron before 1.6.3 notes what could not begin, for want of a connection or of a worker
INSERT INTO cron.job_run_details (jobid, runid, database, username, command, status, return_message)
VALUES (2, 8, current_database(), current_user, 'CALL affiliate.drain_loop(''55 s'')', 'failed', 'connection failed');
SELECT is(pg_temp.health('failed jobs') || ', ' || pg_temp.metric('failed_jobs_1d'), 'warn (3) with a hint, 3', 'and a drain that could not begin');
SET LOCAL ROLE affiliate_test_rita;
SELECT is(pg_temp.health('failed jobs'), 'ok (unknown)', 'who may not see the runs does not know');
SELECT is(pg_temp.metric('failed_jobs_1d'), NULL, 'and has no number');
RESET ROLE;
SELECT * FROM finish();
ROLLBACK;
