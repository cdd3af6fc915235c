-- Reviews say how urgent they are and what commission hangs on them.
BEGIN;
SELECT plan(4);
\ir ../settle/_rig.sql
SELECT pg_temp.program('main');
UPDATE affiliate.affiliate SET own_customer_ids = '{me}' WHERE affiliate_id = 'ann';
INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes, refunded_amount, refunded_at) VALUES
    ('c', 'c1', 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}', 130, '2025-03-20'),
    ('d', 'd1', 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}', 40, '2025-03-20'),
    ('me', 'm1', 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}', NULL, NULL);
INSERT INTO affiliate.transaction (customer_id, transaction_id, original_transaction_id, transaction_type, status, currency, amount, completed_at) VALUES
    ('d', 'd2', 'd1', 'refund', 'completed', 'USD', 10, '2025-03-20'),
    ('e', 'e2', 'none', 'refund', 'completed', 'USD', 10, '2025-03-20');
SELECT pg_temp.drain();
CREATE FUNCTION pg_temp.grade(customer text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT string_agg(concat_ws(' ', kind, severity, coalesce(trim_scale(money_at_stake)::text, 'unknown')), ', ' ORDER BY kind) FROM affiliate.review_case WHERE customer_id = customer
$$;
SELECT is(pg_temp.grade('c'), 'refund_above_sale normal 0', 'nothing is left of it');
SELECT is(pg_temp.grade('d'), 'refund_mismatch normal 6', 'six of ten are');
SELECT is(pg_temp.grade('me'), 'self_referral high unknown', 'nobody earns before somebody has looked');
SELECT is(pg_temp.grade('e'), 'refund_without_sale high unknown', 'a refund of nothing');
SELECT * FROM finish();
ROLLBACK;
