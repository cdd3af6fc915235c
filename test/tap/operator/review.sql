-- review_close() where money hangs on it: approving a self-referral lets its order earn; other kinds are recorded only.
BEGIN;
SELECT plan(26);
\ir ../settle/_rig.sql
SELECT pg_temp.program('main');
UPDATE affiliate.affiliate SET own_customer_ids = '{c1,c2,c3,c4}' WHERE affiliate_id = 'ann';
CREATE ROLE affiliate_test_olga LOGIN IN ROLE affiliate_admin;
CREATE FUNCTION pg_temp.sell(customer text, id text, order_no text DEFAULT NULL, day timestamptz DEFAULT '2025-06-05', code text DEFAULT 'ANN') RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, order_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
    VALUES ('main', customer, id, order_no, 'challenge_fee', 'completed', 'USD', 100, day, day, ARRAY[code])
$$;
CREATE FUNCTION pg_temp.open_case(customer text) RETURNS bigint LANGUAGE sql AS $$
    SELECT min(case_id) FROM affiliate.review_open WHERE customer_id = customer
$$;
SELECT pg_temp.sell('c1', 't1');
SELECT pg_temp.sell('c2', 't2', 'order-2');
SELECT pg_temp.sell('c2', 't2b', 'order-2');
SELECT pg_temp.sell('c3', 't3');
SELECT pg_temp.sell('c4', 't4');
SELECT is(pg_temp.outcome('main'), 't1 nobody self_referral #1, t2 nobody self_referral #1, t2b nobody self_referral #1, t3 nobody self_referral #1, t4 nobody self_referral #1', 'self-referral stops');
SELECT is(pg_temp.reviews(), 'self_referral order-2, self_referral t1, self_referral t3, self_referral t4', 'and opens a case per order');

-- approve
SET LOCAL SESSION AUTHORIZATION affiliate_test_olga;
SELECT lives_ok($$SELECT affiliate.review_close(pg_temp.open_case('c1'), 'approve', 'his wife bought it')$$, 'approve');
RESET SESSION AUTHORIZATION;
SELECT is(pg_temp.outcome('main', 't1'), 't1 ann override #1 10', 'the line earns at once');
SELECT is(pg_temp.candidates('t1'), 'override ann won, coupon ann outranked', 'by an override');
SELECT results_eq($$SELECT transaction_id COLLATE "default", affiliate_no, created_by FROM affiliate.attribution_override$$,
    $$SELECT 't1', pg_temp.of('ann'), 'affiliate_test_olga'$$, 'for that order');
SELECT is((SELECT reason FROM affiliate.attribution_override), format('review case %s: his wife bought it', (SELECT case_id FROM affiliate.review_case WHERE subject_id = 't1')), 'with the case and the note');
SELECT is((SELECT string_agg(action, ', ' ORDER BY audit_id) FROM affiliate.audit_log WHERE actor = 'affiliate_test_olga'), 'review_close, insert, reassign', 'and audited');
SELECT is(pg_temp.owned('c1'), 'ann 06-05..09-03', 'the customer is his from then on');
SELECT pg_temp.sell('c1', 't1x', day => '2025-06-10');
SELECT is(pg_temp.outcome('main', 't1x'), 't1x nobody self_referral #2', 'the next order is looked at by itself');

SELECT affiliate.review_close(pg_temp.open_case('c2'), 'approve', 'fine');
SELECT is(pg_temp.outcome('main', 't2%'), 't2 ann override #1 10, t2b ann override #1 10', 'every line of an order of several');

-- reject and ignore
SELECT affiliate.review_close(pg_temp.open_case('c3'), 'reject', 'himself');
SELECT is(pg_temp.outcome('main', 't3'), 't3 nobody self_referral #1', 'reject: nobody earns');
SELECT affiliate.resettle('{c3}');
SELECT is(pg_temp.open_case('c3'), NULL, 'and the case stays closed');
SELECT affiliate.review_close(pg_temp.open_case('c4'), 'ignore', 'later');
SELECT is(pg_temp.outcome('main', 't4'), 't4 nobody self_referral #1', 'ignore: nobody earns');
SELECT is((SELECT count(*) FROM affiliate.attribution_override), 2::bigint, 'neither writes an override');

-- an override of an operator who names the customer himself counts too
SELECT affiliate.reassign('c4', 'main', 'ann', reason => 'seen', transaction_id => 't4');
SELECT is(pg_temp.outcome('main', 't4'), 't4 ann override #1 10', 'reassign is not tested for self-referral');

-- a registration
UPDATE affiliate.program SET bind_at = 'registration';
UPDATE affiliate.affiliate SET own_customer_ids = '{c5,c6}' WHERE affiliate_id = 'bob';
INSERT INTO affiliate.customer (customer_id, program_id, signup_date, affiliate_id, last_modified_date) VALUES ('c5', 'main', '2025-06-01', 'bob', '2025-06-01');
SELECT pg_temp.drain();
SELECT is(pg_temp.reviews('c5'), 'self_referral ', 'a registration that is stopped');
SELECT affiliate.review_close(pg_temp.open_case('c5'), 'approve', 'fine');
SELECT results_eq($$SELECT transaction_id COLLATE "default", affiliate_no, valid_from FROM affiliate.attribution_override WHERE customer_id = 'c5'$$,
    $$SELECT NULL::text, pg_temp.of('bob'), timestamptz '2025-06-01'$$, 'approve: orders from the registration on');
SELECT pg_temp.sell('c5', 't5', code => 'NONE');
SELECT is(pg_temp.outcome('main', 't5'), 't5 bob override #1 10', 'earn');

-- decided anew meanwhile
UPDATE affiliate.program SET bind_at = 'first_purchase';
SELECT pg_temp.sell('c6', 't6', code => 'BOB');
UPDATE affiliate.affiliate SET own_customer_ids = '{}' WHERE affiliate_id = 'bob';
SELECT pg_temp.drain();
SELECT is(pg_temp.outcome('main', 't6'), 't6 bob coupon #1 10', 'the evidence is gone');
SELECT throws_ok($$SELECT affiliate.review_close(pg_temp.open_case('c6'), 'approve', 'fine')$$, 'AF030', 'no affiliate is stopped by self-referral here any more', 'nothing is left to approve');
SELECT lives_ok($$SELECT affiliate.review_close(pg_temp.open_case('c6'), 'ignore', 'fine')$$, 'but to ignore');

-- other kinds are recorded only
SELECT pg_temp.sell('c7', 't7', code => 'NOBODYS');
SELECT affiliate.drain();
SELECT is(pg_temp.reviews('c7'), 'none', 'an unknown coupon may become known');
SELECT pg_temp.clock('2025-07-02 12:00+00');
SELECT affiliate.drain();
SELECT is(pg_temp.reviews('c7'), 'unknown_coupon t7', 'until late_grace is over: the drain looks again by itself');
SELECT affiliate.review_close(pg_temp.open_case('c7'), 'approve', 'fine');
SELECT is(pg_temp.outcome('main', 't7'), 't7 nobody organic #1', 'approve is recorded only');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');

SELECT * FROM finish();
ROLLBACK;
