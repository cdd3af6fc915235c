-- Every column that a rule may name has the value of the sale: one rule for each, that pays 1 where the column is what it should be.
BEGIN;
SELECT plan(8);
\ir ../settle/_rig.sql
CREATE TEMP TABLE expected (name text, value text);
-- An upgrade in euros, of a customer who came by a click and bought with a coupon. An upgrade's ownership counts from its original (W12a).
INSERT INTO expected VALUES
    ('transaction_type', $$'upgrade_fee'$$), ('sale_kind', $$'upgrade'$$), ('product', $$'100k'$$), ('product_family', $$'two_step'$$),
    ('challenge_type', $$'two-step'$$), ('phase', $$'phase_1'$$), ('account_size', '100000'), ('account_currency', $$'GBP'$$),
    ('list_price', '240'), ('discount', '40'), ('tax', '20'), ('fee', '6'), ('wallet_credit', '30'),
    ('gross', '200'), ('base', '150'), ('refunded', '0'), ('net', '150'), ('collected', '194'),
    ('currency', $$'EUR'$$), ('original_gross', '100'), ('original_net', '75'), ('fx_rate', '2'),
    ('purchase_number', '2'), ('is_first_purchase', 'false'),
    ('days_since_first_purchase', '69'), ('months_since_first_purchase', '2'), ('days_since_signup', '78'), ('days_since_original', '10'),
    ('customer_country', $$'DE'$$), ('customer_language', $$'de'$$), ('kyc_status', $$'approved'$$), ('sales_status', $$'vip'$$),
    ('method', $$'ownership'$$), ('days_since_touch', '10'), ('coupon_code', $$'ANN20'$$), ('coupon_kind', $$'own'$$), ('coupon_discount', '20'),
    ('campaign', $$'spring'$$), ('traffic_source', $$'mail'$$),
    ('affiliate', $$'ann'$$), ('affiliate_group', $$'gold'$$), ('partner_type', $$'influencer'$$), ('affiliate_country', $$'AT'$$),
    ('beneficiary', $$'ann'$$), ('level', '0'),
    ('ordered_at', $$'2025-03-20 10:00+00'$$), ('completed_at', $$'2025-03-20 11:00+00'$$), ('metadata', $$'{"k": 1}'$$);
-- those of ladders are in m7_second_stage.sql
SELECT set_eq('SELECT name FROM expected', $$SELECT attname::text FROM pg_attribute WHERE attrelid = 'affiliate.rule_input'::regclass
    AND attname <> ALL ('{ladder_position,band,band_rate,band_amount,band_label}')$$, 'no column is left out');

SELECT pg_temp.program('p', '0') AS rule \gset
INSERT INTO affiliate.plan_rule (plan_no, sequence_no, rule_group, name, condition, amount)
SELECT pg_temp.plan_of('p'), 1 + row_number() OVER (), name, name, name || ' = ' || value, '1' FROM expected;
UPDATE affiliate.affiliate SET affiliate_group = 'gold', partner_type = 'influencer', country = 'AT' WHERE affiliate_id = 'ann';
INSERT INTO affiliate.fx_rate (from_currency, to_currency, valid_from, rate) VALUES ('EUR', 'USD', '2025-01-01', 2);
INSERT INTO affiliate.product (program_no, product_id, family, account_size, list_price) VALUES (pg_temp.no('p'), '100k', 'two_step', 5, 5);
INSERT INTO affiliate.campaign (program_no, campaign_id) VALUES (pg_temp.no('p'), 'spring') RETURNING campaign_no AS spring \gset
INSERT INTO affiliate.link (link_id, program_no, affiliate_no, campaign_no, traffic_source) VALUES ('l', pg_temp.no('p'), pg_temp.of('ann'), :spring, 'mail');
INSERT INTO affiliate.coupon (program_no, code, affiliate_no, discount_value) VALUES (pg_temp.no('p'), 'ANN20', pg_temp.of('ann'), 20);
INSERT INTO affiliate.click (click_id, program_id, link_id, clicked_at) VALUES ('k', 'p', 'l', '2025-01-09 10:00+00');
INSERT INTO affiliate.customer (customer_id, program_id, signup_date, country_code, lang_id, kyc_status_id, sales_status_id)
VALUES ('c', 'p', '2025-01-01 11:00+00', 'DE', 'de', 'approved', 'vip');
INSERT INTO affiliate.account (customer_id, account_id, program_id, challenge_id, account_currency) VALUES
    ('c', 'a1', 'p', 'ch1', 'USD'), ('c', 'a2', 'p', 'ch1', 'GBP'), ('c', 'a3', 'p', 'ch3', 'JPY');
INSERT INTO affiliate.transaction (customer_id, transaction_id, program_id, transaction_type, status, currency, amount, ordered_at, completed_at, click_id, account_id) VALUES
    ('c', 't0', 'p', 'challenge_fee', 'completed', 'USD', 300, '2025-01-10 10:00+00', '2025-01-10 11:00+00', 'k', 'a3'),
    ('c', 't1', 'p', 'reset_fee', 'completed', 'USD', 300, '2025-03-10 10:00+00', '2025-03-10 11:00+00', NULL, 'a1');
INSERT INTO affiliate.transaction (customer_id, transaction_id, program_id, transaction_type, status, currency, amount, ordered_at, completed_at,
    coupon_codes, account_id, original_challenge_id, product_id, challenge_type, phase, account_size, list_price, discount, tax, fee, wallet_credit,
    collected, metadata)
VALUES ('c', 't2', 'p', 'upgrade_fee', 'completed', 'EUR', 100, '2025-03-20 10:00+00', '2025-03-20 11:00+00',
    '{ANN20}', 'a2', 'ch1', '100k', 'two-step', 'phase_1', 100000, 120, 20, 10, 3, 15, 97, '{"k": 1}');
SELECT pg_temp.drain();
CREATE FUNCTION pg_temp.paying(sale text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(r.name, ' ' ORDER BY r.sequence_no) FROM affiliate.commission AS c JOIN affiliate.plan_rule AS r USING (rule_no)
    WHERE c.subject_id = sale AND c.accrued > c.reversed
$$;
SELECT is(pg_temp.paying('t2'), (SELECT string_agg(name, ' ' ORDER BY rule_no) FROM affiliate.plan_rule AS r JOIN expected USING (name) WHERE plan_no = pg_temp.plan_of('p')), 'each rule found what it asked for');

-- list price or discounted; a product of the catalogue says what the sale does not
CREATE FUNCTION pg_temp.paid_by(sale text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', r.name, trim_scale(c.accrued), CASE WHEN c.reversed > 0 THEN '- ' || trim_scale(c.reversed) END), ', ' ORDER BY r.sequence_no)
    FROM affiliate.commission AS c JOIN affiliate.plan_rule AS r USING (rule_no) WHERE c.subject_id = sale
$$;
SELECT pg_temp.program('q', 'list_price * 0.10') AS rule \gset
INSERT INTO affiliate.plan_rule (plan_no, sequence_no, rule_group, name, amount) VALUES
    (pg_temp.plan_of('q'), 2, 'b', 'base', 'base * 0.10'), (pg_temp.plan_of('q'), 3, 'c', 'net', 'net * 0.10'),
    (pg_temp.plan_of('q'), 4, 'd', 'refunded', '50 - refunded'), (pg_temp.plan_of('q'), 5, 'e', 'collected', 'collected * 0.10'),
    (pg_temp.plan_of('q'), 6, 'f', 'size', $$CASE WHEN product_family = 'two_step' AND account_size >= 50000 THEN 5 ELSE 1 END$$);
INSERT INTO affiliate.product (program_no, product_id, family, account_size, list_price) VALUES (pg_temp.no('q'), '50k', 'two_step', 50000, 300), (pg_temp.no('q'), '10k', 'two_step', 10000, 90);
INSERT INTO affiliate.transaction (customer_id, transaction_id, program_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes, product_id, list_price, discount, fee, collected)
SELECT 'd', 'q' || n, 'q', 'challenge_fee', 'completed', 'USD', 200, '2025-03-20', '2025-03-20', '{ANN}', product, list_price, 100, 4, 196
FROM (VALUES (1, '50k', 280), (2, '50k', NULL), (3, '10k', NULL), (4, 'other', NULL)) AS v (n, product, list_price);
SELECT pg_temp.drain();
SELECT is(pg_temp.paid_by('q1'), 'first 28, base 20, net 20, refunded 50, collected 19.6, size 5', 'the sale''s own list price, what was charged, what was collected');
SELECT is(pg_temp.paid_by('q2'), 'first 30, base 20, net 20, refunded 50, collected 19.6, size 5', 'the catalogue''s list price and size');
SELECT is(pg_temp.paid_by('q3') || ' | ' || pg_temp.paid_by('q4'), 'first 9, base 20, net 20, refunded 50, collected 19.6, size 1 | base 20, net 20, refunded 50, collected 19.6, size 1',
    'of another product; one that is not in the catalogue has no list price');
INSERT INTO affiliate.transaction (customer_id, transaction_id, program_id, transaction_type, status, currency, amount, refunded_at, original_transaction_id)
VALUES ('d', 'r1', 'q', 'refund', 'completed', 'USD', 50, '2025-05-20', 'q1');
SELECT pg_temp.drain();
SELECT is(pg_temp.paid_by('q1'), 'first 28, base 20, net 20 - 5, refunded 50 - 50, collected 19.6, size 5', 'a partial refund changes what asks for the net and for what was refunded');
SELECT is((SELECT affiliate.resettle(ARRAY(SELECT DISTINCT customer_id FROM affiliate.transaction))), 0::bigint, 'settling again posts nothing');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
