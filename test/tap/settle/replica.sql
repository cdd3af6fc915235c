-- session_replication_role = replica, as restores and subscribers have it: nothing is settled, so nothing twice; guards stay.
BEGIN;
SELECT plan(11);
\ir _rig.sql
SELECT pg_temp.program('main');
INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
VALUES ('a', 'a', 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}');
-- a restore brings facts and ledger as they were
SET LOCAL session_replication_role = replica;
INSERT INTO affiliate.transaction SELECT (jsonb_populate_record(t, '{"customer_id": "b", "transaction_id": "b"}')).* FROM affiliate.transaction AS t;
INSERT INTO affiliate.conversion SELECT (jsonb_populate_record(t, '{"customer_id": "b", "transaction_id": "b", "order_key": "b"}')).* FROM affiliate.conversion AS t;
INSERT INTO affiliate.conversion_entry SELECT (jsonb_populate_record(t, '{"customer_id": "b", "transaction_id": "b"}')).* FROM affiliate.conversion_entry AS t;
INSERT INTO affiliate.ownership SELECT (jsonb_populate_record(t, '{"customer_id": "b", "cause": "b"}')).* FROM affiliate.ownership AS t;
INSERT INTO affiliate.commission SELECT (jsonb_populate_record(t, '{"customer_id": "b", "subject_id": "b"}')).* FROM affiliate.commission AS t;
INSERT INTO affiliate.entry SELECT (jsonb_populate_record(t, '{"customer_id": "b", "subject_id": "b"}')).* FROM affiliate.entry AS t;
SELECT is(pg_temp.entries('b'), 'accrual 10', 'restored rows are as they were');
SELECT is((SELECT count(*) FROM affiliate.settle_queue WHERE kind <> 'program'), 0::bigint, 'nothing is queued');
SELECT throws_ok($$UPDATE affiliate.entry SET amount = 1 WHERE subject_id = 'b'$$, 'AF020', NULL, 'the ledger is append-only under replica too');
SELECT throws_ok($$DELETE FROM affiliate.transaction WHERE transaction_id = 'b'$$, 'AF021', NULL, 'facts are never deleted');
CREATE TEMP TABLE before AS SELECT (SELECT count(*) FROM affiliate.settle_queue) + (SELECT count(*) FROM affiliate.audit_log WHERE action = 'update') AS queued_before;
UPDATE affiliate.coupon SET affiliate_no = pg_temp.of('bob') WHERE code = 'HOUSE';
SELECT is((SELECT count(*) FROM affiliate.settle_queue) + (SELECT count(*) FROM affiliate.audit_log WHERE action = 'update'), queued_before,
    'a change of the rulebook was logged and queued where it happened') FROM before;
SET LOCAL session_replication_role = origin;
SELECT is(affiliate.resettle('{a,b}'), 0::bigint, 'settling what was restored posts nothing');
UPDATE affiliate.transaction SET refunded_amount = 40, refunded_at = '2025-03-10' WHERE transaction_id = 'b';
SELECT is(pg_temp.entries('b'), 'accrual 10, reversal -4', 'the next news works on what was restored');
INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
VALUES ('c', 'c', 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{HOUSE}');
SELECT is(pg_temp.outcome('main', 'c'), 'c bob coupon #1 10', 'a rulebook row that was replicated counts at once');
-- a fact alone that a subscriber got
SET LOCAL session_replication_role = replica;
INSERT INTO affiliate.transaction SELECT (jsonb_populate_record(t, '{"customer_id": "d", "transaction_id": "d"}')).* FROM affiliate.transaction AS t WHERE transaction_id = 'a';
SET LOCAL session_replication_role = origin;
SELECT is(pg_temp.entries('d'), NULL, 'is not settled by itself');
SELECT is(affiliate.resettle('{d}'), 1::bigint, 'but on request');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
