-- A statement settles inline as long as its budget lasts; the rest is queued.
BEGIN;
SELECT plan(7);
\ir _rig.sql
SELECT pg_temp.program('main');
SET LOCAL pg_affiliate.inline_budget = '1ms';
INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
SELECT 'c' || n, 't' || n, 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}' FROM generate_series(1, 5000) AS n;
SELECT ok((SELECT count(*) FROM affiliate.settle_queue) > 0, 'beyond the budget the rest is queued');
SELECT is((SELECT count(*) FROM affiliate.conversion) + (SELECT count(DISTINCT customer_id) FROM affiliate.settle_queue), 5000::bigint, 'every customer is settled or queued');
SET LOCAL pg_affiliate.inline_budget = 0;
SELECT pg_temp.drain();
SELECT is((SELECT count(*) FROM affiliate.entry), 5000::bigint, 'the drain does what was left');

-- without a setting: 50 ms, or as long as the statement itself took
SET LOCAL pg_affiliate.inline_budget = -1;
CREATE FUNCTION pg_temp.sell(prefix text, how_many integer, seconds double precision) RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
    SELECT prefix || n, prefix || n, 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}'
    FROM generate_series(1, how_many) AS n, pg_sleep(seconds)
$$;
CREATE FUNCTION pg_temp.queued() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM affiliate.settle_queue WHERE kind = 'customer' $$;
SELECT pg_temp.sell('one-', 1, 0);
SELECT is(pg_temp.queued(), 0::bigint, 'one sale is settled');
SELECT pg_temp.sell('slow-', 3000, 4);
SELECT is(pg_temp.queued(), 0::bigint, 'so are many of a statement that took long itself');
SELECT pg_temp.sell('many-', 20000, 0);
SELECT cmp_ok(pg_temp.queued(), '>', 0::bigint, 'of one that would take several times as long, what is left when the time is over is queued');
SELECT is((SELECT count(*) FROM affiliate.conversion) + pg_temp.queued(), 28001::bigint, 'and nobody is forgotten');
SELECT * FROM finish();
ROLLBACK;
