-- W7: when ownership begins, how long it lasts, what it covers; lines of one order are attributed once.
BEGIN;
SELECT plan(33);
\ir ../settle/_rig.sql
SELECT pg_temp.program(p) FROM unnest('{fixed,rolling,lifetime,per_account,first_attributed,number_one,registration,never,restart,moving}'::text[]) AS p;
UPDATE affiliate.program SET ownership_kind = program_id WHERE program_id IN ('fixed', 'rolling', 'lifetime', 'per_account');
UPDATE affiliate.program SET bind_purchase = program_id WHERE program_id IN ('first_attributed', 'number_one');
UPDATE affiliate.program SET bind_at = 'registration' WHERE program_id = 'registration';
UPDATE affiliate.program SET ownership_rebind = false WHERE program_id = 'never';
UPDATE affiliate.program SET ownership_kind = 'rolling' WHERE program_id IN ('restart', 'moving');
UPDATE affiliate.program SET later_coupon = 'move' WHERE program_id = 'moving';
INSERT INTO affiliate.plan_rule (plan_no, sequence_no, name, condition, amount) VALUES (pg_temp.plan_of('restart'), 2, 'restarts', 'product = ''large''', '0');
UPDATE affiliate.program AS p SET ownership_restart_rule = (SELECT rule_no FROM affiliate.plan_rule WHERE name = 'restarts') WHERE program_id = 'restart';
CREATE FUNCTION pg_temp.short(program text, customer text) RETURNS text LANGUAGE sql AS $$
    SELECT replace(pg_temp.outcome(program, program || customer || '%'), program, '')
$$;

-- length and kinds: ordered on March 1, completed on the 4th; the length runs from completed_at
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
SELECT p, p || '-a', p || v.id, 'challenge_fee', 'completed', 'USD', 100, v.ordered::timestamptz, v.completed::timestamptz, v.codes::text[]
FROM unnest('{fixed,rolling,lifetime,never}'::text[]) AS p, (VALUES
    ('-a1', '2025-03-01', '2025-03-04', '{ANN}'), ('-a2', '2025-04-01', '2025-04-03', NULL), ('-a3', '2025-06-01 23:59:59.999999', '2025-06-02', NULL),
    ('-a4', '2025-06-02', '2025-06-02 00:00:01', NULL), ('-a5', '2025-06-03', '2025-06-03', '{BOB}'), ('-a6', '2025-06-20', '2025-06-20', NULL)) AS v (id, ordered, completed, codes);
SELECT is(pg_temp.short('fixed', '-a'), '-a1 ann coupon #1 10, -a2 ann ownership #2 10, -a3 ann ownership #3 10, -a4 nobody organic #4, -a5 bob coupon #5 10, -a6 bob ownership #6 10',
    'fixed: 90 days from completed_at; after its end the next attributed purchase begins a new one');
SELECT is(pg_temp.owned('fixed-a'), 'ann (ended) 03-01..06-02, bob 06-03..09-01', 'fixed');
SELECT is(pg_temp.short('rolling', '-a'), '-a1 ann coupon #1 10, -a2 ann ownership #2 10, -a3 ann ownership #3 10, -a4 ann ownership #4 10, -a5 ann ownership #5 10, -a6 ann ownership #6 10', 'rolling: each payment restarts it');
SELECT is(pg_temp.owned('rolling-a'), 'ann 03-01..09-18', 'rolling, from the last completed_at');
SELECT is(pg_temp.owned('lifetime-a'), 'ann 03-01..for ever', 'lifetime');
SELECT is(pg_temp.short('never', '-a'), '-a1 ann coupon #1 10, -a2 ann ownership #2 10, -a3 ann ownership #3 10, -a4 nobody organic #4, -a5 bob coupon #5 10, -a6 nobody organic #6', 'no new ownership');
SELECT is(pg_temp.owned('never-a'), 'ann 03-01..06-02', 'after its end none begins');

-- it covers orders placed from the binding order's ordered_at on
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes) VALUES
    ('fixed', 'fixed-b', 'fixed-b1', 'challenge_fee', 'completed', 'USD', 100, '2025-03-05', '2025-03-06', '{ANN}'),
    ('fixed', 'fixed-b', 'fixed-b2', 'challenge_fee', 'completed', 'USD', 100, '2025-03-04 23:59:59.999999', '2025-03-10', NULL),
    ('fixed', 'fixed-b', 'fixed-b3', 'challenge_fee', 'completed', 'USD', 100, '2025-03-05', '2025-03-11', NULL);
SELECT matches(pg_temp.short('fixed', '-b'), '^-b1 ann coupon #1 10, -b2 nobody .*#2, -b3 ann ownership #3 10$', 'an order placed before it is not covered');

-- which purchase binds
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
SELECT p, p || '-a', p || v.id, 'challenge_fee', 'completed', 'USD', 100, v.at::timestamptz, v.at::timestamptz, v.codes::text[]
FROM unnest('{first_attributed,number_one}'::text[]) AS p, (VALUES ('-a1', '2025-03-01', NULL), ('-a2', '2025-03-10', '{ANN}'), ('-a3', '2025-03-20', NULL)) AS v (id, at, codes);
SELECT is(pg_temp.short('first_attributed', '-a'), '-a1 nobody organic #1, -a2 ann coupon #2 10, -a3 ann ownership #3 10', 'the first attributed purchase binds');
SELECT is(pg_temp.short('number_one', '-a'), '-a1 nobody organic #1, -a2 ann coupon #2 10, -a3 nobody organic #3', 'number 1 only: a later one does not');
SELECT is(pg_temp.owned('number_one-a'), 'nobody', 'no ownership');

-- at the registration, with a touch; without one at the first purchase
INSERT INTO affiliate.click (program_id, click_id, affiliate_id, clicked_at) VALUES ('registration', 'k1', 'ann', '2025-02-28');
INSERT INTO affiliate.customer (program_id, customer_id, signup_date, click_id) VALUES
    ('registration', 'registration-a', '2025-03-01', 'k1'), ('registration', 'registration-b', '2025-03-01', NULL), ('registration', 'registration-c', '2025-03-01', 'k1');
SELECT is(pg_temp.owned('registration-a'), 'ann 03-01..05-30', 'owned from the registration on, before any purchase');
SELECT is(pg_temp.owned('registration-b'), 'nobody', 'a registration without a touch');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes) VALUES
    ('registration', 'registration-a', 'registration-a1', 'challenge_fee', 'completed', 'USD', 100, '2025-05-29', '2025-05-30', '{BOB}'),
    ('registration', 'registration-b', 'registration-b1', 'challenge_fee', 'completed', 'USD', 100, '2025-03-10', '2025-03-10', '{BOB}'),
    ('registration', 'registration-c', 'registration-c1', 'challenge_fee', 'completed', 'USD', 100, '2025-05-30', '2025-05-30', '{BOB}');
SELECT is(pg_temp.short('registration', '-a'), '-a1 ann ownership #1 10', 'a purchase inside it');
SELECT is(pg_temp.short('registration', '-b'), '-b1 bob coupon #1 10', 'bound by the purchase');
SELECT is(pg_temp.owned('registration-b'), 'bob 03-10..06-08', 'from then on');
SELECT is(pg_temp.short('registration', '-c'), '-c1 bob coupon #1 10', 'a purchase after its end');
SELECT is((SELECT count(*) FROM affiliate.conversion WHERE kind = 'registration' AND program_no = pg_temp.no('registration')), 3::bigint, 'a registration is a conversion too');

-- per account
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes, account_id)
SELECT 'per_account', 'per_account-a', 'per_account' || v.id, v.type, 'completed', 'USD', 100, v.at::timestamptz, v.at::timestamptz, v.codes::text[], v.account
FROM (VALUES ('-a1', 'challenge_fee', '2025-03-01', '{ANN}', 'x'), ('-a2', 'challenge_fee', '2025-03-02', '{BOB}', 'y'), ('-a3', 'addon_fee', '2025-03-10', NULL, 'x'),
    ('-a4', 'addon_fee', '2025-03-10', NULL, 'y'), ('-a5', 'addon_fee', '2025-03-10', NULL, 'z'), ('-a6', 'addon_fee', '2025-05-30', NULL, 'x')) AS v (id, type, at, codes, account);
SELECT matches(pg_temp.short('per_account', '-a'), '^-a1 ann coupon #1 10, -a2 bob coupon #2 10, -a3 ann ownership #3 10, -a4 bob ownership #4 10, -a5 nobody .*#5, -a6 nobody .*#6$', 'each account has its owner');
SELECT is(pg_temp.owned('per_account-a'), 'x ann 03-01..05-30, y bob 03-02..05-31', 'per account');

-- rolling: void and unattributed payments, and those for which the rule's condition does not hold, restart nothing
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes, product_id, refunded_at, refunded_amount) VALUES
    ('restart', 'restart-a', 'restart-a1', 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}', 'small', NULL, NULL),
    ('restart', 'restart-a', 'restart-a2', 'challenge_fee', 'completed', 'USD', 100, '2025-03-10', '2025-03-10', NULL, 'large', NULL, NULL),
    ('restart', 'restart-a', 'restart-a3', 'challenge_fee', 'completed', 'USD', 100, '2025-03-20', '2025-03-20', NULL, 'small', NULL, NULL),
    ('restart', 'restart-a', 'restart-a4', 'challenge_fee', 'completed', 'USD', 100, '2025-03-25', '2025-03-25', NULL, 'large', '2025-03-26', 100),
    ('rolling', 'rolling-b', 'rolling-b1', 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}', NULL, NULL, NULL),
    ('rolling', 'rolling-b', 'rolling-b2', 'challenge_fee', 'completed', 'USD', 100, '2025-03-20', '2025-03-20', NULL, NULL, '2025-03-21', 100),
    ('rolling', 'rolling-b', 'rolling-b3', 'challenge_fee', 'pending', 'USD', 100, '2025-03-25', NULL, NULL, NULL, NULL, NULL),
    ('rolling', 'rolling-b', 'rolling-b4', 'reset_fee', 'completed', 'USD', 40, '2025-03-28', '2025-03-28', NULL, NULL, NULL, NULL);
SELECT is(pg_temp.owned('restart-a'), 'ann 03-01..06-08', 'restarted by the payment the rule''s condition holds for');
SELECT is(pg_temp.owned('rolling-b'), 'ann 03-01..05-30', 'not by void or pending payments, nor by resets');
-- a reversal after the cooling-off is a payment still
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes, refunded_at, refunded_amount) VALUES
    ('rolling', 'rolling-c', 'rolling-c1', 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}', NULL, NULL),
    ('rolling', 'rolling-c', 'rolling-c2', 'challenge_fee', 'completed', 'USD', 100, '2025-03-20', '2025-03-20', NULL, '2025-03-25', 100);
SELECT is(pg_temp.owned('rolling-c'), 'ann 03-01..06-18', 'one that was refunded later restarted it');

-- an ownership that another has followed is not lengthened: an order of its time that completes later
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes) VALUES
    ('moving', 'moving-a', 'moving-a1', 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}'),
    ('moving', 'moving-a', 'moving-a2', 'challenge_fee', 'completed', 'USD', 100, '2025-03-10', '2025-03-10', '{BOB}'),
    ('moving', 'moving-a', 'moving-a3', 'challenge_fee', 'completed', 'USD', 100, '2025-03-09', '2025-03-15', NULL),
    ('moving', 'moving-a', 'moving-a4', 'challenge_fee', 'completed', 'USD', 100, '2025-03-20', '2025-03-20', NULL);
SELECT is(pg_temp.short('moving', '-a'), '-a1 ann coupon #1 10, -a2 bob coupon #2 10, -a3 ann ownership #3 10, -a4 bob ownership #4 10', 'each order by who owned when it was placed');
SELECT is(pg_temp.owned('moving-a'), 'ann (ended) 03-01..05-30, bob 03-10..06-18', 'only the present one is lengthened');

-- a void first purchase begins nothing
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes, refunded_at, refunded_amount) VALUES
    ('fixed', 'fixed-c', 'fixed-c1', 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}', '2025-03-02', 100),
    ('fixed', 'fixed-c', 'fixed-c2', 'challenge_fee', 'completed', 'USD', 100, '2025-03-10', '2025-03-10', NULL, NULL, NULL),
    ('fixed', 'fixed-d', 'fixed-d1', 'challenge_fee', 'completed', 'USD', 0, '2025-03-01', '2025-03-01', '{ANN}', NULL, NULL),
    ('fixed', 'fixed-d', 'fixed-d2', 'challenge_fee', 'completed', 'USD', 100, '2025-03-10', '2025-03-10', NULL, NULL, NULL);
SELECT is(pg_temp.owned('fixed-c'), 'nobody', 'a void purchase begins no ownership');
SELECT matches(pg_temp.short('fixed', '-c'), 'c1 void ann coupon, -c2 nobody organic #1$', 'what follows is number 1 and organic');
SELECT is(pg_temp.owned('fixed-d'), 'nobody', 'nor does a sale for nothing');

-- lines of one order: once, by the touches of all completed lines
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, order_id, line_no, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes, refunded_at, refunded_amount) VALUES
    ('fixed', 'fixed-e', 'fixed-e1', 'o1', 1, 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', NULL, NULL, NULL),
    ('fixed', 'fixed-e', 'fixed-e2', 'o1', 2, 'addon_fee', 'completed', 'USD', 20, '2025-03-01', '2025-03-01', '{ANN}', NULL, NULL),
    ('fixed', 'fixed-f', 'fixed-f1', 'o2', 1, 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', NULL, NULL, NULL),
    ('fixed', 'fixed-f', 'fixed-f2', 'o2', 2, 'addon_fee', 'completed', 'USD', 20, '2025-03-01', '2025-03-01', '{BOB}', '2025-03-02', 20),
    ('fixed', 'fixed-g', 'fixed-g1', 'o3', 1, 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', NULL, NULL, NULL),
    ('fixed', 'fixed-g', 'fixed-g2', 'o3', 2, 'addon_fee', 'pending', 'USD', 20, '2025-03-01', NULL, '{CYD}', NULL, NULL);
SELECT is(pg_temp.short('fixed', '-e'), '-e1 ann coupon #1 10, -e2 ann coupon #1 2', 'one owner and one number for all lines');
SELECT matches(pg_temp.short('fixed', '-f'), '^-f1 bob coupon #1 10, -f2 void bob coupon', 'the touch of a void line too');
SELECT matches(pg_temp.short('fixed', '-g'), '^-g1 nobody organic #1, -g2 pending ', 'not that of a line that is not completed');
SELECT is(pg_temp.owned('fixed-e'), 'ann 03-01..05-30', 'and one ownership');

SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
