\set customer random(1, :customers)
\set id random(1, 1000000000000000)
INSERT INTO firm.payments_raise (id, user_id, order_number, product, kind, account_size, list_cents, total_cents, currency, state, created_at, paid_at) VALUES (:id, 'customer-' || :customer, 'order-' || :id, 'two-step-50k', 'two_step', 50000, 34900, 34900, 'USD', 'paid', now(), now());
