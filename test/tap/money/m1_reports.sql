-- M1: every report has its own time; equal content is a duplicate, other content a correction and the later own time wins.
BEGIN;
SELECT plan(21);
\ir ../settle/_rig.sql
SELECT pg_temp.program('main');
INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
SELECT c, c, 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}' FROM unnest('{a,b,c,d,e,f,g,h}'::text[]) AS c;

-- a duplicate leaves no trace
UPDATE affiliate.transaction SET refunded_amount = 30, refunded_at = '2025-03-10', status = 'refunded' WHERE transaction_id = 'a';
SELECT is(pg_temp.entries('a'), 'accrual 10, reversal -3', 'a refund');
UPDATE affiliate.transaction SET refunded_amount = 30, refunded_at = '2025-03-10', status = 'refunded' WHERE transaction_id = 'a';
SELECT is((SELECT count(*) FROM affiliate.transaction_report WHERE transaction_id = 'a'), 1::bigint, 'the earlier state is kept once');
UPDATE affiliate.transaction SET refunded_amount = 30.00, refunded_at = '2025-03-10', status = 'refunded' WHERE transaction_id = 'a';
SELECT is(pg_temp.entries('a'), 'accrual 10, reversal -3', 'the same again');
INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
VALUES ('a', 'a', 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}')
ON CONFLICT (transaction_id) DO UPDATE SET status = excluded.status, amount = excluded.amount, completed_at = excluded.completed_at;
SELECT is(pg_temp.entries('a'), 'accrual 10, reversal -3', 'the sale re-sent revives nothing');

-- refund rows: the id names the subject
CREATE FUNCTION pg_temp.refund(id text, original text, at timestamptz, amount numeric, status text DEFAULT 'completed') RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (customer_id, transaction_id, original_transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at)
    VALUES (original, id, original, 'refund', status, 'USD', amount, NULL, at)
    ON CONFLICT (transaction_id) DO UPDATE SET amount = excluded.amount, completed_at = excluded.completed_at, status = excluded.status
$$;
SELECT pg_temp.refund('b-r1', 'b', '2025-03-10', 40);
SELECT pg_temp.refund('b-r1', 'b', '2025-03-10', 40);
SELECT is(pg_temp.entries('b'), 'accrual 10, reversal -4', 'one refund, sent twice');
SELECT pg_temp.refund('b-r2', 'b', '2025-03-10', 40);
SELECT is(pg_temp.entries('b'), 'accrual 10, reversal -4, reversal -4', 'another refund of the same amount at the same time');
SELECT pg_temp.refund('b-r2', 'b', '2025-03-12', 10);
SELECT is(pg_temp.money('b'), 'ann 10 reversed 5', 'a correction with a later time');
SELECT pg_temp.refund('b-r2', 'b', '2025-03-11', 60);
SELECT is(pg_temp.money('b'), 'ann 10 reversed 5', 'a correction with an earlier time that arrives later changes nothing');

-- the same through the cumulative refund
UPDATE affiliate.transaction SET refunded_amount = 50, refunded_at = '2025-03-12' WHERE transaction_id = 'c';
UPDATE affiliate.transaction SET refunded_amount = 20, refunded_at = '2025-03-10' WHERE transaction_id = 'c';
SELECT is(pg_temp.money('c'), 'ann 10 reversed 5', 'older news finds its place');
UPDATE affiliate.transaction SET refunded_amount = 30, refunded_at = '2025-03-14' WHERE transaction_id = 'c';
SELECT is(pg_temp.money('c'), 'ann 10 reversed 3', 'the cumulative value may fall');
-- at equal time the larger amount
UPDATE affiliate.transaction SET refunded_amount = 60, refunded_at = '2025-03-20' WHERE transaction_id = 'd';
UPDATE affiliate.transaction SET refunded_amount = 10, refunded_at = '2025-03-19' WHERE transaction_id = 'd';
UPDATE affiliate.transaction SET refunded_amount = 40, refunded_at = '2025-03-20' WHERE transaction_id = 'd';
SELECT is(pg_temp.money('d'), 'ann 10 reversed 6', 'at equal time the larger amount');

-- an UPDATE that changes no time column happened on arrival
UPDATE affiliate.transaction SET refunded_amount = 50, refunded_at = '2025-03-10' WHERE transaction_id = 'e';
SELECT pg_temp.clock('2025-07-02 12:00');
UPDATE affiliate.transaction SET refunded_amount = 20 WHERE transaction_id = 'e';
SELECT is(pg_temp.money('e'), 'ann 10 reversed 2', 'it counts as the latest');
SELECT is((SELECT max(effective_at) FROM affiliate.entry WHERE subject_id = 'e'), '2025-07-02 12:00'::timestamptz, 'from its arrival on');

-- disputes: by their id
INSERT INTO affiliate.dispute (dispute_id, transaction_id, amount, opened_at, closed_at, outcome) VALUES ('d1', 'f', 40, '2025-03-10', '2025-03-20', 'lost');
SELECT is(pg_temp.money('f'), 'ann 10 reversed 4', 'a lost dispute');
INSERT INTO affiliate.dispute (dispute_id, transaction_id, amount, opened_at, closed_at, outcome) VALUES ('d1', 'f', 40, '2025-03-10', '2025-03-20', 'lost')
ON CONFLICT (dispute_id) DO UPDATE SET outcome = excluded.outcome, closed_at = excluded.closed_at;
SELECT is(pg_temp.entries('f'), 'accrual 10, reversal -4', 'sent twice');
INSERT INTO affiliate.dispute (dispute_id, transaction_id, amount, opened_at, closed_at, outcome) VALUES ('d2', 'f', 40, '2025-03-10', '2025-03-20', 'lost');
SELECT is(pg_temp.money('f'), 'ann 10 reversed 8', 'another dispute of the same amount');
SELECT is(pg_temp.counts('f'), '1 of 100, refunded 0, charged back 80 (1)', 'counted as one sale charged back');
UPDATE affiliate.dispute SET outcome = 'won', closed_at = '2025-03-15' WHERE dispute_id = 'd1';
SELECT is(pg_temp.money('f'), 'ann 10 reversed 8', 'won before it was lost: older news');
UPDATE affiliate.dispute SET outcome = 'won', closed_at = '2025-03-25' WHERE dispute_id = 'd1';
SELECT is(pg_temp.money('f'), 'ann 10 reversed 4', 'won after');

SELECT is((SELECT affiliate.resettle(ARRAY(SELECT DISTINCT customer_id FROM affiliate.transaction))), 0::bigint, 'settling again posts nothing');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
