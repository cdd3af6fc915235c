-- W3: right program, inside the window, not self, affiliate eligible; tested at the touch and at the order.
BEGIN;
SELECT plan(40);
\ir ../settle/_rig.sql
SELECT pg_temp.program('main');
SELECT pg_temp.program('other');
INSERT INTO affiliate.affiliate (affiliate_id, initial_status) VALUES ('waits', 'pending'), ('frozen', 'suspended'), ('gone', 'terminated'), ('young', 'pending'), ('left', 'active'), ('back', 'suspended');
INSERT INTO affiliate.affiliate_status (affiliate_no, valid_from, status) VALUES
    (pg_temp.of('young'), '2025-03-04', 'active'), (pg_temp.of('left'), '2025-03-10', 'terminated'), (pg_temp.of('back'), '2025-03-04', 'active');
INSERT INTO affiliate.agreement (program_no, affiliate_no, plan_id, valid_from, termination_tail) VALUES
    (pg_temp.no('main'), pg_temp.of('left'), 'standard', '2020-01-01', '10 days');
INSERT INTO affiliate.coupon (program_no, code, affiliate_no)
SELECT pg_temp.no('main'), upper(affiliate_id), affiliate_no FROM affiliate.affiliate WHERE affiliate_id IN ('waits', 'frozen', 'gone', 'young', 'left', 'back');
INSERT INTO affiliate.coupon (program_no, code, affiliate_no) VALUES (pg_temp.no('other'), 'ELSEWHERE', pg_temp.of('bob'));
INSERT INTO affiliate.coupon (program_no, code, affiliate_no, products, countries, valid_from, valid_until) VALUES
    (pg_temp.no('main'), 'PRODUCT', pg_temp.of('bob'), '{two_step}', NULL, '-infinity', 'infinity'),
    (pg_temp.no('main'), 'COUNTRY', pg_temp.of('bob'), NULL, '{DE}', '-infinity', 'infinity'),
    (pg_temp.no('main'), 'MARCH', pg_temp.of('bob'), NULL, NULL, '2025-03-01', '2025-03-05');
INSERT INTO affiliate.click (program_id, click_id, affiliate_id, clicked_at) VALUES
    ('main', 'k-ann', 'ann', '2025-03-04 12:00'), ('main', 'k-young', 'young', '2025-03-03 12:00'), ('main', 'k-old', 'bob', '2025-02-01'),
    ('other', 'k-other', 'bob', '2025-03-04 12:00'), ('main', 'k-back', 'back', '2025-03-03 12:00'), ('main', 'k-left', 'left', '2025-03-09 12:00');
CREATE FUNCTION pg_temp.sell(id text, codes text[], click text DEFAULT NULL, declared text DEFAULT NULL, day timestamptz DEFAULT '2025-03-05', product text DEFAULT NULL)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at,
        coupon_codes, click_id, affiliate_id, product_id)
    VALUES ('main', split_part(id, '-', 1), id, 'challenge_fee', 'completed', 'USD', 100, day, day, codes, click, declared, product)
$$;

-- the affiliate's status
SELECT pg_temp.sell('a1', '{WAITS}', 'k-ann');
SELECT is(pg_temp.outcome('main', 'a1'), 'a1 ann click #1 10', 'pending never: the coupon falls through to the click');
SELECT is(pg_temp.candidates('a1'), 'coupon waits affiliate_inactive, click ann won', 'and keeps its code');
SELECT pg_temp.sell('a2', '{GONE}');
SELECT is(pg_temp.outcome('main', 'a2'), 'a2 nobody affiliate_inactive #1', 'terminated: nobody');
SELECT pg_temp.sell('a3', NULL, 'k-young');
SELECT is(pg_temp.outcome('main', 'a3'), 'a3 nobody affiliate_inactive #1', 'pending at the touch, active at the order: not eligible');
SELECT pg_temp.sell('a4', '{FROZEN}');
SELECT is(pg_temp.outcome('main', 'a4'), 'a4 frozen coupon #1 10', 'suspended: accrues');
SELECT results_eq($$SELECT eligible_at, hold_reason::text FROM affiliate.commission WHERE subject_id = 'a4'$$, $$VALUES ('infinity'::timestamptz, 'suspended')$$, 'on hold');
SELECT is(affiliate.release('frozen', 'main', 'cleared'), 1::bigint, 'released: one line waited');
SELECT pg_temp.drain();
SELECT results_eq($$SELECT eligible_at, hold_reason::text FROM affiliate.commission WHERE subject_id = 'a4'$$, $$VALUES ('2025-03-05'::timestamptz, NULL::text)$$, 'its hold is that of its rule now');
SELECT is((SELECT eligible FROM affiliate.balance('frozen', 'main')), 10::numeric, 'it is eligible');
SELECT lives_ok($$SELECT affiliate.record_payment('frozen', 'main', '2025-06-01', 'after release')$$, 'and can be paid');
SELECT is(pg_temp.money('a4'), 'frozen 10 paid 10', 'it is');
SELECT pg_temp.clock('2025-07-02 12:00+00');
SELECT pg_temp.sell('a6', '{FROZEN}', day => '2025-07-01');
SELECT is((SELECT hold_reason::text FROM affiliate.commission WHERE subject_id = 'a6'), 'suspended', 'a later order waits again');
SELECT is(affiliate.forfeit('frozen', 'main', 'fraud'), 1::bigint, 'forfeited: one line waited');
SELECT pg_temp.drain();
SELECT is(pg_temp.entries('a6'), 'accrual 10, reversal -10', 'it is reversed');
SELECT throws_ok($$SELECT affiliate.record_payment('frozen', 'main', '2025-07-02', 'after forfeit')$$, 'AF031', NULL, 'there is nothing to pay');
SELECT is(pg_temp.money('a4'), 'frozen 10 paid 10', 'what was released stays');
SELECT pg_temp.clock('2025-06-30 12:00+00');
SELECT pg_temp.sell('a5', NULL, 'k-back');
SELECT is(pg_temp.outcome('main', 'a5'), 'a5 back click #1 10', 'suspended at the touch, active at the order');

-- terminated: only ownership begun before the termination, inside the tail
SELECT pg_temp.sell('b1', '{LEFT}');
SELECT pg_temp.sell('b1-tail', NULL, day => '2025-03-19 23:59:59.999999');
SELECT pg_temp.sell('b1-over', NULL, day => '2025-03-20');
SELECT is(pg_temp.outcome('main', 'b1%'), 'b1 left coupon #1 10, b1-over nobody affiliate_inactive #3, b1-tail left ownership #2 10', 'ownership counts inside the tail of ten days');
SELECT pg_temp.sell('b2', '{LEFT}', day => '2025-03-12');
SELECT is(pg_temp.outcome('main', 'b2'), 'b2 nobody affiliate_inactive #1', 'a new order in the tail does not');
SELECT pg_temp.sell('b3', NULL, 'k-left', day => '2025-03-11');
SELECT is(pg_temp.outcome('main', 'b3'), 'b3 nobody affiliate_inactive #1', 'nor a click before the termination');

-- self-referral stops and opens a review
UPDATE affiliate.affiliate SET own_customer_ids = '{c1}', payment_fingerprints = '{card-7}' WHERE affiliate_id = 'cyd';
SELECT pg_temp.sell('c1', '{CYD}', 'k-ann');
SELECT is(pg_temp.outcome('main', 'c1'), 'c1 nobody self_referral #1', 'self-referral by customer id stops: the click does not win');
SELECT is(pg_temp.reviews('c1'), 'self_referral c1', 'and opens a review');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes, payment_fingerprint)
VALUES ('main', 'c2', 'c2', 'challenge_fee', 'completed', 'USD', 100, '2025-03-05', '2025-03-05', '{CYD}', 'card-7');
SELECT is(pg_temp.outcome('main', 'c2'), 'c2 nobody self_referral #1', 'self-referral by payment fingerprint');
SELECT is(pg_temp.reviews('c2'), 'self_referral c2', 'opens a review too');

-- coupons: house, several, other program, product, country, validity
SELECT pg_temp.sell('d1', '{HOUSE}', 'k-ann');
SELECT is(pg_temp.outcome('main', 'd1'), 'd1 ann click #1 10', 'a house coupon does not hurt a click');
SELECT pg_temp.sell('d2', '{HOUSE}');
SELECT is(pg_temp.outcome('main', 'd2'), 'd2 nobody organic #1', 'and is no candidate');
SELECT pg_temp.sell('d3', '{WAITS,HOUSE,BOB,ANN}');
SELECT is(pg_temp.outcome('main', 'd3'), 'd3 bob coupon #1 10', 'of several codes the first listed eligible one');
SELECT pg_temp.sell('d4', '{ELSEWHERE}', 'k-other');
SELECT matches(pg_temp.outcome('main', 'd4'), '^d4 nobody ', 'touches of another program do not count');
SELECT pg_temp.sell('d5', '{PRODUCT}');
SELECT pg_temp.sell('d6', '{PRODUCT}', product => 'two_step');
SELECT matches(pg_temp.outcome('main', 'd5') || ', ' || pg_temp.outcome('main', 'd6'), '^d5 nobody .*, d6 bob coupon #1 10$', 'a coupon of other products does not count');
INSERT INTO affiliate.customer (program_id, customer_id, country_code) VALUES ('main', 'd7', 'FR'), ('main', 'd8', 'DE');
SELECT pg_temp.sell('d7', '{COUNTRY}');
SELECT pg_temp.sell('d8', '{COUNTRY}');
SELECT pg_temp.drain();
SELECT matches(pg_temp.outcome('main', 'd7') || ', ' || pg_temp.outcome('main', 'd8'), '^d7 nobody .*, d8 bob coupon #1 10$', 'a coupon of other countries does not count');
SELECT pg_temp.sell('d9', '{MARCH}');
SELECT pg_temp.sell('d10', '{MARCH}', day => '2025-03-04 23:59:59.999999');
SELECT pg_temp.sell('d11', '{ march }', day => '2025-03-01');
SELECT pg_temp.drain();
SELECT matches(pg_temp.outcome('main', 'd9'), '^d9 nobody ', 'a coupon ends at valid_until');
SELECT is(pg_temp.outcome('main', 'd10') || ', ' || pg_temp.outcome('main', 'd11'), 'd10 bob coupon #1 10, d11 bob coupon #1 10',
    'and begins at valid_from; blanks and case do not matter');

-- of several lines the codes are listed by line_no
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes, order_id, line_no)
VALUES ('main', 'd12', 'd12-1', 'challenge_fee', 'completed', 'USD', 100, '2025-03-05', '2025-03-05', '{ANN}', 'o', 2),
       ('main', 'd12', 'd12-2', 'addon_fee', 'completed', 'USD', 100, '2025-03-05', '2025-03-05', '{BOB}', 'o', 1);
SELECT is(pg_temp.outcome('main', 'd12%'), 'd12-1 bob coupon #1 10, d12-2 bob coupon #1 10', 'the first line by its number');

-- a link of another program
INSERT INTO affiliate.link (link_id, program_no, affiliate_no) VALUES ('l-other', pg_temp.no('other'), pg_temp.of('bob'));
INSERT INTO affiliate.click (program_id, click_id, link_id, clicked_at) VALUES ('main', 'k-link', 'l-other', '2025-03-04 12:00');
SELECT pg_temp.sell('d13', NULL, 'k-link');
SELECT is(pg_temp.outcome('main', 'd13'), 'd13 nobody wrong_program #1', 'a click on a link of another program does not count');

-- an expired touch falls through to the next, with its code
SELECT pg_temp.sell('e1', NULL, 'k-old', 'ann');
SELECT pg_temp.drain();
SELECT is(pg_temp.outcome('main', 'e1'), 'e1 ann declared #1 10', 'an expired click falls through');
SELECT is(pg_temp.candidates('e1'), 'click bob window_expired, declared ann won', 'with its code');

SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT is((SELECT count(*) FROM affiliate.review_case), 2::bigint, 'no other review was opened');

-- the campaign beside a declared id
INSERT INTO affiliate.campaign (program_no, campaign_id, ownership_window) VALUES (pg_temp.no('main'), 'spring', '10 days');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, affiliate_id, campaign_id)
SELECT 'main', c, c, 'challenge_fee', 'completed', 'USD', 100, '2025-03-05', '2025-03-05', 'ann', CASE c WHEN 'd14' THEN 'spring' ELSE 'autumn' END FROM unnest('{d14,d15}'::text[]) AS c;
SELECT pg_temp.clock('2025-07-02 12:00');
SELECT pg_temp.drain();
SELECT is(concat_ws(', ', pg_temp.owned('d14'), pg_temp.owned('d15'), pg_temp.reviews('d14'), pg_temp.reviews('d15')), 'ann 03-05..03-15, ann 03-05..06-03, none, unknown_campaign d15', 'a known one has its windows, an unknown one is reviewed');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing then');
SELECT * FROM finish();
ROLLBACK;
