-- M11: a conversion that earns nothing is stored with its code.
BEGIN;
SELECT plan(16);
\ir ../settle/_rig.sql
SELECT pg_temp.program('main', 'net * 0.10', 'is_first_purchase');
INSERT INTO affiliate.affiliate (affiliate_id, initial_status) VALUES ('gone', 'terminated');
INSERT INTO affiliate.coupon (program_no, code, affiliate_no) VALUES (pg_temp.no('main'), 'GONE', pg_temp.of('gone'));
UPDATE affiliate.affiliate SET own_customer_ids = '{self}' WHERE affiliate_id = 'bob';
INSERT INTO affiliate.program (program_id, currency) VALUES ('bare', 'USD');
SELECT pg_temp.program('live');
UPDATE affiliate.program SET commission_from = '2025-04-01' WHERE program_id = 'live';
SELECT pg_temp.program('capped', '10');
UPDATE affiliate.plan_rule SET monthly_cap = 0 WHERE plan_no = pg_temp.plan_of('capped');
INSERT INTO affiliate.click (program_id, click_id, affiliate_id, clicked_at) VALUES ('main', 'old', 'ann', '2025-02-01');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes, click_id, affiliate_id, is_test, refunded_at, refunded_amount)
SELECT v.program, v.customer, v.id, 'challenge_fee', v.status, v.currency, v.amount, v.at::timestamptz, CASE WHEN v.status = 'completed' THEN v.at::timestamptz END, v.codes::text[], v.click, v.declared, v.test,
    CASE WHEN v.id = 'void' THEN timestamptz '2025-03-02' END, CASE WHEN v.id = 'void' THEN v.amount END
FROM (VALUES
    ('main', 'c1', 'organic', 'completed', 'USD', 100, '2025-03-01', NULL, NULL, NULL, false),
    ('main', 'c2', 'window_expired', 'completed', 'USD', 100, '2025-03-01', NULL, 'old', NULL, false),
    ('main', 'self', 'self_referral', 'completed', 'USD', 100, '2025-03-01', '{BOB}', NULL, NULL, false),
    ('main', 'c3', 'affiliate_inactive', 'completed', 'USD', 100, '2025-03-01', '{GONE}', NULL, NULL, false),
    ('main', 'c4', 'first', 'completed', 'USD', 100, '2025-03-01', '{ANN}', NULL, NULL, false),
    ('main', 'c4', 'not_first_purchase', 'completed', 'USD', 100, '2025-03-10', NULL, NULL, NULL, false),
    ('main', 'c12', 'rounds_to_zero', 'completed', 'USD', 0.04, '2025-03-01', '{ANN}', NULL, NULL, false),
    ('main', 'c5', 'fx_missing', 'completed', 'GBP', 100, '2025-03-01', '{ANN}', NULL, NULL, false),
    ('main', 'c6', 'not_completed', 'pending', 'USD', 100, '2025-03-01', '{ANN}', NULL, NULL, false),
    ('main', 'c7', 'test', 'completed', 'USD', 100, '2025-03-01', '{ANN}', NULL, NULL, true),
    ('main', 'c8', 'void', 'completed', 'USD', 100, '2025-03-01', '{ANN}', NULL, NULL, false),
    ('bare', 'c9', 'no_plan', 'completed', 'USD', 100, '2025-03-01', NULL, NULL, 'ann', false),
    ('live', 'c10', 'before_go_live', 'completed', 'USD', 100, '2025-03-01', '{ANN}', NULL, NULL, false),
    ('capped', 'c11', 'capped', 'completed', 'USD', 100, '2025-03-01', '{ANN}', NULL, NULL, false)) AS v (program, customer, id, status, currency, amount, at, codes, click, declared, test);
SELECT pg_temp.drain();
SELECT is((SELECT code FROM affiliate.conversion WHERE transaction_id = w), w, w)
FROM unnest('{organic,window_expired,self_referral,affiliate_inactive,fx_missing,not_completed,test,no_plan,before_go_live,capped,not_first_purchase,rounds_to_zero}'::text[]) AS w;
SELECT results_eq($$SELECT status, reason FROM affiliate.find_conversion('ann', 'not_first_purchase')$$,
    $$VALUES ('earns nothing', 'Your plan pays for first purchases only.')$$, 'a second purchase under a plan for first purchases, in public words');
SELECT is((SELECT count(*) FROM affiliate.conversion), 14::bigint, 'every sale has its decision');
SELECT is((SELECT coalesce(sum(amount), 0) FROM affiliate.entry WHERE subject_id <> 'first'), 0::numeric, 'none of them earns');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
