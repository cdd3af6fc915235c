-- M6: refunds inside the cooling-off void, everything later reverses; disputes never void; success bonuses; after payment.
BEGIN;
SELECT plan(36);
\ir ../settle/_rig.sql
SELECT pg_temp.program(p) FROM unnest('{main,keep,reverse,never}'::text[]) AS p;
UPDATE affiliate.program SET success_bonus_refund = program_id WHERE program_id IN ('keep', 'reverse');
UPDATE affiliate.program SET cooling_off = '0' WHERE program_id = 'never';
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
SELECT 'main', c, c, 'challenge_fee', 'completed', 'USD', 100, timestamptz '2025-02-28', timestamptz '2025-03-01', '{ANN}'::text[] FROM unnest('{a1,a2,a3,a4,a5,b1,b2,b3,b4,b5,c1,c2,c3,d1,d2}'::text[]) AS c
UNION ALL SELECT 'main', c, c, 'challenge_fee', 'completed', 'USD', 100, '2025-02-28', '2025-03-01', '{BOB}' FROM unnest('{p1,p2,p3,p4}'::text[]) AS c
UNION ALL SELECT p, p, p, 'challenge_fee', 'completed', 'USD', 100, '2025-02-28', '2025-03-01', '{ANN}' FROM unnest('{keep,reverse,never}'::text[]) AS p;
CREATE FUNCTION pg_temp.refund(original text, n integer, sum numeric, at timestamptz, kind text DEFAULT 'refund', reason text DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, original_transaction_id, transaction_type, status, currency, amount, completed_at, refund_reason)
    SELECT program_id, original, original || '-' || n, original, kind, 'completed', 'USD', sum, at, reason FROM affiliate.transaction WHERE transaction_id = original
$$;

-- the boundary, 48 hours after completed_at
SELECT pg_temp.refund('a1', 1, 100, '2025-03-02 23:59:59.999999');
SELECT pg_temp.refund('a2', 1, 100, '2025-03-03');
SELECT is(pg_temp.money('a1') || ', ' || pg_temp.money('a2'), 'ann 10 reversed 10 void, ann 10 reversed 10', 'void up to the last microsecond, reversal from then on');
SELECT is(pg_temp.entries('a1') || '; ' || pg_temp.entries('a2'), 'accrual 10, void -10; accrual 10, reversal -10', 'and the entries say which');
SELECT is(coalesce(pg_temp.counts('a1'), 'none'), '0 of 0, refunded 0, charged back 0 (0)', 'a void sale does not count, neither in sales nor refunds');
SELECT is(pg_temp.counts('a2'), '1 of 100, refunded 100, charged back 0 (0)', 'a reversed one does, in both');
SELECT is((SELECT string_agg(state, ',' ORDER BY transaction_id) FROM affiliate.conversion WHERE transaction_id IN ('a1', 'a2')), 'void,counted', 'states');
SELECT pg_temp.refund('never', 1, 100, '2025-03-01');
SELECT is(pg_temp.money('never'), 'ann 10 reversed 10', 'cooling_off 0: never void');
-- it is the instant from which the sale is at zero
SELECT pg_temp.refund('a3', 1, 60, '2025-03-02');
SELECT is(pg_temp.money('a3'), 'ann 10 reversed 6', 'a part is a reversal');
SELECT pg_temp.refund('a3', 2, 40, '2025-03-02 12:00');
SELECT is(pg_temp.money('a3'), 'ann 10 reversed 10 void', 'the rest in time: void');
SELECT pg_temp.refund('a4', 1, 60, '2025-03-02');
SELECT pg_temp.refund('a4', 2, 40, '2025-03-05');
SELECT is(pg_temp.money('a4'), 'ann 10 reversed 10', 'the rest too late: reversal');
-- the last unbroken stretch at zero decides
SELECT pg_temp.refund('a5', 1, 100, '2025-03-02');
UPDATE affiliate.transaction SET status = 'failed', status_at = '2025-03-02 12:00' WHERE transaction_id = 'a5-1';
SELECT is(pg_temp.money('a5'), 'ann 10', 'a failed refund undoes the void');
SELECT pg_temp.refund('a5', 2, 100, '2025-03-10');
SELECT is(pg_temp.money('a5'), 'ann 10 reversed 10', 'the stretch that lasts began too late');
SELECT is(pg_temp.entries('a5'), 'accrual 10, void -10, reinstatement 10, reversal -10', 'all of it is in the ledger');

-- disputes are reversals whenever they come
INSERT INTO affiliate.dispute (dispute_id, transaction_id, amount, opened_at, closed_at, outcome) VALUES ('b1-d', 'b1', 100, '2025-03-01', '2025-03-02', 'lost');
SELECT is(pg_temp.money('b1') || ', ' || pg_temp.counts('b1'), 'ann 10 reversed 10, 1 of 100, refunded 0, charged back 100 (1)', 'a chargeback inside the cooling-off');
INSERT INTO affiliate.dispute (dispute_id, transaction_id, amount, opened_at, closed_at, outcome) VALUES ('b2-d', 'b2', 40, '2025-03-01', '2025-03-01 12:00', 'lost');
SELECT pg_temp.refund('b2', 1, 100, '2025-03-02');
SELECT is(pg_temp.money('b2'), 'ann 10 reversed 10', 'lost before the refund: no void');
SELECT pg_temp.refund('b3', 1, 100, '2025-03-02');
INSERT INTO affiliate.dispute (dispute_id, transaction_id, amount, opened_at, closed_at, outcome) VALUES ('b3-d', 'b3', 100, '2025-03-10', '2025-03-20', 'lost');
SELECT pg_temp.drain();
SELECT is(pg_temp.money('b3'), 'ann 10 reversed 10 void', 'a chargeback after a void leaves it void');
SELECT is((SELECT charged_back_count FROM affiliate.conversion WHERE transaction_id = 'b3')::text || ' ' || pg_temp.counts('b3'), '1 0 of 0, refunded 0, charged back 0 (1)', 'and only counts');
-- adjustments never void, and a void needs net zero after them
SELECT pg_temp.refund('b4', 1, 100, '2025-03-02');
SELECT pg_temp.refund('b4', 2, 50, '2025-03-02', 'adjustment');
SELECT pg_temp.drain();
SELECT is(pg_temp.money('b4'), 'ann 10 reversed 5', 'not at zero');
SELECT pg_temp.refund('b5', 1, -100, '2025-03-02', 'adjustment');
SELECT pg_temp.drain();
SELECT is(pg_temp.money('b5'), 'ann 10 reversed 10', 'an adjustment to zero is no void');

-- a won dispute reinstates exactly what was taken, once
INSERT INTO affiliate.dispute (dispute_id, transaction_id, amount, opened_at, closed_at, outcome) VALUES ('c1-d', 'c1', 40, '2025-03-10', '2025-03-20', 'lost');
UPDATE affiliate.dispute SET outcome = 'won', closed_at = '2025-04-01' WHERE dispute_id = 'c1-d';
UPDATE affiliate.dispute SET outcome = 'won', closed_at = '2025-04-01', reason = 'told again' WHERE dispute_id = 'c1-d';
UPDATE affiliate.dispute SET outcome = 'won', closed_at = '2025-04-02' WHERE dispute_id = 'c1-d';
SELECT pg_temp.drain();
SELECT is(pg_temp.entries('c1'), 'accrual 10, reversal -4, reinstatement 4', 'once');
SELECT pg_temp.refund('c1', 1, 100, '2025-04-10');
SELECT pg_temp.drain();
SELECT is(pg_temp.entries('c1'), 'accrual 10, reversal -4, reinstatement 4, reversal -10', 'a refund after it takes everything');
-- claw 10, 4 reinstated, then the full refund: 4 more
INSERT INTO affiliate.dispute (dispute_id, transaction_id, amount, opened_at, closed_at, outcome) VALUES ('c2-d', 'c2', 100, '2025-03-10', '2025-03-20', 'lost');
UPDATE affiliate.dispute SET outcome = 'partial', lost_amount = 60, closed_at = '2025-04-01' WHERE dispute_id = 'c2-d';
SELECT pg_temp.drain();
SELECT is(pg_temp.entries('c2'), 'accrual 10, reversal -10, reinstatement 4', 'in part');
SELECT pg_temp.refund('c2', 1, 40, '2025-04-10');
SELECT pg_temp.drain();
SELECT is(pg_temp.entries('c2'), 'accrual 10, reversal -10, reinstatement 4, reversal -4', 'the rest');

-- success bonus: the fee is given back with the profit
SELECT pg_temp.refund(p, 1, 100, '2025-03-20', 'refund', 'success_bonus') FROM unnest('{keep,reverse}'::text[]) AS p;
SELECT pg_temp.drain();
SELECT is(pg_temp.money('keep'), 'ann 10', 'keeps the commission by default');
SELECT is(pg_temp.money('reverse'), 'ann 10 reversed 10', 'or reverses it');
UPDATE affiliate.program SET success_bonus_reasons = '{fee_back}' WHERE program_id = 'keep';
SELECT pg_temp.drain();
SELECT is(pg_temp.money('keep'), 'ann 10 reversed 10', 'the reasons are the program''s');
UPDATE affiliate.program SET success_bonus_reasons = '{success_bonus}' WHERE program_id = 'keep';
UPDATE affiliate.transaction SET refunded_amount = 100, refunded_at = '2025-03-20', refund_reason = 'success_bonus' WHERE transaction_id = 'keep';
SELECT pg_temp.drain();
SELECT is(pg_temp.money('keep'), 'ann 10', 'also where the cumulative refund contains it');

-- after payment: a negative entry, carried forward; it waits for no hold
SELECT pg_temp.drain();
SELECT lives_ok($$SELECT affiliate.record_payment('bob', 'main', 'infinity', 'p1')$$, 'bob is paid 40');
SELECT pg_temp.refund('p1', 1, 100, '2025-03-02');
SELECT pg_temp.refund('p2', 1, 30, '2025-04-10');
INSERT INTO affiliate.dispute (dispute_id, transaction_id, amount, opened_at) VALUES ('p3-d', 'p3', 100, '2025-04-10');
SELECT pg_temp.drain();
SELECT is(pg_temp.money('p1'), 'bob 10 reversed 10 paid 10', 'a refund inside the cooling-off of a paid line is a reversal');
SELECT is(pg_temp.entries('p1'), 'accrual 10, payment -10, reversal -10', 'a negative entry');
SELECT is(pg_temp.money('p2'), 'bob 10 reversed 3 paid 10', 'in part');
SELECT is(pg_temp.money('p3'), 'bob 10 paid 10', 'an open dispute of a paid line changes nothing yet');
SELECT results_eq($$SELECT negative, paid, eligible FROM affiliate.balance('bob', 'main')$$, $$VALUES (-13::numeric, 40::numeric, 0::numeric)$$, 'carried forward');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
VALUES ('main', 'p5', 'p5', 'challenge_fee', 'completed', 'USD', 200, '2025-03-05', '2025-03-05', '{BOB}');
SELECT pg_temp.drain();
SELECT is((SELECT amount FROM affiliate.record_payment('bob', 'main', 'infinity', 'p2')), 7::numeric, 'the next payment is netted');
SELECT is((SELECT purchase_number FROM affiliate.conversion WHERE transaction_id = 'p1'), 1, 'the paid line keeps its number');

SELECT is((SELECT affiliate.resettle(ARRAY(SELECT DISTINCT customer_id FROM affiliate.transaction))), 0::bigint, 'settling again posts nothing');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
