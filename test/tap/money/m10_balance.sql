-- M10: pending + held + eligible + negative = accrued - reversed - paid, in every state; holds by time, event, the earlier of both.
BEGIN;
SELECT plan(25);
\ir ../settle/_rig.sql
SELECT pg_temp.clock('2025-03-20 12:00');
SELECT pg_temp.program(p) FROM unnest('{main,time,event,earlier,kyc,capped}'::text[]) AS p;
UPDATE affiliate.plan_rule SET hold = '14 days', hold_kind = CASE program_id WHEN 'kyc' THEN 'event' ELSE program_id END, hold_until_type = CASE WHEN program_id IN ('event', 'earlier') THEN 'activation_fee' END,
    hold_until_kyc = CASE program_id WHEN 'kyc' THEN 'approved' END
FROM affiliate.plan JOIN affiliate.program USING (program_no) WHERE plan.plan_no = plan_rule.plan_no AND program_id IN ('time', 'event', 'earlier', 'kyc');
UPDATE affiliate.plan_rule SET monthly_cap = 1000 WHERE plan_no = pg_temp.plan_of('capped');
CREATE FUNCTION pg_temp.sale(program text, id text, at timestamptz, code text DEFAULT 'ANN', kind text DEFAULT 'challenge_fee') RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
    VALUES (program, program || split_part(id, '/', 1), program || id, kind, 'completed', 'USD', 100, at, at, ARRAY[code])
$$;
CREATE FUNCTION pg_temp.balance(program text, wanted text DEFAULT 'ann') RETURNS text LANGUAGE sql AS $$
    SELECT format('pending %s held %s eligible %s negative %s = %s', trim_scale(b.pending), trim_scale(b.held), trim_scale(b.eligible), trim_scale(b.negative), trim_scale(b.accrued - b.reversed - b.paid))
    FROM affiliate.balance(wanted, program) AS b
$$;

-- holds
SELECT pg_temp.sale(p, '-a', '2025-03-10') FROM unnest('{time,event,earlier,kyc}'::text[]) AS p;
SELECT is((SELECT eligible_at FROM affiliate.commission WHERE subject_id = 'time-a'), '2025-03-24'::timestamptz, 'time: days after completed_at');
SELECT results_eq($$SELECT eligible_at, hold_reason FROM affiliate.commission WHERE subject_id = 'event-a'$$, $$VALUES ('infinity'::timestamptz, 'event')$$, 'event: until it comes');
SELECT is((SELECT eligible_at FROM affiliate.commission WHERE subject_id = 'earlier-a'), '2025-03-24'::timestamptz, 'the earlier of both');
SELECT is((SELECT eligible_at FROM affiliate.commission WHERE subject_id = 'kyc-a'), 'infinity'::timestamptz, 'until KYC');
SELECT is(pg_temp.balance(p), 'pending 0 held 10 eligible 0 negative 0 = 10', p || ': held') FROM unnest('{time,event,earlier,kyc}'::text[]) AS p;
SELECT pg_temp.sale(p, '-a/2', '2025-03-15', NULL, 'activation_fee') FROM unnest('{event,earlier}'::text[]) AS p;
SELECT is((SELECT string_agg(eligible_at::date::text, ',' ORDER BY subject_id) FROM affiliate.commission WHERE subject_id IN ('event-a', 'earlier-a')), '2025-03-15,2025-03-15', 'the event came');
INSERT INTO affiliate.customer (program_id, customer_id, kyc_status_id, last_modified_date) VALUES ('kyc', 'kyc-a', 'approved', '2025-03-18');
SELECT is((SELECT eligible_at FROM affiliate.commission WHERE subject_id = 'kyc-a'), '2025-03-18'::timestamptz, 'KYC passed');
SELECT pg_temp.clock('2025-03-23 23:59:59.999999');
SELECT is(pg_temp.balance('time'), 'pending 0 held 10 eligible 0 negative 0 = 10', 'until the last microsecond');
SELECT throws_ok($$SELECT affiliate.record_payment('ann', 'time', 'infinity', 'p1')$$, 'AF031', NULL, 'what is held is not paid');
SELECT pg_temp.clock('2025-03-24');
SELECT is(pg_temp.balance('time'), 'pending 0 held 0 eligible 10 negative 0 = 10', 'then it is eligible');

-- provisional is pending; a negative line waits for nothing
SELECT pg_temp.sale('capped', '-a', '2025-03-23 12:00');
SELECT is(pg_temp.balance('capped'), 'pending 10 held 0 eligible 0 negative 0 = 10', 'provisional');
SELECT lives_ok($$SELECT affiliate.record_payment('ann', 'time', 'infinity', 'p1')$$, 'paid');
SELECT is(pg_temp.balance('time'), 'pending 0 held 0 eligible 0 negative 0 = 0', 'nothing is owed');
UPDATE affiliate.transaction SET refunded_amount = 40, refunded_at = '2025-03-24' WHERE transaction_id = 'time-a';
SELECT pg_temp.sale('time', '-b', '2025-03-20');
SELECT is(pg_temp.balance('time'), 'pending 0 held 10 eligible 0 negative -4 = 6', 'a take-back after payment is negative at once, what follows is held');
INSERT INTO affiliate.dispute (dispute_id, transaction_id, opened_at) VALUES ('d1', 'time-b', '2025-03-24');
SELECT pg_temp.clock('2025-05-01');
SELECT is(pg_temp.balance('time'), 'pending 0 held 10 eligible 0 negative -4 = 6', 'an open dispute holds the whole line');
UPDATE affiliate.dispute SET outcome = 'won', closed_at = '2025-04-20' WHERE dispute_id = 'd1';
SELECT is(pg_temp.balance('time'), 'pending 0 held 0 eligible 10 negative -4 = 6', 'until it is won');
SELECT is((SELECT amount FROM affiliate.record_payment('ann', 'time', 'infinity', 'p2')), 6::numeric, 'paid net of what is owed back');
-- debits and credits
UPDATE affiliate.program SET adjust_approval = 'never' WHERE program_id = 'main';
SELECT affiliate.adjust('ann', 'main', 25, 'credit', 'goodwill', 'credit-1') || affiliate.adjust('ann', 'main', 5, 'debit', 'fee', 'debit-1') AS ids \gset
SELECT is(pg_temp.balance('main'), 'pending 0 held 0 eligible 25 negative -5 = 20', 'manual lines');
-- what was decided anew is replaced, what was taken back is reversed
SELECT pg_temp.sale('main', '-a', '2025-04-20'), pg_temp.sale('main', '-b', '2025-04-20');
SELECT affiliate.reassign('main-a', 'main', 'bob', transaction_id => 'main-a', reason => 'sold by phone');
UPDATE affiliate.transaction SET status = 'refunded', refunded_at = '2025-04-30' WHERE transaction_id = 'main-b';
SELECT is((SELECT string_agg(concat_ws(' ', subject_id, affiliate, trim_scale(net), state), ', ' ORDER BY subject_id, affiliate) FROM affiliate.commissions WHERE subject_id IN ('main-a', 'main-b')),
    'main-a ann 0 replaced, main-a bob 10 eligible, main-b ann 0 reversed', 'states of lines at zero');
SELECT is(pg_temp.entries('main-a'), 'accrual 10, adjustment -10, accrual 10', 'with the postings that led there');
SELECT is_empty($$SELECT * FROM affiliate.affiliate_balance WHERE pending + held + eligible + negative <> accrued - reversed - paid$$, 'the parts are the whole everywhere');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
