-- A rule that fails for one customer harms nobody else: he stays queued with the error, the sale stands.
BEGIN;
SELECT plan(17);
\ir _rig.sql
SELECT pg_temp.program('main', 'net / account_size');
CREATE FUNCTION pg_temp.failed() RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(format('%s %s: %s', customer_id, attempts, last_error), ', ' ORDER BY customer_id), 'nobody') FROM affiliate.settle_queue WHERE attempts > 0
$$;
SELECT lives_ok($$INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes, account_size)
    VALUES ('bad', 'bad', 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}', 0)$$, 'the sale stands');
SELECT is((SELECT count(*) FROM affiliate.conversion), 0::bigint, 'it is not decided');
SELECT is((SELECT reason FROM affiliate.settle_queue WHERE kind = 'customer'), 'division by zero', 'but queued, with the reason');
-- with others in one statement: they are deferred together
INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes, account_size)
SELECT c, c, 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}', CASE c WHEN 'bad2' THEN 0 ELSE 10 END FROM unnest('{good1,good2,good3,bad2}'::text[]) AS c;
SELECT ok(affiliate.drain() > 0, 'the drain goes on key by key');
SELECT is((SELECT string_agg(subject_id || ' ' || trim_scale(accrued), ', ' ORDER BY subject_id) FROM affiliate.commission), 'good1 10, good2 10, good3 10', 'the others are settled');
INSERT INTO affiliate.settle_queue (customer_id, reason) VALUES (NULL, 'test'), ('', 'test');
SELECT is(affiliate.drain(), 2::bigint, 'rows without a customer are removed');
SELECT is(pg_temp.failed(), 'bad 1: division by zero, bad2 1: division by zero', 'the poisoned ones stay queued with the error');
SELECT ok(min(due_at) > affiliate._now(), 'for later') FROM affiliate.settle_queue WHERE attempts > 0;
SELECT is((SELECT count(*) FROM affiliate.waiting WHERE what = 'queue' AND last_error = 'division by zero'), 2::bigint, 'in plain sight');
SELECT pg_temp.clock(affiliate._now() + interval '2 minutes');
SELECT affiliate.drain();
SELECT is(pg_temp.failed(), 'bad 2: division by zero, bad2 2: division by zero', 'tried again');
SELECT lives_ok($$INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, account_size) VALUES ('bad', 'more', 'challenge_fee', 'completed', 'USD', 100, '2025-03-05', '2025-03-05', 10)$$, 'he can buy');
-- on request too
DELETE FROM affiliate.settle_queue WHERE kind = 'customer';
INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, account_size)
SELECT 'good' || n, 'again' || n, 'challenge_fee', 'completed', 'USD', 100, '2025-03-05', '2025-03-05', 10 FROM generate_series(1, 3) AS n;
DELETE FROM affiliate.settle_queue WHERE kind = 'customer';
SET LOCAL pg_affiliate.mode = 'off';
UPDATE affiliate.transaction SET amount = 200, status_at = '2025-03-06' WHERE transaction_id LIKE 'again%';
SET LOCAL pg_affiliate.mode = 'on';
SELECT is(affiliate.resettle('{bad,bad2,good1,good2,good3,nobody}'), 3::bigint, 'resettle() settles the others');
SELECT is(pg_temp.failed(), 'bad 1: division by zero, bad2 1: division by zero', 'and queues the poisoned ones with the error');
SELECT is((SELECT string_agg(DISTINCT reason, ',') FROM affiliate.settle_queue WHERE attempts > 0 AND due_at > affiliate._now()), 'resettle', 'for later');
-- the cause goes away
UPDATE affiliate.transaction SET account_size = 10, status_at = '2025-03-10' WHERE account_size = 0;
SELECT pg_temp.clock(affiliate._now() + interval '2 hours');
SELECT affiliate.drain(), affiliate.drain();
SELECT is((SELECT count(*) FROM affiliate.settle_queue WHERE kind = 'customer'), 0::bigint, 'then the queue is empty');
SELECT is((SELECT sum(accrued) FROM affiliate.commission), 120::numeric, 'and all are settled');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
