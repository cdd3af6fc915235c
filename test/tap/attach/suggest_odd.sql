-- attach_suggest() on odd tables: names that must be quoted, two kinds in one table, e-mail addresses as ids, tables that are
-- empty, secret, large, or no tables.
BEGIN;
SELECT plan(31);
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

SELECT is(affiliate.attach_suggest('"Kasse 1"."All Payments"'), $expected$-- "Kasse 1"."All Payments" looks like transaction: its name, an amount, a status, a customer.
-- Read from the catalog and 5 sampled rows. What is marked unsure was guessed.
SELECT affiliate.attach('"Kasse 1"."All Payments"', 'transaction', jsonb_build_object(
    'transaction_id',          '"Payment Id"',
    'customer_id',             '"Customer Id"', -- unsure: these are e-mail addresses; ids are kept for ever and cannot be erased, take another column
    'amount',                  '"Amount"', -- unsure: whole numbers up to 199, taken as units
    'status',                  $$CASE lower("State")
                                     WHEN 'paid' THEN 'completed'
                                     ELSE lower("State") END$$, -- unsure about "it's $$ ; SELECT 1 / 0; --"; words of a sample, others stay as they are
    'transaction_type',        $$CASE lower("Type")
                                     WHEN 'chargeback' THEN 'chargeback'
                                     WHEN 'reset' THEN 'reset_fee'
                                     WHEN 'sale' THEN 'challenge_fee'
                                     ELSE lower("Type") END$$, -- words of a sample, others stay as they are; unsure: 1 of 5 rows have none
    'ordered_at',              'to_timestamp("Created" / 1000.0)',
    'original_transaction_id', '"parentId"'
    ), filter => $$(lower("Type") IN ('refund')) IS NOT TRUE$$);

SELECT affiliate.attach('"Kasse 1"."All Payments"', 'refund', jsonb_build_object(
    'transaction_id',          '"Payment Id"',
    'original_transaction_id', '"parentId"',
    'amount',                  '"Amount"', -- unsure: whole numbers up to 199, taken as units
    'customer_id',             '"Customer Id"', -- unsure: these are e-mail addresses; ids are kept for ever and cannot be erased, take another column
    'status',                  $$CASE lower("State")
                                     WHEN 'paid' THEN 'completed'
                                     ELSE lower("State") END$$, -- unsure about "it's $$ ; SELECT 1 / 0; --"; words of a sample, others stay as they are
    'ordered_at',              'to_timestamp("Created" / 1000.0)'
    ), filter => $$lower("Type") IN ('refund')$$);
-- currency: no column, that of the only program is taken.
-- Not used: "select"$expected$, 'names are quoted, refunds of the same table are a statement of their own, values stay in comments');
SELECT lives_ok($$SELECT pg_temp.run(affiliate.attach_suggest('"Kasse 1"."All Payments"'))$$, 'the script runs');
SELECT results_eq('SELECT transaction_id, transaction_type, original_transaction_id, substr(status, 1, 6), amount, ordered_at FROM filled_transaction ORDER BY 1',
    $$VALUES ('1' COLLATE "C", 'challenge_fee' COLLATE "C", NULL COLLATE "C", 'comple' COLLATE "C", 199::numeric, timestamptz '2025-02-19 21:20+00'), ('2', 'reset_fee', NULL, 'comple', 99, '2025-02-19 21:21:40+00'),
        ('3', 'refund', '1', 'comple', -199, '2025-02-19 21:23:20+00'), ('4', 'chargeback', '2', 'comple', 99, '2025-02-19 21:23:20+00'),
        ('5', NULL, NULL, 'it''s '||chr(36), 99, '2025-02-19 21:23:20+00')$$, 'each row once');
SELECT is(affiliate.attach_suggest('"Kasse 1"."Customers"'), $expected$-- "Kasse 1"."Customers" looks like customer: its name, an e-mail address, a registration, a country or language.
-- Read from the catalog and 5 sampled rows. What is marked unsure was guessed.
SELECT affiliate.attach('"Kasse 1"."Customers"', 'customer', jsonb_build_object(
    'customer_id',  '"customerId"', -- unsure: these are e-mail addresses; ids are kept for ever and cannot be erased, take another column
    'signup_date',  $$"signedUp"::timestamp AT TIME ZONE 'UTC'$$, -- unsure: a date only, taken as midnight UTC
    'country_code', '"Country"' -- unsure: not of two letters: "Germany"
    ));
-- Personal data, never mapped: "E-Mail"$expected$, 'e-mail addresses as ids, countries by name');
SELECT lives_ok($$SELECT pg_temp.run(affiliate.attach_suggest('"Kasse 1"."Customers"'))$$, 'the script runs');


-- the other table has a column of the same name, which would hide that of the row
CREATE SCHEMA odd;
CREATE TABLE odd.users (user_id uuid PRIMARY KEY, email text);
CREATE TABLE odd.orders (order_id integer PRIMARY KEY, user_id uuid REFERENCES odd.users, voucher text);
CREATE TABLE odd.payments (payment_id integer PRIMARY KEY, order_id integer REFERENCES odd.orders, price text, paid boolean, date date);
INSERT INTO odd.users SELECT format('00000000-0000-0000-0000-00000000000%s', n)::uuid, format('u%s@example.com', n) FROM generate_series(1, 3) AS n;
INSERT INTO odd.orders VALUES (1, '00000000-0000-0000-0000-000000000001', 'ANN'), (2, '00000000-0000-0000-0000-000000000002', '');
INSERT INTO odd.payments VALUES (11, 1, '12.50', true, '2025-01-01'), (12, 2, '7', false, '2025-01-02'), (13, NULL, '7', NULL, NULL);
SELECT is(affiliate.attach_suggest('odd.payments'), $expected$-- odd.payments looks like transaction: its name, an amount.
-- Read from the catalog and 3 sampled rows. What is marked unsure was guessed.
-- odd.orders is about the same sales: do not attach it too, or each counts twice.
GRANT USAGE ON SCHEMA odd TO affiliate_mapping;
GRANT SELECT (order_id, user_id, voucher) ON odd.orders TO affiliate_mapping;

SELECT affiliate.attach('odd.payments', 'transaction', jsonb_build_object(
    'transaction_id', 'payment_id',
    'customer_id',    '(SELECT o.user_id FROM odd.orders AS o WHERE o.order_id = payments.order_id)', -- user_id of odd.orders: this table names no customer
    'amount',         'price::numeric', -- unsure: numbers as text
    'status',         $$CASE WHEN paid THEN 'completed' ELSE 'pending' END$$, -- unsure: pending while it is not true
    'ordered_at',     $$date::timestamp AT TIME ZONE 'UTC'$$, -- unsure: a date only, taken as midnight UTC
    'order_id',       'order_id',
    'coupon_codes',   $$string_to_array((SELECT o.voucher FROM odd.orders AS o WHERE o.order_id = payments.order_id), ',')$$ -- voucher of odd.orders
    ));
-- currency: no column, that of the only program is taken.
-- transaction_type: no column, challenge_fee is taken.$expected$, 'looked up by other names; numbers as text; a flag and a date');
SELECT lives_ok($$SELECT pg_temp.run(affiliate.attach_suggest('odd.payments'))$$, 'the script runs');
SELECT results_eq($$SELECT transaction_id, right(customer_id, 1), amount, status, coupon_codes, ordered_at FROM filled_transaction ORDER BY 1$$,
    $$VALUES ('11' COLLATE "C", '1' COLLATE "C", 12.50, 'completed' COLLATE "C", '{ANN}'::text[], timestamptz '2025-01-01 00:00+00'), ('12', '2', 7, 'pending', '{}', '2025-01-02 00:00+00'),
        ('13', NULL, 7, 'pending', NULL, NULL)$$, 'each row has its own order');
SELECT is(affiliate.attach_suggest('odd.orders'), $expected$-- odd.orders looks like transaction: its name, a customer.
-- Read from the catalog and 2 sampled rows. What is marked unsure was guessed.
-- unsure: odd.payments is about the same sales, and nearer to the money: attach that one instead. With both each sale counts twice.
-- Cannot be attached as it is; complete it by hand:
-- amount: no column holds an amount
-- SELECT affiliate.attach('odd.orders', 'transaction', jsonb_build_object(
--     'transaction_id', 'order_id',
--     'customer_id',    'user_id',
--     'status',         $$'completed'$$, -- unsure: no column says whether it was paid
--     'coupon_codes',   $$string_to_array(voucher, ',')$$
--     ));
-- currency: no column, that of the only program is taken.
-- transaction_type: no column, challenge_fee is taken.$expected$, 'what lacks a required field is a comment');
SELECT lives_ok($$SELECT pg_temp.run(affiliate.attach_suggest('odd.orders'))$$, 'and the script runs');

-- a name that says nothing
CREATE TABLE odd.bookings (id bigint PRIMARY KEY, member uuid REFERENCES odd.users, total_usd double precision, paid_at timestamptz);
INSERT INTO odd.bookings VALUES (1, '00000000-0000-0000-0000-000000000003', 10.25, '2025-01-01 00:00+00'), (2, '00000000-0000-0000-0000-000000000003', 10.25, NULL);
SELECT is(affiliate.attach_suggest('odd.bookings'), $expected$-- odd.bookings looks like transaction: an amount, a customer, a date of payment.
-- Read from the catalog and 2 sampled rows. What is marked unsure was guessed.
SELECT affiliate.attach('odd.bookings', 'transaction', jsonb_build_object(
    'transaction_id', 'id',
    'customer_id',    'member',
    'amount',         'total_usd',
    'currency',       $$'USD'$$, -- by the name of the amount
    'status',         $$CASE WHEN paid_at IS NULL THEN 'pending' ELSE 'completed' END$$, -- unsure: there is no status
    'completed_at',   'paid_at'
    ));
-- transaction_type: no column, challenge_fee is taken.$expected$, 'by its columns');
SELECT lives_ok($$SELECT pg_temp.run(affiliate.attach_suggest('odd.bookings'))$$, 'the script runs');
SELECT results_eq($$SELECT status, currency, amount FROM filled_transaction ORDER BY transaction_id$$, $$VALUES ('completed' COLLATE "C", 'USD' COLLATE "C", 10.25), ('pending', 'USD', 10.25)$$, 'words');

-- numbers for words, and ids that are unique within a tenant only
CREATE TABLE odd.tenant_sales (tenant integer, id integer, customer_id integer, amount real, state integer, PRIMARY KEY (tenant, id));
INSERT INTO odd.tenant_sales VALUES (1, 1, 1, 5, 3), (1, 2, 1, 'NaN', 4);
SELECT is(affiliate.attach_suggest('odd.tenant_sales'), $expected$-- odd.tenant_sales looks like transaction: its name, an amount, a status, a customer.
-- Read from the catalog and 2 sampled rows. What is marked unsure was guessed.
SELECT affiliate.attach('odd.tenant_sales', 'transaction', jsonb_build_object(
    'transaction_id', 'id', -- unsure whether it is unique, no index says so
    'customer_id',    'customer_id',
    'amount',         'amount',
    'status',         'lower(state::text)' -- unsure about "3", "4"; words of a sample, others stay as they are
    ));
-- currency: no column, that of the only program is taken.
-- transaction_type: no column, challenge_fee is taken.
-- Not used: tenant$expected$, 'numbers for words, ids that may repeat');
SELECT lives_ok($$SELECT pg_temp.run(affiliate.attach_suggest('odd.tenant_sales'))$$, 'the script runs');

-- disputes that name the payment of a processor, and Stripe's before the first
CREATE TABLE odd.chargebacks (id integer PRIMARY KEY, stripe_charge_id text, amount numeric, filed_at timestamptz);
SELECT is(affiliate.attach_suggest('odd.chargebacks'), $expected$-- odd.chargebacks looks like dispute: its name, an amount.
-- No values were seen: the table is empty. Words and units are guessed from the catalog.
SELECT affiliate.attach('odd.chargebacks', 'dispute', jsonb_build_object(
    'dispute_id',      'id',
    'ref_external_id', 'stripe_charge_id',
    'ref_kind',        $$'charge'$$, -- unsure: as affiliate.transaction_ref names it
    'ref_source',      $$'stripe'$$, -- unsure: as affiliate.transaction_ref names it
    'amount',          'amount',
    'opened_at',       'filed_at'
    ));
-- unsure: no column holds an outcome, every dispute stays open.$expected$, 'a reference instead of a transaction');
CREATE TABLE odd.stripe_disputes (id text PRIMARY KEY, object text, amount bigint, charge text, status text, created timestamptz, livemode boolean);
SELECT is(affiliate.attach_suggest('odd.stripe_disputes'), $expected$-- odd.stripe_disputes looks like dispute: its name, an amount, what was paid.
-- No values were seen: the table is empty. Words and units are guessed from the catalog.
SELECT affiliate.attach('odd.stripe_disputes', 'dispute', jsonb_build_object(
    'dispute_id',     'id',
    'transaction_id', 'charge', -- unsure whether the sale is attached under this id
    'amount',         'amount / 100.0', -- unsure: hundredths, as no column names the currency
    'opened_at',      'created',
    'outcome',        $$CASE status
                            WHEN 'warning_needs_response' THEN NULL
                            WHEN 'warning_under_review' THEN NULL
                            WHEN 'warning_closed' THEN 'won'
                            WHEN 'needs_response' THEN NULL
                            WHEN 'under_review' THEN NULL
                            WHEN 'won' THEN 'won'
                            WHEN 'lost' THEN 'lost'
                            WHEN 'prevented' THEN 'won'
                            ELSE status END$$
    ));
-- Not used: object, livemode$expected$, 'Stripe''s words are known without rows; minor units, but of what?');
SELECT lives_ok($$SELECT pg_temp.run(affiliate.attach_suggest('odd.stripe_disputes'))$$, 'the script runs');

-- nothing for us
CREATE TABLE odd.messages (id integer, body text);
CREATE TABLE odd.nothing ();
SELECT is(affiliate.attach_suggest('odd.messages'), $expected$-- odd.messages looks like none of transaction, refund, dispute, customer, account, click, event. Where it is one, map it by hand.
-- None of its columns is like one of theirs.$expected$, 'nothing like ours');
SELECT is(affiliate.attach_suggest('odd.nothing'), $expected$-- odd.nothing looks like none of transaction, refund, dispute, customer, account, click, event. Where it is one, map it by hand.
-- None of its columns is like one of theirs.$expected$, 'no columns');
SELECT is(affiliate.attach_suggest(NULL), NULL, 'nothing asked');

-- no tables
CREATE VIEW odd.paid AS SELECT p.*, o.user_id FROM odd.payments AS p JOIN odd.orders AS o USING (order_id);
CREATE MATERIALIZED VIEW odd.paid_before AS SELECT * FROM odd.paid;
CREATE SEQUENCE odd.numbers;
CREATE TABLE odd.sales (id bigint, customer_id bigint, amount numeric, currency text, status text, created_at timestamptz) PARTITION BY RANGE (created_at);
CREATE TABLE odd.sales_2025 PARTITION OF odd.sales FOR VALUES FROM ('2025-01-01 00:00+00') TO ('2026-01-01 00:00+00');
CREATE TABLE odd.sales_2026 PARTITION OF odd.sales FOR VALUES FROM ('2026-01-01 00:00+00') TO ('2027-01-01 00:00+00');
SELECT is(affiliate.attach_suggest('odd.paid_before'), $expected$-- odd.paid_before is a view: nothing is written there that could be captured. Ask about the tables it reads:
SELECT affiliate.attach_suggest('odd.orders');
SELECT affiliate.attach_suggest('odd.payments');$expected$, 'a view of views: its tables');
SELECT is(affiliate.attach_suggest('odd.numbers'), $expected$-- odd.numbers is no table of this database: its rows are written elsewhere and cannot be captured.$expected$, 'a sequence');
SELECT is(affiliate.attach_suggest('odd.sales_2025'), $expected$-- odd.sales_2025 is a partition. Ask about the whole table:
SELECT affiliate.attach_suggest('odd.sales');$expected$, 'a partition: the whole table');

-- large: what is read does not grow with the table
INSERT INTO odd.sales SELECT n, n % 1000, n % 500, CASE WHEN n % 2 = 0 THEN 'USD' ELSE 'EUR' END, (ARRAY['paid', 'open', 'lapsed'])[1 + n % 3], timestamptz '2025-01-01 00:00+00' + n * interval '3 minutes'
FROM generate_series(1, 200000) AS n;
SELECT matches(affiliate.attach_suggest('odd.sales'), '^.*\n-- Read from the catalog and 2000 sampled rows\. .*"lapsed".*', 'of a large table a sample');
SELECT is(affiliate.attach_suggest('odd.sales'), affiliate.attach_suggest('odd.sales'), 'always the same');
SELECT cmp_ok((SELECT sum(pg_stat_get_xact_tuples_returned(c))::bigint FROM unnest('{odd.sales_2025,odd.sales_2026}'::regclass[]) AS c), '<', 50000::bigint, 'three times some 50 of 1,600 pages were read');
SELECT cmp_ok((SELECT count(DISTINCT (s ->> 'id')::integer / 20000) FROM jsonb_array_elements(affiliate._suggest_sample('odd.sales'::regclass, affiliate._suggest_catalog('odd.sales'::regclass))) AS s),
    '>=', 9::bigint, 'from all over it');

-- who may not read it
CREATE ROLE affiliate_test_sue LOGIN IN ROLE affiliate_admin;
SELECT 'odd.stripe_disputes'::regclass::oid AS disputes, 'odd.bookings'::regclass::oid AS bookings \gset
INSERT INTO odd.stripe_disputes VALUES ('dp_1', 'dispute', 100, 'ch_1', 'lost', '2025-01-01 00:00+00', true);
SET LOCAL SESSION AUTHORIZATION affiliate_test_sue;
SELECT is(affiliate.attach_suggest(:bookings::regclass), $expected$-- odd.bookings looks like transaction: an amount, a customer, a date of payment.
-- No values were seen: you may not read this table. Words and units are guessed from the catalog.
SELECT affiliate.attach('odd.bookings', 'transaction', jsonb_build_object(
    'transaction_id', 'id',
    'customer_id',    'member',
    'amount',         'total_usd',
    'currency',       $$'USD'$$, -- by the name of the amount
    'status',         $$CASE WHEN paid_at IS NULL THEN 'pending' ELSE 'completed' END$$, -- unsure: there is no status
    'completed_at',   'paid_at'
    ));
-- transaction_type: no column, challenge_fee is taken.$expected$, 'from the catalog alone');
RESET SESSION AUTHORIZATION;
GRANT USAGE ON SCHEMA odd TO affiliate_test_sue;
GRANT SELECT (id, status) ON odd.stripe_disputes TO affiliate_test_sue;
SET LOCAL SESSION AUTHORIZATION affiliate_test_sue;
SELECT matches(affiliate.attach_suggest(:disputes::regclass), 'catalog and 1 sampled rows', 'from the columns that may be read');
RESET SESSION AUTHORIZATION;
SELECT is_empty($$SELECT * FROM wrong_type$$, 'times are timestamptz');

SELECT * FROM finish();
ROLLBACK;
