-- M4: the base, what is taken back, amounts that are missing, either sign, adjustments.
BEGIN;
SELECT plan(29);
\ir ../settle/_rig.sql
SELECT pg_temp.program('main');
CREATE FUNCTION pg_temp.sale(id text, amount numeric DEFAULT 100, tax numeric DEFAULT NULL, wallet numeric DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, tax, wallet_credit, ordered_at, completed_at, coupon_codes)
    VALUES ('main', id, id, 'challenge_fee', 'completed', 'USD', amount, tax, wallet, '2025-03-01', '2025-03-01', '{ANN}')
$$;
CREATE FUNCTION pg_temp.follow(original text, n integer, kind text, amount numeric, day integer, status text DEFAULT 'completed', reason text DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (customer_id, transaction_id, original_transaction_id, transaction_type, status, currency, amount, completed_at, refund_reason)
    VALUES (original, original || '-' || kind || n, original, kind, status, 'USD', amount, timestamptz '2025-03-01' + day * interval '1 day', reason)
$$;

-- base = amount - tax - wallet credit; a take-back reduces it in proportion
SELECT pg_temp.sale('a1', 120, 20);
SELECT pg_temp.sale('a2', 120, 20, 50);
SELECT is(pg_temp.money('a1') || ', ' || pg_temp.money('a2'), 'ann 10, ann 5', 'the base');
SELECT pg_temp.follow('a1', 1, 'refund', 60, 10);
SELECT is(pg_temp.money('a1'), 'ann 10 reversed 5', 'half of the charge is half of the base');
SELECT pg_temp.follow('a1', 2, 'refund', 60, 11);
SELECT is(pg_temp.entries('a1'), 'accrual 10, reversal -5, reversal -5', 'the last reversal takes the remainder');
-- rounding: thirds
SELECT pg_temp.sale('a3', 99.99);
SELECT pg_temp.follow('a3', 1, 'refund', 33.33, 10);
SELECT pg_temp.follow('a3', 2, 'refund', 33.33, 11);
SELECT pg_temp.follow('a3', 3, 'refund', 33.33, 12);
SELECT is(pg_temp.entries('a3'), 'accrual 10, reversal -3.33, reversal -3.34, reversal -3.33', 'parts sum to the whole');

-- max(cumulative refund, sum of the refunds); where they differ, or too much is taken, a review opens
SELECT pg_temp.sale('b1');
UPDATE affiliate.transaction SET refunded_amount = 40, refunded_at = '2025-03-10' WHERE transaction_id = 'b1';
SELECT pg_temp.follow('b1', 1, 'refund', 40, 10);
SELECT is(pg_temp.money('b1'), 'ann 10 reversed 4', 'the same refund told twice');
SELECT is(pg_temp.reviews('b1'), 'none', 'no review');
SELECT pg_temp.follow('b1', 2, 'refund', 10, 11);
SELECT is(pg_temp.money('b1'), 'ann 10 reversed 5', 'the larger sum');
SELECT is(pg_temp.reviews('b1'), 'refund_mismatch b1', 'they differ: a review');
SELECT pg_temp.sale('b2');
SELECT pg_temp.follow('b2', 1, 'refund', 70, 10);
SELECT pg_temp.follow('b2', 2, 'refund', 70, 11);
SELECT is(pg_temp.money('b2'), 'ann 10 reversed 10', 'clamped to the amount');
SELECT is(pg_temp.counts('b2'), '1 of 100, refunded 100, charged back 0 (0)', 'in the counts too');
SELECT is(pg_temp.reviews('b2'), 'refund_above_sale b2', 'the excess is reviewed');
SELECT pg_temp.sale('b3');
SELECT pg_temp.follow('b3', 1, 'refund', 70, 10);
INSERT INTO affiliate.dispute (dispute_id, transaction_id, amount, opened_at, closed_at, outcome) VALUES ('b3-d', 'b3', 100, '2025-03-15', '2025-03-20', 'lost');
SELECT is(pg_temp.money('b3') || ', ' || pg_temp.counts('b3'), 'ann 10 reversed 10, 1 of 100, refunded 70, charged back 30 (1)', 'refund and dispute together');

-- amounts that are missing: everything left as of the news' own time
SELECT pg_temp.sale('c1');
SELECT pg_temp.follow('c1', 1, 'refund', 30, 10);
SELECT pg_temp.follow('c1', 2, 'refund', NULL, 11);
SELECT is(pg_temp.counts('c1'), '1 of 100, refunded 100, charged back 0 (0)', 'a refund of everything left');
SELECT pg_temp.sale('c2');
SELECT pg_temp.follow('c2', 2, 'refund', NULL, 11);
SELECT pg_temp.follow('c2', 1, 'refund', 30, 10);
SELECT is(pg_temp.reviews('c2') || ', ' || pg_temp.counts('c2'), 'none, 1 of 100, refunded 100, charged back 0 (0)', 'the same in the other order: 70 were left');
SELECT pg_temp.sale('c3');
SELECT pg_temp.follow('c3', 1, 'refund', 30, 10);
INSERT INTO affiliate.dispute (dispute_id, transaction_id, opened_at, closed_at, outcome) VALUES ('c3-d', 'c3', '2025-03-15', '2025-03-20', 'lost');
SELECT is(pg_temp.counts('c3'), '1 of 100, refunded 30, charged back 70 (1)', 'a dispute: less all take-backs');
UPDATE affiliate.transaction SET amount = 50, status_at = '2025-03-25', completed_at = '2025-03-12' WHERE transaction_id = 'c3-refund1';
SELECT pg_temp.drain();
SELECT is(pg_temp.counts('c3'), '1 of 100, refunded 50, charged back 50 (1)', 'resolved again when an earlier refund is corrected');
SELECT pg_temp.sale('c4');
UPDATE affiliate.transaction SET status = 'refunded', refunded_at = '2025-03-10' WHERE transaction_id = 'c4';
SELECT pg_temp.drain();
SELECT is(pg_temp.money('c4'), 'ann 10 reversed 10', 'status refunded without an amount');
UPDATE affiliate.transaction SET status = 'refund_failed', status_at = '2025-03-12' WHERE transaction_id = 'c4';
SELECT pg_temp.drain();
SELECT is(pg_temp.money('c4'), 'ann 10', 'refund_failed without an amount: none is refunded');

-- either sign
SELECT pg_temp.sale('d1', -100);
SELECT pg_temp.follow('d1', 1, 'refund', -30, 10);
SELECT pg_temp.drain();
SELECT is(pg_temp.money('d1'), 'ann 10 reversed 3', 'amounts name a subject by absolute value');
-- a failed refund
SELECT pg_temp.sale('d2');
SELECT pg_temp.follow('d2', 1, 'refund', 30, 10, 'failed');
SELECT pg_temp.drain();
SELECT is(pg_temp.money('d2'), 'ann 10', 'a refund that failed at once');

-- adjustments: signed, summed, after the take-backs, clamped once; they never void
SELECT pg_temp.sale('e1');
SELECT pg_temp.follow('e1', 1, 'adjustment', -30, 0);
SELECT pg_temp.follow('e1', 2, 'adjustment', 10, 0);
SELECT pg_temp.drain();
SELECT is(pg_temp.money('e1'), 'ann 10 reversed 2', 'summed');
SELECT pg_temp.follow('e1', 3, 'adjustment', -500, 1);
SELECT pg_temp.drain();
SELECT is(pg_temp.money('e1'), 'ann 10 reversed 10', 'clamped at nothing, and no void');
SELECT pg_temp.sale('e2');
SELECT pg_temp.follow('e2', 1, 'adjustment', 500, 1);
SELECT pg_temp.drain();
SELECT is(pg_temp.money('e2'), 'ann 10', 'clamped at the gross');
SELECT pg_temp.sale('e3');
SELECT pg_temp.follow('e3', 1, 'refund', 80, 10);
SELECT pg_temp.follow('e3', 2, 'adjustment', 20, 11);
SELECT pg_temp.drain();
SELECT is(pg_temp.money('e3'), 'ann 10 reversed 6', 'after the take-backs');

-- success bonuses are no take-back (m6); money is in the program's currency, unrounded, the originals beside it
INSERT INTO affiliate.fx_rate (from_currency, to_currency, valid_from, rate) VALUES ('EUR', 'USD', '2025-01-01', 1.123456789);
SELECT pg_temp.program('euro', 'CASE WHEN net = 112.3456789 AND original_net = 100 AND fx_rate = 1.123456789 AND gross = 134.81481468 AND tax = 22.46913578 THEN 1 ELSE 0 END');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, tax, ordered_at, completed_at, coupon_codes)
VALUES ('euro', 'f1', 'f1', 'challenge_fee', 'completed', 'EUR', 120, 20, '2025-03-01', '2025-03-01', '{ANN}');
SELECT pg_temp.drain();
SELECT is(pg_temp.money('f1'), 'ann 1', 'unrounded');
SELECT is(pg_temp.counts('f1'), '1 of 120, refunded 0, charged back 0 (0)', 'counts are in the currency of the sale');
-- zero commission from a fraction: half up
SELECT pg_temp.sale('g1', 0.05);
SELECT pg_temp.sale('g2', 0.04);
SELECT pg_temp.drain();
SELECT is(pg_temp.money('g1') || coalesce(pg_temp.money('g2'), ', nothing'), 'ann 0.01, nothing', 'rounded once, half up');

SELECT is((SELECT affiliate.resettle(ARRAY(SELECT DISTINCT customer_id FROM affiliate.transaction))), 0::bigint, 'settling again posts nothing');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
