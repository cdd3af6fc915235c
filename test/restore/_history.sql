-- A history that leaves rows in every table, of every kind, with texts that a dump may trip over; :customers sets its size.
-- What it does not drain at the end is due: new clicks, queued customers, news without a sale, changes of the rulebook.
\set ON_ERROR_STOP 1
SET pg_affiliate.now = '2025-03-01 12:00Z';
SET pg_affiliate.inline_budget = 0;
DO $$ BEGIN
    IF to_regrole('shop_boss') IS NULL THEN CREATE ROLE shop_boss LOGIN; END IF;
    IF to_regrole('shop_bi') IS NULL THEN CREATE ROLE shop_bi; END IF;
END $$;
GRANT affiliate_admin TO shop_boss;
GRANT SELECT ON affiliate.conversion TO shop_bi; -- a grant of the firm's own

-- rulebook
INSERT INTO affiliate.currency VALUES ('USDT', 6);
UPDATE affiliate.currency SET exponent = 3 WHERE currency = 'JPY';
INSERT INTO affiliate.transaction_type (transaction_type, effect, sale_kind, words, description)
VALUES ('merch', 'sale', 'other', ARRAY['shirt', 'mug "XL"', E'back\\slash'], E'tabs\tand\nlines;\n\\.\nends no COPY here');
INSERT INTO affiliate.transaction_status VALUES ('settled', 'completed');
INSERT INTO affiliate.event_type VALUES ('phase 1 "won"', 'evaluation_passed', NULL);
INSERT INTO affiliate.program (program_id, name, currency, default_plan_id, later_click, adjust_approval, adjust_approval_above, time_zone) VALUES
    ('main', 'Prüfung — "challenge" \ № 1', 'USD', 'standard', 'move', 'above', 1000, 'UTC'),
    ('euro', NULL, 'EUR', 'steps', 'keep', 'always', 0, 'Europe/Prague');
INSERT INTO affiliate.fx_rate (from_currency, to_currency, valid_from, rate, source) VALUES
    ('EUR', 'USD', '2025-01-01', 1.083456789012345, 'ecb'), ('USD', 'EUR', '2025-01-01', 0.92, 'ecb'), ('USD', 'EUR', '2025-03-10', 0.925, 'manual');
INSERT INTO affiliate.affiliate (affiliate_id, name, affiliate_group, country, own_customer_ids, payment_fingerprints) VALUES
    ('ann', 'Ann', 'gold', 'CZ', '{}', '{}'), ('bob', E'Bob\\N', 'gold', NULL, '{self}', '{fp-bob}'), ('cyd', '', NULL, 'DE', '{}', '{}'),
    ('dan', 'Dan', NULL, NULL, '{}', '{}'), ('eve', 'Eve', NULL, NULL, '{}', '{}');
INSERT INTO affiliate.affiliate_status (affiliate_no, valid_from, status, reason)
SELECT affiliate_no, at, status, 'test' FROM affiliate.affiliate
JOIN (VALUES ('dan', timestamptz '2025-02-15', 'suspended'), ('eve', '2025-03-05', 'terminated')) AS v (affiliate_id, at, status) USING (affiliate_id);
INSERT INTO affiliate.affiliate_upline (affiliate_no, upline_no)
SELECT a.affiliate_no, b.affiliate_no FROM affiliate.affiliate AS a, affiliate.affiliate AS b WHERE (a.affiliate_id, b.affiliate_id) IN (('ann', 'bob'), ('bob', 'cyd'));
INSERT INTO affiliate.affiliate_alias SELECT 'crm', 'A-1', affiliate_no FROM affiliate.affiliate WHERE affiliate_id = 'ann';
INSERT INTO affiliate.campaign (program_no, campaign_id, name, click_window) SELECT program_no, 'spring', 'Spring', '10 days' FROM affiliate.program;
INSERT INTO affiliate.traffic_source (program_no, traffic_source, lead_window) SELECT program_no, 'youtube', '30 days' FROM affiliate.program;
INSERT INTO affiliate.link (link_id, program_no, affiliate_no, campaign_no, traffic_source, target_url)
SELECT format('%s-%s', program_id, affiliate_id), p.program_no, affiliate_no, campaign_no, 'youtube', 'https://shop.example/?a=1&b=%20'
FROM affiliate.program AS p JOIN affiliate.campaign USING (program_no), affiliate.affiliate;
INSERT INTO affiliate.coupon (program_no, code, affiliate_no, discount_kind, discount_value)
SELECT program_no, ' ' || initcap(affiliate_id), affiliate_no, 'percent', 10 FROM affiliate.program, affiliate.affiliate
UNION ALL SELECT program_no, 'HOUSE', NULL, 'amount', 5.50 FROM affiliate.program;
INSERT INTO affiliate.product (program_no, product_id, name, family, account_size, list_price)
SELECT program_no, 'p' || n, 'Product ' || n, 'eval', 25000 * n, 100.00 * n FROM affiliate.program, generate_series(1, 3) AS n;
INSERT INTO affiliate.ladder (program_no, ladder_id) SELECT program_no, 'steps' FROM affiliate.program WHERE program_id = 'euro';
INSERT INTO affiliate.ladder_band (ladder_no, band, from_position, amount, rate, label) SELECT ladder_no, n, 1 + 3 * (n - 1), 10 * n, 0.01 * n, 'step ' || n FROM affiliate.ladder, generate_series(1, 3) AS n;
INSERT INTO affiliate.plan (program_no, plan_id, version, valid_from)
SELECT program_no, v.plan_id, v.version, v.at FROM affiliate.program
JOIN (VALUES ('main', 'standard', 1, timestamptz '2020-01-01'), ('main', 'standard', 2, '2025-03-10'), ('euro', 'steps', 1, '2020-01-01'), ('main', 'vip', 1, '2020-01-01'))
    AS v (program_id, plan_id, version, at) USING (program_id);
INSERT INTO affiliate.plan_rule (plan_no, sequence_no, rule_group, name, transaction_types, condition, amount, beneficiary, level, hold, ladder_no, monthly_cap)
SELECT p.plan_no, r.sequence_no, r.rule_group, r.name, r.types, r.condition, r.amount, r.beneficiary, r.level, r.hold, l.ladder_no, r.cap
FROM affiliate.plan AS p
JOIN (VALUES
    ('standard', 1, 1, 'sale', 'first', '{challenge_fee,merch}'::text[], 'is_first_purchase', 'net * 0.10', 'owner', 0, interval '5 days', NULL::numeric),
    ('standard', 1, 2, 'sale', 'later', '{challenge_fee,reset_fee}', 'true', 'net * 0.05', 'owner', 0, '5 days', NULL),
    ('standard', 1, 3, 'lead', 'sign-up', '{registration}', 'true', '1.25', 'owner', 0, '0', NULL),
    ('standard', 1, 4, 'upline', 'one up', NULL, 'true', 'net * 0.02', 'upline', 1, '5 days', NULL),
    ('standard', 2, 1, 'sale', 'new rate', NULL, 'true', 'net * 0.12', 'owner', 0, '5 days', NULL),
    ('steps', 1, 1, 'sale', 'by step', NULL, 'true', 'band_amount', 'owner', 0, '0', NULL),
    ('steps', 1, 2, 'extra', 'capped', NULL, 'true', '3', 'owner', 0, '0', 25),
    ('vip', 1, 1, 'sale', 'vip', NULL, 'true', 'CASE WHEN coupon_code IS NULL THEN net * 0.2 ELSE net * 0.15 END', 'owner', 0, '0', NULL))
    AS r (plan_id, version, sequence_no, rule_group, name, types, condition, amount, beneficiary, level, hold, cap) USING (plan_id, version)
LEFT JOIN affiliate.ladder AS l ON l.program_no = p.program_no AND r.name = 'by step';
INSERT INTO affiliate.agreement (program_no, affiliate_no, plan_id, valid_from) SELECT program_no, affiliate_no, 'vip', '2025-01-01' FROM affiliate.program, affiliate.affiliate WHERE (program_id, affiliate_id) = ('main', 'cyd');
INSERT INTO affiliate.agreement (program_no, affiliate_group, plan_id, valid_from, valid_until) SELECT program_no, 'gold', 'standard', '-infinity', 'infinity' FROM affiliate.program WHERE program_id = 'main';

-- 1 March: clicks, sign-ups, sales by click, coupon, declaration, and of nobody
INSERT INTO affiliate.click (program_id, click_id, link_id, clicked_at, visitor_id, customer_id, sub1, parameters, is_test)
SELECT program, 'k' || n, program || '-' || (ARRAY['ann', 'bob', 'cyd'])[1 + n % 3], '2025-03-01 08:00Z', 'v' || n, CASE WHEN n % 4 = 0 THEN 'c' || n END, E'sub\t' || n,
    jsonb_build_object('utm', E'"quoted" \\ № \n', 'n', n), n % 50 = 0
FROM generate_series(1, :customers) AS n, LATERAL (SELECT (ARRAY['main', 'euro'])[1 + n % 2]) AS p (program) WHERE n % 3 <> 1;
INSERT INTO affiliate.visitor_customer (visitor_id, customer_id, seen_at) SELECT 'v' || n, 'c' || n, '2025-03-01 08:30Z' FROM generate_series(1, :customers) AS n WHERE n % 6 = 2;
INSERT INTO affiliate.customer (program_id, customer_id, signup_date, affiliate_id, metadata, country_code, coupon_codes)
SELECT (ARRAY['main', 'euro'])[1 + n % 2], 'c' || n, '2025-03-01 09:00Z', CASE WHEN n % 10 = 1 THEN 'A-1' END, '{"tags": ["a", null, 1.50]}', 'DE', CASE WHEN n % 20 = 3 THEN '{NOSUCH}'::text[] END
FROM generate_series(1, :customers) AS n;
INSERT INTO affiliate.customer_pii (customer_id, first_name, email) SELECT 'c' || n, 'Žofie ' || n, format('c%s@example.org', n) FROM generate_series(1, :customers) AS n;
INSERT INTO affiliate.account (program_id, customer_id, account_id, challenge_id, account_size) SELECT (ARRAY['main', 'euro'])[1 + n % 2], 'c' || n, 'acc' || n, 'ch' || n, 25000 FROM generate_series(1, :customers) AS n WHERE n % 5 = 0;
INSERT INTO affiliate.customer_alias (customer_id, canonical_id, reason) VALUES ('c2-old', 'c2', 'merged');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, tax, ordered_at, completed_at, order_id, line_no,
    coupon_codes, affiliate_id, account_id, product_id, payment_fingerprint, metadata, is_test)
SELECT (ARRAY['main', 'euro'])[1 + n % 2], 'c' || n, format('t%s%s', n, CASE line WHEN 2 THEN '-2' END), CASE line WHEN 1 THEN 'challenge_fee' ELSE 'shirt' END,
    CASE n % 3 WHEN 0 THEN 'settled' ELSE 'completed' END, (ARRAY['USD', 'EUR', 'USD'])[1 + n % 3], round(100 + n / 7.0, 4), 1.10, at, at, 'o' || n, line,
    CASE n % 5 WHEN 1 THEN ARRAY['ANN'] WHEN 2 THEN ARRAY['house', 'bob'] WHEN 3 THEN ARRAY[(ARRAY['DAN', 'EVE'])[1 + n % 2]] END, CASE WHEN n % 10 = 4 THEN 'cyd' END,
    CASE WHEN n % 5 = 0 THEN 'acc' || n END, 'p' || 1 + n % 3, CASE WHEN n % 30 = 2 THEN 'fp-bob' END, '{"note": "\\N"}', n % 50 = 0
FROM generate_series(1, :customers) AS n, generate_series(1, CASE WHEN n % 8 = 0 THEN 2 ELSE 1 END) AS line,
    LATERAL (SELECT timestamptz '2025-03-01 10:00Z' + n * interval '1 second' - CASE WHEN n % 7 = 0 THEN interval '20 days' ELSE '0' END) AS s (at);
INSERT INTO affiliate.event (program_id, event_id, customer_id, event_type, occurred_at, account_id, account_size, is_final, metadata)
SELECT (ARRAY['main', 'euro'])[1 + n % 2], format('%s%s', left(kind, 1), n), 'c' || n, kind, at, 'acc' || n, 25000, true, '{"tier": "50k"}'
FROM generate_series(1, :customers) AS n, (VALUES ('evaluation_started', timestamptz '2025-03-01 10:30Z'), ('phase 1 "won"', '2025-03-01 11:00Z')) AS v (kind, at) WHERE n % 5 = 0;
SELECT affiliate.drain(), affiliate.drain();

-- 3 March: refunds of all kinds, disputes by id and by reference, later states of rows
SET pg_affiliate.now = '2025-03-03 12:00Z';
INSERT INTO affiliate.transaction_ref (source, kind, external_id, transaction_id) SELECT 'stripe', 'charge', 'ch_' || n, 't' || n FROM generate_series(1, :customers) AS n WHERE n % 9 = 0;
UPDATE affiliate.transaction SET status = 'refunded', refunded_at = '2025-03-02 10:00Z' WHERE transaction_id ~ '^t[0-9]*3$';
UPDATE affiliate.transaction SET refunded_amount = 30.01, refunded_at = '2025-03-03 10:00Z' WHERE transaction_id ~ '^t[0-9]*6$';
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, original_transaction_id, transaction_type, status, currency, amount, completed_at)
SELECT program_id, CASE WHEN n % 2 = 0 THEN customer_id ELSE '' END, 'r' || n, CASE WHEN n % 4 <> 0 THEN transaction_id END, 'refund', 'completed', currency, 12.34, '2025-03-03 10:00Z'
FROM generate_series(1, :customers) AS n JOIN affiliate.transaction ON transaction_id = 't' || n WHERE n % 11 = 0;
INSERT INTO affiliate.dispute (dispute_id, ref_source, ref_kind, ref_external_id, amount, opened_at, reason) SELECT 'd' || n, 'stripe', 'charge', 'ch_' || n, 50, '2025-03-03 09:00Z', 'fraud' FROM generate_series(1, :customers) AS n WHERE n % 18 = 0;
INSERT INTO affiliate.dispute (dispute_id, transaction_id, amount, opened_at) SELECT 'e' || n, 't' || n, 40, '2025-03-03 09:30Z' FROM generate_series(1, :customers) AS n WHERE n % 13 = 0;
UPDATE affiliate.dispute SET outcome = CASE WHEN dispute_id ~ '[02468]$' THEN 'lost' ELSE 'won' END, closed_at = '2025-03-03 11:00Z' WHERE dispute_id LIKE 'e%';
UPDATE affiliate.customer SET kyc_status_id = 'passed', last_modified_date = '2025-03-03 11:00Z' WHERE customer_id ~ '4$';
DELETE FROM affiliate.customer_pii WHERE customer_id = 'c5';
SELECT affiliate.drain(), affiliate.drain();

-- 15 March: operators
SET pg_affiliate.now = '2025-03-15 12:00Z';
SELECT affiliate.drain(), affiliate.drain();
SELECT affiliate.adjust('ann', 'main', 12.50, 'credit', 'spring bonus', 'adj-1'), affiliate.adjust('bob', 'euro', 3, 'debit', 'a mistake', 'adj-2'),
    affiliate.adjust('bob', 'euro', 4, 'credit', 'refused', 'adj-3'), affiliate.adjust('cyd', 'euro', 5, 'credit', 'open', 'adj-4');
SET SESSION AUTHORIZATION shop_boss;
SELECT affiliate.adjust_approve('adj-2'), affiliate.adjust_reject('adj-3');
RESET SESSION AUTHORIZATION;
SET pg_affiliate.now = '2025-03-15 12:00Z';
SELECT affiliate.record_payment('bob', 'main', '2025-03-15 12:00Z', 'payment "1"'), affiliate.record_payment('ann', 'main', '2025-03-15 12:00Z', 'payment 2');
SELECT affiliate.release('dan', 'main', 'cleared');
SELECT affiliate.forfeit('dan', 'euro', 'fraud');
SELECT affiliate.reassign('c1', 'main', 'cyd', reason => 'support ticket 1'), affiliate.reassign('c1', 'euro', 'cyd', reason => 'support ticket 1'),
    affiliate.reassign(c.customer_id, p.program_id, 'bob', 'since', '2025-02-01', reason => 'claim', transaction_id => NULL)
FROM affiliate.conversion AS c JOIN affiliate.program AS p USING (program_no) WHERE (c.transaction_id, c.kind) IN (('t7', 'transaction'), ('t14', 'transaction'));
SELECT affiliate.review_close(min(case_id), 'ignore', 'seen') FROM affiliate.review_case WHERE state = 'open';
-- more is taken back of what was paid
UPDATE affiliate.transaction SET refunded_amount = 60, refunded_at = '2025-03-15 11:00Z' WHERE transaction_id IN (SELECT subject_id FROM affiliate.commission WHERE paid > 0 AND subject_kind = 'transaction') AND transaction_id ~ '[12]$';
SELECT affiliate.drain(), affiliate.drain(), affiliate.drain();
-- a table of the firm, attached: history, a row that cannot be a fact, and one that is kept for the drain
CREATE SCHEMA IF NOT EXISTS shop;
CREATE TABLE IF NOT EXISTS shop.payments (gone text, id integer PRIMARY KEY, buyer text, cents integer, state text, at timestamptz);
ALTER TABLE shop.payments DROP COLUMN IF EXISTS gone;
INSERT INTO shop.payments SELECT n, 'c' || n, 10000, 'paid', '2025-03-14 10:00Z' FROM generate_series(1, 5) AS n;
SELECT affiliate.attach('shop.payments', 'transaction', '{"transaction_id": "''shop-'' || id", "customer_id": "buyer", "amount": "cents / 100.0", "currency": "''USD''", "program_id": "''main''",
    "status": "CASE state WHEN ''paid'' THEN ''completed'' ELSE state END", "date": "at"}');
CALL affiliate.backfill('shop.payments:transaction');
INSERT INTO shop.payments VALUES (6, 'c6', 10000, 'odd', '2025-03-15 10:00Z');
SELECT affiliate.drain(), affiliate.drain(), affiliate.drain();
-- what follows is above the watermark
CALL affiliate.rollup_catch_up();

-- 20 March: news of a sale that never came is given up; then things that wait for the drain of the next server
SET pg_affiliate.now = '2025-03-20 11:00Z';
INSERT INTO affiliate.dispute (dispute_id, transaction_id, amount, opened_at) VALUES ('lost-1', 'never', 1, '2025-03-19');
UPDATE affiliate.settle_queue SET attempts = 12, due_at = '-infinity' WHERE kind = 'transaction';
SELECT affiliate.drain(), affiliate.drain(), affiliate.drain();
SET pg_affiliate.now = '2025-03-20 12:00Z';
-- sales that nobody is known to have brought, for clicks that are recorded later
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at)
SELECT 'main', 'w' || n, 'w' || n, 'challenge_fee', 'completed', 'USD', 100, '2025-03-20 11:30Z', '2025-03-20 11:30Z' FROM generate_series(1, 4 + :customers / 10) AS n;
SELECT affiliate.drain();
-- clicks that the drain has not read
INSERT INTO affiliate.click (program_id, click_id, link_id, clicked_at, customer_id) VALUES ('main', 'unread-1', 'main-ann', '2025-03-20 11:00Z', 'w1'), ('main', 'unread-2', 'main-bob', '2025-03-20 11:00Z', 'w2');
-- sales that wait for a click
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, click_id)
SELECT 'main', 'x' || n, 'x' || n, 'challenge_fee', 'completed', 'USD', 100, '2025-03-20 11:30Z', '2025-03-20 11:30Z', 'awaited-' || n FROM generate_series(1, 3) AS n;
-- queued sales and refunds
SET pg_affiliate.mode = 'queue';
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
SELECT (ARRAY['main', 'euro'])[1 + n % 2], 'q' || n, 'q' || n, 'challenge_fee', 'completed', 'USD', 100, '2025-03-20 11:30Z', '2025-03-20 11:30Z', '{ANN}' FROM generate_series(1, 4 + :customers / 10) AS n;
UPDATE affiliate.transaction SET refunded_amount = 50, refunded_at = '2025-03-20 11:45Z' WHERE transaction_id ~ '^t[0-9]*8$';
RESET pg_affiliate.mode;
-- a line that the affiliate stage has still to rank
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
VALUES ('euro', 'p1', 'p1', 'challenge_fee', 'completed', 'EUR', 100, '2025-03-20 11:30Z', '2025-03-20 11:30Z', '{BOB}');
-- news without its sale
INSERT INTO affiliate.dispute (dispute_id, ref_source, ref_kind, ref_external_id, amount, opened_at) VALUES ('early', 'stripe', 'charge', 'ch_later', 10, '2025-03-20 11:50Z');
-- a change of the rulebook
INSERT INTO affiliate.coupon (program_no, code, affiliate_no) SELECT program_no, 'NOSUCH', affiliate_no FROM affiliate.program, affiliate.affiliate WHERE affiliate_id = 'cyd';
SET pg_affiliate.mode = 'queue';
INSERT INTO shop.payments VALUES (7, 'c7', 10000, 'paid', '2025-03-20 10:00Z');
RESET pg_affiliate.mode;
