-- W11: an input has the value of the earliest report that knows it; customer attributes as of completed_at; live inputs; plan changes.
BEGIN;
SELECT plan(19);
\ir ../settle/_rig.sql
SELECT pg_temp.program('main');
SELECT pg_temp.program('german', 'net * 0.2', 'customer_country = ''DE''');
SELECT pg_temp.program('kyc', 'net * 0.2', 'kyc_status = ''approved''');
SELECT pg_temp.program('live', 'net * 0.2', 'kyc_status = ''approved''');
UPDATE affiliate.plan_rule SET live_inputs = '{kyc_status}' WHERE plan_no = pg_temp.plan_of('live');
SELECT pg_temp.program(p) FROM unnest('{orders,new_customers}'::text[]) AS p;
UPDATE affiliate.program SET plan_change = program_id WHERE program_id IN ('orders', 'new_customers');

-- the earliest report that knows it; later edits do not re-price the past
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, status_at) VALUES
    ('main', 'a', 'a1', 'challenge_fee', 'pending', 'USD', 100, '2025-03-01', '2025-03-01');
UPDATE affiliate.transaction SET status = 'completed', completed_at = '2025-03-02', status_at = '2025-03-02', coupon_codes = '{ANN}' WHERE transaction_id = 'a1';
SELECT is(pg_temp.outcome('main', 'a1'), 'a1 ann coupon #1 10', 'null was unknown: the first report that names a coupon');
UPDATE affiliate.transaction SET coupon_codes = '{BOB}', status_at = '2025-03-03' WHERE transaction_id = 'a1';
SELECT is(pg_temp.outcome('main', 'a1'), 'a1 ann coupon #1 10', 'a later edit changes nothing');
UPDATE affiliate.transaction SET coupon_codes = '{}', affiliate_id = '', click_id = '' WHERE transaction_id = 'a1';
SELECT is(pg_temp.outcome('main', 'a1'), 'a1 ann coupon #1 10', 'empty is unknown too');
UPDATE affiliate.transaction SET coupon_codes = '{CYD}', status = 'pending', completed_at = NULL, status_at = '2025-02-28' WHERE transaction_id = 'a1';
SELECT is(pg_temp.outcome('main', 'a1'), 'a1 cyd coupon #1 10', 'an older report that arrives later: its own time counts');

-- customer attributes: the latest with last_modified_date <= completed_at, else the earliest later one
INSERT INTO affiliate.customer (program_id, customer_id, signup_date, country_code, last_modified_date) VALUES
    ('german', 'b1', '2025-03-01', 'DE', '2025-03-01'), ('german', 'b2', '2025-03-01', 'FR', '2025-03-01'), ('german', 'b3', '2025-03-01', 'DE', '2025-03-20');
UPDATE affiliate.customer SET country_code = 'FR', last_modified_date = '2025-03-10' WHERE customer_id = 'b1';
UPDATE affiliate.customer SET country_code = 'DE', last_modified_date = '2025-03-05' WHERE customer_id = 'b2';
UPDATE affiliate.customer SET country_code = 'FR', last_modified_date = '2025-03-25' WHERE customer_id = 'b3';
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
SELECT 'german', c, c, 'challenge_fee', 'completed', 'USD', 100, '2025-03-04', '2025-03-05', '{ANN}' FROM unnest('{b1,b2,b3,b4}'::text[]) AS c;
SELECT is(pg_temp.outcome('german'), 'b1 ann coupon #1 20, b2 ann coupon #1 20, b3 ann coupon #1 20, b4 ann coupon out_of_scope #1', 'country as of completed_at');
UPDATE affiliate.customer SET country_code = 'FR', last_modified_date = '2025-04-01' WHERE customer_id IN ('b1', 'b2', 'b3');
SELECT is(pg_temp.outcome('german', 'b_'), 'b1 ann coupon #1 20, b2 ann coupon #1 20, b3 ann coupon #1 20, b4 ann coupon out_of_scope #1', 'moving later re-prices nothing');
INSERT INTO affiliate.customer (program_id, customer_id, signup_date, country_code, last_modified_date) VALUES ('german', 'b4', '2025-03-01', 'DE', '2025-03-02');
SELECT is(pg_temp.outcome('german', 'b4'), 'b4 ann coupon #1 20', 'one that becomes known');

-- an UPDATE that leaves last_modified_date alone happened on arrival (M1)
INSERT INTO affiliate.customer (program_id, customer_id, signup_date, country_code, last_modified_date) VALUES ('german', 'b5', '2025-03-01', 'DE', '2025-03-01');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
VALUES ('german', 'b5', 'b5', 'challenge_fee', 'completed', 'USD', 100, '2025-03-04', '2025-03-05', '{ANN}');
UPDATE affiliate.customer SET country_code = 'FR' WHERE customer_id = 'b5';
SELECT is(pg_temp.outcome('german', 'b5'), 'b5 ann coupon #1 20', 'a move that nobody dated does not re-price the past');
UPDATE affiliate.customer SET country_code = 'AT', last_modified_date = '2025-03-02' WHERE customer_id = 'b5';
SELECT is(pg_temp.outcome('german', 'b5'), 'b5 ann coupon out_of_scope #1', 'one with a date does');

-- inputs that a rule declares live are read for ever
INSERT INTO affiliate.customer (program_id, customer_id, signup_date, kyc_status_id, last_modified_date)
SELECT p, p, '2025-03-01', 'open', '2025-03-01' FROM unnest('{kyc,live}'::text[]) AS p;
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
SELECT p, p, p, 'challenge_fee', 'completed', 'USD', 100, '2025-03-04', '2025-03-05', '{ANN}' FROM unnest('{kyc,live}'::text[]) AS p;
SELECT is(pg_temp.outcome('kyc') || ', ' || pg_temp.outcome('live'), 'kyc ann coupon out_of_scope #1, live ann coupon out_of_scope #1', 'KYC is open');
UPDATE affiliate.customer SET kyc_status_id = 'approved', last_modified_date = '2025-04-01' WHERE customer_id IN ('kyc', 'live');
SELECT is(pg_temp.outcome('kyc'), 'kyc ann coupon out_of_scope #1', 'as of completed_at it was');
SELECT is(pg_temp.outcome('live'), 'live ann coupon #1 20', 'where it is live the approval counts');
UPDATE affiliate.customer SET kyc_status_id = 'rejected', last_modified_date = '2025-05-01' WHERE customer_id = 'live';
SELECT is(pg_temp.outcome('live'), 'live ann coupon out_of_scope #1', 'and its loss');

-- a plan change: for orders from its instant, or only for customers referred after it
INSERT INTO affiliate.plan (program_no, plan_id, version, valid_from) SELECT pg_temp.no(p), 'standard', 2, '2025-03-10' FROM unnest('{orders,new_customers}'::text[]) AS p;
INSERT INTO affiliate.plan_rule (plan_no, sequence_no, name, amount) SELECT pg_temp.plan_of(p), 1, 'second', 'net * 0.3' FROM unnest('{orders,new_customers}'::text[]) AS p;
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
SELECT p, p || v.c, p || v.id, 'challenge_fee', 'completed', 'USD', 100, v.at::timestamptz, v.at::timestamptz, v.codes::text[]
FROM unnest('{orders,new_customers}'::text[]) AS p, (VALUES ('-old', '-1', '2025-03-01', '{ANN}'), ('-old', '-2', '2025-03-09 23:59:59.999999', NULL), ('-old', '-3', '2025-03-10', NULL),
    ('-new', '-4', '2025-03-10', '{ANN}'), ('-new', '-5', '2025-03-20', NULL)) AS v (c, id, at, codes);
SELECT is(replace(pg_temp.outcome('orders'), 'orders', ''), '-1 ann coupon #1 10, -2 ann ownership #2 10, -3 ann ownership #3 30, -4 ann coupon #1 30, -5 ann ownership #2 30', 'orders from its instant');
SELECT is(replace(pg_temp.outcome('new_customers'), 'new_customers', ''), '-1 ann coupon #1 10, -2 ann ownership #2 10, -3 ann ownership #3 10, -4 ann coupon #1 30, -5 ann ownership #2 30', 'only customers referred after it');

-- an agreement that changes goes the same way
INSERT INTO affiliate.plan (program_no, plan_id, valid_from) SELECT pg_temp.no(p), 'best', '2020-01-01' FROM unnest('{orders,new_customers}'::text[]) AS p;
INSERT INTO affiliate.plan_rule (plan_no, sequence_no, name, amount) SELECT pg_temp.plan_of(p, 'best'), 1, 'best', 'net * 0.5' FROM unnest('{orders,new_customers}'::text[]) AS p;
INSERT INTO affiliate.agreement (program_no, affiliate_no, plan_id, valid_from) SELECT pg_temp.no(p), pg_temp.of('bob'), 'best', '2025-03-10' FROM unnest('{orders,new_customers}'::text[]) AS p;
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
SELECT p, p || '-bob', p || v.id, 'challenge_fee', 'completed', 'USD', 100, v.at::timestamptz, v.at::timestamptz, v.codes::text[]
FROM unnest('{orders,new_customers}'::text[]) AS p, (VALUES ('-6', '2025-03-01', '{BOB}'), ('-7', '2025-03-20', NULL)) AS v (id, at, codes);
SELECT is(pg_temp.outcome('orders', '%-7'), 'orders-7 bob ownership #2 50', 'a new agreement: orders');
SELECT is(pg_temp.outcome('new_customers', '%-7'), 'new_customers-7 bob ownership #2 10', 'a new agreement: customers referred after it');
SELECT is((SELECT affiliate.resettle(ARRAY(SELECT DISTINCT customer_id FROM affiliate.transaction))), 0::bigint, 'settling again posts nothing');

SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
