-- Sales and clicks, the same on every machine: generate_series and hashes, no random().
-- psql variables: transactions, affiliates. Customers are 60 % of the transactions; the others are repeat purchases.
-- By customer: 30 % with a coupon, 50 % with a click (half of them known by the visitor only), 20 % organic.

SET client_min_messages = warning;
CREATE FUNCTION bench.hash(what text, n bigint, below bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (hashtextextended(what || n, 0) & 9223372036854775807) % below;

CREATE TABLE bench.person AS
SELECT n, 'cus_' || substr(md5(n::text), 1, 14) AS customer_id, 1 + bench.hash('affiliate', n, :affiliates) AS affiliate_no,
       CASE WHEN k.kind < 30 THEN 'coupon' WHEN k.kind < 80 THEN 'click' ELSE 'organic' END AS kind,
       timestamptz '2025-03-01 00:00+00' + bench.hash('joined', n, 30 * 86400) * interval '1 second' AS first_order_at
FROM generate_series(1, :transactions * 6 / 10) AS n, LATERAL (SELECT bench.hash('kind', n, 100) AS kind) AS k;

-- The file is in the order of time, and ids count up in it.
CREATE TABLE bench.sale AS
WITH ordered AS (
    SELECT p.customer_id, p.kind, p.affiliate_no, s.n,
           p.first_order_at + CASE WHEN s.n = p.n THEN interval '0'
                              ELSE interval '4 days' + bench.hash('again', s.n, 30 * 86400) * interval '1 second' END AS ordered_at
    FROM generate_series(1, :transactions) AS s (n)
    JOIN bench.person AS p ON p.n = CASE WHEN s.n <= :transactions * 6 / 10 THEN s.n
                                    ELSE 1 + bench.hash('who', s.n, :transactions * 6 / 10) END
)
SELECT o.customer_id, format('txn_%s', lpad(row_number() OVER w::text, 9, '0')) AS transaction_id, 'prop' AS program_id,
       'challenge_fee' AS transaction_type, 'completed' AS status, 'USD' AS currency,
       CASE o.kind WHEN 'coupon' THEN round(z.price * 0.9, 2) ELSE z.price END AS amount,
       o.ordered_at, o.ordered_at + interval '20 seconds' AS completed_at,
       format('order-%s', row_number() OVER w) AS order_id, 'two-step-' || z.size / 1000 || 'k' AS product_id,
       'two_step' AS challenge_type, z.size AS account_size, z.price AS list_price,
       CASE o.kind WHEN 'coupon' THEN z.price - round(z.price * 0.9, 2) END AS discount,
       CASE o.kind WHEN 'coupon' THEN ARRAY['code' || o.affiliate_no] END AS coupon_codes
FROM ordered AS o
JOIN LATERAL (SELECT (ARRAY[10000, 25000, 50000, 100000, 200000])[i] AS size, (ARRAY[99.00, 199.00, 349.00, 549.00, 999.00])[i] AS price
              FROM (SELECT 1 + bench.hash('size', o.n, 5)::integer AS i) AS i) AS z ON true
WINDOW w AS (ORDER BY o.ordered_at, o.n)
ORDER BY o.ordered_at, o.n;

SET pg_affiliate.mode = off;
TRUNCATE affiliate.click, affiliate.visitor_customer;
INSERT INTO affiliate.click (click_id, program_id, link_id, clicked_at, visitor_id, customer_id, landing_url, country, device)
SELECT md5('click' || p.n), 'prop', 'link-' || p.affiliate_no, p.first_order_at - (600 + bench.hash('clicked', p.n, 48 * 3600)) * interval '1 second',
       'visitor-' || p.n, CASE WHEN p.n % 2 = 0 THEN p.customer_id END, 'https://example.com/?ref=' || p.affiliate_no, 'DE', 'mobile'
FROM bench.person AS p WHERE p.kind = 'click';
INSERT INTO affiliate.visitor_customer (visitor_id, customer_id, seen_at)
SELECT 'visitor-' || p.n, p.customer_id, p.first_order_at FROM bench.person AS p WHERE p.kind = 'click' AND p.n % 2 = 1;
VACUUM ANALYZE affiliate.click, affiliate.visitor_customer, bench.sale, bench.person;
