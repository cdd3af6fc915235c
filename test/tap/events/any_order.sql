-- Events arrive in any order, before their purchase too, and under any id of the customer; the end is the same.
BEGIN;
SELECT plan(20);
\ir _chain.sql

-- an event that names its customer, before the purchase that it names
SELECT pg_temp.happen('a2', 'funded', 'a', 'a1');
SELECT is(pg_temp.events('a%'), 'a2 nobody original_unknown 1', 'the purchase is not known yet');
SELECT pg_temp.buy('a', 'a1', 'ANN');
SELECT is(pg_temp.events('a%'), 'a2 ann coupon 1', 'it takes its events along');
SELECT results_eq($$SELECT version, affiliate_no, quantity::integer, cause COLLATE "default" FROM affiliate.conversion_entry WHERE transaction_id = 'a2' ORDER BY version$$,
    $$VALUES (1, NULL, 1, 'event'), (2, NULL, -1, 'reattributed'), (3, pg_temp.of('ann'), 1, 'reattributed')$$, 'the stream says how');

-- one that names its purchase only
SELECT pg_temp.happen('b2', 'evaluation_started', purchase => 'b1');
SELECT is(pg_temp.events('b%'), NULL, 'nobody is known whose it could be');
SELECT is((SELECT concat_ws(' ', what, subject_id, reason) FROM affiliate.waiting WHERE subject_id = 'b1'), 'queue b1 waits for its transaction', 'it waits in plain sight');
SELECT pg_temp.buy('b', 'b1', 'BOB');
SELECT is(pg_temp.events('b%'), 'b2 bob coupon 1', 'the purchase reads it by itself');
SELECT pg_temp.happen('b3', 'funded', purchase => 'b1');
SELECT is(pg_temp.events('b%'), 'b2 bob coupon 1, b3 bob coupon 1', 'afterwards it finds its customer at once');
SELECT is((SELECT string_agg(DISTINCT customer_id, ', ') FROM affiliate.conversion WHERE kind = 'event' AND transaction_id LIKE 'b%'), 'b', 'it is the customer''s');
SELECT pg_temp.drain();
SELECT is((SELECT count(*) FROM affiliate.settle_queue WHERE kind = 'transaction'), 0::bigint, 'and waits no more');

-- the purchase never comes: half a day later it is news that cannot be placed
SELECT pg_temp.happen('n1', 'funded', purchase => 'never');
UPDATE affiliate.settle_queue SET attempts = 12, due_at = '2025-01-01' WHERE kind = 'transaction';
SELECT affiliate.drain();
SELECT is((SELECT concat_ws(' ', what, program, subject_id, reason) FROM affiliate.waiting WHERE subject_id = 'never'),
    'input main never the transaction it is about has not arrived', 'it is kept where people see it');
SELECT is((SELECT payload ->> 'events' FROM affiliate.pending_input WHERE input_key = 'never'), '["n1"]', 'with the event');
-- news that names another news instead of a sale is not lost either
INSERT INTO affiliate.transaction (program_id, transaction_id, original_transaction_id, transaction_type, status, currency, completed_at)
VALUES ('main', 'n-refund', 'never', 'refund', 'completed', 'USD', '2025-03-10');
SELECT pg_temp.happen('n2', 'funded', purchase => 'n-refund');
SELECT is((SELECT reason FROM affiliate.settle_queue WHERE transaction_id = 'n-refund'), 'waits for its transaction', 'an event of a refund without customer waits');

-- another id of the customer, and programs
INSERT INTO affiliate.customer_alias (customer_id, canonical_id) VALUES ('b-phone', 'b');
SELECT pg_temp.happen('b4', 'funded', 'b-phone', 'b1');
SELECT is(pg_temp.events('b4'), 'b4 bob coupon 1', 'an alias');
SELECT is((SELECT customer_id FROM affiliate.conversion WHERE kind = 'event' AND transaction_id = 'b4'), 'b', 'is the customer');
SELECT pg_temp.program('second');
SELECT pg_temp.buy('b', 'b9', 'CYD', account => 'x', program => 'second');
SELECT pg_temp.happen('b5', 'funded', 'b', account => 'x', program => 'second'), pg_temp.happen('b6', 'funded', 'b', account => 'x', program => 'main'),
       pg_temp.happen('b7', 'funded', purchase => 'b9', program => 'main');
SELECT pg_temp.drain();
SELECT is((SELECT string_agg(concat_ws(' ', transaction_id, program, affiliate, method), ', ' ORDER BY transaction_id) FROM affiliate.conversions WHERE kind = 'event' AND transaction_id IN ('b5', 'b6', 'b7')),
    'b5 second cyd coupon, b6 main bob ownership, b7 second cyd coupon', 'an event is of its program; one that names its purchase only, of the purchase''s');

-- modes and what settles later
SET LOCAL pg_affiliate.mode = off;
SELECT pg_temp.buy('q', 'q1', 'ANN');
SELECT pg_temp.happen('q2', 'funded', 'q', 'q1');
SET LOCAL pg_affiliate.mode = queue;
SELECT pg_temp.happen('q3', 'funded', purchase => 'q1');
SET LOCAL pg_affiliate.mode = 'on';
SELECT is(pg_temp.events('q%'), NULL, 'off and queue: nothing is settled');
SELECT affiliate.drain() FROM generate_series(1, 3);
SELECT is(pg_temp.events('q%'), 'q2 ann coupon 1, q3 ann coupon 1', 'the drain settles all of the customer');
SELECT pg_temp.happen('r1', 'funded', 'r', at => '2025-05-05');
DELETE FROM affiliate.settle_queue;
SELECT is(affiliate.resettle_program('main', '2025-05-01', '2025-06-01'), 1::bigint, 'resettle_program() knows customers who have events only');
SELECT pg_temp.drain();
SELECT is((SELECT affiliate.resettle(ARRAY(SELECT DISTINCT customer_id FROM affiliate.conversion))), 0::bigint, 'settling again posts nothing');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
