-- Published examples (docs/worked-examples.md): flat, percent, by size, first and repeat, hybrids, uplines, holds.
BEGIN;
SELECT plan(33);
\ir ../settle/_rig.sql
CREATE FUNCTION pg_temp.sale(program text, id text, amount numeric, day integer DEFAULT 0, code text DEFAULT NULL, kind text DEFAULT 'challenge_fee', size numeric DEFAULT NULL, product text DEFAULT NULL, original text DEFAULT NULL)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes, account_size, product_id, original_transaction_id)
    VALUES (program, program || split_part(id, '.', 1), program || id, kind, 'completed', 'USD', amount, timestamptz '2025-03-01' + day * interval '1 day', timestamptz '2025-03-01' + day * interval '1 day',
        ARRAY[code], size, product, program || original)
$$;
CREATE FUNCTION pg_temp.rule(program text, n integer, amount text, condition text DEFAULT 'true', types text[] DEFAULT NULL, level integer DEFAULT 0) RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.plan_rule (plan_no, sequence_no, name, condition, amount, transaction_types, level, beneficiary)
    VALUES (pg_temp.plan_of(program), n, program || n, condition, amount, types, level, CASE WHEN level = 0 THEN 'owner' ELSE 'upline' END)
$$;
CREATE FUNCTION pg_temp.sum(program text, who text DEFAULT '%') RETURNS numeric LANGUAGE sql AS $$
    SELECT coalesce(trim_scale(sum(accrued - reversed)), 0) FROM affiliate.commission JOIN affiliate.affiliate USING (affiliate_no) WHERE program_no = pg_temp.no(program) AND affiliate_id LIKE who
$$;

-- the base
SELECT pg_temp.program('w01', 'net * 0.2');
SELECT pg_temp.sale('w01', 'a', 9, 0, 'ANN');
SELECT is(pg_temp.sum('w01'), 1.80, 'W-01: 20 % of what was paid after the coupon');
SELECT pg_temp.program('w02', 'net * 0.15');
SELECT pg_temp.sale('w02', 'a', 400, 0, 'ANN');
SELECT is(pg_temp.sum('w02'), 60::numeric, 'W-02: 15 % of 400, not of the list price');
SELECT pg_temp.program('w03', 'net * 0.4', 'product = ''a''');
SELECT pg_temp.rule('w03', 2, 'net * 0.1', 'product = ''b''');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, order_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes, product_id)
VALUES ('w03', 'w03', 'w03a', 'w03', 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}', 'a'), ('w03', 'w03', 'w03b', 'w03', 'challenge_fee', 'completed', 'USD', 50, '2025-03-01', '2025-03-01', NULL, 'b');
SELECT is(pg_temp.sum('w03'), 45::numeric, 'W-03: each line of an order at its own rate');

-- flat, by size, percent
SELECT pg_temp.program('w10', '50');
SELECT pg_temp.sale('w10', 'a', 100, 0, 'ANN'), pg_temp.sale('w10', 'b', 1000, 0, 'ANN');
SELECT is(pg_temp.sum('w10'), 100::numeric, 'W-10: 50 each, whatever the size');
SELECT pg_temp.program('w12', 'CASE account_size WHEN 10000 THEN 15 WHEN 25000 THEN 30 WHEN 50000 THEN 50 WHEN 100000 THEN 80 WHEN 200000 THEN 150 END');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, account_size, ordered_at, completed_at, coupon_codes)
SELECT 'w12', 'w12' || size, 'w12' || size, 'challenge_fee', 'completed', 'USD', fee, size, '2025-03-01', '2025-03-01', '{ANN}' FROM (VALUES (10000, 99), (25000, 199), (50000, 299), (100000, 499), (200000, 899)) AS v (size, fee);
SELECT is((SELECT string_agg(trim_scale(accrued)::text, ' ' ORDER BY accrued) FROM affiliate.commission WHERE program_no = pg_temp.no('w12')), '15 30 50 80 150', 'W-12: by account size');
SELECT pg_temp.sale('w02', 'w13', 300, 0, 'BOB'), pg_temp.sale('w02', 'w14', 599, 0, 'CYD');
SELECT is(pg_temp.sum('w02', 'bob'), 45.00, 'W-13: 15 % of 300');
SELECT is(pg_temp.sum('w02', 'cyd'), 89.85, 'W-14: 15 % of 599');

-- first and repeat
SELECT pg_temp.program('x15', 'net * 0.15');
SELECT pg_temp.program('w18', 'net * 0.15', 'is_first_purchase');
SELECT pg_temp.program('x25', '50', 'is_first_purchase');
SELECT pg_temp.rule('x25', 2, 'net * 0.20', 'NOT is_first_purchase');
SELECT pg_temp.program('x25b', '50', 'is_first_purchase');
SELECT pg_temp.rule('x25b', 2, 'net * 0.20');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, original_transaction_id, transaction_type, status, currency, amount, account_size, ordered_at, completed_at, coupon_codes)
SELECT p, p, p || v.id, p || v.original, v.kind, 'completed', 'USD', v.amount, v.size, v.at::timestamptz, v.at::timestamptz, v.codes::text[]
FROM unnest('{x15,w18}'::text[]) AS p, (VALUES (1, NULL, 'challenge_fee', 199, 25000, '2025-03-01', '{ANN}'), (2, 1, 'reset_fee', 40, 25000, '2025-03-20', NULL), (3, 1, 'reset_fee', 40, 25000, '2025-04-10', NULL),
    (4, NULL, 'challenge_fee', 299, 50000, '2025-05-10', NULL)) AS v (id, original, kind, amount, size, at, codes);
SELECT is(pg_temp.sum('x15'), 86.70, 'W-15, X-15: the whole chain at 15 %: 29.85 + 6 + 6 + 44.85');
SELECT is(pg_temp.sum('w18'), 29.85, 'W-18: the initial purchase only');
SELECT is((SELECT string_agg(coalesce(code, 'earns'), ' ' ORDER BY transaction_id) FROM affiliate.conversion WHERE customer_id = 'w18'), 'earns not_first_purchase not_first_purchase not_first_purchase', 'W-20: repeat orders are decided and earn nothing');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, original_transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
SELECT p, p, p || v.id, p || v.original, v.kind, 'completed', 'USD', v.amount, v.at::timestamptz, v.at::timestamptz, v.codes::text[]
FROM unnest('{x25,x25b}'::text[]) AS p, (VALUES (1, NULL, 'challenge_fee', 299, '2025-03-01', '{ANN}'), (2, 1, 'reset_fee', 40, '2025-03-20', NULL), (3, NULL, 'challenge_fee', 299, '2025-05-10', NULL)) AS v (id, original, kind, amount, at, codes);
SELECT is(pg_temp.sum('x25'), 117.80, 'X-25: 50 once, then 20 % of what follows');
SELECT is(pg_temp.sum('x25b'), 177.60, 'X-25: and with 20 % of the first too');
SELECT pg_temp.program('w19', 'net * 0.10');
SELECT pg_temp.sale('w19', 'a.1', 100, 0, 'ANN'), pg_temp.sale('w19', 'a.2', 50, 5, NULL, 'activation_fee'), pg_temp.sale('w19', 'a.3', 40, 6, NULL, 'reset_fee', NULL, NULL, 'a.1'),
    pg_temp.sale('w19', 'a.4', 30, 7, NULL, 'subscription_fee'), pg_temp.sale('w19', 'a.5', 30, 37, NULL, 'subscription_fee');
SELECT is(pg_temp.sum('w19'), 25::numeric, 'W-19: on everything, activations, resets and subscriptions too');
SELECT pg_temp.program('w17', 'net * 0.05', 'is_first_purchase');
SELECT pg_temp.rule('w17', 2, 'net * 0.025', 'true', '{payout}');
SELECT pg_temp.sale('w17', 'a.1', 200, 0, 'ANN'), pg_temp.sale('w17', 'a.2', 200, 5), pg_temp.sale('w17', 'a.3', 4000, 60, NULL, 'payout');
SELECT pg_temp.drain();
SELECT is(pg_temp.sum('w17'), 110::numeric, 'W-17: 5 % of the first order and 2.5 % of the trader''s payouts');

-- agreements: a plan of one's own before the default
SELECT pg_temp.program('w31', '2');
INSERT INTO affiliate.plan (program_no, plan_id, valid_from) VALUES (pg_temp.no('w31'), 'custom', '2020-01-01');
INSERT INTO affiliate.plan_rule (plan_no, sequence_no, amount) VALUES (pg_temp.plan_of('w31', 'custom'), 1, '3 * (1 + 0.10)');
INSERT INTO affiliate.agreement (program_no, affiliate_no, plan_id, valid_from) VALUES (pg_temp.no('w31'), pg_temp.of('bob'), 'custom', '2020-01-01');
SELECT pg_temp.sale('w31', 'a', 100, 0, 'ANN'), pg_temp.sale('w31', 'b', 100, 0, 'BOB');
SELECT is(pg_temp.sum('w31', 'ann') || ' ' || pg_temp.sum('w31', 'bob'), '2 3.3', 'W-31: custom before default, plus 10 %');

-- uplines: dan above cyd above bob above ann
INSERT INTO affiliate.affiliate_upline (affiliate_no, upline_no) VALUES (pg_temp.of('ann'), pg_temp.of('bob')), (pg_temp.of('bob'), pg_temp.of('cyd')), (pg_temp.of('cyd'), pg_temp.of('dan'));
SELECT pg_temp.program('w32', '200');
SELECT pg_temp.rule('w32', 2, '200 * 0.10', 'true', NULL, 1);
SELECT pg_temp.sale('w32', 'a', 1000, 0, 'ANN');
SELECT is(pg_temp.sum('w32', 'ann') || ' ' || pg_temp.sum('w32', 'bob'), '200 20', 'W-32: 10 % of the sub''s 200, on top');
SELECT pg_temp.program('w33', 'net * 0.30');
SELECT pg_temp.rule('w33', 2, '10', 'true', NULL, 1);
SELECT pg_temp.sale('w33', 'a', 100, 0, 'ANN');
SELECT is(pg_temp.sum('w33', 'ann') || ' ' || pg_temp.sum('w33', 'bob'), '30 10', 'W-33: a fixed override');
SELECT pg_temp.program('w33s', '100 * 0.70');
SELECT pg_temp.rule('w33s', 2, '100 * 0.30', 'true', NULL, 1);
SELECT pg_temp.sale('w33s', 'a', 500, 0, 'ANN');
SELECT is(pg_temp.sum('w33s', 'ann') || ' ' || pg_temp.sum('w33s', 'bob') || ' of ' || pg_temp.sum('w33s'), '70 30 of 100', 'W-33: one pool of 100 split with the master, 70 to 30');
SELECT pg_temp.program('w34', '100');
SELECT pg_temp.rule('w34', 2, '100 * 0.10', 'true', NULL, 1), pg_temp.rule('w34', 3, '100 * 0.05', 'true', NULL, 2), pg_temp.rule('w34', 4, '100 * 0.02', 'true', NULL, 3);
SELECT pg_temp.sale('w34', 'a', 500, 0, 'ANN');
SELECT is(pg_temp.sum('w34', 'bob') || ' ' || pg_temp.sum('w34', 'cyd') || ' ' || pg_temp.sum('w34', 'dan') || ' of ' || pg_temp.sum('w34'), '10 5 2 of 117', 'W-34: three levels cost 117');
SELECT pg_temp.sale('w34', 'b', 500, 0, 'CYD');
SELECT is(pg_temp.sum('w34') - 117, 110::numeric, 'W-34: with one ancestor 110');
SELECT pg_temp.program('w35', 'net * 0.10');
SELECT pg_temp.rule('w35', 2, 'net * 0.10 * 0.10', 'true', NULL, 1);
SELECT pg_temp.sale('w35', 'a', 50, 0, 'ANN');
SELECT is(pg_temp.sum('w35'), 5.50, 'W-35: 5 and 10 % of it');
SELECT pg_temp.program('w36', 'net * 0.20');
SELECT pg_temp.rule('w36', 2, 'net * 0.10', 'true', NULL, 1);
SELECT pg_temp.sale('w36', 'a', 100, 0, 'ANN');
SELECT is(pg_temp.sum('w36', 'ann') || ' ' || pg_temp.sum('w36', 'bob'), '20 10', 'W-36: 10 % of the sale for the parent');
SELECT pg_temp.program('w36c', 'net * 0.20');
SELECT pg_temp.rule('w36c', 2, 'net * 0.20 * 0.10', 'true', NULL, 1);
SELECT pg_temp.sale('w36c', 'a', 100, 0, 'ANN');
SELECT is(pg_temp.sum('w36c', 'ann') || ' ' || pg_temp.sum('w36c', 'bob'), '20 2', 'W-36: or 10 % of the commission');
-- eve is referred by dan for the month of March
INSERT INTO affiliate.affiliate_upline (affiliate_no, upline_no, valid_from, valid_until) VALUES (pg_temp.of('eve'), pg_temp.of('dan'), '2025-03-01', '2025-04-01');
SELECT pg_temp.program('w37', '100');
SELECT pg_temp.rule('w37', 2, '100 * 0.10', 'true', NULL, 1);
SELECT pg_temp.sale('w37', 'a', 500, 30, 'EVE'), pg_temp.sale('w37', 'b', 500, 31, 'EVE');
SELECT is(pg_temp.sum('w37', 'eve') || ' ' || pg_temp.sum('w37', 'dan'), '200 10', 'W-37: 10 % of 100 for one month');
SELECT is((SELECT string_agg(subject_id, ' ') FROM affiliate.commission WHERE affiliate_no = pg_temp.of('dan') AND program_no = pg_temp.no('w37')), 'w37a', 'W-37: of the sale of March 31, not of April 1');
SELECT pg_temp.program('w38', 'net * 0.20');
SELECT pg_temp.rule('w38', 2, 'net * 0.05', 'true', NULL, 1);
SELECT pg_temp.sale('w38', 'a', 200, 0, 'ANN');
SELECT is(pg_temp.sum('w38', 'ann') || ' ' || pg_temp.sum('w38', 'bob'), '40 10', 'W-38: 5 % of the sales of those one referred');
SELECT pg_temp.program('w39', 'net * 0.30');
SELECT pg_temp.rule('w39', 2, 'net * 0.06', 'true', NULL, 1), pg_temp.rule('w39', 3, 'net * 0.04', 'true', NULL, 2);
SELECT pg_temp.sale('w39', 'a', 100, 0, 'ANN');
SELECT pg_temp.drain();
SELECT is(pg_temp.sum('w39', 'ann') || ' ' || pg_temp.sum('w39', 'bob') || ' ' || pg_temp.sum('w39', 'cyd') || ' ' || pg_temp.sum('w39', 'dan'), '30 6 4 0', 'W-39: 30, 6 and 4 %');
UPDATE affiliate.transaction SET refunded_amount = 100, refunded_at = '2025-04-01' WHERE program_id = 'w39';
SELECT pg_temp.drain();
SELECT is(pg_temp.sum('w39'), 0::numeric, 'the overrides follow a refund');

-- holds
SELECT pg_temp.program('w42'), pg_temp.program('w43'), pg_temp.program('w44');
UPDATE affiliate.plan_rule SET hold = CASE name WHEN 'first' THEN CASE plan_no WHEN pg_temp.plan_of('w42') THEN interval '30 days' WHEN pg_temp.plan_of('w43') THEN '37 days' ELSE '14 days' END END
WHERE plan_no IN (pg_temp.plan_of('w42'), pg_temp.plan_of('w43'), pg_temp.plan_of('w44'));
INSERT INTO affiliate.transaction_type (transaction_type, effect, sale_kind) VALUES ('first_trade', 'credit', 'other');
UPDATE affiliate.plan_rule SET hold_kind = 'earlier', hold_until_type = 'first_trade' WHERE plan_no = pg_temp.plan_of('w44');
SELECT pg_temp.sale('w42', 'a', 100, 0, 'ANN'), pg_temp.sale('w43', 'a', 100, 0, 'ANN'), pg_temp.sale('w44', 'a.1', 100, 0, 'ANN'), pg_temp.sale('w44', 'b.1', 100, 0, 'ANN'), pg_temp.sale('w44', 'b.2', 0, 3, NULL, 'first_trade');
SELECT pg_temp.drain();
SELECT is((SELECT eligible_at::date::text FROM affiliate.commission WHERE subject_id = 'w42a'), '2025-03-31', 'W-42: March 1 and 30 days');
SELECT is((SELECT eligible_at::date::text FROM affiliate.commission WHERE subject_id = 'w43a'), '2025-04-07', 'W-43: 37 days');
SELECT is((SELECT string_agg(eligible_at::date::text, ' ' ORDER BY subject_id) FROM affiliate.commission WHERE program_no = pg_temp.no('w44')), '2025-03-15 2025-03-04', 'W-44: at the first trade, otherwise after 14 days');

SELECT is((SELECT affiliate.resettle(ARRAY(SELECT DISTINCT customer_id FROM affiliate.transaction))), 0::bigint, 'settling again posts nothing');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
