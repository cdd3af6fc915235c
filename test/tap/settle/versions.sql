-- A library and tables of different versions: facts are stored and enqueued, nothing is settled.
BEGIN;
SELECT plan(20);
\ir _rig.sql
SELECT pg_temp.program('main');
INSERT INTO affiliate.schema_version (version, installed_at) VALUES ('99.1', clock_timestamp() + interval '1 second');
INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
VALUES ('a', 'a', 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}');
SELECT is((SELECT reason FROM affiliate.settle_queue WHERE customer_id = 'a'), 'library of another version', 'a sale is enqueued');
SELECT throws_ok('SELECT affiliate.drain()', 'AF091', 'library and tables of pg_affiliate are of different versions', 'the drain refuses');
SELECT throws_ok($$SELECT affiliate.resettle('{a}')$$, 'AF091', 'library and tables of pg_affiliate are of different versions', 'so does resettle()');
SELECT throws_ok($$SELECT affiliate.reassign('a', 'main', 'bob', 'from_now', reason => 'test')$$, 'AF091', NULL, 'and what settles on the way');
INSERT INTO affiliate.settle_queue (kind, program_no, affiliate_no, reason) VALUES ('affiliate', pg_temp.no('main'), pg_temp.of('ann'), 'test');
SELECT throws_ok('SELECT affiliate.drain()', 'AF091', NULL, 'the second stage of affiliates too');
SELECT lives_ok($$SELECT affiliate.resettle_program('main')$$, 'what only enqueues may be called');
SELECT is((SELECT count(*) FROM affiliate.conversion), 0::bigint, 'nothing was decided');
SELECT throws_ok($$SELECT * FROM affiliate.performance('2025-01-01', '2025-02-01')$$, 'AF091', 'library and tables of pg_affiliate are of different versions', 'nor do reports ask tables of another version');
SELECT throws_ok(format('SELECT * FROM affiliate.%s', call), 'AF091', NULL, call) FROM unnest(ARRAY['verify()', $$quality('ann', '2025-01-01', '2025-02-01')$$, $$chargeback_report('2025-01-01', '2025-02-01')$$,
    $$top_affiliates('2025-01-01', '2025-02-01')$$, $$funnel('2025-01-01', '2025-02-01')$$, 'rollup_refresh()', $$rollup_rebuild('2025-01-01', '2025-02-01')$$]) AS call;
SELECT results_eq('SELECT item, state FROM affiliate.health()', $$VALUES ('version', 'bad')$$, 'health() says only that');
SELECT results_eq('SELECT name, value FROM affiliate.metrics()', $$VALUES ('pg_affiliate_info', 1::numeric), ('pg_affiliate_version_mismatch', 1)$$, 'and metrics()');
DELETE FROM affiliate.schema_version WHERE version = '99.1';
SELECT ok(affiliate.drain() > 0, 'after the update the drain goes on');
SELECT is(pg_temp.money('a'), 'ann 10', 'and settles');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
