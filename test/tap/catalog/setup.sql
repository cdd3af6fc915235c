-- setup() run again changes nothing; uninstall() keeps every row and lets DROP EXTENSION work; setup() puts all back.
BEGIN;
SELECT plan(24);
SET LOCAL client_min_messages = warning;
\ir _digest.sql
CREATE TEMP TABLE fresh AS SELECT * FROM pg_temp.digest();
SELECT cmp_ok((SELECT count(*) FROM fresh), '>', 1000::bigint, 'the digest sees something');

SELECT affiliate.setup();
SELECT is_empty('TABLE fresh EXCEPT SELECT * FROM pg_temp.digest()', 'setup() again: nothing is lost');
SELECT is_empty('SELECT * FROM pg_temp.digest() EXCEPT TABLE fresh', 'and nothing is new');

-- what is damaged is repaired
ALTER TABLE affiliate.entry ENABLE TRIGGER entry_append_only;
ALTER TABLE affiliate.audit_log DISABLE TRIGGER audit_log_append_only;
DROP TRIGGER click_never_deleted ON affiliate.click;
ALTER TABLE affiliate.click OWNER TO CURRENT_USER;
ALTER FUNCTION affiliate.release(text, text, text) OWNER TO CURRENT_USER;
GRANT ALL ON affiliate.entry TO PUBLIC;
GRANT UPDATE (amount) ON affiliate.entry TO affiliate_admin;
GRANT EXECUTE ON FUNCTION affiliate.drain(integer) TO PUBLIC;
REVOKE SELECT ON affiliate.conversion FROM affiliate_reader;
ALTER TABLE affiliate.click ALTER COLUMN clicked_at DROP DEFAULT;
DELETE FROM affiliate.transaction_status WHERE status = 'paid';
ALTER ROLE affiliate_owner LOGIN;
-- as a restore with --disable-triggers that broke off
ALTER TABLE affiliate.transaction DISABLE TRIGGER ALL;
ALTER TABLE affiliate.plan_rule DISABLE TRIGGER ALL;
ALTER TABLE affiliate.commission DISABLE TRIGGER ALL;
ALTER TABLE affiliate.customer DISABLE TRIGGER customer_fact_update;
ALTER TABLE affiliate.dispute ENABLE REPLICA TRIGGER dispute_settle_insert;
ALTER TABLE affiliate.account ENABLE ALWAYS TRIGGER account_settle_update;
SELECT set_eq($$SELECT subject FROM affiliate.verify() WHERE code = 'trigger' AND detail LIKE 'tgenabled is _ instead of O: %'$$,
    '{affiliate.transaction trigger transaction_settle_insert,affiliate.transaction trigger transaction_settle_update,
      affiliate.transaction trigger transaction_fact_update,affiliate.customer trigger customer_fact_update,
      affiliate.dispute trigger dispute_settle_insert,affiliate.account trigger account_settle_update}'::text[],
    'verify() notices triggers that do not settle');
SELECT set_eq($$SELECT subject FROM affiliate.verify() WHERE code = 'trigger' AND subject LIKE '%constraint%'$$,
    '{affiliate.plan_rule constraint plan_rule_plan_fkey,affiliate.plan_rule constraint plan_rule_ladder_fkey,
      affiliate.commission constraint entry_commission_fkey}'::text[], 'and foreign keys that are not checked');
SELECT affiliate.setup();
SELECT is_empty('TABLE fresh EXCEPT SELECT * FROM pg_temp.digest()', 'after damage: what was lost is back');
SELECT is_empty('SELECT * FROM pg_temp.digest() EXCEPT TABLE fresh', 'and what was added is gone');
SELECT is_empty($$SELECT * FROM affiliate.verify() WHERE code IN ('trigger', 'object_owner', 'privilege')$$, 'verify() agrees');
SELECT is_empty($$SELECT t.tgrelid::regclass, t.tgname FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
    WHERE c.relnamespace = 'affiliate'::regnamespace AND t.tgisinternal AND t.tgenabled <> 'O'$$, 'and every foreign key is checked again');

-- numbers that came with rows of another server
INSERT INTO affiliate.review_case (case_id, kind) SELECT 41 + last_value, 'replicated' FROM affiliate.review_case_case_id_seq;
SELECT affiliate.setup();
INSERT INTO affiliate.review_case (kind) VALUES ('next');
SELECT is((SELECT case_id FROM affiliate.review_case WHERE kind = 'next'), (SELECT case_id + 1 FROM affiliate.review_case WHERE kind = 'replicated'), 'sequences that are behind move on');
SELECT affiliate.setup();
INSERT INTO affiliate.review_case (kind) VALUES ('one more');
SELECT is((SELECT case_id FROM affiliate.review_case WHERE kind = 'one more'), (SELECT case_id + 2 FROM affiliate.review_case WHERE kind = 'replicated'), 'the others stay');

-- what the firm changed stays
UPDATE affiliate.currency SET exponent = 3 WHERE currency = 'USD';
CREATE ROLE affiliate_test_bi;
GRANT SELECT ON affiliate.conversion TO affiliate_test_bi;
SELECT affiliate.setup();
SELECT is((SELECT exponent FROM affiliate.currency WHERE currency = 'USD'), 3::smallint, 'a changed reference row stays');
SELECT ok(has_table_privilege('affiliate_test_bi', 'affiliate.conversion', 'SELECT'), 'a role''s own grants stay');
REVOKE SELECT ON affiliate.conversion FROM affiliate_test_bi;
DROP ROLE affiliate_test_bi;

SELECT is((SELECT count(*) FROM affiliate.schema_version), 1::bigint, 'one version is installed');
SELECT is((SELECT version FROM affiliate.schema_version), affiliate.version(), 'that of the library');
SELECT results_eq($$SELECT currency COLLATE "default", exponent::integer FROM affiliate.currency WHERE currency IN ('JPY', 'EUR', 'KWD', 'CLF') ORDER BY 1$$,
    $$VALUES ('CLF', 4), ('EUR', 2), ('JPY', 0), ('KWD', 3)$$, 'currencies have their digits');

-- uninstall
INSERT INTO affiliate.program (program_id, currency) VALUES ('kept', 'EUR');
SELECT lives_ok('SELECT affiliate.uninstall()', 'uninstall()');
SELECT is_empty($$SELECT t.tgrelid::regclass, t.tgname FROM pg_trigger AS t JOIN pg_proc AS p ON p.oid = t.tgfoid WHERE p.pronamespace = 'affiliate'::regnamespace$$,
    'no trigger of ours is left');
SELECT is_empty($$SELECT relname FROM pg_class WHERE relnamespace = 'affiliate'::regnamespace AND relkind = 'v'$$, 'nor view');
SELECT lives_ok('DROP EXTENSION pg_affiliate', 'DROP EXTENSION works without CASCADE');
SELECT is((SELECT count(*) FROM affiliate.program WHERE program_id = 'kept'), 1::bigint, 'the rows are still there');
CREATE EXTENSION pg_affiliate;
SELECT affiliate.setup();
UPDATE affiliate.currency SET exponent = 2 WHERE currency = 'USD';
SELECT is_empty('TABLE fresh EXCEPT SELECT * FROM pg_temp.digest()', 'installed anew: nothing is lost');
SELECT is_empty('SELECT * FROM pg_temp.digest() EXCEPT TABLE fresh', 'and nothing is new');

CREATE ROLE affiliate_test_creator CREATEROLE;
GRANT EXECUTE ON FUNCTION affiliate.setup() TO affiliate_test_creator;
GRANT USAGE ON SCHEMA affiliate TO affiliate_test_creator;
GRANT EXECUTE ON FUNCTION affiliate._require_superuser(text) TO affiliate_test_creator;
SET LOCAL ROLE affiliate_test_creator;
SELECT throws_ok('SELECT affiliate.setup()', '42501', 'permission denied for affiliate.setup()', 'setup() is for superusers');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
