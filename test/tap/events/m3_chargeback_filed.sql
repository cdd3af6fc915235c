-- M3: an event chargeback_filed is a dispute lost of its transaction, reversed at once and reinstated if won later.
BEGIN;
SELECT plan(15);
\ir _chain.sql

-- every order of three pieces of news: the sale, the event, the word that the dispute was won
CREATE FUNCTION pg_temp.tell(customer text, piece text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    CASE piece
    WHEN 'sale' THEN
        INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
        VALUES ('main', customer, customer, 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}') ON CONFLICT (transaction_id) DO NOTHING;
    WHEN 'event' THEN
        PERFORM pg_temp.happen(customer, 'chargeback_filed', purchase => customer);
    WHEN 'won' THEN
        INSERT INTO affiliate.dispute (dispute_id, transaction_id, opened_at, closed_at, outcome) VALUES (customer, customer, '2025-03-20', '2025-05-01', 'won');
    END CASE;
END
$$;
SELECT pg_temp.tell('two-' || customer, piece) FROM (VALUES ('a', 'sale'), ('a', 'event'), ('b', 'event'), ('b', 'sale')) AS v (customer, piece);
SELECT is(pg_temp.money('two-a'), 'ann 10 reversed 10', 'reversed at once');
SELECT is(pg_temp.money('two-b'), 'ann 10 reversed 10', 'also where the event was first');
SELECT is(pg_temp.counts('two-a'), '1 of 100, refunded 0, charged back 100 (1)', 'it counts in the chargeback rate');
SELECT is(pg_temp.events('two-%'), 'two-a ann coupon 1, two-b ann coupon 1', 'and is counted itself');
SELECT is((SELECT effective_at FROM affiliate.entry WHERE subject_id = 'two-a' AND kind = 'reversal'), '2025-04-01'::timestamptz, 'at the time it was filed');

SELECT pg_temp.tell(concat('won-', p, q, r), piece)
FROM unnest('{sale,event,won}'::text[]) AS p, unnest('{sale,event,won}'::text[]) AS q, unnest('{sale,event,won}'::text[]) AS r,
    LATERAL (VALUES (1, p), (2, q), (3, r)) AS v (n, piece)
WHERE p <> q AND q <> r AND p <> r ORDER BY p, q, r, n;
SELECT pg_temp.drain();
SELECT set_eq($$SELECT pg_temp.money(transaction_id), pg_temp.counts(transaction_id) FROM affiliate.transaction WHERE transaction_id LIKE 'won-%'$$,
    $$VALUES ('ann 10', '1 of 100, refunded 0, charged back 0 (0)')$$, 'won later: all six orders end with what was earned');
SELECT is((SELECT count(*) FROM affiliate.transaction WHERE transaction_id LIKE 'won-%'), 6::bigint, 'six there were');

-- beside the firm's own chargeback transaction it is the same dispute, whichever is dated first
SELECT pg_temp.tell('both', 'sale'), pg_temp.tell('both', 'event');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, completed_at, original_transaction_id)
VALUES ('main', 'both', 'both-cb', 'chargeback', 'completed', 'USD', '2025-04-03', 'both');
SELECT is(pg_temp.money('both'), 'ann 10 reversed 10', 'told twice, taken back once');
UPDATE affiliate.transaction SET status = 'dispute_won', status_at = '2025-05-03' WHERE transaction_id = 'both-cb';
SELECT is(pg_temp.money('both'), 'ann 10', 'and won back as a whole');

-- after a refund it takes the rest
SELECT pg_temp.tell('part', 'sale');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, completed_at, original_transaction_id)
VALUES ('main', 'part', 'part-r', 'refund', 'completed', 'USD', 40, '2025-03-10', 'part');
SELECT pg_temp.tell('part', 'event');
SELECT pg_temp.drain();
SELECT is(pg_temp.counts('part'), '1 of 100, refunded 40, charged back 60 (1)', 'what was left');

-- a chargeback of nothing is money that somebody should look for
SELECT pg_temp.clock('2025-04-01 12:00+00');
SELECT pg_temp.happen('lost-1', 'chargeback_filed', 'lost', 'nowhere'), pg_temp.happen('lost-2', 'chargeback_filed', 'lost', account => 'x');
SELECT affiliate.resettle('{lost}');
SELECT is(pg_temp.reviews('lost'), 'chargeback_without_sale lost-2', 'one that names no sale is reviewed; one that names it may still find it');
SELECT is((SELECT max(due_at) FROM affiliate.settle_queue WHERE customer_id = 'lost'), '2025-04-02 12:00+00'::timestamptz, 'until late_grace is over');
SELECT pg_temp.clock('2025-06-30 12:00+00');
SELECT affiliate.drain();
SELECT is(pg_temp.reviews('lost'), 'chargeback_without_sale lost-1, chargeback_without_sale lost-2', 'then it is reviewed, too');
SELECT is((SELECT DISTINCT severity FROM affiliate.review_case WHERE customer_id = 'lost'), 'high', 'money is at stake');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
