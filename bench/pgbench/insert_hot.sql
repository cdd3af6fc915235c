\set id random(1, 1000000000000000)
\set affiliate 1 + :client_id % :affiliates
INSERT INTO affiliate.transaction (customer_id, transaction_id, program_id, transaction_type, status, currency, amount, ordered_at, completed_at, order_id, product_id, challenge_type, account_size, list_price, discount, coupon_codes) VALUES ('buyer-' || :id, 'txn_' || :id, :program, 'challenge_fee', 'completed', 'USD', 314.10, now(), now(), 'order-' || :id, 'two-step-50k', 'two_step', 50000, 349.00, 34.90, ARRAY['code' || :affiliate]);
