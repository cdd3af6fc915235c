-- What the privileges mean: rules that hold whatever objects there are, and in practice. Which there are, one by one, is in
-- privilege_matrix.sql.
BEGIN;
SELECT plan(47);
SET LOCAL client_min_messages = warning;

CREATE ROLE affiliate_test_nobody LOGIN;
SELECT is_empty($$SELECT c.relname, a.attname, r.role_name FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    CROSS JOIN (VALUES ('affiliate_writer'), ('affiliate_admin')) AS r (role_name)
    WHERE c.relnamespace = 'affiliate'::regnamespace AND c.relkind = 'r'
      AND a.attname IN ('recorded_at', 'recorded_by', 'written_xid', 'inserted_xid', 'visitor_added', 'cluster', 'actor', 'acting_role', 'created_by', 'decided_by', 'requested_by')
      AND (has_column_privilege(r.role_name, c.oid, a.attnum, 'INSERT') OR has_column_privilege(r.role_name, c.oid, a.attnum, 'UPDATE'))$$,
    'nobody gives actor, time or transaction (I18)');
SELECT is_empty($$SELECT c.relname, r.role_name FROM pg_class AS c CROSS JOIN (VALUES ('affiliate_writer'), ('affiliate_admin')) AS r (role_name)
    WHERE c.oid IN ('affiliate.transaction'::regclass, 'affiliate.customer'::regclass, 'affiliate.dispute'::regclass, 'affiliate.commission'::regclass)
      AND has_column_privilege(r.role_name, c.oid, 'version', 'INSERT, UPDATE')$$, 'nor the version of a row');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc AS p WHERE p.pronamespace = 'affiliate'::regnamespace
    AND has_function_privilege('affiliate_test_nobody', p.oid, 'EXECUTE')$$, 'PUBLIC may call nothing');
SELECT set_eq($$SELECT p.proname::text, r.role_name FROM pg_proc AS p CROSS JOIN (VALUES ('affiliate_reader'), ('affiliate_writer')) AS r (role_name)
    WHERE p.pronamespace = 'affiliate'::regnamespace AND p.prosecdef AND has_function_privilege(r.role_name, p.oid, 'EXECUTE')$$,
    $$SELECT f, r FROM unnest('{owner_of,attribute,quote_commission}'::text[]) AS f, unnest('{affiliate_reader,affiliate_writer}'::text[]) AS r$$,
    'readers and writers call nothing that runs with the owner''s rights but the questions of a checkout');
SELECT set_eq($$SELECT p.proname::text FROM pg_proc AS p WHERE p.pronamespace = 'affiliate'::regnamespace AND p.proname NOT LIKE '\_%'
    AND NOT has_function_privilege('affiliate_admin', p.oid, 'EXECUTE')$$, '{setup,uninstall}'::text[], 'administrators call everything public but setup and uninstall');
SELECT is_empty($$SELECT p.proname FROM pg_proc AS p WHERE p.pronamespace = 'affiliate'::regnamespace AND p.prorettype = 'trigger'::regtype AND p.proname <> '_attached'
    AND EXISTS (SELECT FROM aclexplode(p.proacl) AS a WHERE a.grantee <> p.proowner)$$, 'trigger functions are called by triggers alone, but for the one that attach() uses');
SELECT is_empty($$SELECT rolname FROM pg_roles WHERE rolname LIKE 'affiliate\_%' AND rolname NOT LIKE 'affiliate\_test%' AND (rolcanlogin OR rolsuper OR rolcreaterole OR rolbypassrls)$$,
    'the roles are groups without rights of their own');
SELECT ok(NOT pg_has_role('affiliate_admin', 'affiliate_owner', 'MEMBER') AND NOT pg_has_role('affiliate_admin', 'affiliate_writer', 'MEMBER'), 'administrators are no owners, and write no facts');

-- in practice
CREATE ROLE affiliate_test_shop LOGIN IN ROLE affiliate_writer;
CREATE ROLE affiliate_test_boss LOGIN IN ROLE affiliate_admin;
CREATE ROLE affiliate_test_bi LOGIN IN ROLE affiliate_reader;

SET LOCAL SESSION AUTHORIZATION affiliate_test_boss;
SELECT lives_ok($$INSERT INTO affiliate.program (program_id, currency) VALUES ('pp', 'USD')$$, 'an administrator makes a program');
SELECT lives_ok($$INSERT INTO affiliate.affiliate (affiliate_id) VALUES ('pa'), ('pb')$$, 'and affiliates');
SELECT lives_ok($$INSERT INTO affiliate.affiliate_upline (affiliate_no, upline_no) SELECT a.affiliate_no, b.affiliate_no
    FROM affiliate.affiliate AS a, affiliate.affiliate AS b WHERE (a.affiliate_id, b.affiliate_id) = ('pa', 'pb')$$, 'and an upline');
SELECT lives_ok($$INSERT INTO affiliate.plan (program_no, plan_id, version, valid_from) SELECT program_no, 'standard', 1, '2025-01-01' FROM affiliate.program WHERE program_id = 'pp'$$, 'a plan');
SELECT lives_ok($$INSERT INTO affiliate.plan_rule (plan_no, sequence_no, amount) SELECT plan_no, 1, 'net * 0.1' FROM affiliate.plan WHERE plan_id = 'standard'$$, 'and a rule');
SELECT throws_ok($$INSERT INTO affiliate.program (program_id, currency, created_at) VALUES ('px', 'USD', '2000-01-01')$$, '42501', NULL, 'but no time');
SELECT throws_ok($$INSERT INTO affiliate.audit_log (action, actor) VALUES ('x', 'somebody else')$$, '42501', NULL, 'nor an actor');
SELECT throws_ok($$UPDATE affiliate.commission SET paid = 1$$, '42501', NULL, 'and touches no ledger');
SELECT throws_ok($$INSERT INTO affiliate.suspension_decision (program_no, affiliate_no, up_to, kind, reason) VALUES (1, 1, now(), 'release', 'x')$$, '42501', NULL, 'nor decisions, which are calls');

SET LOCAL SESSION AUTHORIZATION affiliate_test_shop;
SELECT lives_ok($$INSERT INTO affiliate.click (click_id, program_id, affiliate_id) VALUES ('pk', 'pp', 'pa')$$, 'a shop writes a click');
SELECT lives_ok($$INSERT INTO affiliate.customer (customer_id, program_id, signup_date) VALUES ('pc', 'pp', now())$$, 'a customer');
SELECT lives_ok($$INSERT INTO affiliate.transaction (customer_id, transaction_id, program_id, transaction_type, status, currency, amount, ordered_at, click_id)
    VALUES ('pc', 'pt', 'pp', 'challenge_fee', 'completed', 'USD', 100, now(), 'pk')$$, 'a sale');
SELECT lives_ok($$INSERT INTO affiliate.transaction (customer_id, transaction_id, program_id, transaction_type, status, currency, amount, ordered_at)
    VALUES ('pc', 'pt', 'pp', 'challenge_fee', 'completed', 'USD', 100, now())
    ON CONFLICT (transaction_id) DO UPDATE SET refunded_amount = 10, refunded_at = now()$$, 'and sends it again');
SELECT lives_ok($$INSERT INTO affiliate.event (event_id, customer_id, program_id, event_type, occurred_at, transaction_id) VALUES ('pe', 'pc', 'pp', 'funded', '2025-06-01', 'pt')
    ON CONFLICT (event_id) DO UPDATE SET event_type = excluded.event_type, occurred_at = excluded.occurred_at$$, 'an event') FROM generate_series(1, 2);
SELECT throws_ok($$INSERT INTO affiliate.event_type (event_type, effect) VALUES ('live', 'funded')$$, '42501', NULL, 'but no word for one');
SELECT lives_ok($$INSERT INTO affiliate.customer_pii (customer_id, email) VALUES ('pc', 'x@example.com') ON CONFLICT (customer_id) DO UPDATE SET email = 'y@example.com'$$, 'personal data');
SELECT throws_ok($$SELECT email FROM affiliate.customer_pii$$, '42501', NULL, 'which it does not read');
SELECT lives_ok($$DELETE FROM affiliate.customer_pii WHERE customer_id = 'pc'$$, 'but erases');
SELECT throws_ok($$INSERT INTO affiliate.customer (customer_id, program_id, recorded_at) VALUES ('pd', 'pp', now())$$, '42501', NULL, 'the time of recording is not given');
SELECT throws_ok($$SELECT * FROM affiliate.commission$$, '42501', NULL, 'a shop sees no commissions');
SELECT throws_ok($$UPDATE affiliate.program SET cooling_off = '0'$$, '42501', NULL, 'and changes no rules');
SELECT is((SELECT affiliate FROM affiliate.attribute('pc', click => 'pk', program => 'pp')), 'pa', 'but asks who would earn an order');
SELECT lives_ok($$SELECT * FROM affiliate.quote_commission('pc', 10, click => 'pk', program => 'pp')$$, 'and what it would earn');
SELECT lives_ok($$SELECT affiliate.owner_of('pc', program => 'pp')$$, 'and whose the customer is');
SELECT throws_ok(format('SELECT affiliate.%s', call), '42501', NULL, 'not ' || call)
FROM unnest(ARRAY['explain(''pt'')', '_explain(''pc'', 1, ''pt'', NULL)', '_what_if(''pc'', 1, ''{}'')', '_owner_of(''pc'', 1, now(), NULL)',
    'find_conversion(''pa'', ''pt'')', 'balance(''pa'', ''pp'')']) AS call;
RESET SESSION AUTHORIZATION;
SELECT is((SELECT recorded_by FROM affiliate.transaction WHERE transaction_id = 'pt'), 'affiliate_test_shop', 'what it wrote bears its name');

SET LOCAL SESSION AUTHORIZATION affiliate_test_boss;
SELECT lives_ok($$INSERT INTO affiliate.coupon (program_no, code) SELECT program_no, 'PC' FROM affiliate.program WHERE program_id = 'pp'$$, 'an administrator changes rules while others sell');
SELECT is(affiliate.resettle_program('pp'), 1::bigint, 'enqueues a program');
SELECT lives_ok($$SELECT affiliate.drain(), affiliate.resettle('{pc}')$$, 'drains and settles');

SET LOCAL SESSION AUTHORIZATION affiliate_test_bi;
SELECT lives_ok($$SELECT * FROM affiliate.conversions, affiliate.commissions, affiliate.entries, affiliate.candidates, affiliate.affiliate_balance, affiliate.waiting, affiliate.review_open$$,
    'a reader reads the views');
SELECT lives_ok($$SELECT * FROM affiliate.health(), affiliate.verify()$$, 'and asks health() and verify()');
SELECT lives_ok($$SELECT affiliate.owner_of('pc', program => 'pp'), affiliate.attribute('pc', program => 'pp'), affiliate.quote_commission('pc', 10, program => 'pp'),
    affiliate.explain('pt'), affiliate.balance('pa', 'pp'), affiliate.find_conversion('pa', 'pt'), affiliate.check_rule_text('amount', 'net')$$, 'and every question');
SELECT throws_ok($$SELECT * FROM affiliate.customer_pii$$, '42501', NULL, 'but no personal data');
RESET SESSION AUTHORIZATION;

SELECT * FROM finish();
ROLLBACK;
