-- M5: the target is a pair (accrued, reversed); conditions see the sale whole, only the amount sees what is left.
BEGIN;
SELECT plan(21);
\ir ../settle/_rig.sql
SELECT pg_temp.program('main', 'net * 0.10', 'net >= 100');
SELECT pg_temp.program('sizes', 'CASE account_size WHEN 10000 THEN 15 WHEN 50000 THEN 50 WHEN 100000 THEN 80 END');
SELECT pg_temp.program(p, '50') FROM unnest('{recompute,proportional,keep}'::text[]) AS p;
UPDATE affiliate.plan_rule SET take_back = program_id FROM affiliate.plan JOIN affiliate.program USING (program_no)
WHERE plan.plan_no = plan_rule.plan_no AND program_id IN ('recompute', 'proportional', 'keep');
SELECT pg_temp.program('groups', '20', 'net >= 200');
UPDATE affiliate.plan_rule SET rule_group = 'g' WHERE plan_no = pg_temp.plan_of('groups');
INSERT INTO affiliate.plan_rule (plan_no, sequence_no, rule_group, name, amount) VALUES (pg_temp.plan_of('groups'), 2, 'g', 'small', 'net * 0.05'), (pg_temp.plan_of('groups'), 3, NULL, 'bonus', '1');
CREATE FUNCTION pg_temp.sale(program text, id text, amount numeric, size numeric DEFAULT NULL, customer text DEFAULT NULL, code text DEFAULT 'ANN') RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, account_size, ordered_at, completed_at, status_at, coupon_codes)
    VALUES (program, coalesce(customer, id), id, 'challenge_fee', 'completed', 'USD', amount, size, '2025-03-01', '2025-03-01', '2025-03-01', ARRAY[code])
$$;
CREATE FUNCTION pg_temp.refund(original text, sum numeric, day integer) RETURNS void LANGUAGE sql AS $$
    UPDATE affiliate.transaction SET refunded_amount = sum, refunded_at = timestamptz '2025-03-01' + day * interval '1 day' WHERE transaction_id = original
$$;

-- the condition sees the sale with nothing taken back
SELECT pg_temp.sale('main', 'a1', 100);
SELECT pg_temp.refund('a1', 60, 10);
SELECT is(pg_temp.money('a1'), 'ann 10 reversed 6', 'a refund does not take the sale below the condition');
SELECT pg_temp.sale('groups', 'a2', 200);
SELECT is(pg_temp.entries('a2'), 'accrual 20, accrual 1', 'first match of a group, and other groups add up');
SELECT pg_temp.refund('a2', 150, 10);
SELECT is(pg_temp.money('a2'), 'ann 20, ann 1', 'the choice within the group stays');
SELECT pg_temp.refund('a2', 200, 11);
SELECT is(pg_temp.money('a2'), 'ann 20 reversed 20, ann 1 reversed 1', 'at net zero everything is reversed');
SELECT pg_temp.sale('groups', 'a3', 100);
SELECT is(pg_temp.money('a3'), 'ann 5, ann 1', 'the second of the group');
-- corrected content does: also the condition
UPDATE affiliate.transaction SET amount = 90, status_at = '2025-03-05' WHERE transaction_id = 'a1';
SELECT is(pg_temp.outcome('main', 'a1'), 'a1 ann coupon out_of_scope #1', 'a corrected amount is another sale');

-- a downgrade: the amount by size sees the new size
SELECT pg_temp.sale('sizes', 'b1', 500, 100000);
UPDATE affiliate.transaction SET amount = 300, account_size = 50000, status_at = '2025-03-10' WHERE transaction_id = 'b1';
SELECT is(pg_temp.entries('b1'), 'accrual 80, adjustment -30', 'by size');
SELECT pg_temp.sale('sizes', 'b2', 500, 100000);
UPDATE affiliate.transaction SET refunded_amount = 200, refunded_at = '2025-03-10' WHERE transaction_id = 'b2';
SELECT is(pg_temp.money('b2'), 'ann 80', 'a partial refund alone leaves a flat amount');

-- recompute | proportional | keep
SELECT pg_temp.sale(p, p, 100) FROM unnest('{recompute,proportional,keep}'::text[]) AS p;
SELECT pg_temp.refund(p, 30, 10) FROM unnest('{recompute,proportional,keep}'::text[]) AS p;
SELECT is(pg_temp.money('recompute') || ', ' || pg_temp.money('proportional') || ', ' || pg_temp.money('keep'), 'ann 50, ann 50 reversed 15, ann 50', 'in part');
SELECT pg_temp.refund(p, 100, 11) FROM unnest('{recompute,proportional,keep}'::text[]) AS p;
SELECT is(pg_temp.money('recompute') || ', ' || pg_temp.money('proportional') || ', ' || pg_temp.money('keep'), 'ann 50 reversed 50, ann 50 reversed 50, ann 50', 'in full');
SELECT pg_temp.refund(p, 40, 12) FROM unnest('{recompute,proportional}'::text[]) AS p;
SELECT is(pg_temp.money('recompute') || ', ' || pg_temp.money('proportional'), 'ann 50, ann 50 reversed 20', 'and less again');

-- a paid line: accrued never falls below what it was when paid
SELECT pg_temp.drain();
SELECT pg_temp.sale('main', 'c1', 200, code => 'BOB');
SELECT pg_temp.sale('main', 'c2', 200, code => 'BOB');
SELECT pg_temp.sale('main', 'c3', 200, code => 'BOB');
SELECT lives_ok($$SELECT affiliate.record_payment('bob', 'main', 'infinity', 'p1')$$, 'bob is paid');
UPDATE affiliate.transaction SET amount = 150, status_at = '2025-03-10' WHERE transaction_id = 'c1';
SELECT is(pg_temp.money('c1'), 'bob 20 reversed 5 paid 20', 'a smaller amount: accrued stays, the rest is reversed');
UPDATE affiliate.transaction SET amount = 250, status_at = '2025-03-11' WHERE transaction_id = 'c1';
SELECT is(pg_temp.money('c1'), 'bob 25 paid 20', 'a larger amount: accrued grows');
SELECT pg_temp.refund('c2', 50, 20);
SELECT is(pg_temp.money('c2'), 'bob 20 reversed 5 paid 20', 'a refund after the payment');
UPDATE affiliate.transaction SET amount = 100, status_at = '2025-03-10' WHERE transaction_id = 'c3';
UPDATE affiliate.transaction SET amount = 90, status_at = '2025-03-11' WHERE transaction_id = 'c3';
SELECT pg_temp.drain();
SELECT is(pg_temp.money('c3'), 'bob 20 reversed 11 paid 20', 'the choice of rules of a paid line stands: 9 of 90');
SELECT is((SELECT negative FROM affiliate.balance('bob', 'main')), -16::numeric, 'what was taken back is owed');
SELECT is((SELECT eligible FROM affiliate.balance('bob', 'main')), 5::numeric, 'what was added is payable');
SELECT throws_ok($$UPDATE affiliate.commission SET reversed = accrued + 1, version = version + 1 WHERE subject_id = 'c2'$$, '23514', NULL, 'never more reversed than accrued');

SELECT is((SELECT affiliate.resettle(ARRAY(SELECT DISTINCT customer_id FROM affiliate.transaction))), 0::bigint, 'settling again posts nothing');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
