-- L1: the seven kinds, written by plain INSERT, belong to the owner of the purchase that they hang on.
BEGIN;
SELECT plan(24);
\ir _chain.sql

-- a life: bought through ann, begun, failed, reset through the same account, passed, funded, charged back
SELECT pg_temp.buy('c', 'p1', 'ANN', account => 'acc-1');
INSERT INTO affiliate.event (event_id, customer_id, event_type, occurred_at, transaction_id, account_id, account_size, start_date, reason, days_active, days_to_pass, phase, is_final, profit_split, original_account_id, source, metadata) VALUES
    ('e1', 'c', 'challenge_purchased', '2025-03-01', 'p1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'app', '{"tier": "50k"}'),
    ('e2', 'c', 'evaluation_started', '2025-03-02', NULL, 'acc-1', 50000, '2025-03-02', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    ('e3', 'c', 'evaluation_failed', '2025-03-10', NULL, 'acc-1', NULL, NULL, 'daily_drawdown', 8, NULL, 'phase_1', NULL, NULL, NULL, NULL, NULL),
    ('e4', 'c', 'reset_purchased', '2025-03-11', NULL, 'acc-2', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'acc-1', NULL, NULL),
    ('e5', 'c', 'evaluation_passed', '2025-04-01', NULL, 'acc-1', NULL, NULL, NULL, NULL, 21, 'phase_2', true, NULL, NULL, NULL, NULL),
    ('e6', 'c', 'funded', '2025-04-02', NULL, 'acc-1', 50000, NULL, NULL, NULL, NULL, NULL, NULL, 80, NULL, NULL, NULL),
    ('e7', 'c', 'chargeback_filed', '2025-04-20', 'p1', NULL, NULL, NULL, 'fraudulent', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
SELECT is(pg_temp.events(), 'e1 ann coupon 1, e2 ann coupon 1, e3 ann coupon 1, e4 ann coupon 1, e5 ann coupon 1, e6 ann coupon 1, e7 ann coupon 1', 'all seven are ann''s, who brought the buyer');
SELECT is((SELECT count(*) FROM affiliate.conversion_entry WHERE kind = 'event'), 7::bigint, 'one entry each');
SELECT set_eq($$SELECT quantity::integer, gross, refunded, charged_back, charged_back_count::integer, cause, currency FROM affiliate.conversion_entry WHERE kind = 'event'$$,
    $$VALUES (1, 0::numeric, 0::numeric, 0::numeric, 0, 'event', NULL::text)$$, 'counts without money');
SELECT is((SELECT earned_at FROM affiliate.conversion_entry WHERE transaction_id = 'e6'), '2025-04-02'::timestamptz, 'at its own time');
SELECT is((SELECT concat_ws(' ', program, customer_id, kind, order_key, method, code, gross, ordered_at::date, occurred_at::date, is_test) FROM affiliate.conversions WHERE transaction_id = 'e6'),
    'main c event p1 coupon out_of_scope 0 2025-04-02 2025-04-02 f', 'the view conversions');
SELECT is((SELECT concat_ws(' ', method, affiliate, ref, touched_at::date, code) FROM affiliate.candidates WHERE transaction_id = 'e6' AND kind = 'event'),
    'coupon ann p1 2025-03-01 won', 'and candidates: the purchase');
SELECT is((SELECT count(*) FROM affiliate.commission WHERE subject_kind = 'event' OR subject_id LIKE 'e_'), 0::bigint, 'no commission');
SELECT is(pg_temp.outcome('main', 'p1'), 'p1 ann coupon #1', 'no purchase number; the chargeback took back what ann had earned');
SELECT is(pg_temp.counts('p1'), '1 of 100, refunded 0, charged back 100 (1)', 'and counts with the sale');
SELECT is(pg_temp.owned('c'), 'ann 03-01..05-30', 'no ownership');

-- the owner at the purchase, not at the event
SELECT pg_temp.buy('d', 'd1', 'ANN', account => 'd-1'), pg_temp.buy('d', 'd2', 'BOB', '2025-03-20', account => 'd-2');
INSERT INTO affiliate.account (program_id, customer_id, account_id, challenge_id) VALUES ('main', 'd', 'd-1', 'ch-1'), ('main', 'd', 'd-1b', 'ch-1');
INSERT INTO affiliate.event (event_id, customer_id, event_type, occurred_at, transaction_id, account_id, challenge_id, original_account_id, original_challenge_id) VALUES
    ('f1', 'd', 'funded', '2025-04-01', 'd1', NULL, NULL, NULL, NULL),
    ('f2', 'd', 'funded', '2025-04-01', NULL, 'd-1', NULL, NULL, NULL),
    ('f3', 'd', 'funded', '2025-04-01', NULL, 'd-1b', 'ch-1', NULL, NULL),
    ('f4', 'd', 'reset_purchased', '2025-04-01', NULL, 'd-3', NULL, NULL, 'ch-1'),
    ('f5', 'd', 'funded', '2025-04-01', NULL, NULL, NULL, NULL, NULL),
    ('f6', 'd', 'funded', '2025-03-10', NULL, 'never heard of', NULL, NULL, NULL),
    ('f7', 'd', 'funded', '2025-02-10', NULL, 'never heard of', NULL, NULL, NULL),
    ('f8', 'd', 'funded', '2025-02-10', NULL, NULL, NULL, NULL, NULL);
SELECT is(pg_temp.events('f%'), 'f1 ann coupon 1, f2 ann coupon 1, f3 ann coupon 1, f4 ann coupon 1, f5 bob ownership 1, f6 ann ownership 1, f7 nobody original_unknown 1, f8 nobody original_missing 1',
    'by transaction, account, challenge, original; else by the ownership of that time; else nobody, and why');

-- after a reset: its account leads to it, and it to the first purchase
SELECT pg_temp.buy('g', 'g1', 'ANN', account => 'g-1'), pg_temp.buy('g', 'g2', 'BOB', '2025-03-05', account => 'g-2'),
       pg_temp.buy('g', 'g3', at => '2025-03-10', account => 'g-3', type => 'reset_fee', original => 'g1');
SELECT pg_temp.happen('g4', 'evaluation_passed', 'g', account => 'g-3');
SELECT is(pg_temp.events('g%'), 'g4 ann ownership 1', 'the reset''s account is the owner''s of the original');

-- one funded long after, whose affiliate has left since
SELECT pg_temp.buy('h', 'h1', 'EVE', '2024-03-01');
SELECT pg_temp.happen('h2', 'funded', 'h', 'h1');
INSERT INTO affiliate.affiliate_status (affiliate_no, status, valid_from) VALUES (pg_temp.of('eve'), 'terminated', '2024-04-01');
SELECT pg_temp.drain();
SELECT is(pg_temp.events('h%'), 'h2 eve coupon 1', 'neither a window nor a termination changes who brought him');

-- the firm's own words
SELECT pg_temp.happen('k1', 'live_account', 'h', 'h1'), pg_temp.happen('k2', 'funded_account_activated', 'h', 'h1');
SELECT is(pg_temp.events('k%'), 'k1 waiting eve coupon unknown_event_type 0, k2 eve coupon 1', 'a word that is not known counts nothing, and raises nothing');
SELECT is((SELECT concat_ws(' ', what, program, customer_id, subject_id, reason) FROM affiliate.waiting WHERE what = 'conversion'), 'conversion main h k1 unknown_event_type', 'it waits in plain sight');
INSERT INTO affiliate.event_type (event_type, effect) VALUES ('live_account', 'funded');
SELECT is((SELECT scope::text FROM affiliate.settle_queue WHERE kind = 'program' AND reason LIKE '%event_type'), '{"event_type": ["live_account"]}', 'a new word concerns whoever used it');
DELETE FROM affiliate.settle_queue WHERE kind = 'customer';
SELECT affiliate.drain() FROM generate_series(1, 2);
SELECT is(pg_temp.events('k%'), 'k1 eve coupon 1, k2 eve coupon 1', 'and counts then');
SELECT is((SELECT string_agg(DISTINCT reason, ', ') FROM affiliate.settle_queue WHERE kind = 'customer'), NULL, 'nobody else had to be settled');
SELECT throws_ok($$INSERT INTO affiliate.event_type VALUES ('x', 'paid_out')$$, '23514', NULL, 'a kind there is not');

-- test facts, and two events of one kind for one account: both count, no state machine says otherwise yet
INSERT INTO affiliate.event (event_id, customer_id, event_type, occurred_at, transaction_id, is_test) VALUES
    ('m1', 'd', 'funded', '2025-04-01', 'd1', true), ('m2', 'd', 'evaluation_passed', '2025-04-01', 'd1', false), ('m3', 'd', 'evaluation_passed', '2025-04-01', 'd1', false);
SELECT is(pg_temp.events('m%'), 'm1 ann coupon test 0, m2 ann coupon 1, m3 ann coupon 1', 'a test is decided, but not counted; passed twice is two rows');

-- an affiliate who asks for his commission does not get events to read
SELECT is((SELECT string_agg(order_id, ', ') FROM affiliate.find_conversion('ann', 'd')), 'd1, d2', 'find_conversion() tells of what can earn');
SELECT is((SELECT count(*) FROM affiliate.find_conversion('ann', 'm2')), 0::bigint, 'and of no event');
SELECT is((SELECT affiliate.resettle('{c,d,g,h}')), 0::bigint, 'settling again posts nothing');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
