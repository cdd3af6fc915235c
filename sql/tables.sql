-- backfill(), which commits: in batches, resumed, beside UPDATEs, of partitioned tables; and how the extension lets go of attached tables.
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SET pg_affiliate.now = '2025-06-30 12:00+00';
CREATE SCHEMA firm;
CREATE TABLE firm.sales (id integer PRIMARY KEY, buyer text, price numeric, state text NOT NULL DEFAULT 'paid', bought_at timestamptz NOT NULL, note text);
INSERT INTO firm.sales SELECT n, 'buyer-' || n % 50, 100, CASE n WHEN 77 THEN 'odd' ELSE 'paid' END, timestamptz '2025-03-01' + n * interval '1 hour', repeat('x', 200)
FROM generate_series(1, 300) AS n;
SELECT affiliate.attach('firm.sales', 'transaction', columns => '{"transaction_id": "''s'' || id", "customer_id": "buyer", "amount": "price", "currency": "''USD''", "program_id": "''challenge''",
    "status": "state", "ordered_at": "bought_at", "completed_at": "bought_at", "coupon_codes": "''{BOB}''::text[]"}');
SELECT * FROM affiliate.backfill_progress;
-- some batches, and then an interruption
SELECT affiliate._backfill_begin('firm.sales:transaction'), affiliate._backfill_step('firm.sales:transaction', 1), affiliate._backfill_step('firm.sales:transaction', 1);
SELECT state, table_name, percent > 0 AND percent < 100 AS is_on_its_way, rows_read > 0 AND rows_read < 300 AS has_read_some, rows_read = facts_written AS has_written_them FROM affiliate.backfill_progress;
-- meanwhile each UPDATE is news, whatever it changes: it may move a row to where has been read already
UPDATE firm.sales SET note = 'seen' WHERE id = 300;
SELECT amount FROM affiliate.transaction WHERE transaction_id = 's300';
CALL affiliate.backfill('firm.sales:transaction', 50);
SELECT state, table_name, percent, rows_read, facts_written, rows_rejected FROM affiliate.backfill_progress;
SELECT count(*), sum(amount) FROM affiliate.transaction WHERE source = 'firm.sales:transaction';
SELECT payload #>> '{after,id}' AS id, state, reason FROM affiliate.pending_input WHERE kind = 'attached';
SELECT affiliate, sum(net) AS net, count(*) FROM affiliate.commissions WHERE subject_id ~ '^s\d' GROUP BY affiliate;
UPDATE firm.sales SET note = 'seen again' WHERE id = 300;
SELECT version FROM affiliate.transaction WHERE transaction_id = 's300';
-- again: nothing new
CALL affiliate.backfill('firm.sales:transaction');
SELECT state, rows_read, facts_written, rows_rejected FROM affiliate.backfill_progress;
SELECT count(*) FROM affiliate.pending_input WHERE kind = 'attached';
SELECT problem, fact_key, detail FROM affiliate.reconcile('firm.sales:transaction');
DELETE FROM affiliate.pending_input WHERE kind = 'attached';

-- of a partitioned table, with an empty partition and one of another shape
CREATE TABLE firm.returns (id integer, sale integer, at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE firm.returns_q1 (at timestamptz, gone text, sale integer, id integer);
ALTER TABLE firm.returns_q1 DROP COLUMN gone;
ALTER TABLE firm.returns ATTACH PARTITION firm.returns_q1 FOR VALUES FROM ('2025-01-01') TO ('2025-04-01');
CREATE TABLE firm.returns_q2 PARTITION OF firm.returns FOR VALUES FROM ('2025-04-01') TO ('2025-07-01');
CREATE TABLE firm.returns_q3 PARTITION OF firm.returns FOR VALUES FROM ('2025-07-01') TO ('2025-10-01');
INSERT INTO firm.returns VALUES (1, 1, '2025-03-20'), (2, 2, '2025-05-05');
SELECT affiliate.attach('firm.returns', 'refund', '{"transaction_id": "''r'' || id", "original_transaction_id": "''s'' || sale", "date": "at"}');
CALL affiliate.backfill('firm.returns:refund');
SELECT attachment, state, rows_read, facts_written FROM affiliate.backfill_progress ORDER BY attachment;
SELECT subject_id, net FROM affiliate.commissions WHERE subject_id IN ('s1', 's2', 's3') ORDER BY subject_id;
SELECT code, subject, detail FROM affiliate.verify();

-- mistakes
\set VERBOSITY terse
CALL affiliate.backfill('firm.sale:transaction');
CALL affiliate.backfill('firm.sales:transaction', 0);
BEGIN;
CALL affiliate.backfill('firm.sales:transaction');
ROLLBACK;
\set VERBOSITY default
SELECT affiliate.detach('firm.returns:refund');
