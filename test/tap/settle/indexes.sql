-- The kernel reads and writes the indexes of its tables itself. An index without any entry is not looked into until it has
-- one, whichever file it is in by then; a partial index gets the rows that belong in it, wherever they are in a statement.
BEGIN;
SELECT plan(9);
\ir _sell.sql
CREATE FUNCTION pg_temp.lose(id text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.dispute (dispute_id, transaction_id, amount, opened_at, closed_at, outcome)
    VALUES ('d-' || id, id, 100, '2025-06-20', '2025-06-25', 'lost')
$$;

REINDEX TABLE affiliate.dispute;
SELECT is((SELECT count(*) FROM affiliate.dispute), 0::bigint, 'there is no dispute, and no entry in the indexes');
SELECT pg_temp.sell('t1');
SELECT pg_temp.sell('t2');
SELECT is(pg_temp.entries('t2'), 'accrual 10', 'sales are settled without one');
SELECT pg_temp.lose('t2');
SELECT is(pg_temp.entries('t2'), 'accrual 10, reversal -10', 'the first dispute is seen');
SELECT pg_temp.lose('t1');
SELECT is(pg_temp.entries('t1'), 'accrual 10, reversal -10', 'and the second');

SAVEPOINT no_dispute;
DELETE FROM affiliate.customer_alias;
REINDEX TABLE affiliate.customer_alias;
SELECT pg_temp.sell('t3');
REINDEX TABLE affiliate.customer_alias;
INSERT INTO affiliate.customer_alias (customer_id, canonical_id) VALUES ('t4', 't3');
SELECT pg_temp.sell('t4');
SELECT is((SELECT customer_id COLLATE "default" FROM affiliate.conversion WHERE transaction_id = 't4'), 't3', 'the first alias is seen, in a new file of the index');
ROLLBACK TO no_dispute;

-- 2,000 sales in one statement, 800 of them of one customer; every third is a test, which counts on no ladder.
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes, is_test)
SELECT 'main', CASE WHEN n < 800 THEN 'many' ELSE 'one-' || n END, format('m%s', to_char(n, 'FM0000')), 'challenge_fee', 'completed', 'USD', 100, '2025-06-05', '2025-06-05',
    '{BOB}', n % 3 = 0
FROM generate_series(0, 1999) AS n;
CREATE FUNCTION pg_temp.counting() RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT count(*) FROM affiliate.conversion WHERE ladder_counts AND affiliate_no = (SELECT pg_temp.of('bob')) AND occurred_at > '-infinity'
$$;
SET LOCAL enable_indexscan = off;
SET LOCAL enable_bitmapscan = off;
SELECT is(pg_temp.counting(), 801::bigint, '800 first purchases and one of many count');
RESET enable_indexscan;
RESET enable_bitmapscan;
SET LOCAL enable_seqscan = off;
SELECT is(pg_temp.counting(), 801::bigint, 'and are found by the index');
SELECT is((SELECT count(*) FROM affiliate.commission WHERE program_no = pg_temp.no('main') AND affiliate_no = pg_temp.of('bob')),
    (SELECT count(*) FROM affiliate.commission WHERE customer_id > '' AND affiliate_no = pg_temp.of('bob')), 'as are commissions by two indexes');
RESET enable_seqscan;
SELECT is_empty('SELECT pg_temp.violations()', 'nothing is amiss');
SELECT * FROM finish();
ROLLBACK;
