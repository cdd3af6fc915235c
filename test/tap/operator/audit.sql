-- audit_log says who acted and under which role, also in functions that run with the owner's rights; and administrators
-- schedule their own jobs, which is audited.
BEGIN;
SELECT plan(11);
\ir _ledger.sql
CREATE TEMP VIEW last_act AS SELECT action, actor, acting_role FROM affiliate.audit_log ORDER BY audit_id DESC LIMIT 1;
GRANT SELECT ON last_act TO PUBLIC;

SET LOCAL SESSION AUTHORIZATION affiliate_test_olga;
SELECT affiliate.adjust('ann', 'op', 1, 'credit', 'x', 'a-1');
SELECT results_eq('TABLE last_act', $$VALUES ('adjust', 'affiliate_test_olga', 'affiliate_test_olga')$$, 'a call: the session user, not the owner');
SET LOCAL ROLE affiliate_admin;
SELECT affiliate.adjust('ann', 'op', 1, 'credit', 'x', 'a-2');
SELECT results_eq('TABLE last_act', $$VALUES ('adjust', 'affiliate_test_olga', 'affiliate_admin')$$, 'after SET ROLE: that role beside the person');
UPDATE affiliate.program SET cooling_off = '24 hours' WHERE program_no = 81;
SELECT results_eq('TABLE last_act', $$VALUES ('update', 'affiliate_test_olga', 'affiliate_admin')$$, 'a change of the rulebook');
RESET ROLE;
UPDATE affiliate.program SET cooling_off = '48 hours' WHERE program_no = 81;
SELECT results_eq('TABLE last_act', $$VALUES ('update', 'affiliate_test_olga', 'affiliate_test_olga')$$, 'without a role again');
SELECT affiliate.reassign('c1', 'op', 'bob', reason => 'x');
SELECT is_empty($$SELECT * FROM affiliate.audit_log WHERE actor = 'affiliate_test_olga' AND acting_role = 'affiliate_owner'$$, 'the owner acts for nobody');
SELECT throws_ok($$INSERT INTO affiliate.audit_log (action, acting_role) VALUES ('x', 'somebody')$$, '42501', NULL, 'and nobody gives the role');

-- jobs
RESET SESSION AUTHORIZATION;
CREATE EXTENSION IF NOT EXISTS pg_cron;
GRANT USAGE ON SCHEMA cron TO affiliate_test_olga;
SET LOCAL SESSION AUTHORIZATION affiliate_test_olga;
SELECT ok(affiliate.schedule_jobs() > 0, 'an administrator schedules the drain');
SELECT results_eq('TABLE last_act', $$VALUES ('schedule_jobs', 'affiliate_test_olga', 'affiliate_test_olga')$$, 'audited');
SELECT is((SELECT username FROM cron.job WHERE jobname = 'pg_affiliate drain'), 'affiliate_test_olga', 'as his own');
SELECT ok(affiliate.unschedule_jobs(), 'and removes it');
SELECT results_eq('TABLE last_act', $$VALUES ('unschedule_jobs', 'affiliate_test_olga', 'affiliate_test_olga')$$, 'audited too');
RESET SESSION AUTHORIZATION;

SELECT * FROM finish();
ROLLBACK;
