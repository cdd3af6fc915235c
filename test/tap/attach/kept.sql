-- What cannot become a fact at once is kept as it was, and the drain takes it up in the order in which it came.
BEGIN;
SELECT plan(27);
\ir _firm.sql
SELECT affiliate.attach('firm.payments', 'transaction', columns => pg_temp.mapping(), filter => 'total_cents <> 0');
CREATE VIEW pg_temp.kept AS SELECT input_id, state, payload ->> 'operation' AS operation, payload -> 'after' ->> 'id' AS id, reason FROM affiliate.pending_input WHERE kind = 'attached';

-- mode queue
SET LOCAL pg_affiliate.mode = 'queue';
INSERT INTO firm.payments (id, user_id, total_cents, coupon, created_at, note) VALUES (1, 7, 10000, 'ANN', '2025-06-15 10:00+02', E'odd "\\ \n text');
SELECT results_eq('SELECT state, operation, id, reason FROM pg_temp.kept', $$VALUES ('waiting', 'insert', '1', 'mode queue')$$, 'in mode queue the row is kept');
SELECT is((SELECT payload -> 'after' FROM affiliate.pending_input),
    '{"id": "1", "note": "odd \"\\ \n text", "state": "paid", "coupon": "ANN", "user_id": "7", "created_at": "2025-06-15 08:00:00+00", "total_cents": "10000"}'::jsonb, 'as it was');
SELECT is_empty('SELECT * FROM affiliate.transaction', 'there is no fact yet');
SET LOCAL pg_affiliate.mode = 'on';
UPDATE firm.payments SET state = 'charged_back' WHERE id = 1;
SELECT results_eq('SELECT operation, id, reason FROM pg_temp.kept ORDER BY input_id', $$VALUES ('insert', '1', 'mode queue'), ('update', '1', 'earlier rows wait')$$,
    'what follows of the same row waits behind it');
INSERT INTO firm.payments (id, user_id, total_cents, coupon) VALUES (2, 8, 5000, 'ANN');
SELECT results_eq('SELECT * FROM pg_temp.net()', $$VALUES ('2', 5::numeric)$$, 'but not other rows');
SET LOCAL pg_affiliate.now = '2025-06-15 12:01:00+00';
SELECT ok((SELECT affiliate.drain(100)) > 0, 'the drain works');
SELECT results_eq('SELECT * FROM pg_temp.net()', $$VALUES ('1', 0::numeric), ('2', 5)$$, 'and both are facts, the sale and its chargeback');
SELECT is_empty('SELECT * FROM pg_temp.kept', 'nothing is kept any more');
SELECT results_eq($$SELECT status, recorded_at FROM affiliate.transaction_report UNION ALL SELECT status, recorded_at FROM affiliate.transaction WHERE transaction_id = '1'$$,
    $$VALUES ('completed' COLLATE "C", timestamptz '2025-06-15 12:00+00'), ('chargeback', '2025-06-15 12:00+00')$$, 'as of when they arrived');

-- rows that cannot be
SELECT lives_ok($$INSERT INTO firm.payments (id, user_id, total_cents, state) VALUES (3, 9, 100, 'strange'), (4, 9, 100, 'paid'), (5, 9, 0, 'strange')$$, 'a strange row does not fail');
SELECT affiliate.drain(100);
SELECT results_eq('SELECT state, operation, id, reason FROM pg_temp.kept', $$VALUES ('rejected', 'insert', '3', 'AF015: transaction status "strange" is not known')$$,
    'it is kept with the reason; what the filter leaves out is not');
SELECT results_eq($$SELECT transaction_id FROM affiliate.transaction ORDER BY 1$$, $$VALUES ('1' COLLATE "C"), ('2'), ('4')$$, 'its neighbour is a fact');

-- keys
UPDATE firm.payments SET id = 40 WHERE id = 4;
UPDATE firm.payments SET user_id = 77 WHERE id = 2;
SELECT affiliate.drain(100);
SELECT results_eq($$SELECT state, operation, id, reason FROM pg_temp.kept WHERE id <> '3' ORDER BY input_id$$,
    $$VALUES ('rejected', 'update', '40', 'key_conflict: the key of the row was changed'),
             ('rejected', 'update', '2', 'key_conflict: column "customer_id" of a stored transaction cannot be changed')$$, 'changed keys are conflicts');
SELECT results_eq($$SELECT kind, customer_id, subject_id, severity FROM affiliate.review_case WHERE kind = 'key_conflict' ORDER BY subject_id$$,
    $$VALUES ('key_conflict' COLLATE "C", '8' COLLATE "C", '2' COLLATE "C", 'high'), ('key_conflict', '', '40', 'high')$$, 'and reviewed');

-- DELETE and TRUNCATE
DELETE FROM firm.payments WHERE id IN (1, 3);
SELECT affiliate.drain(100);
SELECT results_eq($$SELECT customer_id, subject_id, evidence #>> '{row,amount}' FROM affiliate.review_case WHERE kind = 'row_deleted'$$,
    $$VALUES ('7' COLLATE "C", '1' COLLATE "C", '100')$$, 'a deleted row is reviewed if it was a fact');
SELECT is((SELECT count(*) FROM affiliate.transaction), 3::bigint, 'which stays');
INSERT INTO firm.payments (id, user_id, total_cents) VALUES (6, 6, 0), (7, 6, 700);
WITH deleted AS (DELETE FROM firm.payments WHERE id IN (6, 7) RETURNING *) SELECT count(*) FROM deleted;
INSERT INTO firm.payments (id, user_id, total_cents) VALUES (7, 6, 700);
SELECT affiliate.drain(100);
SELECT is_empty($$SELECT * FROM affiliate.review_case WHERE subject_id = '7'$$, 'one that comes back was not deleted, whatever the filter says of its neighbours');
TRUNCATE firm.payments;
SELECT affiliate.drain(100);
SELECT results_eq($$SELECT subject_id, severity FROM affiliate.review_case WHERE kind = 'table_truncated'$$, $$VALUES ('firm.payments:transaction' COLLATE "C", 'high')$$, 'so is TRUNCATE');
SELECT is_empty($$SELECT * FROM pg_temp.kept WHERE state = 'waiting'$$, 'nothing waits');

-- more than fits into work_mem
SET LOCAL work_mem = '64kB';
SET LOCAL pg_affiliate.mode = 'queue';
INSERT INTO firm.payments (id, user_id, total_cents) SELECT 1000 + g, g, 100 FROM generate_series(1, 5000) AS g;
SET LOCAL pg_affiliate.mode = 'on';
SELECT is((SELECT count(*) FROM pg_temp.kept WHERE state = 'waiting'), 5000::bigint, 'thousands of rows are kept');
SELECT affiliate.drain(10000);
SELECT is((SELECT count(*) FROM affiliate.transaction WHERE transaction_id LIKE '____'), 5000::bigint, 'and taken up');

-- renamed, dropped and retyped columns
ALTER TABLE firm.payments RENAME COLUMN total_cents TO cents;
ALTER TABLE firm.payments RENAME TO receipts;
INSERT INTO firm.receipts (id, user_id, cents, coupon) VALUES (10, 10, 7000, 'ANN');
SELECT results_eq($$SELECT * FROM pg_temp.net() WHERE subject_id = '10'$$, $$VALUES ('10', 7::numeric)$$, 'renamed tables and columns are followed');
ALTER TABLE firm.receipts DROP COLUMN coupon;
INSERT INTO firm.receipts (id, user_id, cents) VALUES (11, 11, 7000);
SELECT results_eq($$SELECT reason FROM pg_temp.kept WHERE id = '11'$$, $$VALUES ('column "coupon" of attached table firm.receipts is not what it was')$$, 'a dropped one keeps the rows');
SELECT affiliate.drain(100);
SELECT results_eq($$SELECT state, reason FROM pg_temp.kept WHERE id = '11'$$,
    $$VALUES ('rejected', 'AF051: column "coupon" of attached table firm.receipts is not what it was')$$, 'with a code');
SELECT is(affiliate.attach('firm.receipts', 'transaction', pg_temp.mapping() - 'coupon_codes' || '{"amount": "cents / 100.0"}'), 'firm.payments:transaction', 'attached again it is the same attachment');
SELECT affiliate.replay('firm.payments:transaction');
SELECT is_empty($$SELECT reason FROM pg_temp.kept WHERE id = '11'$$, 'and replay() takes up what was kept');
ALTER TABLE firm.receipts RENAME TO incomes;
SELECT affiliate.attach('firm.incomes', 'transaction', pg_temp.mapping() - 'coupon_codes' || '{"amount": "cents / 100.0"}');
SELECT is((SELECT count(*) FROM affiliate.attachment), 1::bigint, 'however often the table is renamed');
SELECT * FROM finish();
ROLLBACK;
