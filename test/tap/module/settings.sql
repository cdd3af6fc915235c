-- Settings and the clock.
BEGIN;
SELECT plan(27);

SELECT is(affiliate.version(), (SELECT extversion FROM pg_extension WHERE extname = 'pg_affiliate'),
    'library and extension are of one version');

SELECT is(current_setting('pg_affiliate.mode'), 'on', 'mode is on');
SELECT is(current_setting('pg_affiliate.durable_commit'), 'off', 'durable_commit is off');
SELECT is(current_setting('pg_affiliate.inline_budget'), '-1', 'inline_budget is by rule');
SELECT is(current_setting('pg_affiliate.now'), '', 'now is not set');

SELECT lives_ok($$SET LOCAL pg_affiliate.mode = 'queue'$$, 'mode can be queue');
SELECT lives_ok($$SET LOCAL pg_affiliate.mode = 'off'$$, 'mode can be off');
SELECT throws_ok($$SET pg_affiliate.mode = 'sometimes'$$, '22023', NULL, 'mode knows its values');
SELECT lives_ok($$SET LOCAL pg_affiliate.inline_budget = '2s'$$, 'inline_budget is a time');
SELECT is(current_setting('pg_affiliate.inline_budget'), '2s', 'in milliseconds');
SELECT throws_ok($$SET pg_affiliate.inline_budget = -2$$, '22023', NULL, 'inline_budget is not below -1');
SELECT throws_ok($$SET pg_affiliate.nonsense = 1$$, '42602', NULL, 'the prefix is reserved');

SELECT is(affiliate._now(), statement_timestamp(), 'the clock is the start of the statement');
SELECT throws_ok($$SET pg_affiliate.now = 'yesterdayish'$$, '22023', NULL, 'now must be a time');
SELECT throws_ok($$SET pg_affiliate.now = 'infinity'$$, '22023', NULL, 'now is finite');
SET LOCAL TimeZone = 'Asia/Tokyo';
SET LOCAL pg_affiliate.now = '2025-03-01 12:00:00.5';
SELECT is(affiliate._now(), '2025-03-01 12:00:00.5+00'::timestamptz, 'the test clock, UTC without a zone');
SET LOCAL pg_affiliate.now = '2025-03-01 12:00+01:30';
SELECT is(affiliate._now(), '2025-03-01 10:30+00'::timestamptz, 'the test clock with an offset');
SET LOCAL pg_affiliate.now = '2025-07-01 12:00 Europe/Prague';
SELECT is(affiliate._now(), '2025-07-01 10:00+00'::timestamptz, 'the test clock with a zone');
SELECT is(current_setting('pg_affiliate.now'), '2025-07-01 10:00:00+00', 'it is kept without a name of a zone');
-- A parallel worker takes the settings over one by one, this one before its table of such names.
SELECT lives_ok(format('SET LOCAL %s = on', name), 'all queries in a parallel worker') FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SELECT lives_ok($$SET LOCAL pg_affiliate.now = '2025-07-01T10:00:00.25Z'$$, 'the test clock with a letter for its zone');
SELECT is((SELECT count(*) FROM pg_class WHERE relname = 'pg_class' AND affiliate._now() = '2025-07-01 10:00:00.25+00'), 1::bigint, 'a parallel worker has the same clock');
SELECT set_config(name, 'off', true) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SET LOCAL pg_affiliate.now = '';
SELECT is(affiliate._now(), statement_timestamp(), 'the test clock can be taken away');
-- parallel workers take settings over in the order of their names: abbreviations of zones come later
SET LOCAL pg_affiliate.now = '2025-03-01T12:00:00Z';
SET LOCAL min_parallel_table_scan_size = 0;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
CREATE TABLE affiliate_test_parallel (n) WITH (parallel_workers = 2) AS SELECT generate_series(1, 10000);
SELECT is(count(*), 10000::bigint, 'parallel workers have the clock, too') FROM affiliate_test_parallel WHERE affiliate._now() = '2025-03-01 12:00+00';
SET LOCAL pg_affiliate.now = '';

CREATE ROLE affiliate_test_nobody;
SET LOCAL ROLE affiliate_test_nobody;
SELECT throws_ok('SET pg_affiliate.now = ''2025-03-01''', '42501', NULL, 'now is for superusers');
SELECT throws_ok('SET pg_affiliate.mode = ''off''', '42501', NULL, 'mode is for superusers');
SELECT throws_ok('SET pg_affiliate.durable_commit = on', '42501', NULL, 'durable_commit is for superusers');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
