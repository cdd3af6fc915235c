-- A row of the firm's own table becomes a fact, and what follows is settled, in the firm's own transaction.
BEGIN;
SELECT plan(9);
\ir _firm.sql

SELECT is(affiliate.attach('firm.payments', 'transaction', columns => pg_temp.mapping()), 'firm.payments:transaction', 'attach() names the attachment');
INSERT INTO firm.payments (id, user_id, total_cents, coupon) VALUES (1, 7, 10000, 'ANN'), (2, 8, 5000, NULL);
SELECT results_eq('SELECT * FROM pg_temp.net()', $$VALUES ('1', 10::numeric)$$, 'a sale earns its commission at once');
SELECT results_eq($$SELECT transaction_id, customer_id, amount, status, currency, ordered_at, source FROM affiliate.transaction ORDER BY transaction_id$$,
    $$VALUES ('1' COLLATE "C", '7' COLLATE "C", 100::numeric, 'completed' COLLATE "C", 'USD' COLLATE "C", timestamptz '2025-06-15 10:00+00', 'firm.payments:transaction'),
             ('2', '8', 50, 'completed', 'USD', '2025-06-15 10:00+00', 'firm.payments:transaction')$$, 'the facts');
UPDATE firm.payments SET state = 'charged_back' WHERE id = 1;
SELECT results_eq('SELECT * FROM pg_temp.net()', $$VALUES ('1', 0::numeric)$$, 'a chargeback takes it back at once');
UPDATE firm.payments SET note = 'called the customer';
SELECT is((SELECT max(version) FROM affiliate.transaction), 1, 'an UPDATE of what is not mapped is no news');
INSERT INTO firm.payments (id, user_id, total_cents, coupon) VALUES (3, 9, 2000, 'ANN')
    ON CONFLICT (id) DO UPDATE SET total_cents = excluded.total_cents;
INSERT INTO firm.payments (id, user_id, total_cents, coupon) VALUES (3, 9, 3000, 'ANN')
    ON CONFLICT (id) DO UPDATE SET total_cents = excluded.total_cents;
SELECT results_eq('SELECT * FROM pg_temp.net()', $$VALUES ('1', 0::numeric), ('3', 3)$$, 'an upsert is an insert, or news');
SELECT is_empty('SELECT * FROM affiliate.pending_input', 'nothing had to be kept');
SELECT is_empty('SELECT * FROM affiliate.settle_queue WHERE kind <> ''program''', 'and nothing waits');
SELECT is_empty('SELECT * FROM affiliate.verify()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
