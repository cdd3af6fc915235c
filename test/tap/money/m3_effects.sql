-- M3: what types and words do: chargeback, disputes, credit, correction, cost; on_dispute_opened.
BEGIN;
SELECT plan(31);
\ir ../settle/_rig.sql
SELECT pg_temp.program(p) FROM unnest('{hold,reverse}'::text[]) AS p;
UPDATE affiliate.program SET on_dispute_opened = program_id;
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
SELECT p, p || c, p || c, 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}' FROM unnest('{hold,reverse}'::text[]) AS p, unnest('{-a,-b,-c,-d,-e,-f,-g,-h,-i,-j,-k}'::text[]) AS c;
CREATE FUNCTION pg_temp.held(id text) RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.money(id) || CASE WHEN eligible_at = 'infinity' THEN ' held: ' || hold_reason ELSE '' END FROM affiliate.commission WHERE subject_id = id
$$;

-- an open dispute: word or row
UPDATE affiliate.transaction SET status = 'disputed', status_at = '2025-03-10' WHERE customer_id LIKE '%-a';
INSERT INTO affiliate.dispute (dispute_id, transaction_id, amount, opened_at) SELECT p || '-d1', p || '-b', 40, '2025-03-10' FROM unnest('{hold,reverse}'::text[]) AS p;
SELECT is(pg_temp.held('hold-a'), 'ann 10 held: dispute', 'hold, by word');
SELECT is(pg_temp.held('hold-b'), 'ann 10 held: dispute', 'hold: the whole line, by row');
SELECT is(pg_temp.held('reverse-a'), 'ann 10 reversed 10', 'reverse, by word');
SELECT is(pg_temp.held('reverse-b'), 'ann 10 reversed 4', 'reverse: what is disputed, by row');
-- won, lost
UPDATE affiliate.transaction SET status = 'dispute_won', status_at = '2025-03-20' WHERE customer_id LIKE '%-a';
SELECT is(pg_temp.held('hold-a') || ', ' || pg_temp.held('reverse-a'), 'ann 10, ann 10', 'won');
SELECT is(pg_temp.entries('reverse-a'), 'accrual 10, reversal -10, reinstatement 10', 'exactly what was taken');
UPDATE affiliate.dispute SET outcome = 'lost', closed_at = '2025-03-20' WHERE transaction_id LIKE '%-b';
SELECT is(pg_temp.held('hold-b') || ', ' || pg_temp.held('reverse-b'), 'ann 10 reversed 4, ann 10 reversed 4', 'lost: reversed, and no more held');
SELECT is(pg_temp.entries('reverse-b'), 'accrual 10, reversal -4', 'once');
UPDATE affiliate.dispute SET outcome = 'won', closed_at = '2025-03-25' WHERE transaction_id LIKE '%-b';
SELECT is(pg_temp.held('hold-b'), 'ann 10', 'won in the end');
SELECT is(pg_temp.counts('hold-b'), '1 of 100, refunded 0, charged back 0 (0)', 'it does not count any more');
-- partial outcome
INSERT INTO affiliate.dispute (dispute_id, transaction_id, amount, opened_at, closed_at, outcome, lost_amount) VALUES ('hold-d2', 'hold-c', 100, '2025-03-10', '2025-03-20', 'partial', 25);
SELECT is(pg_temp.money('hold-c'), 'ann 10 reversed 2.5', 'lost in part');

-- chargeback as status, as a transaction, and by a mapped word
UPDATE affiliate.transaction SET status = 'chargeback', status_at = '2025-03-10' WHERE transaction_id = 'hold-d';
SELECT is(pg_temp.money('hold-d'), 'ann 10 reversed 10', 'status chargeback: lost, reversed at once');
UPDATE affiliate.transaction SET status = 'dispute_won', status_at = '2025-03-20' WHERE transaction_id = 'hold-d';
SELECT is(pg_temp.money('hold-d'), 'ann 10', 'reinstated when won');
UPDATE affiliate.transaction_type SET words = '{kickback}' WHERE transaction_type = 'chargeback';
INSERT INTO affiliate.transaction_status (status, effect) VALUES ('settled', 'completed');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, original_transaction_id, transaction_type, status, currency, amount, completed_at) VALUES
    ('hold', 'hold-e', 'hold-e-cb', 'hold-e', 'chargeback', 'completed', 'USD', 60, '2025-03-10'),
    ('hold', 'hold-f', 'hold-f-cb', 'hold-f', 'kickback', 'settled', 'USD', -100, '2025-03-10');
SELECT is(pg_temp.money('hold-e'), 'ann 10 reversed 6', 'a chargeback transaction');
SELECT is(pg_temp.counts('hold-e'), '1 of 100, refunded 0, charged back 60 (1)', 'counted as chargeback');
SELECT is(pg_temp.money('hold-f'), 'ann 10 reversed 10', 'the firm''s own words');

-- words beside dispute rows only settle those opened up to their time
INSERT INTO affiliate.dispute (dispute_id, transaction_id, amount, opened_at) VALUES ('hold-d3', 'hold-g', 40, '2025-03-10'), ('hold-d4', 'hold-g', 30, '2025-03-20');
UPDATE affiliate.transaction SET status = 'chargeback', status_at = '2025-03-15' WHERE transaction_id = 'hold-g';
SELECT is(pg_temp.held('hold-g'), 'ann 10 reversed 4 held: dispute', 'the first is lost, the second open');
UPDATE affiliate.transaction SET status = 'dispute_won', status_at = '2025-03-25' WHERE transaction_id = 'hold-g';
SELECT is(pg_temp.held('hold-g'), 'ann 10', 'both are won');

-- credit, cost, correction
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, original_transaction_id, transaction_type, status, currency, amount, completed_at) VALUES
    ('hold', 'hold-h', 'hold-h-credit', 'hold-h', 'credit', 'completed', 'USD', 20, '2025-03-10'),
    ('hold', 'hold-h', 'hold-h-credit2', NULL, 'credit', 'completed', 'USD', 20, '2025-03-10'),
    ('hold', 'hold-i', 'hold-i-payout', NULL, 'payout', 'completed', 'USD', 500, '2025-03-10'),
    ('hold', 'hold-j', 'hold-j-adj', 'hold-j', 'adjustment', 'completed', 'USD', -30, '2025-03-10');
SELECT is(pg_temp.money('hold-h'), 'ann 10', 'a credit takes nothing back');
SELECT is(pg_temp.reviews('hold-h'), 'none', 'and opens no review');
SELECT is(pg_temp.money('hold-h-credit2'), NULL, 'nor earns');
SELECT is(pg_temp.money('hold-i-payout'), NULL, 'nor does a payout');
SELECT is(pg_temp.money('hold-j'), 'ann 10 reversed 3', 'a correction is signed');

SELECT is(pg_temp.counts('hold-i-payout'), pg_temp.counts('none'), 'which is no revenue');

-- chargeback transactions are disputes of their own; a source may send them as refunds or adjustments with a reason
UPDATE affiliate.program SET chargeback_reasons = '{fraud}' WHERE program_id = 'reverse';
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, original_transaction_id, transaction_type, status, currency, amount, completed_at, refund_reason) VALUES
    ('hold', 'hold-k', 'hold-k-1', 'hold-k', 'chargeback', 'completed', 'USD', 40, '2025-03-10', NULL),
    ('hold', 'hold-k', 'hold-k-2', 'hold-k', 'chargeback', 'completed', 'USD', 30, '2025-03-11', NULL),
    ('reverse', 'reverse-e', 'reverse-e-1', 'reverse-e', 'refund', 'completed', 'USD', 40, '2025-03-10', 'fraud'),
    ('reverse', 'reverse-f', 'reverse-f-1', 'reverse-f', 'adjustment', 'completed', 'USD', -30, '2025-03-10', 'fraud'),
    ('reverse', 'reverse-g', 'reverse-g-1', 'reverse-g', 'refund', 'completed', 'EUR', 40, '2025-03-10', NULL);
SELECT is(pg_temp.counts('hold-k'), '1 of 100, refunded 0, charged back 70 (1)', 'two chargebacks');
UPDATE affiliate.transaction SET status = 'dispute_won', status_at = '2025-03-20' WHERE transaction_id = 'hold-k-1';
SELECT is(pg_temp.money('hold-k'), 'ann 10 reversed 3', 'one of them is won');
SELECT is(pg_temp.counts('reverse-e') || '; ' || pg_temp.counts('reverse-f'), '1 of 100, refunded 0, charged back 40 (1); 1 of 100, refunded 0, charged back 30 (1)', 'by reason');
SELECT is(pg_temp.money('reverse-g'), 'ann 10', 'another currency is left out');
SELECT is(pg_temp.reviews('reverse-g'), 'refund_currency reverse-g-1', 'and reviewed');

SELECT is((SELECT affiliate.resettle(ARRAY(SELECT DISTINCT customer_id FROM affiliate.transaction))), 0::bigint, 'settling again posts nothing');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
