-- record_payment(): exactly what is owed and eligible, once per reference; balance().
BEGIN;
SELECT plan(29);
\ir _ledger.sql
SELECT pg_temp.line('c1', 't1', 100, 0, '2025-06-10');
SELECT pg_temp.line('c1', 't2', 50, 20, '2025-06-15 12:00');
SELECT pg_temp.line('c2', 't3', 10, 0, '2025-06-15 12:00:00.000001');
SELECT pg_temp.line('c3', 't4', 30, 30, '2025-06-01');
SELECT pg_temp.line('c3', 't5', 70, 0, '2025-06-01', provisional => true);
SELECT pg_temp.line('c4', 't6', 40, 0, 'infinity');
SELECT pg_temp.line('c4', 't7', 8, 0, '2025-06-14');

SELECT results_eq($$SELECT * FROM affiliate.balance('ann', 'op')$$,
    $$VALUES (70::numeric, 50::numeric, 138::numeric, 50::numeric, 0::numeric, 0::numeric, 'USD', 308::numeric)$$, 'balance before');
SELECT results_eq($$SELECT * FROM affiliate.balance('bob', 'op')$$,
    $$VALUES (0::numeric, 0::numeric, 0::numeric, 0::numeric, 0::numeric, 0::numeric, 'USD', 0::numeric)$$, 'balance of nothing');
SELECT throws_ok($$SELECT * FROM affiliate.balance('nobody', 'op')$$, 'AF016', NULL, 'balance of nobody');

SELECT throws_ok($$SELECT * FROM affiliate.record_payment('ann', 'op', now(), '')$$, 'AF033', NULL, 'a reference is needed');
SELECT throws_ok($$SELECT * FROM affiliate.record_payment('ann', 'op', NULL, 'x')$$, 'AF033', NULL, 'a cut-off too');
SELECT throws_ok($$SELECT * FROM affiliate.record_payment('bob', 'op', now(), 'x')$$, 'AF031', 'nothing to pay to affiliate "bob"', 'nothing is payable');
SELECT throws_ok($$SELECT * FROM affiliate.record_payment('ann', 'op', '2025-05-01', 'x')$$, 'AF031', NULL, 'nothing was by then');

SET LOCAL SESSION AUTHORIZATION affiliate_test_olga;
SELECT results_eq($$SELECT * FROM affiliate.record_payment('ann', 'op', '2025-06-12', 'bank-1')$$, $$VALUES (1, 100::numeric, 'USD')$$, 'by an earlier cut-off');
SELECT results_eq($$SELECT * FROM affiliate.record_payment('ann', 'op', 'infinity', 'bank-2')$$, $$VALUES (2, 38::numeric, 'USD')$$,
    'no later than now: held, provisional and reversed lines are left');
SELECT throws_ok($$SELECT * FROM affiliate.record_payment('ann', 'op', 'infinity', 'bank-3')$$, 'AF031', NULL, 'nothing twice');
RESET SESSION AUTHORIZATION;
SELECT results_eq($$SELECT subject_id, paid, accrued_when_paid, version, stated_at FROM affiliate.commission WHERE program_no = 81 AND paid <> 0 ORDER BY 1$$,
    $$VALUES ('t1' COLLATE "C", 100::numeric, 100::numeric, 2, timestamptz '2025-06-15 12:00+00'),
             ('t2' COLLATE "C", 30::numeric, 50::numeric, 3, timestamptz '2025-06-15 12:00+00'),
             ('t7' COLLATE "C", 8::numeric, 8::numeric, 2, timestamptz '2025-06-15 12:00+00')$$, 'the lines');
SELECT results_eq($$SELECT subject_id, amount, cause, recorded_by FROM affiliate.entry WHERE kind = 'payment' AND program_no = 81 ORDER BY 1$$,
    $$VALUES ('t1' COLLATE "C", -100::numeric, 'payment:bank-1' COLLATE "C", 'affiliate_test_olga'),
             ('t2' COLLATE "C", -30::numeric, 'payment:bank-2' COLLATE "C", 'affiliate_test_olga'),
             ('t7' COLLATE "C", -8::numeric, 'payment:bank-2' COLLATE "C", 'affiliate_test_olga')$$, 'the entries');
SELECT results_eq($$SELECT transaction_id FROM affiliate.conversion WHERE program_no = 81 AND stated_at IS NOT NULL ORDER BY 1$$,
    $$VALUES ('t1' COLLATE "C"), ('t2' COLLATE "C"), ('t7' COLLATE "C")$$, 'their conversions are stated');
SELECT results_eq($$SELECT reference, lines, amount, recorded_by FROM affiliate.statement_payment WHERE program_no = 81 ORDER BY 1$$,
    $$VALUES ('bank-1' COLLATE "C", 1, 100::numeric, 'affiliate_test_olga'), ('bank-2' COLLATE "C", 2, 38::numeric, 'affiliate_test_olga')$$, 'the payments');
SELECT is((SELECT count(*) FROM affiliate.audit_log WHERE action = 'record_payment' AND actor = 'affiliate_test_olga'), 2::bigint, 'they are audited');

-- a take-back after payment is a negative line; it waits for no hold and is netted
CREATE FUNCTION pg_temp.take_back(subject text, what numeric) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO affiliate.entry (customer_id, subject_id, subject_kind, rule_no, affiliate_no, level, version, program_no, kind, currency, amount, cause, earned_at, effective_at)
    SELECT customer_id, subject_id, subject_kind, rule_no, affiliate_no, level, version + 1, program_no, 'reversal', currency, -what, 'refund', earned_at, now()
    FROM affiliate.commission WHERE subject_id = subject AND program_no = 81;
    UPDATE affiliate.commission SET reversed = reversed + what, version = version + 1, eligible_at = 'infinity' WHERE subject_id = subject AND program_no = 81;
END
$$;
SELECT pg_temp.take_back('t1', 60);
SELECT is((SELECT negative FROM affiliate.balance('ann', 'op')), -60::numeric, 'a negative line');
SELECT throws_ok($$SELECT * FROM affiliate.record_payment('ann', 'op', now(), 'bank-4')$$, 'AF031', NULL, 'a negative total is not paid');
SET LOCAL pg_affiliate.now = '2025-06-16 12:00+00';
SELECT pg_temp.line('c5', 't8', 65, 0, '2025-06-16');
SELECT results_eq($$SELECT * FROM affiliate.record_payment('ann', 'op', 'infinity', 'bank-4')$$, $$VALUES (3, 15::numeric, 'USD')$$, 'it is netted: 65 + 10 - 60');
SELECT is((SELECT paid FROM affiliate.commission WHERE subject_id = 't1' AND program_no = 81), 40::numeric, 'what was paid of the line is what it earns');
SELECT throws_ok($$SELECT * FROM affiliate.record_payment('ann', 'op', now(), 'bank-4')$$, 'AF031', NULL, 'nothing is left');
SELECT pg_temp.line('c6', 't9', 5, 0, '2025-06-16');
SELECT throws_ok($$SELECT * FROM affiliate.record_payment('ann', 'op', 'infinity', 'bank-4')$$, 'AF034', 'payment reference "bank-4" was used before', 'the reference again');

-- a debit is netted like a negative line
UPDATE affiliate.program SET adjust_approval = 'never' WHERE program_no = 81;
SELECT affiliate.adjust('ann', 'op', 2, 'debit', 'fee', 'debit-1');
SELECT results_eq($$SELECT * FROM affiliate.record_payment('ann', 'op', 'infinity', 'bank-5')$$, $$VALUES (2, 3::numeric, 'USD')$$, 'a debit is netted');
SELECT is((SELECT state FROM affiliate.commissions WHERE subject_id = 'debit-1'), 'paid', 'and settled with it');
SELECT results_eq($$SELECT pending + held + eligible + negative, accrued - reversed - paid FROM affiliate.balance('ann', 'op')$$,
    $$VALUES (110::numeric, 110::numeric)$$, 'M10: the parts are the whole');
SELECT results_eq($$SELECT pending, held, eligible, negative, paid FROM affiliate.affiliate_balance WHERE program = 'op'$$,
    $$SELECT pending, held, eligible, negative, paid FROM affiliate.balance('ann', 'op')$$, 'the view says the same');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');

-- a line that cannot be paid as it was read: nothing is
SELECT pg_temp.line('c7', 't10', 11, 0, '2025-06-16'), pg_temp.line('c8', 't11', 12, 0, '2025-06-16');
CREATE FUNCTION pg_temp.leave_alone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER changed_meanwhile BEFORE UPDATE ON affiliate.commission FOR EACH ROW WHEN (OLD.subject_id = 't11') EXECUTE FUNCTION pg_temp.leave_alone();
SELECT throws_ok($$SELECT * FROM affiliate.record_payment('ann', 'op', 'infinity', 'bank-6')$$, 'AF036', 'commissions of affiliate "ann" were changed meanwhile', 'all lines or none');
SELECT is((SELECT paid FROM affiliate.commission WHERE subject_id = 't10' AND program_no = 81), 0::numeric, 'nothing was paid');

SET LOCAL SESSION AUTHORIZATION affiliate_test_rita;
SELECT throws_ok($$SELECT * FROM affiliate.record_payment('ann', 'op', now(), 'x')$$, '42501', NULL, 'readers pay nobody');
RESET SESSION AUTHORIZATION;

SELECT * FROM finish();
ROLLBACK;
