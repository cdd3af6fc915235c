-- M7: ladder positions and caps per affiliate: exact by (occurred_at, transaction_id), provisional first, posted by the drain.
BEGIN;
SELECT plan(36);
\ir ../settle/_rig.sql
SELECT pg_temp.clock('2025-03-20 12:00');
SELECT pg_temp.program(p, 'band_amount') FROM unnest('{marginal,retroactive,ignore,zone,lines,orders,some}'::text[]) AS p;
INSERT INTO affiliate.ladder (program_no, ladder_id, mode) SELECT program_no, 'steps', CASE program_id WHEN 'retroactive' THEN 'retroactive' ELSE 'marginal' END FROM affiliate.program;
INSERT INTO affiliate.ladder_band (ladder_no, band, from_position, amount, label) SELECT ladder_no, b, b, 10 * b, 'step ' || b FROM affiliate.ladder, generate_series(1, 9) AS b;
UPDATE affiliate.plan_rule SET ladder_no = ladder.ladder_no FROM affiliate.plan JOIN affiliate.ladder USING (program_no) WHERE plan.plan_no = plan_rule.plan_no;
UPDATE affiliate.plan_rule SET condition = 'product IS NULL' WHERE plan_no = pg_temp.plan_of('some');
UPDATE affiliate.program SET ladder_reversal = 'ignore' WHERE program_id = 'ignore';
UPDATE affiliate.program SET time_zone = 'America/New_York' WHERE program_id = 'zone';
UPDATE affiliate.program SET count_ladder_unit = program_id WHERE program_id IN ('lines', 'orders');
SELECT pg_temp.program('cap', '10');
UPDATE affiliate.plan_rule SET monthly_cap = 25 WHERE plan_no = pg_temp.plan_of('cap');
CREATE FUNCTION pg_temp.sell(program text, ids text[], first_at timestamptz, code text DEFAULT 'ANN', product text DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes, product_id)
    SELECT program, program || id, program || id, 'challenge_fee', 'completed', 'USD', 100, at, at, ARRAY[code], product
    FROM unnest(ids) WITH ORDINALITY AS s (id, n), LATERAL (SELECT first_at + (n - 1) * interval '1 day') AS t (at)
$$;
CREATE FUNCTION pg_temp.earned(program text, wanted text DEFAULT '%') RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat(replace(subject_id, program, ''), ' ', trim_scale(accrued - reversed), CASE WHEN is_provisional THEN '?' END), ', ' ORDER BY earned_at, subject_id)
    FROM affiliate.commission WHERE program_no = pg_temp.no(program) AND subject_id LIKE program || wanted
$$;

-- inline provisional, final by the drain
SELECT pg_temp.sell('marginal', '{-5}', '2025-03-20 10:00');
SELECT is(pg_temp.earned('marginal'), '-5 10?', 'inline: provisional, from the last settled position');
SELECT pg_temp.sell('marginal', '{-1,-2,-3,-4}', '2025-03-01');
SELECT pg_temp.drain();
SELECT is(pg_temp.earned('marginal'), '-1 10, -2 20, -3 30, -4 40, -5 50?', 'each has the position that its time gives, whatever came first');
SELECT is((SELECT string_agg(trim_scale(amount)::text, ' ' ORDER BY version) FROM affiliate.entry WHERE subject_id = 'marginal-5'), '10 40', 'the difference is an adjustment entry');
SELECT is((SELECT kind || ' ' || cause FROM affiliate.entry WHERE subject_id = 'marginal-5' AND version = 2), 'adjustment second_stage', 'with its cause');
SELECT pg_temp.clock('2025-03-21 10:00');
SELECT ok(affiliate.drain() > 0, 'the drain comes back after late_grace');
SELECT pg_temp.drain();
SELECT is(pg_temp.earned('marginal', '-5'), '-5 50', 'then the line is final');
-- ties by transaction_id
SELECT pg_temp.sell('marginal', '{-7}', '2025-03-21');
SELECT pg_temp.sell('marginal', '{-6}', '2025-03-21');
SELECT pg_temp.drain();
SELECT is(pg_temp.earned('marginal', '-_'), '-1 10, -2 20, -3 30, -4 40, -5 50, -6 60?, -7 70?', 'ties by transaction_id');

-- a late sale re-ranks what is not stated until the period locks
SELECT pg_temp.sell('marginal', '{-b1,-b2}', '2025-03-02', 'BOB');
SELECT pg_temp.drain();
SELECT lives_ok($$SELECT affiliate.record_payment('bob', 'marginal', 'infinity', 'p1')$$, 'bob is paid 30');
SELECT pg_temp.sell('marginal', '{-b0}', '2025-03-01', 'BOB');
SELECT pg_temp.sell('marginal', '{-b3}', '2025-03-10', 'BOB');
SELECT pg_temp.sell('marginal', '{-0}', '2025-02-28 23:59:59.999999');
SELECT pg_temp.sell('marginal', '{-1a}', '2025-03-01 12:00');
SELECT pg_temp.drain();
SELECT is(pg_temp.earned('marginal', '-b%'), '-b0 10, -b1 10, -b2 20, -b3 40', 'once stated a band stands');
SELECT is(pg_temp.earned('marginal', '-_'), '-0 10, -1 10, -2 30, -3 40, -4 50, -5 60, -6 70?, -7 80?', 're-ranked from the earliest change on; February is another window');

-- voids leave, reversals enter as a negative at their own time
SELECT pg_temp.sell(p, '{-1,-2,-3,-4}', '2025-03-01') FROM unnest('{ignore,zone,some,retroactive}'::text[]) AS p;
SELECT pg_temp.drain();
UPDATE affiliate.transaction SET status = 'refunded', refunded_at = '2025-03-02' WHERE transaction_id IN ('zone-1');
SELECT pg_temp.drain();
SELECT is(pg_temp.earned('zone'), '-1 0, -2 10, -3 20, -4 30', 'a void removes its purchase');
UPDATE affiliate.transaction SET status = 'refunded', refunded_at = '2025-03-06' WHERE transaction_id IN ('zone-2', 'ignore-1', 'some-1');
SELECT pg_temp.sell(p, '{-5}', '2025-03-05 23:00') FROM unnest('{zone,ignore}'::text[]) AS p;
SELECT pg_temp.sell(p, '{-6}', '2025-03-06 12:00') FROM unnest('{zone,ignore}'::text[]) AS p;
SELECT pg_temp.drain();
SELECT is(pg_temp.earned('zone'), '-1 0, -2 0, -3 20, -4 30, -5 40, -6 40', 'a reversal at its own time: positions before it stay, those after it are lower');
SELECT is(pg_temp.earned('ignore'), '-1 0, -2 20, -3 30, -4 40, -5 50, -6 60', 'or not at all');
INSERT INTO affiliate.dispute (dispute_id, transaction_id, amount, opened_at, closed_at, outcome) VALUES ('z3', 'zone-3', 100, '2025-03-06', '2025-03-06 06:00', 'lost');
SELECT pg_temp.drain();
SELECT is(pg_temp.earned('zone', '-_'), '-1 0, -2 0, -3 0, -4 30, -5 40, -6 30', 'a chargeback too');
UPDATE affiliate.dispute SET outcome = 'won', closed_at = '2025-03-09' WHERE dispute_id = 'z3';
SELECT pg_temp.drain();
SELECT is(pg_temp.earned('zone', '-_'), '-1 0, -2 0, -3 20, -4 30, -5 40, -6 40', 'a won dispute erases it');
-- never below the first
SELECT pg_temp.sell('some', '{-n1}', '2025-02-20', 'CYD');
UPDATE affiliate.transaction SET status = 'refunded', refunded_at = '2025-03-01' WHERE transaction_id = 'some-n1';
SELECT pg_temp.sell('some', '{-n2,-n3}', '2025-03-02', 'CYD');
SELECT pg_temp.drain();
SELECT is(pg_temp.earned('some', '-n%'), '-n1 0, -n2 10, -n3 10', 'a reversal of an earlier window counts in the window of its time; positions are never below the first');

-- counted are attributed conversions whatever they earn; repeat purchases are not first purchases
SELECT pg_temp.sell('some', '{-x}', '2025-03-04 12:00', 'ANN', 'not in scope');
SELECT pg_temp.sell('some', '{-5}', '2025-03-10');
SELECT pg_temp.drain();
SELECT is(pg_temp.earned('some', '-_'), '-1 0, -2 20, -3 30, -4 40, -5 50', 'one that earns nothing counts: 4 + 1 - 1, then position 5');

-- retroactive: the band of the window's total for all its lines, provisional until the window locks (here: at its end)
SELECT pg_temp.clock('2025-03-25 12:00');
SELECT pg_temp.drain();
SELECT is(pg_temp.earned('retroactive'), '-1 40?, -2 40?, -3 40?, -4 40?', 'all at the band of the total');
UPDATE affiliate.transaction SET status = 'refunded', refunded_at = '2025-03-06' WHERE transaction_id = 'retroactive-1';
SELECT pg_temp.drain();
SELECT is(pg_temp.earned('retroactive'), '-1 0?, -2 30?, -3 30?, -4 30?', 'reversals dated in it included');
SELECT pg_temp.sell('retroactive', '{-5,-6}', '2025-03-24');
SELECT pg_temp.drain();
SELECT is(pg_temp.earned('retroactive'), '-1 0?, -2 50?, -3 50?, -4 50?, -5 50?, -6 50?', 'trued up');
SELECT throws_ok($$SELECT affiliate.record_payment('ann', 'retroactive', 'infinity', 'p1')$$, 'AF031', NULL, 'provisional money is not paid');
SELECT is((SELECT pending FROM affiliate.balance('ann', 'retroactive')), 250::numeric, 'it is pending');
SELECT pg_temp.clock('2025-04-01 00:00');
SELECT pg_temp.drain();
SELECT is(pg_temp.earned('retroactive'), '-1 0, -2 50, -3 50, -4 50, -5 50, -6 50', 'final when the window locks');
-- after the lock
UPDATE affiliate.transaction SET refunded_amount = 100, status = 'refunded', refunded_at = '2025-04-01' WHERE transaction_id = 'retroactive-2';
SELECT pg_temp.drain();
SELECT is(pg_temp.earned('retroactive'), '-1 0, -2 0, -3 50, -4 50, -5 50, -6 50', 'a later reversal takes its own line only');
SELECT pg_temp.sell('ignore', '{-7}', '2025-03-07');
SELECT pg_temp.drain();
SELECT is((SELECT trim_scale(accrued)::text FROM affiliate.commission WHERE subject_id = 'ignore-7'), '70', 'a sale that arrives after the lock takes the next position');

-- the month of the program's time zone
SELECT pg_temp.clock('2025-04-02 12:00');
SELECT pg_temp.sell('zone', '{-z1}', '2025-04-01 03:59:59.999999', 'DAN');
SELECT pg_temp.sell('zone', '{-z2}', '2025-04-01 04:00', 'DAN');
SELECT pg_temp.sell('zone', '{-z0}', '2025-03-15', 'DAN');
SELECT pg_temp.drain();
SELECT is(replace(pg_temp.earned('zone', '-z%'), '?', ''), '-z0 10, -z1 20, -z2 10', 'midnight in New York');

-- count_ladder_unit
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, order_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
SELECT p, p || v.c, p || v.id, p || v.o, 'challenge_fee', 'completed', 'USD', 100, v.at::timestamptz, v.at::timestamptz, '{ANN}' FROM unnest('{lines,orders}'::text[]) AS p,
    (VALUES ('-a', '-a1', '-o1', '2025-03-29'), ('-a', '-a2', '-o1', '2025-03-29'), ('-b', '-b1', '-o2', '2025-03-30')) AS v (c, id, o, at);
SELECT pg_temp.drain();
SELECT is(replace(pg_temp.earned('lines', '-b1'), '?', ''), '-b1 30', 'lines');
SELECT is(replace(pg_temp.earned('orders', '-b1'), '?', ''), '-b1 20', 'orders');

-- caps: net = min(room, amount on the net)
SELECT pg_temp.clock('2025-03-20 12:00');
SELECT pg_temp.sell('cap', '{-1,-2,-3,-4}', '2025-03-01');
SELECT pg_temp.drain();
SELECT is(pg_temp.earned('cap'), '-1 10, -2 10, -3 5, -4 0', 'what is left of 25 a month');
SELECT is((SELECT code FROM affiliate.conversion WHERE transaction_id = 'cap-4'), 'capped', 'and the code');
UPDATE affiliate.transaction SET refunded_amount = 100, status = 'refunded', refunded_at = '2025-03-10' WHERE transaction_id = 'cap-2';
SELECT pg_temp.sell('cap', '{-5}', '2025-03-11');
SELECT pg_temp.sell('cap', '{-0}', '2025-03-09');
SELECT pg_temp.drain();
SELECT is(replace(pg_temp.earned('cap'), '?', ''), '-1 10, -2 0, -3 5, -4 0, -0 0, -5 10', 'a reversal gives room back for lines after it only');
UPDATE affiliate.transaction SET refunded_amount = 100, status = 'refunded', refunded_at = '2025-03-02' WHERE transaction_id = 'cap-1';
SELECT pg_temp.drain();
SELECT is(replace(pg_temp.earned('cap'), '?', ''), '-1 0, -2 0, -3 10, -4 5, -0 0, -5 10', 'a void gives it back in place');
SELECT pg_temp.clock('2025-04-20 12:00');
SELECT pg_temp.sell('cap', '{-a1,-a2,-a3}', '2025-04-01');
UPDATE affiliate.transaction SET refunded_amount = 100, status = 'refunded', refunded_at = '2025-04-02' WHERE transaction_id = 'cap-3';
SELECT pg_temp.drain();
SELECT is(replace(pg_temp.earned('cap', '-a%'), '?', ''), '-a1 10, -a2 10, -a3 5', 'a reversal counts in the period of its sale, not in its own');
SELECT is((SELECT trim_scale(sum(accrued)) FROM affiliate.commission WHERE program_no = pg_temp.no('cap') AND subject_id LIKE 'cap-a%'), 25::numeric, 'exactly the cap');

SELECT is((SELECT affiliate.resettle(ARRAY(SELECT DISTINCT customer_id FROM affiliate.transaction))), 0::bigint, 'settling again posts nothing');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
