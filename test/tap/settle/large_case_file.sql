-- The cost of one settle is bounded: a case file of more than 1,000 conversions is settled by the drain only.
BEGIN;
SELECT plan(11);
\ir _rig.sql
SELECT pg_temp.program('main');
CREATE FUNCTION pg_temp.sell(customer text, first integer, last integer) RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
    SELECT customer, customer || n, 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}' FROM generate_series(first, last) AS n
$$;
CREATE FUNCTION pg_temp.posted(customer text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT count(*) FROM affiliate.entry WHERE customer_id = customer
$$;
CREATE FUNCTION pg_temp.waiting(customer text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT count(*) FROM affiliate.settle_queue WHERE customer_id = customer
$$;
SELECT pg_temp.sell('guest', 1, 1000);
SELECT is(pg_temp.posted('guest'), 1000::bigint, 'a thousand are settled inline');
SELECT is(pg_temp.reviews('guest'), 'none', 'without a review');
INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes) VALUES
    ('guest', 'guest1001', 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}'),
    ('someone', 's1', 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}');
SELECT is(pg_temp.posted('guest'), 1000::bigint, 'one more is not');
SELECT is(pg_temp.waiting('guest'), 1::bigint, 'it is queued');
SELECT is(pg_temp.posted('someone') || ' ' || pg_temp.waiting('someone'), '1 0', 'who came with it is settled');
SELECT affiliate.drain(10);
SELECT is(pg_temp.posted('guest'), 1001::bigint, 'the drain settles it');
SELECT is((SELECT kind || ' ' || severity || ' ' || (evidence ->> 'detail') FROM affiliate.review_case WHERE customer_id = 'guest'),
    'large_case_file low 1001 conversions', 'and a review says so');
SELECT pg_temp.sell('guest', 1002, 1002);
SELECT is(pg_temp.posted('guest') || ' ' || pg_temp.waiting('guest'), '1001 1', 'from then on all of its sales go to the drain');
-- the sales of all programs cost together; those of another customer of the statement do not count
SELECT pg_temp.program('second');
SET LOCAL pg_affiliate.mode = off;
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
SELECT p, c, format('%s-%s-%s', p, c, n), 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}'
FROM unnest('{main,second}'::text[]) AS p, unnest('{half,whole}'::text[]) AS c, generate_series(1, CASE c WHEN 'half' THEN 500 ELSE 600 END) AS n;
SET LOCAL pg_affiliate.mode = 'on';
UPDATE affiliate.transaction SET coupon_codes = '{BOB}' WHERE transaction_id IN ('main-half-1', 'main-whole-1');
SELECT is(pg_temp.posted('half') || ' ' || pg_temp.waiting('half'), '1000 0', 'a thousand sales in two programs are settled inline');
SELECT is(pg_temp.posted('whole') || ' ' || pg_temp.waiting('whole'), '0 1', 'more are not');
SELECT pg_temp.drain();
SELECT is(array(SELECT pg_temp.violations()), '{}'::text[], 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
