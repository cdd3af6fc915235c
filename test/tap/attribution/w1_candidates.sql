-- W1: every touch is stored with the conversion, with the code why it lost; two affiliates among them are a conflict.
BEGIN;
SELECT plan(11);
\ir ../settle/_rig.sql
SELECT pg_temp.program('main');

INSERT INTO affiliate.click (click_id, affiliate_id, clicked_at, visitor_id, customer_id) VALUES
    ('k1', 'dan', '2025-03-01 10:00', NULL, NULL),      -- of the registration: a lead
    ('k2', 'bob', '2025-03-04 10:00', NULL, 'all'),     -- by customer
    ('k3', 'eve', '2025-03-04 11:00', 'v1', NULL),      -- by visitor
    ('k4', 'bob', '2025-03-04 12:00', NULL, NULL);      -- by click_id
INSERT INTO affiliate.visitor_customer (visitor_id, customer_id) VALUES ('v1', 'all');
INSERT INTO affiliate.customer (customer_id, signup_date, click_id, affiliate_id) VALUES ('all', '2025-03-01 11:00', 'k1', 'cyd');
INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at,
    coupon_codes, click_id, affiliate_id) VALUES
    ('all', 't1', 'challenge_fee', 'completed', 'USD', 100, '2025-03-05 10:00', '2025-03-05 10:00', '{ANN}', 'k4', 'cyd'),
    ('one', 't2', 'challenge_fee', 'completed', 'USD', 100, '2025-03-05 10:00', '2025-03-05 10:00', '{ANN}', NULL, 'ann'),
    ('none', 't3', 'challenge_fee', 'completed', 'USD', 100, '2025-03-05 10:00', '2025-03-05 10:00', NULL, NULL, NULL);

SELECT is(pg_temp.outcome('main'), 't1 ann coupon #1 10, t2 ann coupon #1 10, t3 nobody organic #1', 'one winner each');
SELECT is((SELECT string_agg(concat_ws(' ', method, affiliate, ref, code), ', ' ORDER BY method, ref) FROM affiliate.candidates WHERE transaction_id = 't1'),
    'click dan k1 window_expired, click bob k2 outranked, click eve k3 outranked, click bob k4 outranked, coupon ann ANN won, declared cyd cyd outranked, declared cyd cyd outranked, lead dan k1 outranked',
    'all touches are kept: coupon, clicks by click id, visitor and customer, lead, declared on the sale and on the customer');
SELECT ok(is_conflict, 'several affiliates are a conflict') FROM affiliate.conversion WHERE transaction_id = 't1';
SELECT ok(NOT is_conflict, 'one affiliate with two touches is none') FROM affiliate.conversion WHERE transaction_id = 't2';
SELECT is(pg_temp.candidates('t3'), NULL, 'no touch, no candidate');

-- ownership and an operator's override are candidates too
INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at) VALUES
    ('one', 't4', 'challenge_fee', 'completed', 'USD', 100, '2025-03-15 10:00', '2025-03-15 10:00');
SELECT is(pg_temp.candidates('t4'), 'ownership ann won', 'ownership');
SELECT isnt(affiliate.reassign('one', 'main', 'bob', reason => 'asked for', transaction_id => 't4'), NULL, 'an override');
SELECT is(pg_temp.candidates('t4'), 'override bob won, ownership ann outranked', 'override before ownership');

-- a client's empty date: the first instant of year 1 where it was written, and of the year before it here
INSERT INTO affiliate.click (click_id, affiliate_id, clicked_at, customer_id) VALUES ('k5', 'bob', '0001-01-01 00:00+01', 'old'), ('k6', 'ann', '12025-01-01', 'old');
INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at) VALUES
    ('old', 't5', 'challenge_fee', 'completed', 'USD', 100, '2025-03-15 10:00', '2025-03-15 10:00');
SELECT is((SELECT string_agg(concat_ws(' ', ref, touched_at), ', ' ORDER BY ref) FROM affiliate.candidates WHERE transaction_id = 't5'),
    'k5 0001-12-31 23:00:00+00 BC, k6 12025-01-01 00:00:00+00', 'a touch of any year can be read');
SELECT is((SELECT string_agg(substring(line FROM 'k[56] at [^ ]+(?: BC)?'), ', ' ORDER BY line) FROM affiliate.explain('t5') WHERE topic = 'touch'),
    'k5 at 0001-12-31T23:00:00Z BC, k6 at 012025-01-01T00:00:00Z', 'and explained');

SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
