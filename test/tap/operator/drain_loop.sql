-- drain_loop() commits per batch and keeps no lock. It commits, so there is no transaction around the test.
\set ON_ERROR_STOP on
SELECT plan(2);
CALL affiliate.drain_loop('0 s');
SELECT is((SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND objsubid = 1), 0::bigint, 'the lock is released');
CALL affiliate.drain_loop('0 s');
SELECT is((SELECT count(*) FROM affiliate.settle_queue WHERE due_at <= affiliate._now() AND attempts = 0), 0::bigint, 'nothing that is due is left');
SELECT * FROM finish();
