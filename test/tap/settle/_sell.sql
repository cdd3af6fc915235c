-- A program main, and sales of customers of their own that ann earns ten of.
\ir _rig.sql
SELECT pg_temp.program('main');
CREATE FUNCTION pg_temp.sell(id text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
    VALUES ('main', id, id, 'challenge_fee', 'completed', 'USD', 100, '2025-06-05', '2025-06-05', '{ANN}')
$$;
