-- A year of sales and clicks in a database of its own, the same on every machine, settled and rolled up.
-- psql variables: sales, clicks, affiliates. Sixty percent of the customers came by a coupon; one sale in twenty is refunded later.
SET client_min_messages = warning;
SET pg_affiliate.inline_budget = 0;
SET synchronous_commit = off;
CREATE SCHEMA bench;
CREATE FUNCTION bench.hash(what text, n bigint, below bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (hashtextextended(what || n, 0) & 9223372036854775807) % below;
INSERT INTO affiliate.program (program_id, currency, default_plan_id, time_zone) VALUES ('prop', 'USD', 'standard', 'America/New_York');
INSERT INTO affiliate.affiliate (affiliate_id) SELECT 'aff-' || n FROM generate_series(1, :affiliates) AS n;
INSERT INTO affiliate.link (link_id, program_no, affiliate_no) SELECT 'link-' || affiliate_no, program_no, affiliate_no FROM affiliate.program, affiliate.affiliate;
INSERT INTO affiliate.coupon (program_no, code, affiliate_no) SELECT program_no, 'code' || affiliate_no, affiliate_no FROM affiliate.program, affiliate.affiliate;
INSERT INTO affiliate.plan (program_no, plan_id, valid_from) SELECT program_no, 'standard', '2020-01-01' FROM affiliate.program;
INSERT INTO affiliate.plan_rule (plan_no, sequence_no, rule_group, name, condition, amount, hold)
SELECT plan_no, r.*, '14 days' FROM affiliate.plan, (VALUES (1, 'sale', 'first', 'is_first_purchase', 'net * 0.15'), (2, 'sale', 'later', 'true', 'net * 0.05')) AS r;

INSERT INTO affiliate.click (program_id, click_id, link_id, visitor_id, clicked_at, country)
SELECT 'prop', 'c' || n, 'link-' || 1 + bench.hash('link', n, :affiliates), 'v' || bench.hash('visitor', n, :clicks / 2),
       timestamptz '2024-01-01 00:00+00' + bench.hash('clicked', n, 365 * 86400) * interval '1 second', (ARRAY['US', 'GB', 'DE', 'FR', 'IN'])[1 + bench.hash('country', n, 5)]
FROM generate_series(1, :clicks) AS n;
INSERT INTO affiliate.customer (program_id, customer_id, country_code)
SELECT 'prop', 'cus' || n, (ARRAY['US', 'GB', 'DE', 'FR', 'IN'])[1 + bench.hash('home', n, 5)] FROM generate_series(0, :sales * 6 / 10) AS n;
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, product_id, ordered_at, completed_at, coupon_codes, refunded_amount, refunded_at)
SELECT 'prop', 'cus' || s.customer, 't' || s.n, 'challenge_fee', CASE WHEN s.n % 20 = 0 THEN 'refunded' ELSE 'completed' END, 'USD', s.price, 'p' || s.product, s.at, s.at,
       CASE WHEN bench.hash('kind', s.customer, 10) < 6 THEN ARRAY['code' || 1 + bench.hash('affiliate', s.customer, :affiliates)] END,
       CASE WHEN s.n % 20 = 0 THEN s.price / 2 END, CASE WHEN s.n % 20 = 0 THEN s.at + interval '20 days' END
FROM (SELECT n, bench.hash('who', n, :sales * 6 / 10) AS customer, bench.hash('product', n, 5) AS product, (ARRAY[99.00, 199.00, 349.00, 549.00, 999.00])[1 + bench.hash('product', n, 5)] AS price,
             timestamptz '2024-01-01 00:00+00' + bench.hash('sold', n, 365 * 86400) * interval '1 second' AS at
      FROM generate_series(1, :sales) AS n) AS s;
CALL affiliate.drain_loop('1 s');
VACUUM ANALYZE;
CALL affiliate.rollup_catch_up();
VACUUM ANALYZE affiliate.rollup, affiliate.rollup_click;
