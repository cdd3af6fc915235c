-- Kept rows and rows that become facts at once: states of one row in the order in which they came.
BEGIN;
SELECT plan(13);
\ir _firm.sql
CREATE VIEW pg_temp.amounts AS SELECT transaction_id, trim_scale(amount) AS amount FROM affiliate.transaction;
-- the primary key changes, what the fact is known by does not
CREATE TABLE firm.orders (id integer PRIMARY KEY, ref text, cents integer);
SELECT affiliate.attach('firm.orders', 'transaction', '{"transaction_id": "ref", "customer_id": "ref", "amount": "cents", "status": "''paid''"}');
SET LOCAL pg_affiliate.mode = 'queue';
INSERT INTO firm.orders VALUES (1, 'a', 100);
SET LOCAL pg_affiliate.mode = 'on';
UPDATE firm.orders SET id = 2, cents = 200;
SELECT affiliate.drain(100);
SELECT is((SELECT amount FROM pg_temp.amounts), 200::numeric, 'a changed primary key');

-- a partition has its columns in another order, and a child no primary key
CREATE TABLE firm.parts (id integer, day date, cents integer, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE firm.part (day date NOT NULL, cents integer, id integer NOT NULL);
ALTER TABLE firm.parts ATTACH PARTITION firm.part FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE firm.base (id integer PRIMARY KEY, cents integer);
CREATE TABLE firm.child () INHERITS (firm.base);
SELECT affiliate.attach('firm.parts', 'transaction', '{"transaction_id": "''p'' || id", "customer_id": "id", "amount": "cents", "status": "''paid''"}');
SELECT affiliate.attach('firm.base', 'transaction', '{"transaction_id": "''b'' || id", "customer_id": "id", "amount": "cents", "status": "''paid''"}');
INSERT INTO firm.child VALUES (1, 1);
SET LOCAL pg_affiliate.mode = 'queue';
INSERT INTO firm.parts VALUES (1, '2025-05-05', 100);
UPDATE firm.base SET cents = 100;
SET LOCAL pg_affiliate.mode = 'on';
UPDATE firm.part SET cents = 200;
UPDATE firm.child SET cents = 200;
SELECT affiliate.drain(100);
SELECT is((SELECT amount FROM pg_temp.amounts WHERE transaction_id = 'p1'), 200::numeric, 'kept by the parent, then written to a partition');
SELECT is((SELECT amount FROM pg_temp.amounts WHERE transaction_id = 'b1'), 200::numeric, 'or to a child');

-- a key whose text depends on the session
CREATE TABLE firm.moments (at timestamptz, code bytea, cents integer, PRIMARY KEY (at, code));
SELECT affiliate.attach('firm.moments', 'transaction', '{"transaction_id": "''m'' || encode(code, ''hex'')", "customer_id": "''m''", "amount": "cents", "status": "''paid''"}');
SET LOCAL pg_affiliate.mode = 'queue';
SET LOCAL TimeZone = 'Europe/Berlin';
INSERT INTO firm.moments VALUES ('2025-05-05 12:00+00', '\x00ff', 100);
SET LOCAL TimeZone = 'Asia/Tokyo';
SET LOCAL bytea_output = 'escape';
UPDATE firm.moments SET cents = 200;
SELECT is((SELECT count(DISTINCT input_key) FROM affiliate.pending_input), 1::bigint, 'has one in all of them');
SET LOCAL pg_affiliate.mode = 'on';
UPDATE firm.moments SET cents = 300;
RESET TimeZone;
RESET bytea_output;
SELECT affiliate.drain(100);
SELECT is((SELECT amount FROM pg_temp.amounts WHERE transaction_id = 'm00ff'), 300::numeric, 'and its states keep their order');

-- one that is put off holds back its own later states, and nothing else
CREATE TABLE firm.refunds (id text PRIMARY KEY, payment text, cents integer);
SELECT affiliate.attach('firm.refunds', 'refund', '{"transaction_id": "id", "original_transaction_id": "payment", "amount": "cents"}');
INSERT INTO firm.refunds VALUES ('r', 'z', 1);
SELECT affiliate.drain(1);
UPDATE firm.refunds SET cents = 2;
UPDATE firm.refunds SET cents = 3;
INSERT INTO firm.refunds VALUES ('s', 'a', 5);
INSERT INTO firm.orders VALUES (3, 'z', 9);
CREATE VIEW pg_temp.kept AS SELECT input_key, payload #>> '{after,cents}' AS cents, attempts FROM affiliate.pending_input ORDER BY input_id;
SELECT results_eq('SELECT * FROM pg_temp.kept', $$VALUES ('firm.refunds:refund "r"' COLLATE "C", '1', 1), ('firm.refunds:refund "r"', '2', 0), ('firm.refunds:refund "r"', '3', 0)$$, 'a refund and its later states wait');
SELECT results_eq($$SELECT attempts, due_at FROM affiliate.waiting WHERE what = 'input' ORDER BY attempts DESC LIMIT 1$$,
    $$VALUES (1, timestamptz '2025-06-15 12:00:10+00')$$, 'affiliate.waiting says when it is looked at again');
SELECT affiliate.drain(1);
SELECT is((SELECT count(*) FROM pg_temp.kept), 3::bigint, 'until it is due');
SET LOCAL pg_affiliate.now = '2025-06-15 12:00:20+00';
SELECT affiliate.drain(1);
SELECT is((SELECT amount FROM pg_temp.amounts WHERE transaction_id = 'r'), 1::numeric, 'then it comes first, however small the batches');
SELECT affiliate.drain(1);
SELECT affiliate.drain(1);
SELECT is((SELECT amount FROM pg_temp.amounts WHERE transaction_id = 'r'), 3::numeric, 'and they come behind it');
SELECT is_empty('SELECT * FROM pg_temp.kept', 'nothing is kept any more');
SELECT is_empty($$SELECT * FROM affiliate.reconcile('firm.refunds:refund')$$, 'the facts are what the table says');

-- rows that would be done together with one that is put off wait with it, and so do their later states
INSERT INTO firm.refunds VALUES ('u', 'a', 1);
SET LOCAL pg_affiliate.mode = 'queue';
INSERT INTO firm.refunds VALUES ('t', 'nothing yet', 1);
UPDATE firm.refunds SET cents = 2 WHERE id IN ('t', 'u');
UPDATE firm.refunds SET cents = 3 WHERE id = 'u';
SET LOCAL pg_affiliate.mode = 'on';
SELECT affiliate.drain(100);
SELECT affiliate.drain(100);
SELECT is((SELECT amount FROM pg_temp.amounts WHERE transaction_id = 'u'), 3::numeric, 'the last state comes last');
SELECT * FROM finish();
ROLLBACK;
