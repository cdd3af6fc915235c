-- attach_suggest() on odd tables: names that must be quoted, two kinds in one table, e-mail addresses as ids, tables that are
-- empty, secret, large, or no tables.
BEGIN;
SELECT plan(37);
\ir _suggest.sql

CREATE SCHEMA "Kasse 1";
CREATE TABLE "Kasse 1"."Customers" ("customerId" text PRIMARY KEY, "E-Mail" text, "signedUp" date, "Country" text);
INSERT INTO "Kasse 1"."Customers" SELECT format('p%s@example.com', n), format('p%s@example.com', n), date '2025-01-01' + n, 'Germany' FROM generate_series(1, 5) AS n;
CREATE TABLE "Kasse 1"."All Payments" ("Payment Id" bigint PRIMARY KEY, "Customer Id" text REFERENCES "Kasse 1"."Customers", "Type" text, "State" text,
    "Amount" integer, "parentId" bigint REFERENCES "Kasse 1"."All Payments", "Created" bigint, "select" text);
INSERT INTO "Kasse 1"."All Payments" VALUES
    (1, 'p1@example.com', 'Sale', 'PAID', 199, NULL, 1740000000000, 'x'), (2, 'p1@example.com', 'Reset', 'PAID', 99, NULL, 1740000100000, 'x'),
    (3, 'p1@example.com', 'Refund', 'PAID', -199, 1, 1740000200000, 'x'), (4, 'p2@example.com', 'Chargeback', 'PAID', 99, 2, 1740000200000, 'x'),
    (5, 'p2@example.com', NULL, E'it''s $$\n; SELECT 1 / 0; --', 99, NULL, 1740000200000, 'x');

SELECT is(affiliate.attach_suggest('"Kasse 1"."All Payments"'), $expected$@PAYMENTS@$expected$, 'names are quoted, refunds of the same table are a statement of their own, values stay in comments');
SELECT lives_ok($$SELECT pg_temp.run(affiliate.attach_suggest('"Kasse 1"."All Payments"'))$$, 'the script runs');
SELECT results_eq($$SELECT transaction_id, transaction_type, original_transaction_id, status, amount, ordered_at FROM filled_transaction ORDER BY 1$$,
    $$VALUES ('1' COLLATE "C", 'challenge_fee' COLLATE "C", NULL COLLATE "C", 'completed' COLLATE "C", 199::numeric, timestamptz '2025-02-19 21:20+00'), ('2', 'reset_fee', NULL, 'completed', 99, '2025-02-19 21:21:40+00'),
        ('3', 'refund', '1', 'completed', -199, '2025-02-19 21:23:20+00'), ('4', 'chargeback', '2', 'completed', 99, '2025-02-19 21:23:20+00'),
        ('5', NULL, NULL, E'it''s $$\n; select 1 / 0; --', 99, '2025-02-19 21:23:20+00')$$, 'each row once');
SELECT is(affiliate.attach_suggest('"Kasse 1"."Customers"'), $expected$@CUSTOMERS@$expected$, 'e-mail addresses as ids, countries by name');
SELECT lives_ok($$SELECT pg_temp.run(affiliate.attach_suggest('"Kasse 1"."Customers"'))$$, 'the script runs');

