-- on_error => 'capture': whatever happens to us, the firm's statement goes through. The row is kept, or at least counted.
BEGIN;
SELECT plan(26);
\ir _firm.sql
UPDATE affiliate.plan_rule SET amount = 'CASE WHEN account_size = 0 THEN net / account_size ELSE net * 0.1 END';
SELECT affiliate.attach('firm.payments', 'transaction', columns => pg_temp.mapping() || '{"account_size": "CASE note WHEN ''broken'' THEN 0 ELSE 1 END"}');
\ir _disturb.sql
SELECT is(pg_temp.sell_during('', '', 1), 'a fact', 'an undisturbed sale is a fact at once');
SELECT is(pg_temp.sell_during('ALTER TABLE affiliate.transaction RENAME TO away', 'ALTER TABLE affiliate.away RENAME TO transaction', 2), 'relation "affiliate.transaction" does not exist', 'no table of facts');
SELECT is(pg_temp.sell_during('ALTER TABLE affiliate.commission RENAME TO away', 'ALTER TABLE affiliate.away RENAME TO commission', 3), 'table "affiliate.commission" or its index is missing', 'no table of the ledger');
SELECT is(pg_temp.sell_during('ALTER TABLE affiliate.attachment RENAME TO away', 'ALTER TABLE affiliate.away RENAME TO attachment', 4), 'a fact', 'no table of attachments: a session that knows them goes on');
SELECT is(pg_temp.sell_during('ALTER TABLE affiliate.pending_input RENAME TO away', 'ALTER TABLE affiliate.away RENAME TO pending_input', 5), 'lost', 'no table of what is kept');
SELECT is(pg_temp.sell_during('REVOKE ALL ON SCHEMA affiliate FROM affiliate_owner', 'GRANT ALL ON SCHEMA affiliate TO affiliate_owner', 6), 'permission denied for schema affiliate', 'no right on the schema');
SELECT is(pg_temp.sell_during('REVOKE ALL ON affiliate.transaction FROM affiliate_owner', 'GRANT ALL ON affiliate.transaction TO affiliate_owner', 7), 'permission denied for table transaction', 'no right to write facts');
SELECT is(pg_temp.sell_during($$INSERT INTO affiliate.schema_version (version, installed_at) VALUES ('99.1', clock_timestamp() + interval '1 second')$$, $$DELETE FROM affiliate.schema_version WHERE version = '99.1'$$, 8),
    'library of another version', 'a newer schema');
SELECT is(pg_temp.sell_during($$UPDATE affiliate.schema_version SET version = '0.0.1'$$, $$UPDATE affiliate.schema_version SET version = affiliate.version()$$, 9), 'library of another version', 'an older schema');
SELECT is(pg_temp.sell_during($$ALTER TABLE affiliate.pending_input ADD CONSTRAINT full_disk CHECK (false) NOT VALID; ALTER TABLE affiliate.transaction ADD CONSTRAINT full_disk CHECK (false) NOT VALID$$,
    'ALTER TABLE affiliate.pending_input DROP CONSTRAINT full_disk; ALTER TABLE affiliate.transaction DROP CONSTRAINT full_disk', 10), 'lost', 'nothing can be written');
SELECT is(pg_temp.sell_during('ALTER TABLE affiliate.transaction ADD CONSTRAINT full_disk CHECK (false) NOT VALID', 'ALTER TABLE affiliate.transaction DROP CONSTRAINT full_disk', 11),
    'new row for relation "transaction" violates check constraint "full_disk"', 'facts cannot be written');
SELECT is(pg_temp.sell_during('ALTER SEQUENCE affiliate.pending_input_input_id_seq RENAME TO away; SET LOCAL pg_affiliate.mode = queue', 'ALTER SEQUENCE affiliate.away RENAME TO pending_input_input_id_seq; SET LOCAL pg_affiliate.mode = on', 12),
    'lost', 'no sequence of what is kept');
SELECT is(pg_temp.sell_during('ALTER SEQUENCE affiliate.attached_rows_lost RENAME TO gone; ALTER TABLE affiliate.pending_input RENAME TO away', 'ALTER SEQUENCE affiliate.gone RENAME TO attached_rows_lost; ALTER TABLE affiliate.away RENAME TO pending_input', 13),
    'nothing', 'nothing to count with, either');
SELECT is(pg_temp.sell_during('ALTER SCHEMA affiliate RENAME TO away', 'ALTER SCHEMA away RENAME TO affiliate', 14), 'nothing', 'no schema of ours at all');
SELECT is(pg_temp.sell_during('ALTER ROLE affiliate_owner RENAME TO somebody_else', 'ALTER ROLE somebody_else RENAME TO affiliate_owner', 15), 'a fact', 'no owner: the session of a superuser may do all');
SELECT is(pg_temp.sell_during('SET LOCAL session_replication_role = replica', 'SET LOCAL session_replication_role = DEFAULT', 16), 'nothing', 'no ordinary trigger fires as a replica');
SELECT is(pg_temp.sell_during('ALTER TABLE firm.payments DISABLE TRIGGER USER', 'ALTER TABLE firm.payments ENABLE TRIGGER USER', 17), 'nothing', 'nor where triggers are disabled');
SELECT is(pg_temp.sell_during($$ALTER TABLE firm.payments ALTER COLUMN note SET DEFAULT 'broken'$$, 'ALTER TABLE firm.payments ALTER COLUMN note DROP DEFAULT', 18), 'division by zero', 'a plan that fails');
SELECT is((SELECT count(*) FROM firm.payments), 18::bigint, 'the firm has all of its rows');
SELECT results_eq($$SELECT problem, string_agg(fact_key, ' ' ORDER BY fact_key::integer) FROM affiliate.reconcile('firm.payments:transaction') GROUP BY 1$$,
    $$VALUES ('missing', '2 3 5 6 7 8 9 10 11 12 13 14 16 17 18')$$, 'reconcile() lists what has not arrived');
SELECT affiliate.reconcile('firm.payments:transaction', repair => true);
SELECT affiliate.replay();
SELECT affiliate.drain(1000);
SELECT results_eq('SELECT customer_id, last_error FROM affiliate.settle_queue', $$VALUES ('18' COLLATE "C", 'division by zero')$$, 'a plan that fails is no matter of the row');
UPDATE firm.payments SET note = 'good' WHERE id = 18;
SET LOCAL pg_affiliate.now = '2025-06-15 13:00:00+00';
SELECT affiliate.drain(1000);
SELECT is((SELECT count(*) || ' ' || sum(net) FROM pg_temp.net()), '18 18', 'after repair, replay and a drain all 18 sales have earned');
SELECT is_empty('SELECT * FROM pg_temp.kept', 'nothing is kept');

-- who cannot be settled is queued; the rows are facts all the same
CREATE TABLE firm.sizes (id integer PRIMARY KEY, user_id integer, size integer);
INSERT INTO firm.sizes VALUES (801, 80, 1), (802, 80, 0), (803, 81, 1);
SELECT affiliate.attach('firm.sizes', 'transaction', '{"transaction_id": "id", "customer_id": "user_id", "amount": "10", "status": "''paid''", "account_size": "size", "coupon_codes": "ARRAY[''ANN'']"}');
SELECT affiliate.reconcile('firm.sizes:transaction', repair => true);
SELECT is_empty($$SELECT * FROM affiliate.reconcile('firm.sizes:transaction')$$, 'reconcile() repairs rows of a customer whose rule fails');
SELECT is_empty($$SELECT * FROM affiliate.pending_input WHERE kind = 'attached'$$, 'and keeps none of them');
SELECT results_eq($$SELECT q.customer_id FROM affiliate.settle_queue AS q WHERE q.customer_id ~ '^8[01]$'$$, $$VALUES ('80' COLLATE "C")$$, 'the queue has who is left');

SELECT * FROM finish();
ROLLBACK;
