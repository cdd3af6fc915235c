-- Partitioned tables, children, odd names, other ways to write; and what cannot be attached.
BEGIN;
SELECT plan(26);
\ir _firm.sql
CREATE TABLE firm."Odd ""Payments""" ("Id" integer, "user" integer, "Total Cents" integer, "when" timestamptz DEFAULT '2025-06-15 10:00+00',
    euros numeric GENERATED ALWAYS AS ("Total Cents" / 100.0) STORED, coupon text DEFAULT 'ANN', PRIMARY KEY ("Id", "when")) PARTITION BY RANGE ("when");
CREATE TABLE firm.p2024 PARTITION OF firm."Odd ""Payments""" FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
-- a leaf of another shape
CREATE TABLE firm.p2025 (coupon text DEFAULT 'ANN', gone text, "when" timestamptz NOT NULL DEFAULT '2025-06-15 10:00+00', "user" integer, "Total Cents" integer,
    "Id" integer NOT NULL, euros numeric GENERATED ALWAYS AS ("Total Cents" / 100.0) STORED);
ALTER TABLE firm.p2025 DROP COLUMN gone;
ALTER TABLE firm."Odd ""Payments""" ATTACH PARTITION firm.p2025 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE FUNCTION pg_temp.odd_mapping() RETURNS jsonb LANGUAGE sql AS $$
    SELECT '{"transaction_id": "\"Id\"", "customer_id": "\"Odd \"\"Payments\"\"\".\"user\"", "amount": "euros -- in the program''s currency", "status": "''completed''",
             "ordered_at": "\"when\"", "coupon_codes": "ARRAY[coupon]"}'::jsonb
$$;
SELECT is(affiliate.attach('firm."Odd ""Payments"""', 'transaction', pg_temp.odd_mapping()), 'firm.Odd "Payments":transaction', 'a partitioned table with odd names');
INSERT INTO firm."Odd ""Payments""" ("Id", "user", "Total Cents") VALUES (1, 1, 1000);
INSERT INTO firm.p2025 ("Id", "user", "Total Cents") VALUES (2, 2, 2000);
SELECT results_eq('SELECT * FROM pg_temp.net()', $$VALUES ('1', 1::numeric), ('2', 2)$$, 'rows arrive by the parent, and by a leaf of another shape');
CREATE TABLE firm.p2023 PARTITION OF firm."Odd ""Payments""" FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
SELECT is((SELECT state FROM affiliate.attachments), 'triggers are missing', 'a new leaf has no triggers yet');
SELECT affiliate.drain(100);
SELECT is((SELECT state FROM affiliate.attachments), 'attached', 'the drain makes them');
INSERT INTO firm.p2023 ("Id", "user", "Total Cents", "when") VALUES (3, 3, 3000, '2023-05-05');
SELECT is((SELECT amount FROM affiliate.transaction WHERE transaction_id = '3'), 30::numeric, 'and its rows arrive');
UPDATE firm."Odd ""Payments""" SET "when" = '2024-06-01' WHERE "Id" = 1;
SELECT affiliate.drain(100);
SELECT is_empty($$SELECT * FROM affiliate.review_case WHERE kind = 'row_deleted'$$, 'a row that moves between partitions is not deleted');

SELECT results_eq($$SELECT source_row ->> 'Id', fact ->> 'amount' FROM affiliate.preview('firm.Odd "Payments":transaction')$$, $$VALUES ('1', '10')$$, 'preview() looks into a leaf');
CREATE TABLE firm.leafless (id integer) PARTITION BY RANGE (id);
SELECT affiliate.attach('firm.leafless', 'customer', '{"customer_id": "id"}');
SELECT is_empty($$SELECT * FROM affiliate.preview('firm.leafless:customer')$$, 'where there is one');
SELECT affiliate.detach('firm.leafless:customer');
DELETE FROM affiliate.attachment WHERE attachment_id = 'firm.leafless:customer';

-- row_always: row triggers, which PostgreSQL clones to the leaves
SELECT affiliate.attach('firm."Odd ""Payments"""', 'transaction', pg_temp.odd_mapping(), capture => 'row_always');
SELECT is((SELECT state FROM affiliate.attachments), 'attached', 'the same table with row triggers');
SELECT results_eq($$SELECT DISTINCT tgenabled::text, tgname::text ~ 'row|truncate' FROM pg_trigger WHERE tgfoid = 'affiliate._attached()'::regprocedure$$, $$VALUES ('A', true)$$, 'which fire always');
SET LOCAL session_replication_role = replica;
INSERT INTO firm."Odd ""Payments""" ("Id", "user", "Total Cents") VALUES (4, 4, 4000);
SET LOCAL session_replication_role = DEFAULT;
SELECT results_eq($$SELECT * FROM pg_temp.net() WHERE subject_id = '4'$$, $$VALUES ('4', 4::numeric)$$, 'and settle, also for a worker of a subscription');
CREATE TABLE firm.p2022 PARTITION OF firm."Odd ""Payments""" FOR VALUES FROM ('2022-01-01') TO ('2023-01-01');
INSERT INTO firm.p2022 ("Id", "user", "Total Cents", "when") VALUES (5, 5, 5000, '2022-05-05');
SELECT is((SELECT amount FROM affiliate.transaction WHERE transaction_id = '5'), 50::numeric, 'also of new leaves at once');
SELECT affiliate.drain(100);
UPDATE firm."Odd ""Payments""" SET "when" = '2024-06-02' WHERE "Id" = 4;
SELECT affiliate.drain(100);
SELECT is_empty($$SELECT * FROM affiliate.review_case WHERE kind = 'row_deleted'$$, 'there, too, a row that moves is not deleted');
SELECT is((SELECT ordered_at FROM affiliate.transaction WHERE transaction_id = '4'), timestamptz '2025-06-15 10:00+00', 'its order time does not move, though');

-- inheritance
CREATE TABLE firm.base (id integer PRIMARY KEY, cents integer);
CREATE TABLE firm.child (extra text) INHERITS (firm.base);
SELECT affiliate.attach('firm.base', 'transaction', '{"transaction_id": "''b'' || id", "customer_id": "''c'' || id", "amount": "cents / 100.0", "status": "''paid''"}');
INSERT INTO firm.child (id, cents) VALUES (1, 100);
UPDATE firm.base SET cents = 300;
SELECT is((SELECT amount FROM affiliate.transaction WHERE transaction_id = 'b1'), 3::numeric, 'children count');
MERGE INTO firm.base AS b USING (VALUES (1, 400), (2, 200)) AS v (id, cents) ON b.id = v.id
    WHEN MATCHED THEN UPDATE SET cents = v.cents WHEN NOT MATCHED THEN INSERT (id, cents) VALUES (v.id, v.cents);
SELECT results_eq($$SELECT transaction_id, amount FROM affiliate.transaction WHERE transaction_id LIKE 'b%' ORDER BY 1$$, $$VALUES ('b1' COLLATE "C", 4::numeric), ('b2', 2)$$, 'MERGE');
SELECT affiliate.detach('firm.base:transaction');
INSERT INTO firm.base VALUES (3, 100);
SELECT is_empty($$SELECT FROM affiliate.transaction WHERE transaction_id = 'b3'$$, 'detached');
SELECT is((SELECT state FROM affiliate.attachments WHERE attachment = 'firm.base:transaction'), 'detached', 'it says so');

-- refused
CREATE VIEW firm.all_payments AS SELECT b.*, p.note FROM firm.base AS b LEFT JOIN firm.payments AS p USING (id);
SELECT throws_like($$SELECT affiliate.attach('firm.all_payments', 'transaction', '{}')$$, '%cannot be attached', 'a view');
CREATE TEMPORARY TABLE mine (id integer);
SELECT throws_ok($$SELECT affiliate.attach('pg_temp.mine', 'transaction', '{}')$$, 'AF053', 'mine cannot be attached', 'a temporary table');
SELECT throws_ok($$SELECT affiliate.attach('affiliate.customer', 'customer', '{}')$$, 'AF053', NULL, 'a table of ours');
SELECT throws_ok($$SELECT affiliate.detach('nothing')$$, 'AF053', 'attachment "nothing" does not exist', 'no such attachment');
SELECT throws_ok($$SELECT affiliate.attach('firm.base', 'sale', '{}')$$, 'AF033', 'invalid value for argument "kind": "sale"', 'no such kind');
DROP TABLE firm.base CASCADE;
SELECT throws_ok($$SELECT * FROM affiliate.preview('firm.base:transaction')$$, 'AF053', 'the table of attachment "firm.base:transaction" is gone', 'preview() of a table that is gone');
SELECT throws_ok($$SELECT * FROM affiliate.reconcile('firm.base:transaction')$$, 'AF053', 'the table of attachment "firm.base:transaction" is gone', 'reconcile() as well');
SELECT affiliate.drain(100);
SELECT is_empty($$SELECT * FROM affiliate.verify() WHERE code <> 'trigger'$$, 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
