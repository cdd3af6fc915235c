-- An amount with more digits than the kernel's numbers have is rounded as its every digit says; one that is too large is an
-- error, not nothing.
BEGIN;
SELECT plan(16);
\ir ../settle/_rig.sql
SELECT pg_temp.program('main', '5');
CREATE TEMPORARY TABLE example (n integer GENERATED ALWAYS AS IDENTITY, rounding text, take_back text, amount text, gives text);
INSERT INTO example (rounding, take_back, amount, gives) VALUES
    -- a product of quotients: 99 digits after the point
    ('half_up', 'recompute', '(net / 30) * (1 / 3.0) * (1 / 3.0) * (1 / 3.0) * (1 / 3.0) * 81', '10 reversed 3'),
    ('half_up', 'proportional', '(net / 30) * (1 / 3.0) * (1 / 3.0) * (1 / 3.0) * (1 / 3.0) * 81', '10 reversed 3'),
    -- a unit of the 80th digit decides
    ('half_up', 'keep', '0.005 - 1e-40 * 1e-40', 'nothing'), ('half_up', 'keep', '0.005', '0.01'),
    ('half_even', 'keep', '0.005 + 1e-40 * 1e-40', '0.01'), ('half_even', 'keep', '0.005', 'nothing'),
    ('down', 'keep', '0.02 - 1e-40 * 1e-40', '0.01'), ('up', 'keep', '0.01 + 1e-40 * 1e-40', '0.02'),
    ('up', 'keep', '0.01 + 0 * 1e-40 * 1e-40', '0.01'), ('half_up', 'keep', '-7 - 1e-40 * 1e-40', 'nothing'),
    -- fits by itself, but not what a refund makes of it: 0.7 of it is exact all the same
    ('half_up', 'proportional', '50 + 1e-40 * 1e-34', '50 reversed 15');
INSERT INTO affiliate.plan_rule (plan_no, sequence_no, rounding, take_back, amount)
SELECT pg_temp.plan_of('main'), 100 + n, rounding, take_back, amount FROM example;

INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
VALUES ('c', 's', 'challenge_fee', 'completed', 'USD', 300, '2025-03-01', '2025-03-01', '{ANN}');
UPDATE affiliate.transaction SET refunded_amount = 90, refunded_at = '2025-03-11' WHERE transaction_id = 's';
SELECT pg_temp.drain();
SELECT is((SELECT count(*) FROM affiliate.settle_queue WHERE attempts > 0), 0::bigint, 'nothing fails');
SELECT is(coalesce((SELECT concat(trim_scale(m.accrued), ' reversed ' || nullif(trim_scale(m.reversed), 0)) FROM affiliate.commission AS m
                    JOIN affiliate.plan_rule AS r USING (rule_no) WHERE m.subject_id = 's' AND r.sequence_no = 100 + n), 'nothing'),
    gives, concat_ws(' ', rounding, take_back, amount))
FROM example ORDER BY n;
SELECT is_empty('SELECT * FROM pg_temp.violations()', 'the books are right');

SELECT pg_temp.program('large', amount => '1e60 * 1e40 * net');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
VALUES ('large', 'd', 't', 'challenge_fee', 'completed', 'USD', 300, '2025-03-01', '2025-03-01', '{ANN}');
SELECT is((SELECT reason FROM affiliate.settle_queue WHERE customer_id = 'd'), 'amount of a rule is too large', 'an amount that is too large waits with its reason');
SELECT is((SELECT count(*) FROM affiliate.transaction WHERE transaction_id = 't'), 1::bigint, 'and the sale stands');
SELECT is((SELECT count(*) FROM affiliate.conversion WHERE transaction_id = 't'), 0::bigint, 'not decided');

SELECT * FROM finish();
ROLLBACK;
