-- Published examples (docs/worked-examples.md): ladders counted per month, marginal and retroactive; caps per month.
BEGIN;
SELECT plan(19);
\ir ../settle/_rig.sql
SELECT pg_temp.clock('2025-03-31 12:00');
-- bands as {from, value}
CREATE FUNCTION pg_temp.ladder(program text, how text, bands numeric[], amount text DEFAULT 'band_amount') RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    new_ladder integer;
BEGIN
    PERFORM pg_temp.program(program, amount);
    INSERT INTO affiliate.ladder (program_no, ladder_id, mode) VALUES (pg_temp.no(program), 'steps', how) RETURNING ladder_no INTO new_ladder;
    INSERT INTO affiliate.ladder_band (ladder_no, band, from_position, amount, rate)
    SELECT new_ladder, b, bands[b][1], CASE WHEN amount = 'band_amount' THEN bands[b][2] END, CASE WHEN amount <> 'band_amount' THEN bands[b][2] END FROM generate_subscripts(bands, 1) AS b;
    UPDATE affiliate.plan_rule SET ladder_no = new_ladder WHERE plan_no = pg_temp.plan_of(program);
END
$$;
CREATE FUNCTION pg_temp.sell(program text, from_n integer, to_n integer, amount numeric DEFAULT 100) RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
    SELECT program, format('%s-%s', program, n), format('%s-%s', program, n), 'challenge_fee', 'completed', 'USD', amount, at, at, '{ANN}'
    FROM generate_series(from_n, to_n) AS n, LATERAL (SELECT timestamptz '2025-03-01' + n * interval '1 minute') AS t (at)
$$;
CREATE FUNCTION pg_temp.sum(program text) RETURNS numeric LANGUAGE sql AS $$
    SELECT trim_scale(sum(accrued - reversed)) FROM affiliate.commission WHERE program_no = pg_temp.no(program)
$$;
CREATE FUNCTION pg_temp.nth(program text, n integer) RETURNS numeric LANGUAGE sql AS $$
    SELECT trim_scale(accrued - reversed) FROM affiliate.commission WHERE subject_id = format('%s-%s', program, n)
$$;

SELECT pg_temp.ladder('w21', 'marginal', '{{1,40},{21,55},{51,70}}'), pg_temp.ladder('x21', 'retroactive', '{{1,40},{21,55},{51,70}}');
SELECT pg_temp.sell(p, 1, 60) FROM unnest('{w21,x21}'::text[]) AS p;
SELECT pg_temp.drain();
SELECT is(pg_temp.sum('w21'), 3150::numeric, 'W-21, X-21: 60 sales, marginal');
SELECT is(pg_temp.sum('x21'), 4200::numeric, 'X-21: 60 sales, retroactive');
SELECT is(array_to_string(ARRAY[pg_temp.nth('w21', 20), pg_temp.nth('w21', 21), pg_temp.nth('w21', 50), pg_temp.nth('w21', 51)], ' '), '40 55 55 70', 'W-21: the boundaries');

SELECT pg_temp.ladder('w22', 'marginal', '{{1,100},{11,130},{31,160}}'), pg_temp.ladder('x22', 'retroactive', '{{1,100},{11,130},{31,160}}');
SELECT pg_temp.sell(p, 1, 10) FROM unnest('{w22,x22}'::text[]) AS p;
SELECT pg_temp.drain();
SELECT is(pg_temp.sum('w22') || ' ' || pg_temp.sum('x22'), '1000 1000', 'W-22: at 10 both are 1,000');
SELECT pg_temp.sell(p, 11, 11) FROM unnest('{w22,x22}'::text[]) AS p;
SELECT pg_temp.drain();
SELECT is(pg_temp.sum('w22') || ' ' || pg_temp.sum('x22'), '1130 1430', 'W-22: at 11 marginal and retroactive differ');
SELECT is((SELECT trim_scale(sum(amount)) FROM affiliate.entry WHERE program_no = pg_temp.no('x22') AND subject_id <> 'x22-11' AND kind = 'adjustment'), 300::numeric, 'W-22: a true-up of 300 in entries, nothing is rewritten');
SELECT pg_temp.sell(p, 12, 35) FROM unnest('{w22,x22}'::text[]) AS p;
SELECT pg_temp.drain();
SELECT is(pg_temp.sum('w22') || ' ' || pg_temp.sum('x22'), '4400 5600', 'X-22: 35 sales');

SELECT pg_temp.ladder('x23', 'retroactive', '{{1,250},{3,275},{5,300}}');
CREATE TEMP TABLE x23 (n integer, total numeric);
DO $$ BEGIN
    FOR n IN 1..5 LOOP
        PERFORM pg_temp.sell('x23', n, n);
        PERFORM pg_temp.drain();
        INSERT INTO x23 VALUES (n, pg_temp.sum('x23'));
    END LOOP;
END $$;
SELECT is((SELECT string_agg(total::text, ' ' ORDER BY n) FROM x23), '250 500 825 1100 1500', 'W-23, X-23: totals by number');

SELECT pg_temp.ladder('w24', 'marginal', '{{1,0.10},{101,0.20}}', 'net * band_rate');
SELECT pg_temp.sell('w24', 1, 102);
SELECT pg_temp.drain();
SELECT is(pg_temp.sum('w24'), 1040::numeric, 'W-24: 10 % up to the 100th of a month, then 20 %');
SELECT pg_temp.ladder('w25', 'marginal', '{{1,0.20},{5,0.30}}', 'net * band_rate');
SELECT pg_temp.sell('w25', 1, 6);
SELECT pg_temp.drain();
SELECT is(pg_temp.sum('w25'), 140::numeric, 'W-25: 20 % below 5, 30 % from the 5th on');
SELECT pg_temp.ladder('w27', 'marginal', '{{1,0.20},{351,0.25},{701,0.30}}', 'net * band_rate');
SELECT pg_temp.sell('w27', 1, 701);
SELECT pg_temp.drain();
SELECT is(pg_temp.sum('w27'), 15780::numeric, 'W-27: 350 at 20 %, 350 at 25 %, one at 30 %');
SELECT is(pg_temp.nth('w27', 350) || ' ' || pg_temp.nth('w27', 351) || ' ' || pg_temp.nth('w27', 701), '20 25 30', 'W-27: after 350 and after 700');
SELECT pg_temp.clock('2025-04-10 12:00');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
VALUES ('w27', 'w27-april', 'w27-702', 'challenge_fee', 'completed', 'USD', 100, '2025-04-01', '2025-04-01', '{ANN}');
SELECT pg_temp.drain();
SELECT is(pg_temp.nth('w27', 702), 20::numeric, 'W-27: a new month begins at the first band');

-- caps, and a minimum
SELECT pg_temp.clock('2025-03-31 12:00');
SELECT pg_temp.ladder('x27', 'retroactive', '{{1,0},{5,40}}');
SELECT pg_temp.sell('x27', 1, 4);
SELECT pg_temp.drain();
CREATE TEMP TABLE x27 AS SELECT pg_temp.sum('x27') AS of_four;
SELECT pg_temp.sell('x27', 5, 5);
SELECT pg_temp.drain();
SELECT is((SELECT of_four FROM x27) || ' ' || pg_temp.sum('x27'), '0 200', 'X-27: below five in the month nothing, forfeit; the fifth brings all of them');
SELECT pg_temp.program('x26', 'net');
UPDATE affiliate.plan_rule SET monthly_cap = 100 WHERE plan_no = pg_temp.plan_of('x26');
SELECT pg_temp.sell('x26', 1, 1, 85), pg_temp.sell('x26', 2, 3, 30);
SELECT pg_temp.drain();
SELECT is(pg_temp.nth('x26', 1) || ' ' || pg_temp.nth('x26', 2) || ' ' || pg_temp.nth('x26', 3), '85 15 0', 'X-26: 100 a month, 85 used: 15, then nothing');
UPDATE affiliate.transaction SET refunded_amount = 85, refunded_at = '2025-03-01 12:00' WHERE transaction_id = 'x26-1';
SELECT pg_temp.drain();
SELECT is(pg_temp.nth('x26', 1) || ' ' || pg_temp.nth('x26', 2) || ' ' || pg_temp.nth('x26', 3), '0 30 30', 'X-26: what is void does not consume the cap');
SELECT is((SELECT count(*) FROM affiliate.commission AS c WHERE accrued < reversed OR reversed < 0), 0::bigint, 'never more reversed than accrued');

SELECT is((SELECT affiliate.resettle(ARRAY(SELECT DISTINCT customer_id FROM affiliate.transaction))), 0::bigint, 'settling again posts nothing');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
