-- Plain SQL in, ledger out: single and multi-row INSERT, ON CONFLICT DO UPDATE, COPY, UPDATE.
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SET datestyle = 'ISO, YMD';
SET pg_affiliate.now = '2025-06-30 12:00+00';

INSERT INTO affiliate.program (program_id, currency, default_plan_id) VALUES ('challenge', 'USD', 'standard');
INSERT INTO affiliate.affiliate (affiliate_id) VALUES ('ann'), ('bob');
INSERT INTO affiliate.plan (program_no, plan_id, valid_from) SELECT program_no, 'standard', '2025-01-01' FROM affiliate.program;
INSERT INTO affiliate.plan_rule (plan_no, sequence_no, name, condition, amount)
SELECT plan_no, 1, 'first purchase', 'is_first_purchase', 'net * 0.15' FROM affiliate.plan
UNION ALL SELECT plan_no, 2, 'repeat purchase', 'purchase_number > 1', 'net * 0.05' FROM affiliate.plan;
INSERT INTO affiliate.coupon (program_no, code, affiliate_no) SELECT program_no, upper(affiliate_id), affiliate_no FROM affiliate.program, affiliate.affiliate;

-- one sale; the program may be left out where there is only one
INSERT INTO affiliate.click (click_id, affiliate_id, clicked_at) VALUES ('click-1', 'ann', '2025-03-01 10:00');
INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, click_id)
VALUES ('c1', 't1', 'challenge_fee', 'completed', 'USD', 500, '2025-03-01 11:00', '2025-03-01 11:05', 'click-1');
SELECT transaction_id, affiliate, method, code, purchase_number, gross, plan FROM affiliate.conversions ORDER BY transaction_id;
SELECT subject_id, affiliate, rule, kind, amount, currency, cause, effective_at FROM affiliate.entries ORDER BY subject_id, version;

-- several in one statement, of one customer and of others
INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes) VALUES
    ('c2', 't4', 'challenge_fee', 'completed', 'USD', 200, '2025-03-03', '2025-03-03', NULL),
    ('c2', 't3', 'challenge_fee', 'completed', 'USD', 100, '2025-03-02', '2025-03-02', '{BOB}'),
    ('c1', 't2', 'challenge_fee', 'completed', 'USD', 100, '2025-03-02', '2025-03-02', NULL),
    ('c3', 't5', 'challenge_fee', 'pending', 'USD', 300, '2025-03-02', NULL, '{ann}'),
    ('c4', 't6', 'challenge_fee', 'completed', 'USD', 300, '2025-03-02', '2025-03-02', NULL);
SELECT customer_id, transaction_id, state, affiliate, method, code, purchase_number FROM affiliate.conversions ORDER BY transaction_id;

-- the firm sends everything again, and again
INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes) VALUES
    ('c3', 't5', 'challenge_fee', 'completed', 'USD', 300, '2025-03-02', '2025-03-04', '{ann}'),
    ('c1', 't2', 'challenge_fee', 'completed', 'USD', 100, '2025-03-02', '2025-03-02', NULL)
ON CONFLICT (transaction_id) DO UPDATE SET status = excluded.status, amount = excluded.amount, completed_at = excluded.completed_at;
INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes) VALUES
    ('c3', 't5', 'challenge_fee', 'completed', 'USD', 300, '2025-03-02', '2025-03-04', '{ann}')
ON CONFLICT (transaction_id) DO UPDATE SET status = excluded.status, amount = excluded.amount, completed_at = excluded.completed_at;
INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at) VALUES
    ('c3', 't5', 'challenge_fee', 'completed', 'USD', 300, '2025-03-02', '2025-03-04') ON CONFLICT DO NOTHING;

-- COPY
COPY affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes) FROM STDIN;
c5	t7	challenge_fee	completed	USD	1000	2025-03-05	2025-03-05	{BOB}
c5	t8	reset_fee	completed	USD	40	2025-03-06	2025-03-06	\N
c6	t9	challenge_fee	completed	USD	33.33	2025-03-05	2025-03-05	{ANN}
\.

-- updates: a refund in the cooling-off, one after it, in parts, and a chargeback
UPDATE affiliate.transaction SET status = 'refunded', refunded_at = '2025-03-03', refunded_amount = 100 WHERE transaction_id = 't3';
UPDATE affiliate.transaction SET refunded_at = '2025-04-01', refunded_amount = amount / 2 WHERE transaction_id IN ('t1', 't7');
UPDATE affiliate.transaction SET status = 'refunded', refunded_at = '2025-04-02', refunded_amount = 500 WHERE transaction_id = 't1';
INSERT INTO affiliate.dispute (dispute_id, transaction_id, opened_at) VALUES ('d1', 't9', '2025-03-20');
UPDATE affiliate.dispute SET outcome = 'lost', closed_at = '2025-04-20' WHERE dispute_id = 'd1';
UPDATE affiliate.transaction SET metadata = '{"note": "nothing that matters"}' WHERE transaction_id = 't2';

SELECT customer_id, transaction_id, state, affiliate, method, code, purchase_number, gross, refunded, charged_back, net FROM affiliate.conversions ORDER BY transaction_id;
SELECT subject_id, affiliate, rule, state, accrued, reversed, net, owed, eligible_at FROM affiliate.commissions ORDER BY subject_id, affiliate, rule;
SELECT subject_id, affiliate, rule, version, kind, amount, cause, effective_at FROM affiliate.entries ORDER BY subject_id, affiliate, rule, version;
SELECT affiliate, accrued, reversed, paid, pending, held, eligible, negative, owed, currency FROM affiliate.affiliate_balance ORDER BY affiliate;
SELECT transaction_id, version, status, amount, refunded_amount FROM affiliate.transaction_report ORDER BY transaction_id, version;
SELECT count(*) FROM affiliate.settle_queue WHERE kind = 'customer' AND due_at <= affiliate._now();
SELECT * FROM affiliate.verify();

-- a transaction that is rolled back leaves nothing, in part or in whole
BEGIN;
INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, coupon_codes) VALUES ('c7', 't10', 'challenge_fee', 'completed', 'USD', 10, '2025-03-05', '{BOB}');
SAVEPOINT one;
INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, coupon_codes) VALUES ('c8', 't11', 'challenge_fee', 'completed', 'USD', 20, '2025-03-05', '{BOB}');
ROLLBACK TO one;
SELECT subject_id, amount FROM affiliate.entries WHERE customer_id IN ('c7', 'c8') ORDER BY 1;
ROLLBACK;
SELECT subject_id, amount FROM affiliate.entries WHERE customer_id IN ('c7', 'c8') ORDER BY 1;
