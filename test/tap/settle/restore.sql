-- Drain and refresh while a restore is under way, and after one that ended without setup(): they do nothing, and say so.
BEGIN;
SELECT plan(17);
\ir _rig.sql
SELECT pg_temp.program('main');
SET LOCAL pg_affiliate.mode = 'queue';
INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
VALUES ('a', 'a', 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}');
DELETE FROM affiliate.drain_progress;
DELETE FROM affiliate.rollup_state;
CREATE TEMP TABLE queued AS TABLE affiliate.settle_queue;
CREATE FUNCTION pg_temp.refused(how text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT throws_ok('SELECT affiliate.drain()', 'AF092', 'no job works here before affiliate.setup() was run', how)
    UNION ALL SELECT throws_ok($t$SELECT affiliate._drain_failed('x')$t$, 'AF092', NULL, 'nor is its error kept: the restore brings that row')
    UNION ALL SELECT throws_ok('SELECT affiliate.rollup_refresh()', 'AF092', NULL, 'nor are the rollups refreshed')
    UNION ALL SELECT throws_ok($t$SELECT affiliate._rollup_failed('x')$t$, 'AF092', NULL, 'nor that error kept')
    UNION ALL SELECT is((SELECT count(*) FROM affiliate.drain_progress) + (SELECT count(*) FROM affiliate.rollup_state), 0::bigint, 'nothing is written')
    UNION ALL SELECT is_empty('TABLE affiliate.settle_queue EXCEPT TABLE queued', 'and nothing taken')
$$;
-- what a whole restore leaves
DO $$ BEGIN EXECUTE format('ALTER FUNCTION affiliate._drain_failed(text) OWNER TO %I', session_user); END $$;
SELECT pg_temp.refused('functions of the restorer');
ALTER FUNCTION affiliate._drain_failed(text) OWNER TO affiliate_owner;
-- rows alone: pg_restore --disable-triggers before, and after it
ALTER TABLE affiliate.schema_version DISABLE TRIGGER ALL;
SELECT pg_temp.refused('triggers are off');
ALTER TABLE affiliate.schema_version ENABLE TRIGGER ALL;
SELECT throws_ok('SELECT affiliate.drain()', 'AF092', NULL, 'triggers are on again, and not all of them as they should');
SELECT affiliate.setup();
SELECT ok(affiliate.drain() > 0, 'after setup() it works');
SELECT is(pg_temp.outcome('main', 'a'), 'a ann coupon #1 10', 'what was queued is settled');
SELECT is(affiliate.drain(), 0::bigint, 'once');
SELECT ok(affiliate.rollup_refresh() > 0, 'so does the refresh');
SELECT * FROM finish();
ROLLBACK;
