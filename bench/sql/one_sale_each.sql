-- A sale each of so many customers as rows of a COPY, in the columns of COLUMNS_OF_SALE; most have a coupon.
-- psql variables: sales, affiliates.
COPY (SELECT 'cus_' || substr(md5(n::text), 1, 14), format('txn_%s', lpad(n::text, 9, '0')), 'prop', 'challenge_fee', 'completed', 'USD', 314.10,
             timestamptz '2025-03-01 00:00+00' + n * interval '1 second', timestamptz '2025-03-01 00:00:20+00' + n * interval '1 second',
             'order-' || n, 'two-step-50k', 'two_step', 50000, 349.00, 34.90, CASE WHEN n % 5 <> 0 THEN ARRAY['code' || 1 + n % :affiliates] END
      FROM generate_series(1, :sales) AS n) TO STDOUT;
