-- What a fact refers to never changes once it is stored (I2): it would leave the postings of the earlier value behind.
BEGIN;
SELECT plan(21);
\ir ../settle/_rig.sql
SELECT pg_temp.program('main');
INSERT INTO affiliate.program (program_id, currency) VALUES ('other', 'USD');
INSERT INTO affiliate.customer (customer_id, program_id) VALUES ('c', 'main');
INSERT INTO affiliate.account (customer_id, account_id, program_id, phase) VALUES ('c', 'a', 'main', 'phase_1');
INSERT INTO affiliate.visitor_customer (visitor_id, customer_id) VALUES ('v', 'c');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes) VALUES
    ('main', 'c', 't1', 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}'),
    ('main', 'd', 't2', 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}');
INSERT INTO affiliate.transaction_ref (source, kind, external_id, transaction_id) VALUES ('s', 'charge', 'e1', 't1'), ('s', 'charge', 'e2', 't2');
INSERT INTO affiliate.dispute (dispute_id, transaction_id, amount, opened_at, closed_at, outcome) VALUES ('d1', 't1', 50, '2025-03-09', '2025-03-10', 'lost');
INSERT INTO affiliate.dispute (dispute_id, ref_source, ref_kind, ref_external_id, amount, opened_at) VALUES ('d2', 's', 'charge', 'e2', 50, '2025-03-09');
INSERT INTO affiliate.transaction (program_id, transaction_id, original_transaction_id, transaction_type, status, currency, amount, completed_at)
VALUES ('main', 'r2', 't2', 'refund', 'completed', 'USD', 30, '2025-03-10');

SELECT throws_ok(change, 'AF011', NULL, change) FROM unnest(ARRAY[
    $$UPDATE affiliate.customer SET program_id = 'other' WHERE customer_id = 'c'$$,
    $$UPDATE affiliate.account SET customer_id = 'd' WHERE account_id = 'a'$$,
    $$UPDATE affiliate.account SET account_id = 'b' WHERE account_id = 'a'$$,
    $$UPDATE affiliate.visitor_customer SET customer_id = 'd' WHERE visitor_id = 'v'$$,
    $$UPDATE affiliate.transaction_ref SET transaction_id = 't2' WHERE external_id = 'e1'$$,
    $$UPDATE affiliate.dispute SET transaction_id = 't2' WHERE dispute_id = 'd1'$$,
    $$UPDATE affiliate.dispute SET ref_external_id = 'e1' WHERE dispute_id = 'd2'$$,
    $$UPDATE affiliate.transaction SET original_transaction_id = 't1' WHERE transaction_id = 'r2'$$]) AS change;
SELECT lives_ok($$UPDATE affiliate.account SET phase = 'phase_2' WHERE account_id = 'a'$$, 'an account moves on');
SELECT lives_ok($$UPDATE affiliate.visitor_customer SET seen_at = '2025-03-02' WHERE visitor_id = 'v'$$, 'a visitor is seen again');

-- a dispute that was known by a reference only learns its transaction
SELECT is(pg_temp.money('t2'), 'ann 10 reversed 3', 'the refund by reference counts');
UPDATE affiliate.dispute SET transaction_id = 't2', outcome = 'lost', closed_at = '2025-03-12' WHERE dispute_id = 'd2';
SELECT is(pg_temp.money('t2'), 'ann 10 reversed 8', 'the dispute that names its transaction now, too');

-- values that cannot be
SELECT throws_ok(format('INSERT INTO affiliate.dispute (dispute_id, transaction_id, outcome, %s', rest), 'AF010', NULL, rest) FROM unnest(ARRAY[
    $$lost_amount) VALUES ('d9', 't1', 'partial', 'NaN')$$,
    $$amount) VALUES ('d9', 't1', 'lost', 'Infinity')$$,
    $$amount) VALUES ('d9', 't1', 'lost', 1234567890.1234567)$$]) AS rest;
SELECT throws_ok($$INSERT INTO affiliate.account (customer_id, account_id, program_id, account_size) VALUES ('c', 'z', 'main', 'NaN')$$, 'AF010', 'account_size is not a finite number', 'of an account');
SELECT throws_ok($$INSERT INTO affiliate.customer (customer_id, program_id, account_size) VALUES ('z', 'main', '-Infinity')$$, 'AF010', NULL, 'of a customer');
SELECT throws_ok($$INSERT INTO affiliate.customer (customer_id, program_id) VALUES ('z', 'nowhere')$$, 'AF012', 'program "nowhere" does not exist', 'a customer of no program');
SELECT throws_ok($$INSERT INTO affiliate.account (customer_id, account_id, program_id) VALUES ('z', 'z', 'nowhere')$$, 'AF012', NULL, 'an account of no program');
SELECT throws_ok($$INSERT INTO affiliate.transaction (program_id, transaction_id, account_id, transaction_type, status, currency, amount) VALUES ('main', 'r9', 'a', 'refund', 'completed', 'USD', 5)$$,
    'AF010', 'customer_id and original_transaction_id are missing', 'a refund that names nobody and nothing');
SELECT is(array(SELECT pg_temp.violations()), '{}'::text[], 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
