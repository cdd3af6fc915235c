-- W8: what goes by ordered_at and what by completed_at; sources with one date; ordered_at is immutable where it is given.
BEGIN;
SELECT plan(20);
\ir ../settle/_rig.sql
SELECT pg_temp.program(p) FROM unnest('{main,live}'::text[]) AS p;
UPDATE affiliate.program SET commission_from = '2025-03-05' WHERE program_id = 'live';
INSERT INTO affiliate.coupon (program_no, code, affiliate_no, valid_until) VALUES (pg_temp.no('main'), 'SHORT', pg_temp.of('bob'), '2025-03-05');
INSERT INTO affiliate.plan (program_no, plan_id, version, valid_from) VALUES (pg_temp.no('main'), 'standard', 2, '2025-03-05'), (pg_temp.no('main'), 'better', 1, '2020-01-01');
INSERT INTO affiliate.plan_rule (plan_no, sequence_no, name, amount, hold) VALUES (pg_temp.plan_of('main'), 1, 'second', 'net * 0.2', '10 days'), (pg_temp.plan_of('main', 'better'), 1, 'better', 'net * 0.3', '0');
INSERT INTO affiliate.agreement (program_no, affiliate_no, plan_id, valid_from) VALUES (pg_temp.no('main'), pg_temp.of('cyd'), 'better', '2025-03-05');
INSERT INTO affiliate.fx_rate (from_currency, to_currency, valid_from, rate) VALUES ('EUR', 'USD', '2025-03-01', 1.1), ('EUR', 'USD', '2025-03-08', 1.2);
CREATE FUNCTION pg_temp.sell(program text, id text, code text, ordered timestamptz, completed timestamptz, currency text DEFAULT 'USD') RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
    VALUES (program, split_part(id, '-', 1), id, 'challenge_fee', 'completed', currency, 100, ordered, completed, ARRAY[code])
$$;

-- ordered on the 4th, completed on the 9th
SELECT pg_temp.sell('main', 'a1', 'SHORT', '2025-03-04', '2025-03-09');
SELECT is(pg_temp.outcome('main', 'a1'), 'a1 bob coupon #1 10', 'coupon and plan version of ordered_at');
SELECT pg_temp.sell('main', 'a2', 'SHORT', '2025-03-05', '2025-03-05');
SELECT is(pg_temp.candidates('a2'), 'coupon bob coupon_expired', 'the coupon is over');
SELECT pg_temp.sell('main', 'a3', 'ANN', '2025-03-05', '2025-03-09');
SELECT is(pg_temp.outcome('main', 'a3'), 'a3 ann coupon #1 20', 'the next version of the plan');
SELECT pg_temp.sell('main', 'a4', 'CYD', '2025-03-04', '2025-03-09');
SELECT pg_temp.sell('main', 'a5', 'CYD', '2025-03-05', '2025-03-09');
SELECT is(pg_temp.outcome('main', 'a4') || ', ' || pg_temp.outcome('main', 'a5'), 'a4 cyd coupon #1 10, a5 cyd coupon #1 30', 'the agreement of ordered_at');
SELECT pg_temp.sell('live', 'a6', 'ANN', '2025-03-04', '2025-03-09');
SELECT pg_temp.sell('live', 'a7', 'ANN', '2025-03-05', '2025-03-09');
SELECT is(pg_temp.outcome('live'), 'a6 ann coupon before_go_live #1, a7 ann coupon #1 10', 'commission_from goes by ordered_at');

-- by completed_at
SELECT pg_temp.sell('main', 'b-1', 'ANN', '2025-03-01', '2025-03-04');
SELECT pg_temp.sell('main', 'b-2', NULL, '2025-03-02', '2025-03-03');
SELECT pg_temp.sell('main', 'b-4', NULL, '2025-03-02', '2025-03-10');
SELECT pg_temp.sell('main', 'b-3', NULL, '2025-03-02', '2025-03-10');
SELECT is((SELECT string_agg(transaction_id || ' #' || purchase_number, ', ' ORDER BY purchase_number) FROM affiliate.conversion WHERE customer_id = 'b'),
    'b-2 #1, b-1 #2, b-3 #3, b-4 #4', 'purchase number by completed_at, ties by transaction_id');
SELECT is((SELECT occurred_at FROM affiliate.conversion WHERE transaction_id = 'a1'), '2025-03-09'::timestamptz, 'occurred_at is completed_at');
SELECT is((SELECT eligible_at FROM affiliate.commission WHERE subject_id = 'a3'), '2025-03-19'::timestamptz, 'the hold runs from completed_at');
SELECT pg_temp.sell('main', 'c1', 'ANN', '2025-03-04', '2025-03-07 23:59:59.999999', 'EUR');
SELECT pg_temp.sell('main', 'c2', 'ANN', '2025-03-04', '2025-03-08', 'EUR');
SELECT is(pg_temp.outcome('main', 'c%'), 'c1 ann coupon #1 11, c2 ann coupon #1 12', 'the exchange rate of completed_at');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, refunded_at, refunded_amount, coupon_codes)
VALUES ('main', 'd1', 'd1', 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-04', '2025-03-05 23:59:59.999999', 100, '{ANN}');
SELECT is((SELECT state FROM affiliate.conversion WHERE transaction_id = 'd1'), 'void', 'the cooling-off runs from completed_at');

-- sources with one date only
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, status_at, coupon_codes) VALUES
    ('main', 'e1', 'e1', 'challenge_fee', 'pending', 'USD', 100, '2025-03-04', '{SHORT}');
UPDATE affiliate.transaction SET status = 'completed', completed_at = '2025-03-06', status_at = NULL WHERE transaction_id = 'e1';
SELECT results_eq($$SELECT ordered_at, occurred_at FROM affiliate.conversion WHERE transaction_id = 'e1'$$, $$VALUES (timestamptz '2025-03-04', timestamptz '2025-03-06')$$,
    'without ordered_at: the earliest date of any report, and that of the completed one');
SELECT is(pg_temp.outcome('main', 'e1'), 'e1 bob coupon #1 10', 'which decides the coupon');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, completed_at) VALUES ('main', 'e2', 'e2', 'challenge_fee', 'completed', 'USD', 100, '2025-03-06');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at) VALUES ('main', 'e3', 'e3', 'challenge_fee', 'completed', 'USD', 100, '2025-03-06');
SELECT results_eq($$SELECT ordered_at, occurred_at FROM affiliate.conversion WHERE transaction_id IN ('e2', 'e3')$$,
    $$VALUES (timestamptz '2025-03-06', timestamptz '2025-03-06'), ('2025-03-06', '2025-03-06')$$, 'one date is both');

-- on refund rows the date is the time of that news
SELECT pg_temp.sell('main', 'f1', 'ANN', '2025-03-05', '2025-03-05');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, original_transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at) VALUES
    ('main', 'f1', 'f1-refund', 'f1', 'refund', 'completed', 'USD', 100, '2025-04-10', '2025-04-10');
SELECT is((SELECT effective_at FROM affiliate.entry WHERE subject_id = 'f1' AND kind = 'reversal'), '2025-04-10'::timestamptz, 'a refund is effective at its own date');
SELECT is((SELECT earned_at FROM affiliate.entry WHERE subject_id = 'f1' AND kind = 'reversal'), '2025-03-05'::timestamptz, 'of what was earned then');

-- ordered_at is immutable where it is given
SELECT throws_ok($$UPDATE affiliate.transaction SET ordered_at = '2025-03-01' WHERE transaction_id = 'f1'$$, 'AF011', NULL, 'a given ordered_at cannot be changed');
SELECT lives_ok($$UPDATE affiliate.transaction SET ordered_at = '2025-03-01' WHERE transaction_id = 'e2'$$, 'one that was not given may be added');
SELECT is((SELECT ordered_at FROM affiliate.conversion WHERE transaction_id = 'e2'), '2025-03-01'::timestamptz, 'and counts');
SELECT throws_ok($$UPDATE affiliate.transaction SET ordered_at = NULL WHERE transaction_id = 'e2'$$, 'AF011', NULL, 'nor taken away');

SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
