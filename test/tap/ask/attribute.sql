-- owner_of() and attribute(): who would earn an order, asked before it is placed. They write nothing.
BEGIN;
SELECT plan(37);
\ir _ask.sql
INSERT INTO affiliate.click (click_id, program_id, affiliate_id, clicked_at) VALUES ('k-ann', 'q', 'ann', '2025-06-29'), ('k-old', 'q', 'cyd', '2025-06-20');
INSERT INTO affiliate.transaction (customer_id, transaction_id, program_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
VALUES ('c1', 't1', 'q', 'challenge_fee', 'completed', 'USD', 300, '2025-06-10', '2025-06-10', '{BOB}');
INSERT INTO affiliate.customer_alias (customer_id, canonical_id) VALUES ('c1-login', 'c1');
SELECT pg_temp.drain();
SELECT pg_temp.content() AS before \gset

-- owner_of
SELECT is(affiliate.owner_of('c1', program => 'q'), 'bob', 'the owner now');
SELECT is(affiliate.owner_of('c1-login', program => 'q'), 'bob', 'by an alias');
SELECT is(affiliate.owner_of('c1', '2025-06-09 23:59:59', 'q'), NULL, 'before the first order: nobody');
SELECT is(affiliate.owner_of('c1', '2025-06-10', 'q'), 'bob', 'from it on');
SELECT is(affiliate.owner_of('c1', '2025-07-09 23:59:59', 'q'), 'bob', 'to the last instant');
SELECT is(affiliate.owner_of('c1', '2025-07-10', 'q'), NULL, 'and not after the end');
SELECT is(affiliate.owner_of('c1', '-infinity', 'q'), NULL, 'at the beginning of time: nobody');
SELECT is(affiliate.owner_of('c1', 'infinity', 'q'), NULL, 'nor at its end');
SELECT is(affiliate.owner_of('stranger', program => 'q'), NULL, 'a customer nobody knows: nobody');
SELECT is(affiliate.owner_of(NULL, program => 'q'), NULL, 'null: nobody');
SELECT is(affiliate.owner_of('', program => 'q'), NULL, 'empty: nobody');
SELECT is(affiliate.owner_of(repeat('x', 600), program => 'q'), NULL, 'an id that is too long: nobody');
SELECT is(affiliate.owner_of('c1', NULL, NULL, NULL), 'bob', 'null means the present, the only program, no account');
SELECT is(affiliate.owner_of('c1', program => 'q', account => 'a-1'), NULL, 'ownership is not per account here');
SELECT throws_ok($$SELECT affiliate.owner_of('c1', program => 'nowhere')$$, 'AF012', 'program "nowhere" does not exist', 'unknown program');
-- all arguments null, each function in C that is not strict
SELECT is(affiliate._owner_of(NULL, NULL, NULL, NULL), NULL, '_owner_of of nulls is null');
SELECT is(affiliate._owner_of('c1', NULL, now(), NULL), NULL, 'of a null program too');
SELECT is(affiliate._explain(NULL, NULL, NULL, NULL), NULL, '_explain of nulls is null');
SELECT is(affiliate._explain('c1', pg_temp.no('q'), NULL, NULL), NULL, 'of a null transaction too');

-- attribute
SELECT is(pg_temp.ask('c1'), 'bob ownership', 'the owner earns the next order');
SELECT is(pg_temp.ask('c1', '2025-08-01'), 'nobody none organic', 'when he is none any more, nobody');
SELECT is(pg_temp.ask('c1', coupons => '{ANN}'), 'bob ownership', 'a later coupon does not take him over (keep)');
SELECT is(pg_temp.ask('stranger'), 'nobody none organic', 'a customer nobody knows: organic');
SELECT is(pg_temp.ask('stranger', coupons => '{ann}'), 'ann coupon', 'by coupon');
SELECT is(pg_temp.ask('stranger', click => 'k-ann'), 'ann click', 'by click');
SELECT is(pg_temp.ask('stranger', click => 'k-old'), 'nobody none window_expired', 'a click outside of its window');
SELECT is(pg_temp.ask('stranger', declared => 'dan'), 'dan declared', 'by declared id');
SELECT is(pg_temp.ask(NULL, coupons => '{ann}'), 'ann coupon', 'a guest');
SELECT is(pg_temp.ask('', click => 'k-ann'), 'ann click', 'an empty customer is a guest');
SELECT is(pg_temp.ask(NULL, NULL, NULL, NULL, NULL), 'nobody none organic', 'nulls: organic');
SELECT is(pg_temp.ask('stranger', coupons => ARRAY[NULL, 'ANN']), 'ann coupon', 'a null among the codes');
SELECT is((SELECT string_agg(concat_ws(' ', c ->> 'method', c ->> 'ref', c ->> 'code'), ', ' ORDER BY c ->> 'method')
    FROM affiliate.attribute('stranger', coupons => '{BOB}', click => 'k-ann', program => 'q') AS a, jsonb_array_elements(a.candidates) AS c),
    'click k-ann outranked, coupon BOB won', 'every touch that competed');
SELECT throws_ok($$SELECT affiliate.attribute('c1', program => 'nowhere')$$, 'AF012', 'program "nowhere" does not exist', 'unknown program');
SELECT throws_ok($$SELECT affiliate.attribute('c1', 'infinity', program => 'q')$$, 'AF033', NULL, 'an infinite time');
SELECT is(pg_temp.content(), :'before', 'nothing was written');

-- what was answered is what happens
INSERT INTO affiliate.transaction (customer_id, transaction_id, program_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
VALUES ('stranger', 't2', 'q', 'challenge_fee', 'completed', 'USD', 300, '2025-06-30 11:00', '2025-06-30 11:00', '{ANN}');
SELECT is(pg_temp.outcome('q', 't2'), 't2 ann coupon #1 30 6^1', 'the order is decided as it was answered');
-- several programs: the name is needed
SELECT pg_temp.program('q2');
SELECT throws_ok($$SELECT affiliate.owner_of('c1')$$, 'AF012', 'program_id is missing', 'one of several programs must be named');

SELECT * FROM finish();
ROLLBACK;
