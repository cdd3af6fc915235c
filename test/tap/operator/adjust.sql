-- Manual credits and debits, and their approval by another person.
BEGIN;
SELECT plan(31);
\ir _ledger.sql

SET LOCAL SESSION AUTHORIZATION affiliate_test_olga;
SELECT throws_ok($$SELECT affiliate.adjust('nobody', 'op', 5, 'credit', 'r')$$, 'AF016', 'affiliate "nobody" does not exist', 'unknown affiliate');
SELECT throws_ok($$SELECT affiliate.adjust('ann', 'nothing', 5, 'credit', 'r')$$, 'AF012', 'program "nothing" does not exist', 'unknown program');
SELECT throws_ok($$SELECT affiliate.adjust('ann', 'op', 0, 'credit', 'r')$$, 'AF033', 'invalid value for argument "amount": "0"', 'amount must be positive');
SELECT throws_ok($$SELECT affiliate.adjust('ann', 'op', 'NaN', 'credit', 'r')$$, 'AF033', NULL, 'and a number');
SELECT throws_ok($$SELECT affiliate.adjust('ann', 'op', 1.005, 'credit', 'r')$$, 'AF033', NULL, 'and in the digits of its currency');
SELECT throws_ok($$SELECT affiliate.adjust('ann', 'op', 5, 'gift', 'r')$$, 'AF033', NULL, 'kind is credit or debit');
SELECT throws_ok($$SELECT affiliate.adjust('ann', 'op', 5, 'credit', ' ')$$, 'AF033', NULL, 'a reason is needed');
SELECT throws_ok($$SELECT affiliate.adjust('ann', 'op', 5, 'credit', 'r', '')$$, 'AF033', NULL, 'an id is not empty');

SELECT is(affiliate.adjust('ann', 'op', 25.50, 'credit', 'goodwill', 'adj-1'), 'adj-1', 'a credit is requested');
SELECT is(affiliate.adjust('ann', 'op', 25.50, 'credit', 'goodwill', 'adj-1'), 'adj-1', 'again: nothing new');
SELECT throws_ok($$SELECT affiliate.adjust('ann', 'op', 26, 'credit', 'goodwill', 'adj-1')$$, 'AF011', 'adjustment "adj-1" exists with other content', 'the id with other content');
SELECT matches(affiliate.adjust('ann', 'op', 5, 'debit', 'fee'), '^adj_[0-9a-f]{32}$', 'an id is made when none is given');
RESET SESSION AUTHORIZATION;
SELECT is((SELECT requested_by FROM affiliate.adjustment WHERE adjustment_id = 'adj-1'), 'affiliate_test_olga', 'requested by the session user');
SELECT is((SELECT count(*) FROM affiliate.commission WHERE program_no = 81), 0::bigint, 'nothing is posted before the approval');

SET LOCAL SESSION AUTHORIZATION affiliate_test_olga;
SELECT throws_ok($$SELECT affiliate.adjust_approve('adj-1')$$, 'AF030', 'adjustment "adj-1" must be approved by another person', 'not by oneself');
SET LOCAL SESSION AUTHORIZATION affiliate_test_oscar;
SELECT throws_ok($$SELECT affiliate.adjust_approve('adj-9')$$, 'AF033', NULL, 'no such adjustment');
SELECT lives_ok($$SELECT affiliate.adjust_approve('adj-1')$$, 'another person approves');
SELECT throws_ok($$SELECT affiliate.adjust_approve('adj-1')$$, 'AF030', 'adjustment "adj-1" is already approved', 'once');
SELECT throws_ok($$SELECT affiliate.adjust_reject('adj-1')$$, 'AF030', NULL, 'what is approved is not rejected');
RESET SESSION AUTHORIZATION;
SELECT results_eq($$SELECT state, decided_by, decided_at FROM affiliate.adjustment WHERE adjustment_id = 'adj-1'$$,
    $$VALUES ('approved', 'affiliate_test_oscar', timestamptz '2025-06-15 12:00+00')$$, 'who decided and when');
SELECT results_eq($$SELECT subject_kind, rule_no, accrued, version, eligible_at FROM affiliate.commission WHERE subject_id = 'adj-1'$$,
    $$VALUES ('manual' COLLATE "C", 0, 25.50, 1, timestamptz '2025-06-15 12:00+00')$$, 'the line');
SELECT results_eq($$SELECT kind, amount, cause, recorded_by FROM affiliate.entry WHERE subject_id = 'adj-1'$$,
    $$VALUES ('manual' COLLATE "C", 25.50, 'adjustment:adj-1' COLLATE "C", 'affiliate_test_oscar')$$, 'the entry');

SET LOCAL SESSION AUTHORIZATION affiliate_test_olga;
SELECT lives_ok($$SELECT affiliate.adjust_reject(affiliate.adjust('ann', 'op', 7, 'credit', 'mistake', 'adj-2'))$$, 'the requester may reject');
SELECT throws_ok($$SELECT affiliate.adjust_approve('adj-2')$$, 'AF030', 'adjustment "adj-2" is already rejected', 'what is rejected stays so');
RESET SESSION AUTHORIZATION;

UPDATE affiliate.program SET adjust_approval = 'above', adjust_approval_above = 10 WHERE program_no = 81;
SELECT affiliate.adjust('ann', 'op', 10, 'debit', 'small', 'adj-3');
SELECT affiliate.adjust('ann', 'op', 10.01, 'debit', 'large', 'adj-4');
SELECT results_eq($$SELECT adjustment_id, state FROM affiliate.adjustment WHERE adjustment_id IN ('adj-3', 'adj-4') ORDER BY 1$$,
    $$VALUES ('adj-3' COLLATE "C", 'approved'), ('adj-4' COLLATE "C", 'requested')$$, 'above: small ones are posted at once');
UPDATE affiliate.program SET adjust_approval = 'never' WHERE program_no = 81;
SELECT affiliate.adjust('ann', 'op', 100, 'credit', 'opening balance', 'adj-5');
SELECT is((SELECT state FROM affiliate.adjustment WHERE adjustment_id = 'adj-5'), 'approved', 'never: all are');
SELECT results_eq($$SELECT eligible, negative, accrued FROM affiliate.balance('ann', 'op')$$, $$VALUES (125.50, -10::numeric, 115.50)$$, 'the balance');

SELECT results_eq($$SELECT action, actor, acting_role FROM affiliate.audit_log WHERE object = 'adj-1' ORDER BY audit_id$$,
    $$VALUES ('adjust', 'affiliate_test_olga', 'affiliate_test_olga'), ('adjust_approve', 'affiliate_test_oscar', 'affiliate_test_oscar')$$, 'both steps are audited');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');

SET LOCAL SESSION AUTHORIZATION affiliate_test_rita;
SELECT throws_ok($$SELECT affiliate.adjust('ann', 'op', 5, 'credit', 'r')$$, '42501', NULL, 'readers make no adjustments');
SELECT throws_ok($$SELECT affiliate.adjust_approve('adj-4')$$, '42501', NULL, 'and approve none');
RESET SESSION AUTHORIZATION;

SELECT * FROM finish();
ROLLBACK;
