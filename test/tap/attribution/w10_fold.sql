-- W10: decisions are a fold over the whole case file until a line is stated; what was stated stands.
BEGIN;
SELECT plan(20);
\ir ../settle/_rig.sql
SELECT pg_temp.program('main', 'net * 0.15', 'is_first_purchase');
INSERT INTO affiliate.plan_rule (plan_no, sequence_no, name, condition, amount) VALUES (pg_temp.plan_of('main'), 2, 'repeat', 'purchase_number > 1', 'net * 0.05');
INSERT INTO affiliate.plan_rule (plan_no, sequence_no, name, transaction_types, amount, hold) VALUES (pg_temp.plan_of('main'), 3, 'addon', '{addon_fee}', '1', '400 days');
CREATE FUNCTION pg_temp.sell(id text, at timestamptz, code text DEFAULT NULL, in_order text DEFAULT NULL, kind text DEFAULT 'challenge_fee') RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, order_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
    VALUES ('main', split_part(id, '-', 1), id, in_order, kind, 'completed', 'USD', 100, at, at, ARRAY[code])
$$;

-- a sale that arrives late re-decides the unstated lines it concerns, each change an entry with its cause
SELECT pg_temp.sell('a-2', '2025-03-10', 'ANN');
SELECT is(pg_temp.outcome('main', 'a-%'), 'a-2 ann coupon #1 15', 'the first that is known');
SELECT pg_temp.sell('a-1', '2025-03-01', 'BOB');
SELECT is(pg_temp.outcome('main', 'a-%'), 'a-1 bob coupon #1 15, a-2 bob ownership #2 5', 'an earlier sale takes customer and number');
SELECT is(pg_temp.entries('a-2'), 'accrual 15, adjustment -15, accrual 5', 'what changed was posted, nothing was rewritten');
SELECT ok(bool_and(cause <> ''), 'each entry has its cause') FROM affiliate.entry WHERE subject_id = 'a-2';
SELECT is(pg_temp.owned('a'), 'bob 03-01..05-30', 'the ownership is that of the earlier sale');

-- once stated a decision stands: owner, number and rule
SELECT pg_temp.sell('b-2', '2025-03-10', 'ANN');
SELECT lives_ok($$SELECT affiliate.record_payment('ann', 'main', 'infinity', 'p1')$$, 'ann is paid');
SELECT pg_temp.sell('b-1', '2025-03-01', 'BOB');
SELECT is(pg_temp.outcome('main', 'b-2'), 'b-2 ann coupon #1 15', 'the paid line keeps owner, number and rule');
SELECT is(pg_temp.entries('b-2'), 'accrual 15, payment -15', 'and nothing is posted to it');
SELECT is(pg_temp.outcome('main', 'b-1'), 'b-1 bob coupon #2 5', 'the late sale gets the next number');

-- owner and number are pinned per order by its first stated line: the addon is not paid yet
SELECT pg_temp.sell('c-1', '2025-03-10', 'CYD', 'o1');
SELECT pg_temp.sell('c-2', '2025-03-10', NULL, 'o1', 'addon_fee');
SELECT pg_temp.drain();
SELECT lives_ok($$SELECT affiliate.record_payment('cyd', 'main', 'infinity', 'p2')$$, 'the lines that are due are paid');
SELECT is((SELECT string_agg(subject_id || ' ' || paid, ', ' ORDER BY subject_id, rule_no) FROM affiliate.commission WHERE customer_id = 'c'), 'c-1 15.00, c-2 15.00, c-2 0', 'one is not');
UPDATE affiliate.coupon SET affiliate_no = pg_temp.of('bob') WHERE code = 'CYD';
SELECT pg_temp.drain();
SELECT is((SELECT string_agg(DISTINCT affiliate_id, ',') FROM affiliate.commission JOIN affiliate.affiliate USING (affiliate_no) WHERE customer_id = 'c' AND accrued <> reversed), 'cyd', 'the whole order stays cyd''s');

-- a rulebook row decides for every unstated conversion in its validity, whenever it was written; writing it enqueues
SELECT pg_temp.sell('d-1', '2025-03-10', 'DAN');
SELECT pg_temp.sell('e-1', '2025-03-10', 'EVE');
INSERT INTO affiliate.plan (program_no, plan_id, valid_from) VALUES (pg_temp.no('main'), 'better', '2020-01-01');
INSERT INTO affiliate.plan_rule (plan_no, sequence_no, name, amount) VALUES (pg_temp.plan_of('main', 'better'), 1, 'better', 'net * 0.4');
DELETE FROM affiliate.settle_queue;
INSERT INTO affiliate.agreement (program_no, affiliate_no, plan_id) VALUES (pg_temp.no('main'), pg_temp.of('eve'), 'better');
SELECT pg_temp.drain();
SELECT is(pg_temp.outcome('main', 'e-1'), 'e-1 eve coupon #1 15', 'a row is valid from now unless it says otherwise: the past stays');
INSERT INTO affiliate.agreement (program_no, affiliate_no, plan_id, valid_from) VALUES (pg_temp.no('main'), pg_temp.of('dan'), 'better', '2025-03-01');
SELECT ok(count(*) > 0, 'writing it enqueued what it concerns') FROM affiliate.settle_queue;
SELECT is(pg_temp.outcome('main', 'd-1'), 'd-1 dan coupon #1 15', 'nothing changes before the drain');
SELECT pg_temp.drain();
SELECT is(pg_temp.outcome('main', 'd-1'), 'd-1 dan coupon #1 40', 'the drain decides again');
SELECT is(pg_temp.entries('d-1'), 'accrual 15, adjustment -15, accrual 40', 'with entries of both rules');
SELECT is(pg_temp.outcome('main', 'b-2'), 'b-2 ann coupon #1 15', 'what was paid stands');
SELECT is((SELECT affiliate.resettle(ARRAY['a', 'b', 'c', 'd', 'e'])), 0::bigint, 'settling again posts nothing');

SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
