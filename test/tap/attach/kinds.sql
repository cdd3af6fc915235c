-- Each kind of row: customers, accounts, clicks, refunds and disputes that name only the transaction, events. And one date only.
BEGIN;
SELECT plan(17);
\ir _firm.sql
INSERT INTO affiliate.link (link_id, program_no, affiliate_no) VALUES ('ann-link', 91, 91);
CREATE TABLE firm.users (id integer PRIMARY KEY, email text, country text, created_at timestamptz NOT NULL);
CREATE TABLE firm.clicks (id uuid PRIMARY KEY, link text, visitor text, user_id integer, at timestamptz);
CREATE TABLE firm.refunds (id text PRIMARY KEY, payment_id bigint REFERENCES firm.payments, cents bigint, at timestamptz);
CREATE TABLE firm.disputes (id text PRIMARY KEY, payment_id bigint, status text NOT NULL, opened timestamptz NOT NULL, closed timestamptz);
CREATE TABLE firm.accounts (login integer PRIMARY KEY, user_id integer, size numeric, stage text, since timestamptz, payment_id bigint);
SELECT affiliate.attach('firm.payments', 'transaction', pg_temp.mapping());
SELECT affiliate.attach('firm.users', 'customer', '{"customer_id": "id", "country_code": "country", "signup_date": "created_at"}');
SELECT affiliate.attach('firm.clicks', 'click', '{"click_id": "id", "link_id": "link", "visitor_id": "visitor", "customer_id": "user_id", "clicked_at": "at"}');
SELECT affiliate.attach('firm.refunds', 'refund', '{"transaction_id": "''re_'' || id", "original_transaction_id": "payment_id", "amount": "cents / 100.0", "completed_at": "at"}');
SELECT affiliate.attach('firm.disputes', 'dispute', '{"dispute_id": "id", "transaction_id": "payment_id", "opened_at": "opened", "closed_at": "closed", "outcome": "CASE WHEN status IN (''won'', ''lost'') THEN status END"}');
SELECT affiliate.attach('firm.accounts', 'account', '{"customer_id": "user_id", "account_id": "login", "account_size": "size", "opened_at": "since"}');
SELECT affiliate.attach('firm.accounts', 'event', '{"event_id": "login || stage", "event_type": "CASE stage WHEN ''phase1'' THEN ''evaluation_started'' ELSE stage END", "occurred_at": "since", "transaction_id": "payment_id"}');
SELECT is((SELECT count(*) FROM affiliate.attachments WHERE state = 'attached'), 7::bigint, 'one table may be attached as several kinds');

INSERT INTO firm.users VALUES (7, 'x@example.org', 'DE', '2025-06-14 09:00+00');
INSERT INTO firm.clicks VALUES ('00000000-0000-0000-0000-000000000001', 'ann-link', 'v1', 7, '2025-06-14 08:00+00');
INSERT INTO firm.payments (id, user_id, total_cents) VALUES (1, 7, 10000), (2, 7, 20000), (3, 7, 30000);
SELECT affiliate.drain(1000);
SELECT results_eq('SELECT * FROM pg_temp.net()', $$VALUES ('1', 10::numeric), ('2', 20), ('3', 30)$$, 'a click earns sales');
SELECT results_eq($$SELECT customer_id, country_code FROM affiliate.customer$$, $$VALUES ('7' COLLATE "C", 'DE')$$, 'the customer');

INSERT INTO firm.refunds VALUES ('a', 1, 2500, '2025-06-15 11:00+00');
SELECT results_eq('SELECT * FROM pg_temp.net()', $$VALUES ('1', 7.5::numeric), ('2', 20), ('3', 30)$$, 'a refund row takes its part back');
SELECT results_eq($$SELECT program_id, currency, transaction_type, status FROM affiliate.transaction WHERE transaction_id = 're_a'$$,
    $$VALUES ('firm' COLLATE "C", 'USD' COLLATE "C", 'refund' COLLATE "C", 'completed' COLLATE "C")$$, 'which names only the transaction');
INSERT INTO firm.refunds VALUES ('b', 1, NULL, '2025-06-15 11:30+00');
SELECT results_eq('SELECT * FROM pg_temp.net()', $$VALUES ('1', 0::numeric), ('2', 20), ('3', 30)$$, 'without amount: everything left');

INSERT INTO firm.disputes VALUES ('d2', 2, 'needs_response', '2025-06-15 11:00+00'), ('d3', 3, 'open', '2025-06-15 11:00+00');
SELECT results_eq($$SELECT subject_id, hold_reason FROM affiliate.commission WHERE hold_reason IS NOT NULL ORDER BY 1$$,
    $$VALUES ('2' COLLATE "C", 'dispute'), ('3', 'dispute')$$, 'an open dispute holds');
UPDATE firm.disputes SET status = 'lost', closed = '2025-06-15 11:50+00' WHERE id = 'd2';
UPDATE firm.disputes SET status = 'won', closed = '2025-06-15 11:50+00' WHERE id = 'd3';
SELECT results_eq('SELECT * FROM pg_temp.net()', $$VALUES ('1', 0::numeric), ('2', 0), ('3', 30)$$, 'a lost one reverses, a won one releases');
INSERT INTO firm.accounts VALUES (555, 7, 50000, 'phase1', '2025-06-15 11:00+00', 1);
UPDATE firm.accounts SET stage = 'funded', since = '2025-06-15 11:40+00';
SELECT results_eq('SELECT event_id, event_type FROM affiliate.event ORDER BY occurred_at', $$VALUES ('555phase1' COLLATE "C", 'evaluation_started' COLLATE "C"), ('555funded', 'funded')$$, 'a row that goes on to another stage is another event');
SELECT is_empty($$SELECT * FROM affiliate.pending_input WHERE kind = 'attached'$$, 'nothing had to be kept');
SELECT results_eq($$SELECT account_id, account_size FROM affiliate.account$$, $$VALUES ('555' COLLATE "C", 50000::numeric)$$, 'the account');

-- a refund whose sale is still kept: its currency is not known yet
SET LOCAL pg_affiliate.mode = 'queue';
INSERT INTO firm.payments (id, user_id, total_cents) VALUES (4, 7, 4000);
SET LOCAL pg_affiliate.mode = 'on';
INSERT INTO firm.refunds VALUES ('c', 4, 1000, '2025-06-15 11:55+00');
SELECT results_eq($$SELECT reason FROM affiliate.pending_input WHERE kind = 'attached' AND state = 'waiting' ORDER BY input_id$$,
    $$VALUES ('mode queue'), ('the sale "4" has not arrived')$$, 'a refund of a sale that is kept waits, too');
SELECT affiliate.drain(1000);
SELECT results_eq($$SELECT * FROM pg_temp.net() WHERE subject_id = '4'$$, $$VALUES ('4', 3::numeric)$$, 'and comes behind it');
INSERT INTO firm.refunds VALUES ('e', NULL, 1000, '2025-06-15 11:55+00');
SELECT affiliate.drain(1000);
SELECT results_eq($$SELECT state, reason, attempts, due_at FROM affiliate.pending_input WHERE payload #>> '{after,id}' = 'e'$$,
    $$VALUES ('waiting', 'AF052: the sale null has not arrived', 1, timestamptz '2025-06-15 12:00:10+00')$$, 'one without is tried again later');
-- nothing but keys
CREATE TABLE firm.names (name text PRIMARY KEY, login text);
SELECT affiliate.attach('firm.names', 'customer', '{"customer_id": "name"}');
SELECT affiliate.attach('firm.names', 'account', '{"customer_id": "name", "account_id": "login"}');
INSERT INTO firm.names VALUES ('nina', 'n1'), ('7', 'n2');
SELECT results_eq($$SELECT customer_id, account_id FROM affiliate.account WHERE account_id LIKE 'n_' ORDER BY 2$$,
    $$VALUES ('nina' COLLATE "C", 'n1' COLLATE "C"), ('7', 'n2')$$, 'a mapping of keys alone');
SELECT is_empty($$SELECT * FROM affiliate.reconcile('firm.names:customer') WHERE problem <> 'gone'$$, 'also where the fact is there already');
SELECT is_empty('SELECT * FROM affiliate.verify()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
