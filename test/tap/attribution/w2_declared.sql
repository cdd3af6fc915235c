-- W2: declared affiliate ids: on a sale a touch at ordered_at, on a customer a touch at signup_date with the window of a lead.
BEGIN;
SELECT plan(18);
\ir ../settle/_rig.sql
SELECT pg_temp.program('main');
SELECT pg_temp.program('binds');
UPDATE affiliate.program SET ownership_window = '1 day' WHERE program_id = 'main';
UPDATE affiliate.program SET bind_at = 'registration' WHERE program_id = 'binds';

-- on a sale
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, affiliate_id) VALUES
    ('main', 's1', 's1', 'challenge_fee', 'completed', 'USD', 100, '2025-03-05', '2025-03-05', 'ann'),
    ('main', 's2', 's2', 'challenge_fee', 'completed', 'USD', 100, '2025-03-05', '2025-03-05', 'stranger');
SELECT is(pg_temp.outcome('main', 's1'), 's1 ann declared #1 10', 'on a sale');
SELECT is(pg_temp.candidates('s2'), 'declared unknown_affiliate', 'one that nobody knows is kept with its code');
INSERT INTO affiliate.affiliate_alias (source, external_id, affiliate_no) VALUES ('crm', '4711', pg_temp.of('bob'));
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, affiliate_id) VALUES
    ('main', 's3', 's3', 'challenge_fee', 'completed', 'USD', 100, '2025-03-05', '2025-03-05', '4711');
SELECT is(pg_temp.outcome('main', 's3'), 's3 bob declared #1 10', 'by an alias');

-- on a customer: the window of a lead, 90 days, exclusive; at the first purchase only
INSERT INTO affiliate.customer (program_id, customer_id, signup_date, affiliate_id) VALUES
    ('main', 'c1', '2025-03-01', 'ann'), ('main', 'c2', '2025-03-01', 'ann'), ('main', 'c3', '2025-03-01', 'ann');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at) VALUES
    ('main', 'c1', 'c1', 'challenge_fee', 'completed', 'USD', 100, '2025-05-29 23:59:59.999999', '2025-05-29 23:59:59.999999'),
    ('main', 'c2', 'c2', 'challenge_fee', 'completed', 'USD', 100, '2025-05-30', '2025-05-30'),
    ('main', 'c3', 'c3', 'challenge_fee', 'completed', 'USD', 100, '2025-03-02', '2025-03-02'),
    ('main', 'c3', 'c3-later', 'challenge_fee', 'completed', 'USD', 100, '2025-03-10', '2025-03-10');
SELECT is(pg_temp.outcome('main', 'c1'), 'c1 ann declared #1 10', 'just inside the window of a lead');
SELECT is(pg_temp.outcome('main', 'c2'), 'c2 nobody window_expired #1', 'at its end');
SELECT is(pg_temp.outcome('main', 'c3'), 'c3 ann declared #1 10', 'at the first purchase');
SELECT matches(pg_temp.outcome('main', 'c3-later'), '^c3-later nobody .*#2$', 'no more at the second, outside of the ownership');

-- which of several counts: the newest last_modified_date up to the binding instant, whatever the order of arrival
INSERT INTO affiliate.customer (program_id, customer_id, signup_date, affiliate_id, last_modified_date) VALUES
    ('main', 'n1', '2025-03-01', 'ann', '2025-03-01'), ('main', 'n2', '2025-03-01', 'bob', '2025-03-03'),
    ('main', 'n3', '2025-03-01', 'ann', '2025-03-01'), ('main', 'n4', '2025-03-01', 'cyd', '2025-03-08');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at)
SELECT 'main', c, c, 'challenge_fee', 'completed', 'USD', 100, '2025-03-04', '2025-03-05' FROM unnest('{n1,n2,n3,n4}'::text[]) AS c;
UPDATE affiliate.customer SET affiliate_id = 'bob', last_modified_date = '2025-03-03' WHERE customer_id = 'n1';
UPDATE affiliate.customer SET affiliate_id = 'ann', last_modified_date = '2025-03-01' WHERE customer_id = 'n2';
UPDATE affiliate.customer SET affiliate_id = 'bob', last_modified_date = '2025-03-06' WHERE customer_id = 'n3';
UPDATE affiliate.customer SET affiliate_id = 'dan', last_modified_date = '2025-03-09' WHERE customer_id = 'n4';
SELECT is(pg_temp.outcome('main', 'n1'), 'n1 bob declared #1 10', 'the newest before completed_at of the first order');
SELECT is(pg_temp.outcome('main', 'n2'), 'n2 bob declared #1 10', 'the same in the other order of arrival');
SELECT is(pg_temp.outcome('main', 'n3'), 'n3 ann declared #1 10', 'a later-dated one moves nothing');
SELECT matches(pg_temp.reviews('n3'), 'declared', 'it opens a review');
SELECT is(pg_temp.reviews('n1'), 'none', 'an earlier-dated one opens none');
SELECT is(pg_temp.outcome('main', 'n4'), 'n4 cyd declared #1 10', 'none before it: the earliest later one');

-- the binding instant is signup_date where ownership binds at registration
INSERT INTO affiliate.customer (program_id, customer_id, signup_date, affiliate_id, last_modified_date) VALUES
    ('binds', 'r1', '2025-03-01', 'ann', '2025-03-01');
UPDATE affiliate.customer SET affiliate_id = 'bob', last_modified_date = '2025-03-03' WHERE customer_id = 'r1';
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at) VALUES
    ('binds', 'r1', 'r1', 'challenge_fee', 'completed', 'USD', 100, '2025-03-04', '2025-03-05');
SELECT is(pg_temp.outcome('binds', 'r1'), 'r1 ann ownership #1 10', 'bound at the registration');
SELECT is(pg_temp.owned('r1'), 'ann 03-01..05-30', 'for the ownership window');
SELECT matches(pg_temp.reviews('r1'), 'declared', 'a different one later opens a review');

-- a lead comes before a declared id
INSERT INTO affiliate.click (program_id, click_id, affiliate_id, clicked_at) VALUES ('main', 'k1', 'bob', '2025-02-28 12:00');
INSERT INTO affiliate.customer (program_id, customer_id, signup_date, affiliate_id, click_id) VALUES ('main', 'l1', '2025-03-01', 'ann', 'k1');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at) VALUES
    ('main', 'l1', 'l1', 'challenge_fee', 'completed', 'USD', 100, '2025-03-20', '2025-03-20');
SELECT is(pg_temp.outcome('main', 'l1'), 'l1 bob lead #1 10', 'lead before declared');

SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
