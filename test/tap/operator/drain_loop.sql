-- drain_loop() commits per batch, keeps no lock, and leaves its error where it is seen. It commits, so there is no
-- transaction around the test.
\set ON_ERROR_STOP on
SELECT plan(11);
CALL affiliate.drain_loop('0 s');
SELECT is((SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND objsubid = 1), 0::bigint, 'the lock is released');
CALL affiliate.drain_loop('0 s');
SELECT is((SELECT count(*) FROM affiliate.settle_queue WHERE due_at <= affiliate._now() AND attempts = 0), 0::bigint, 'nothing that is due is left');
SELECT is((SELECT value || ' ' || state FROM affiliate.health() WHERE item = 'drain error'), 'none ok', 'no error');
SELECT is((SELECT state FROM affiliate.health() WHERE item = 'last drain'), 'ok', 'a drain ran');

-- a real error: tables of another version
INSERT INTO affiliate.schema_version (version, installed_at) VALUES ('99.1', clock_timestamp() + interval '1 second');
GRANT affiliate_admin TO CURRENT_USER;
SET ROLE affiliate_admin;
\set ON_ERROR_STOP off
CALL affiliate.drain_loop('0 s');
\set code :SQLSTATE
\set message :LAST_ERROR_MESSAGE
\set ON_ERROR_STOP on
RESET ROLE;
REVOKE affiliate_admin FROM CURRENT_USER;
DELETE FROM affiliate.schema_version WHERE version = '99.1';
SELECT is(:'code'::text, 'AF091', 'it ends the loop');
SELECT is(:'message'::text, 'library and tables of pg_affiliate are of different versions', 'with its message');
SELECT is((SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND objsubid = 1), 0::bigint, 'the lock is released');
SELECT is((SELECT value || ' ' || state FROM affiliate.health() WHERE item = 'drain error'), 'library and tables of pg_affiliate are of different versions bad', 'health() shows it');
SELECT is((SELECT last_error FROM affiliate.drain_progress WHERE name = 'drain'), 'library and tables of pg_affiliate are of different versions', 'until a drain goes through');
CALL affiliate.drain_loop('0 s');
SELECT is((SELECT value || ' ' || state FROM affiliate.health() WHERE item = 'drain error'), 'none ok', 'then it is gone');
SELECT is((SELECT count(*) FROM affiliate.drain_progress WHERE last_error IS NOT NULL), 0::bigint, 'everywhere');
SELECT * FROM finish();
