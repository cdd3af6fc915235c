\set customer random(1, :customers)
\set id random(1, 1000000000000000)
INSERT INTO affiliate.transaction (customer_id, transaction_id, program_id, transaction_type, status, currency, amount, ordered_at, completed_at, order_id, product_id, challenge_type, account_size, list_price) VALUES ('customer-' || :customer, 'txn_' || :id, 'prop', 'challenge_fee', 'completed', 'USD', 349.00, now(), now(), 'order-' || :id, 'two-step-50k', 'two_step', 50000, 349.00);
