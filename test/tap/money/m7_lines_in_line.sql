-- M7: who stands in line on ladders and under caps: rules that share a ladder, lines that move away, orders, what starts above the first position.
BEGIN;
SELECT plan(23);
\ir ../settle/_rig.sql
SELECT pg_temp.clock('2025-03-20 12:00');
SELECT pg_temp.program(p, 'band_amount') FROM unnest('{two,orders,above,when}'::text[]) AS p;
INSERT INTO affiliate.ladder (program_no, ladder_id, mode) SELECT program_no, 'steps', 'marginal' FROM affiliate.program;
INSERT INTO affiliate.ladder_band (ladder_no, band, from_position, amount, label)
SELECT ladder_no, b, b, 10 * b, 'step ' || b FROM affiliate.ladder JOIN affiliate.program USING (program_no), generate_series(1, 9) AS b WHERE program_id <> 'above' OR b >= 3;
UPDATE affiliate.plan_rule SET ladder_no = ladder.ladder_no FROM affiliate.plan JOIN affiliate.ladder USING (program_no) WHERE plan.plan_no = plan_rule.plan_no;
INSERT INTO affiliate.plan_rule (plan_no, sequence_no, amount, ladder_no) SELECT plan_no, 2, 'band_amount / 10', ladder_no FROM affiliate.plan_rule WHERE plan_no = pg_temp.plan_of('two');
UPDATE affiliate.plan_rule SET condition = 'band >= 3', amount = '100' WHERE plan_no = pg_temp.plan_of('when');
UPDATE affiliate.program SET count_ladder_unit = 'orders' WHERE program_id = 'orders';
SELECT pg_temp.program(p, '10') FROM unnest('{cap,paid,dates}'::text[]) AS p;
UPDATE affiliate.plan_rule SET monthly_cap = 25 WHERE plan_no IN (pg_temp.plan_of('cap'), pg_temp.plan_of('paid'));
UPDATE affiliate.plan_rule SET monthly_cap = 10 WHERE plan_no = pg_temp.plan_of('dates');
CREATE FUNCTION pg_temp.sell(program text, ids text[], first_at timestamptz, order_id text DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, order_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
    SELECT program, program || coalesce(order_id, id), program || id, program || order_id, 'challenge_fee', 'completed', 'USD', 100, at, at, '{ANN}'
    FROM unnest(ids) WITH ORDINALITY AS s (id, n), LATERAL (SELECT first_at + (n - 1) * interval '1 day') AS t (at)
$$;
CREATE FUNCTION pg_temp.refund(id text, at timestamptz) RETURNS void LANGUAGE sql AS $$
    UPDATE affiliate.transaction SET refunded_amount = 100, status = 'refunded', refunded_at = at WHERE transaction_id = id
$$;
CREATE FUNCTION pg_temp.earned(program text, wanted text DEFAULT '%', of_affiliate text DEFAULT 'ann') RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat(replace(subject_id, program, ''), ' ', net), ', ' ORDER BY earned_at, subject_id)
    FROM (SELECT subject_id, earned_at, string_agg(trim_scale(accrued - reversed)::text, ' + ' ORDER BY rule_no) AS net FROM affiliate.commission
          WHERE program_no = pg_temp.no(program) AND subject_id LIKE program || wanted AND affiliate_no = pg_temp.of(of_affiliate) GROUP BY 1, 2) AS lines
$$;

-- two rules on one ladder: one sale is one step; what is stated stands
SELECT pg_temp.sell('two', '{-1,-2}', '2025-03-01');
SELECT pg_temp.drain();
SELECT is(pg_temp.earned('two'), '-1 10 + 1, -2 20 + 2', 'both lines of a sale stand at its position');
SELECT lives_ok($$SELECT affiliate.record_payment('ann', 'two', 'infinity', 'two-1')$$, 'paid');
SELECT pg_temp.sell('two', '{-0}', '2025-02-28 23:00');
SELECT pg_temp.sell('two', '{-01}', '2025-03-01');
SELECT pg_temp.drain();
SELECT is(pg_temp.earned('two', '-_'), '-0 10 + 1, -1 10 + 1, -2 20 + 2', 'their band stands once stated');
SELECT pg_temp.clock('2025-04-05 12:00');
SELECT pg_temp.drain();
SELECT pg_temp.sell('two', '{-late,-later}', '2025-03-02');
SELECT pg_temp.drain();
SELECT is(pg_temp.earned('two', '-la%'), '-late 40 + 4, -later 50 + 5', 'after the lock each sale takes one step more');
-- a reversal in the window is in the metric that goes on after the lock
SELECT pg_temp.refund('two-2', '2025-03-25');
SELECT pg_temp.sell('two', '{-latest}', '2025-03-02 12:00');
SELECT pg_temp.drain();
SELECT is(pg_temp.earned('two', '-latest'), '-latest 50 + 5', 'three sales and two late ones, less one');

-- orders: all lines of an order at its position; reversed with the last line
SELECT pg_temp.clock('2025-03-20 12:00');
SELECT pg_temp.sell('orders', '{-a}', '2025-03-01');
SELECT pg_temp.sell('orders', '{-b1,-b2}', '2025-03-02', 'o');
SELECT pg_temp.sell('orders', '{-c}', '2025-03-02 12:00');
SELECT pg_temp.refund('orders-b1', '2025-03-10');
SELECT pg_temp.sell('orders', '{-d}', '2025-03-12');
SELECT pg_temp.drain();
SELECT is(pg_temp.earned('orders'), '-a 10, -b1 0, -c 30, -b2 20, -d 40', 'one line of two is no reversal of the order');
SELECT pg_temp.refund('orders-b2', '2025-03-11');
SELECT pg_temp.drain();
SELECT is(pg_temp.earned('orders'), '-a 10, -b1 0, -c 30, -b2 0, -d 30', 'both are');

-- a ladder that begins above the first position, and a condition on the band
SELECT pg_temp.sell(p, '{-1,-2,-3}', '2025-03-01') FROM unnest('{above,when}'::text[]) AS p;
SELECT is((SELECT code FROM affiliate.conversion WHERE transaction_id = 'above-1'), 'out_of_scope', 'nothing below the first band');
SELECT pg_temp.drain();
SELECT is(pg_temp.earned('above'), '-1 0, -2 0, -3 30', 'the third is in the first band');
SELECT is(pg_temp.earned('when'), '-1 0, -2 0, -3 100', 'the third meets the condition');
SELECT is((SELECT string_agg(coalesce(code, 'earns'), ' ' ORDER BY transaction_id) FROM affiliate.conversion WHERE program_no = pg_temp.no('when')),
    'out_of_scope out_of_scope earns', 'the code follows');

-- caps: a line that moved to another affiliate takes no room
SELECT pg_temp.sell('cap', '{-1,-2,-3,-4}', '2025-03-01');
SELECT pg_temp.drain();
SELECT is(pg_temp.earned('cap'), '-1 10, -2 10, -3 5, -4 0', 'ten each, 25 a month');
SELECT affiliate.reassign('cap-1', 'cap', 'bob', 'since', '2025-01-01', reason => 'test');
SELECT pg_temp.drain();
SELECT is(pg_temp.earned('cap'), '-1 0, -2 10, -3 10, -4 5', 'the first is bob''s now');
SELECT is(pg_temp.earned('cap', '%', 'bob'), '-1 10', 'under a cap of his own');
SELECT affiliate.reassign('cap-1', 'cap', 'ann', 'since', '2025-01-01', reason => 'test');
SELECT pg_temp.drain();
SELECT is(pg_temp.earned('cap'), '-1 10, -2 10, -3 5, -4 0', 'and back in line again');

-- the void of a stated line gives its room back
SELECT pg_temp.sell('paid', '{-1,-2,-3}', '2025-03-01');
SELECT pg_temp.drain();
SELECT lives_ok($$SELECT affiliate.record_payment('ann', 'paid', 'infinity', 'paid-1')$$, 'paid');
SELECT pg_temp.refund('paid-1', '2025-03-02');
SELECT pg_temp.sell('paid', '{-4}', '2025-03-05');
SELECT pg_temp.drain();
SELECT is(pg_temp.earned('paid'), '-1 0, -2 10, -3 5, -4 10', 'ten are free again; stated lines keep their room');

-- room comes back when the money was taken back, not with whatever happened last
SELECT pg_temp.sell('dates', '{-1}', '2025-03-01');
SELECT pg_temp.refund('dates-1', '2025-03-06');
INSERT INTO affiliate.dispute (dispute_id, transaction_id, amount, opened_at, closed_at, outcome) VALUES ('dd', 'dates-1', 10, '2025-03-14', '2025-03-15', 'won');
SELECT pg_temp.sell('dates', '{-2}', '2025-03-10');
SELECT pg_temp.drain();
SELECT is(pg_temp.earned('dates'), '-1 0, -2 10', 'the refund of the 6th leaves room for the 10th');

-- registrations are in no line
SELECT throws_ok(format($$INSERT INTO affiliate.plan_rule (plan_no, sequence_no, amount, transaction_types, monthly_cap) VALUES (%s, 9, '1', '{registration}', 5)$$, pg_temp.plan_of('above')),
    'AF022', NULL, 'a used version gets no rule');
INSERT INTO affiliate.plan (program_no, plan_id, valid_from) VALUES (pg_temp.no('above'), 'sign-ups', '2025-01-01');
SELECT throws_ok(format($$INSERT INTO affiliate.plan_rule (plan_no, sequence_no, amount, transaction_types, monthly_cap) VALUES (%s, 1, '1', '{registration}', 5)$$, pg_temp.plan_of('above', 'sign-ups')),
    'AF027', 'a rule for registrations cannot have a monthly cap', 'no cap');
SELECT throws_ok(format($$INSERT INTO affiliate.plan_rule (plan_no, sequence_no, amount, transaction_types, ladder_no) SELECT %s, 1, '1', '{registration}', min(ladder_no) FROM affiliate.ladder$$, pg_temp.plan_of('above', 'sign-ups')),
    'AF027', 'a rule for registrations cannot have a ladder', 'no ladder');

SELECT pg_temp.drain();
SELECT is((SELECT affiliate.resettle(ARRAY(SELECT DISTINCT customer_id FROM affiliate.transaction))), 0::bigint, 'settling again posts nothing');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
