-- M2: completion, failure, content, refunds and disputes are functions of the set of their own reports.
BEGIN;
SELECT plan(26);
\ir ../settle/_rig.sql
SELECT pg_temp.program('main');
CREATE FUNCTION pg_temp.sale(id text, status text, at timestamptz, amount numeric DEFAULT 100, completed timestamptz DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, status_at, completed_at, coupon_codes)
    VALUES (split_part(id, '-', 1), id, 'challenge_fee', status, 'USD', amount, '2025-03-01', at, completed, '{ANN}')
    ON CONFLICT (transaction_id) DO UPDATE SET status = excluded.status, status_at = excluded.status_at, amount = excluded.amount, completed_at = coalesce(excluded.completed_at, "transaction".completed_at)
$$;

-- completion exists from the earliest completed report on
SELECT pg_temp.sale('a', 'pending', '2025-03-01');
SELECT is(pg_temp.outcome('main', 'a'), 'a pending ann coupon not_completed', 'pending: nothing is earned');
SELECT pg_temp.sale('a', 'completed', '2025-03-04', completed => '2025-03-04');
SELECT pg_temp.sale('a', 'completed', '2025-03-05', completed => '2025-03-05');
SELECT pg_temp.sale('a', 'pending', '2025-03-06');
SELECT is(pg_temp.outcome('main', 'a'), 'a ann coupon #1 10', 'pending undoes nothing');
SELECT is((SELECT occurred_at FROM affiliate.conversion WHERE transaction_id = 'a'), '2025-03-04'::timestamptz, 'completed at the earliest of its times');

-- failed or cancelled before completion is overcome by it, in either order of arrival
SELECT pg_temp.sale('b', 'failed', '2025-03-01');
SELECT is(pg_temp.outcome('main', 'b'), 'b pending ann coupon not_completed', 'failed');
SELECT pg_temp.sale('b', 'completed', '2025-03-02', completed => '2025-03-02');
SELECT is(pg_temp.outcome('main', 'b'), 'b ann coupon #1 10', 'overcome by completion');
SELECT pg_temp.sale('c', 'completed', '2025-03-02', completed => '2025-03-02');
SELECT pg_temp.sale('c', 'cancelled', '2025-03-01');
SELECT is(pg_temp.outcome('main', 'c'), 'c ann coupon #1 10', 'cancelled before, told after');

-- after completion it is a full take-back, judged like a refund, and undone only by reinstated
SELECT pg_temp.sale(id, 'completed', '2025-03-02', completed => '2025-03-02') FROM unnest('{d,e,f}'::text[]) AS id;
SELECT pg_temp.sale('d', 'failed', '2025-03-03 23:59:59.999999');
SELECT is(pg_temp.money('d'), 'ann 10 reversed 10 void', 'failed inside the cooling-off: void');
SELECT pg_temp.sale('e', 'cancelled', '2025-03-10');
SELECT is(pg_temp.money('e'), 'ann 10 reversed 10', 'cancelled after it: reversed');
SELECT pg_temp.sale('e', 'completed', '2025-03-11');
SELECT is(pg_temp.money('e'), 'ann 10 reversed 10', 'a re-sent completed does not revive it');
SELECT pg_temp.sale('e', 'pending', '2025-03-12');
SELECT is(pg_temp.money('e'), 'ann 10 reversed 10', 'nor does pending');
SELECT pg_temp.sale('e', 'reinstated', '2025-03-13');
SELECT is(pg_temp.entries('e'), 'accrual 10, reversal -10, reinstatement 10', 'reinstated does');
SELECT pg_temp.sale('d', 'reinstated', '2025-03-05');
SELECT is(pg_temp.money('d'), 'ann 10', 'also what was void');
SELECT pg_temp.sale('f', 'reinstated', '2025-03-12');
SELECT pg_temp.sale('f', 'failed', '2025-03-10');
SELECT is(pg_temp.money('f'), 'ann 10', 'the same when it arrives before the failure');

-- content: field by field from the latest report; null leaves a field as it was
SELECT pg_temp.sale('g', 'completed', '2025-03-02', 100, '2025-03-02');
SELECT pg_temp.sale('g', 'completed', '2025-03-05', 80);
SELECT is(pg_temp.entries('g'), 'accrual 10, adjustment -2', 'a corrected amount is an adjustment, no reversal');
SELECT pg_temp.sale('g', 'completed', '2025-03-03', 300);
SELECT is(pg_temp.money('g'), 'ann 8', 'an older correction that arrives later changes nothing');
SELECT pg_temp.sale('g', 'completed', '2025-03-06', NULL);
SELECT is(pg_temp.money('g'), 'ann 8', 'null leaves it');
SELECT pg_temp.sale('g', 'completed', '2025-03-07', 120);
SELECT is(pg_temp.entries('g'), 'accrual 10, adjustment -2, adjustment 4', 'upwards too');
SELECT is(pg_temp.counts('g'), '1 of 120, refunded 0, charged back 0 (0)', 'and the counts');

-- a refund that failed; a re-sent "completed" never revives a refunded or disputed sale
SELECT pg_temp.sale('h', 'completed', '2025-03-02', completed => '2025-03-02');
INSERT INTO affiliate.transaction (customer_id, transaction_id, original_transaction_id, transaction_type, status, currency, amount, completed_at) VALUES ('h', 'h-r', 'h', 'refund', 'completed', 'USD', 100, '2025-03-10');
SELECT pg_temp.sale('h', 'completed', '2025-03-11');
SELECT is(pg_temp.money('h'), 'ann 10 reversed 10', 'refunded');
UPDATE affiliate.transaction SET status = 'failed', status_at = '2025-03-12' WHERE transaction_id = 'h-r';
SELECT is(pg_temp.entries('h'), 'accrual 10, reversal -10, reinstatement 10', 'the refund failed');
SELECT pg_temp.sale('i', 'completed', '2025-03-02', completed => '2025-03-02');
SELECT pg_temp.sale('i', 'disputed', '2025-03-10');
SELECT pg_temp.sale('i', 'completed', '2025-03-11');
SELECT pg_temp.drain();
SELECT is((SELECT hold_reason FROM affiliate.commission WHERE subject_id = 'i'), 'dispute', 'still disputed');
SELECT pg_temp.sale('j', 'completed', '2025-03-02', completed => '2025-03-02');
SELECT pg_temp.sale('j', 'chargeback', '2025-03-10');
SELECT pg_temp.sale('j', 'completed', '2025-03-11');
SELECT pg_temp.drain();
SELECT is(pg_temp.money('j'), 'ann 10 reversed 10', 'still charged back');
-- news at one instant: opened < lost < won
SELECT pg_temp.sale('k', 'completed', '2025-03-02', completed => '2025-03-02');
INSERT INTO affiliate.dispute (dispute_id, transaction_id, amount, opened_at, closed_at, outcome) VALUES ('k-d', 'k', 100, '2025-03-10', '2025-03-10', 'won');
UPDATE affiliate.dispute SET opened_at = '2025-03-10 00:00:01', outcome = 'lost' WHERE dispute_id = 'k-d';
UPDATE affiliate.dispute SET opened_at = '2025-03-10', outcome = 'won' WHERE dispute_id = 'k-d';
SELECT pg_temp.drain();
SELECT is(pg_temp.money('k'), 'ann 10', 'at one instant won comes after lost');
-- a status that follows completion is a completed report
SELECT pg_temp.sale('l', 'refunded', '2025-03-20');
SELECT pg_temp.drain();
SELECT is(pg_temp.money('l'), 'ann 10 reversed 10', 'a sale first heard of when it was refunded: completed when it was ordered');

SELECT is((SELECT affiliate.resettle(ARRAY(SELECT DISTINCT customer_id FROM affiliate.transaction))), 0::bigint, 'settling again posts nothing');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
