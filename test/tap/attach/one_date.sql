-- A table with one date only (W8): ordered_at is the earliest date of any of its reports, completed_at the earliest of a completed
-- one; on a refund the date is the time of that news. What was there before is read the same way.
BEGIN;
SELECT plan(9);
\ir _firm.sql
CREATE TABLE firm.sales (id integer PRIMARY KEY, buyer text, price numeric, state text, date timestamptz, code text DEFAULT 'ANN');
CREATE TABLE firm.returns (id integer PRIMARY KEY, sale integer, date timestamptz);
INSERT INTO firm.sales VALUES (1, 'early', 100, 'paid', '2025-06-01 10:00Z'), (2, 'taken-back', 100, 'refunded', '2025-06-02 10:00Z');
SELECT affiliate.attach('firm.sales', 'transaction', '{"transaction_id": "id", "customer_id": "buyer", "amount": "price", "coupon_codes": "ARRAY[code]", "date": "date",
    "status": "CASE state WHEN ''open'' THEN ''pending'' WHEN ''paid'' THEN ''completed'' ELSE state END"}');
SELECT affiliate.attach('firm.returns', 'refund', '{"transaction_id": "''r'' || id", "original_transaction_id": "sale", "date": "date"}');
CREATE VIEW pg_temp.decided AS SELECT transaction_id, ordered_at, occurred_at FROM affiliate.conversion ORDER BY transaction_id;

INSERT INTO firm.sales VALUES (3, 'buyer', 100, 'open', '2025-06-10 10:00Z');
UPDATE firm.sales SET state = 'paid', date = '2025-06-12 10:00Z' WHERE id = 3;
SELECT results_eq($$SELECT ordered_at, occurred_at FROM pg_temp.decided WHERE transaction_id = '3'$$, $$VALUES (timestamptz '2025-06-10 10:00Z', timestamptz '2025-06-12 10:00Z')$$,
    'ordered when it was first told of, completed when it was first paid');
UPDATE firm.sales SET date = '2025-06-14 10:00Z' WHERE id = 3;
SELECT results_eq($$SELECT ordered_at, occurred_at FROM pg_temp.decided WHERE transaction_id = '3'$$, $$VALUES (timestamptz '2025-06-10 10:00Z', timestamptz '2025-06-12 10:00Z')$$, 'a later date moves nothing');
INSERT INTO firm.returns VALUES (3, 3, '2025-06-15 09:00Z');
SELECT results_eq($$SELECT max(effective_at) FROM affiliate.entry WHERE subject_id = '3' AND kind = 'reversal'$$, $$VALUES (timestamptz '2025-06-15 09:00Z')$$, 'a refund happened on its date');
SELECT results_eq($$SELECT net FROM pg_temp.net() WHERE subject_id = '3'$$, $$VALUES (0::numeric)$$, 'and takes all of it back');

SELECT is((SELECT count(*) FROM affiliate.reconcile('firm.sales:transaction', repair => true)), 2::bigint, 'what was there before');
SELECT results_eq($$SELECT * FROM pg_temp.decided WHERE transaction_id = '1'$$, $$VALUES ('1' COLLATE "C", timestamptz '2025-06-01 10:00Z', timestamptz '2025-06-01 10:00Z')$$, 'was ordered and paid on its date');
SELECT results_eq($$SELECT c.accrued, c.reversed, c.is_void FROM affiliate.commission AS c WHERE c.subject_id = '2'$$, $$VALUES (10.00, 10.00, true)$$,
    'what is refunded by then was paid and refunded on its date');
-- a date that says when the row was made, and stays
INSERT INTO firm.sales VALUES (4, 'other', 100, 'open', '2025-06-10 10:00Z');
UPDATE firm.sales SET state = 'paid' WHERE id = 4;
SET LOCAL pg_affiliate.now = '2025-06-20 12:00:00+00';
UPDATE firm.sales SET state = 'refunded' WHERE id = 4;
SELECT results_eq($$SELECT c.is_void, (SELECT max(e.effective_at) FROM affiliate.entry AS e WHERE e.subject_id = '4' AND e.kind = 'reversal') FROM affiliate.commission AS c WHERE c.subject_id = '4'$$,
    $$VALUES (false, timestamptz '2025-06-20 12:00Z')$$, 'news that leaves the date as it was happened when it arrived');
SELECT is_empty('SELECT * FROM affiliate.verify()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
