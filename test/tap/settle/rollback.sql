-- A sale that is rolled back leaves nothing, neither in the ledger nor in the queue, wherever the savepoint is.
BEGIN;
SELECT plan(12);
\ir _rig.sql
SELECT pg_temp.program('main');
CREATE FUNCTION pg_temp.sale(id text, size numeric DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
    VALUES (split_part(id, '-', 1), id, 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}')
$$;
CREATE FUNCTION pg_temp.everything() RETURNS bigint LANGUAGE sql AS $$
    SELECT (SELECT count(*) FROM affiliate.transaction) + (SELECT count(*) FROM affiliate.conversion) + (SELECT count(*) FROM affiliate.conversion_entry) + (SELECT count(*) FROM affiliate.commission)
        + (SELECT count(*) FROM affiliate.entry) + (SELECT count(*) FROM affiliate.ownership) + (SELECT count(*) FROM affiliate.settle_queue WHERE kind <> 'program') + (SELECT count(*) FROM affiliate.transaction_report)
        + (SELECT count(*) FROM affiliate.review_case)
$$;
SELECT pg_temp.sale('a-1');
CREATE TEMP TABLE before AS SELECT pg_temp.everything() AS n;
SAVEPOINT one;
SELECT pg_temp.sale('a-2');
SELECT pg_temp.sale('b-1');
UPDATE affiliate.transaction SET refunded_amount = 50, refunded_at = '2025-03-10' WHERE transaction_id = 'a-1';
SELECT isnt(pg_temp.everything(), (SELECT n FROM before), 'inside the savepoint something happened');
SELECT is(pg_temp.money('a-1'), 'ann 10 reversed 5', 'and was settled');
ROLLBACK TO one;
SELECT is(pg_temp.everything(), (SELECT n FROM before), 'after it nothing has');
SELECT is(pg_temp.money('a-1'), 'ann 10', 'nothing was taken back');
-- the same again, kept this time
SELECT pg_temp.sale('a-2');
SELECT is(pg_temp.outcome('main', 'a-2'), 'a-2 ann ownership #2 10', 'the next one is settled');
-- a statement that fails takes what its trigger did with it
SELECT throws_ok($$INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount) VALUES ('c', 'c-1', 'challenge_fee', 'completed', 'USD', 1), ('c', 'c-2', 'challenge_fee', 'completed', 'US', 1)$$, 'AF013', NULL, 'a bad row');
SELECT is((SELECT count(*) FROM affiliate.conversion WHERE customer_id = 'c'), 0::bigint, 'the good row beside it is not settled');
-- an error in a block, then the sale again
DO $$ BEGIN PERFORM pg_temp.sale('d-1'); RAISE EXCEPTION 'x'; EXCEPTION WHEN raise_exception THEN NULL; END $$;
SELECT is((SELECT count(*) FROM affiliate.conversion WHERE customer_id = 'd'), 0::bigint, 'a block that failed leaves nothing');
SELECT pg_temp.sale('d-1');
SELECT is(pg_temp.money('d-1'), 'ann 10', 'the sale can be written again');
-- the rulebook is read anew after a change was rolled back
SAVEPOINT two;
UPDATE affiliate.coupon SET affiliate_no = pg_temp.of('bob') WHERE code = 'ANN';
SELECT pg_temp.sale('e-1');
SELECT is(pg_temp.outcome('main', 'e-1'), 'e-1 bob coupon #1 10', 'one''s own change counts');
ROLLBACK TO two;
SELECT pg_temp.sale('e-1');
SELECT is(pg_temp.outcome('main', 'e-1'), 'e-1 ann coupon #1 10', 'and not after it was rolled back');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
