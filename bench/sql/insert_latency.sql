-- Customers who belong to an affiliate and have bought in the last weeks, settled; kept in bench_owned.
-- psql variables: customers; purchases: the most that a customer has made, the numbers from one to that are equally frequent.
SET client_min_messages = warning;
SELECT bench.truncate_tables('affiliate');
SET pg_affiliate.inline_budget = 0;
INSERT INTO affiliate.transaction (customer_id, transaction_id, program_id, transaction_type, status, currency, amount, ordered_at, completed_at,
    order_id, product_id, challenge_type, account_size, list_price, discount, coupon_codes)
SELECT 'customer-' || n, format('early-%s-%s', n, sale), 'prop', 'challenge_fee', 'completed', 'USD', 314.10,
    now() - interval '45 days' + sale * interval '7 days' + n * interval '1 second',
    now() - interval '45 days' + sale * interval '7 days' + (n + 20) * interval '1 second',
    format('order-%s-%s', n, sale), 'two-step-50k', 'two_step', 50000, 349.00, 34.90, ARRAY['code' || 1 + n % :affiliates]
FROM generate_series(1, :customers) AS n, generate_series(1, 1 + n % :purchases) AS sale
ORDER BY sale, n;
SELECT bench.check_settled();
SELECT bench.keep('bench_owned');
