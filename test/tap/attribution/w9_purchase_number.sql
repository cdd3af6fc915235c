-- W9: the purchase number counts orders; zero-amount and void ones have none; numbers of stated lines are taken.
BEGIN;
SELECT plan(11);
\ir ../settle/_rig.sql
SELECT pg_temp.program(p) FROM unnest('{main,zero}'::text[]) AS p;
UPDATE affiliate.program SET zero_amount_counts = true WHERE program_id = 'zero';
CREATE FUNCTION pg_temp.numbers(wanted text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(transaction_id || coalesce(' #' || purchase_number, ' -'), ', ' ORDER BY transaction_id) FROM affiliate.conversion WHERE customer_id = wanted AND kind = 'transaction'
$$;

INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, order_id, transaction_type, status, currency, amount, ordered_at, completed_at, refunded_at, refunded_amount, coupon_codes) VALUES
    ('main', 'a', 'a1', NULL, 'challenge_fee', 'completed', 'USD', 0, '2025-03-01', '2025-03-01', NULL, NULL, NULL),        -- for nothing
    ('main', 'a', 'a2', NULL, 'challenge_fee', 'completed', 'USD', 100, '2025-03-02', '2025-03-02', '2025-03-03', 100, NULL), -- void
    ('main', 'a', 'a3', 'o1', 'challenge_fee', 'completed', 'USD', 100, '2025-03-04', '2025-03-04', NULL, NULL, NULL),
    ('main', 'a', 'a4', 'o1', 'addon_fee', 'completed', 'USD', 10, '2025-03-04', '2025-03-04', NULL, NULL, NULL),
    ('main', 'a', 'a5', NULL, 'challenge_fee', 'completed', 'USD', 100, '2025-03-05', '2025-03-05', '2025-04-01', 100, NULL), -- reversed, not void
    ('main', 'a', 'a6', NULL, 'challenge_fee', 'failed', 'USD', 100, '2025-03-06', NULL, NULL, NULL, NULL),
    ('main', 'a', 'a7', NULL, 'challenge_fee', 'pending', 'USD', 100, '2025-03-06', NULL, NULL, NULL, NULL),
    ('main', 'a', 'a8', NULL, 'challenge_fee', 'completed', 'USD', 100, '2025-03-07', '2025-03-07', NULL, NULL, NULL),
    ('zero', 'z', 'z1', NULL, 'challenge_fee', 'completed', 'USD', 0, '2025-03-01', '2025-03-01', NULL, NULL, NULL),
    ('zero', 'z', 'z2', NULL, 'challenge_fee', 'completed', 'USD', 100, '2025-03-02', '2025-03-02', NULL, NULL, NULL);
SELECT is(pg_temp.numbers('a'), 'a1 -, a2 -, a3 #1, a4 #1, a5 #2, a6 -, a7 -, a8 #3', 'lines share the number of their order; free, void, failed and pending ones have none');
SELECT is(pg_temp.numbers('z'), 'z1 #1, z2 #2', 'unless a free sale counts');

-- a void undone takes its number back
UPDATE affiliate.transaction SET status = 'refund_failed', status_at = '2025-03-04 12:00', refunded_amount = NULL WHERE transaction_id = 'a2';
SELECT is(pg_temp.numbers('a'), 'a1 -, a2 #1, a3 #2, a4 #2, a5 #3, a6 -, a7 -, a8 #4', 'the failed refund undid the void');

-- stated: a paid line keeps its number, an earlier order that arrives late gets the next free one
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes) VALUES
    ('main', 'b', 'b2', 'challenge_fee', 'completed', 'USD', 100, '2025-03-10', '2025-03-10', '{ANN}'),
    ('main', 'c', 'c2', 'challenge_fee', 'completed', 'USD', 100, '2025-03-10', '2025-03-10', '{BOB}');
SELECT lives_ok($$SELECT affiliate.record_payment('ann', 'main', 'infinity', 'p1')$$, 'ann is paid');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at) VALUES
    ('main', 'b', 'b1', 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01'), ('main', 'c', 'c1', 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01');
SELECT is(pg_temp.numbers('b'), 'b1 #2, b2 #1', 'number 1 is taken by the stated line');
SELECT is(pg_temp.numbers('c'), 'c1 #1, c2 #2', 'without a payment the late sale is number 1');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at) VALUES
    ('main', 'b', 'b3', 'challenge_fee', 'completed', 'USD', 100, '2025-03-20', '2025-03-20');
SELECT is(pg_temp.numbers('b'), 'b1 #2, b2 #1, b3 #3', 'the next one goes on');

-- resets have a number, upgrades keep that of the original
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, original_transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes) VALUES
    ('main', 'd', 'd1', NULL, 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}'), ('main', 'd', 'd2', 'd1', 'reset_fee', 'completed', 'USD', 40, '2025-03-05', '2025-03-05', NULL),
    ('main', 'd', 'd3', 'd1', 'upgrade_fee', 'completed', 'USD', 50, '2025-03-06', '2025-03-06', NULL), ('main', 'd', 'd4', NULL, 'challenge_fee', 'completed', 'USD', 100, '2025-03-07', '2025-03-07', NULL);
SELECT is(pg_temp.numbers('d'), 'd1 #1, d2 #2, d3 #1, d4 #3', 'resets are numbered, upgrades are not');

-- a payout is a cost and a credit is none of the customer's purchases
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at) VALUES
    ('main', 'e', 'e1', 'payout', 'completed', 'USD', 500, '2025-03-01', '2025-03-01'), ('main', 'e', 'e2', 'challenge_fee', 'completed', 'USD', 100, '2025-03-02', '2025-03-02');
SELECT matches(pg_temp.numbers('e'), 'e2 #1$', 'a payout is no purchase');
SELECT is((SELECT count(*) FROM affiliate.commission WHERE subject_id = 'e1'), 0::bigint, 'and earns nothing by itself');

SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
