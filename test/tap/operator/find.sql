-- find_conversion(): answers for an affiliate, in public words.
BEGIN;
SELECT plan(22);
\ir _ledger.sql
UPDATE affiliate.program SET time_zone = 'America/New_York' WHERE program_no = 81;
SELECT pg_temp.line('f1', 'ft1', 100, 0, '2025-06-10');
SELECT pg_temp.line('f2', 'ft2', 100, 100, '2025-06-10');
SELECT pg_temp.line('f3', 'ft3', 0, 0, '2025-06-10');
UPDATE affiliate.conversion SET code = 'not_first_purchase' WHERE transaction_id = 'ft3';
UPDATE affiliate.conversion SET candidates = '[{"at": "2025-05-31T00:00:00Z", "ref": "DEAL", "code": "won", "method": "coupon", "affiliate_no": 81}]' WHERE transaction_id = 'ft3';
-- bob's, ann's click lost; and one that has nothing to do with ann
INSERT INTO affiliate.conversion (customer_id, transaction_id, kind, program_no, state, affiliate_no, ordered_at, candidates)
VALUES ('f4', 'ft4', 'transaction', 81, 'counted', 82, '2025-06-01 09:00',
    '[{"at": "2025-05-31T00:00:00Z", "ref": "DEAL2", "code": "won", "method": "coupon", "affiliate_no": 82},
      {"at": "2025-05-30T00:00:00Z", "ref": "click-4", "code": "outranked", "method": "click", "affiliate_no": 81}]');
INSERT INTO affiliate.conversion (customer_id, transaction_id, kind, program_no, state, affiliate_no, ordered_at) VALUES ('f5', 'ft5', 'transaction', 81, 'counted', 82, '2025-06-01 09:00');
INSERT INTO affiliate.transaction (customer_id, transaction_id, order_id, program_id, transaction_type, status, currency, amount, click_id, coupon_codes)
VALUES ('f5', 'ft5', 'order-ft5', 'op', 'challenge_fee', 'completed', 'USD', 10, 'click-5', '{ Deal5 }'), ('f6', 'ft6', 'order-ft6', 'op', 'challenge_fee', 'completed', 'USD', 10, 'click-6', '{ Deal6 }');
INSERT INTO affiliate.conversion (customer_id, transaction_id, kind, program_no, state, affiliate_no, code, ordered_at) VALUES
    ('f6', 'ft6', 'transaction', 81, 'waiting', 81, NULL, '2025-06-02 03:59:59'), ('f7', 'ft7', 'transaction', 81, 'pending', 81, NULL, '2025-06-02 04:00'),
    ('f8', 'ft8', 'transaction', 81, 'counted', NULL, 'organic', '2025-06-05 04:00'), ('f9', 'ft9', 'transaction', 81, 'void', 81, NULL, '2025-06-05 04:00');
SELECT throws_ok($$SELECT * FROM affiliate.find_conversion('nobody', 'x')$$, 'AF016', NULL, 'unknown affiliate');
SELECT throws_ok($$SELECT * FROM affiliate.find_conversion('ann', ' ')$$, 'AF033', NULL, 'empty clue');
SET LOCAL SESSION AUTHORIZATION affiliate_test_rita;
SELECT results_eq($$SELECT * FROM affiliate.find_conversion('ann', 'ft1')$$,
    $$VALUES ('order-ft1', date '2025-06-01', 'credited to you', 'The order counts for you.', 100::numeric, 'USD')$$, 'by transaction');
SELECT results_eq($$SELECT order_id, status FROM affiliate.find_conversion('ann', 'order-ft1')$$, $$VALUES ('order-ft1', 'credited to you')$$, 'by order');
SELECT results_eq($$SELECT order_id, status, amount FROM affiliate.find_conversion('ann', 'f1')$$, $$VALUES ('order-ft1', 'credited to you', 100::numeric)$$, 'by customer');
SELECT results_eq($$SELECT order_id, status, reason, amount FROM affiliate.find_conversion('ann', 'ft2')$$,
    $$VALUES ('order-ft2', 'earns nothing', 'The order was refunded or charged back, in part or in full.', 0::numeric)$$, 'refunded');
SELECT results_eq($$SELECT order_id, status, reason FROM affiliate.find_conversion('ann', 'DEAL')$$,
    $$VALUES ('order-ft3', 'earns nothing', 'Your plan pays for first purchases only.')$$, 'by coupon that competed');
SELECT is((SELECT count(*) FROM affiliate.find_conversion('ann', 'click-1')), 2::bigint, 'by click that competed');
SELECT results_eq($$SELECT order_id, status, reason FROM affiliate.find_conversion('ann', 'click-6')$$,
    $$VALUES ('order-ft6', 'waiting', 'Information is still missing; the decision follows within the program''s grace period.')$$, 'by click of the sale: waiting');
SELECT results_eq($$SELECT order_id, status FROM affiliate.find_conversion('ann', 'deal6')$$, $$VALUES ('order-ft6', 'waiting')$$, 'by coupon of the sale, however written');
SELECT results_eq($$SELECT status, reason, amount FROM affiliate.find_conversion('ann', 'ft5')$$,
    $$VALUES ('not credited to you', 'Another partner''s referral came first under the program''s rules.', 0::numeric)$$, 'another''s, when it is named exactly');
SELECT results_eq($$SELECT status, amount FROM affiliate.find_conversion('ann', 'f4')$$, $$VALUES ('not credited to you', 0::numeric)$$, 'by customer, where ann competed and lost');
SELECT is_empty($$SELECT * FROM affiliate.find_conversion('ann', 'f5')$$, 'not by customer: ann never competed');
SELECT is_empty($$SELECT * FROM affiliate.find_conversion('ann', 'DEAL5')$$, 'nor by another''s coupon');
SELECT is_empty($$SELECT * FROM affiliate.find_conversion('ann', '2025-02-30')$$, 'a date that does not exist is an id like others');
SELECT results_eq($$SELECT order_id FROM affiliate.find_conversion('ann', '2025-06-01') ORDER BY order_id = 'ft4', 1$$,
    $$VALUES ('order-ft1'), ('order-ft2'), ('order-ft3'), ('order-ft6'), ('ft4')$$, 'by day, in the program''s time zone; not those of others');
SELECT results_eq($$SELECT order_id, status, reason FROM affiliate.find_conversion('ann', '2025-06-02')$$,
    $$VALUES ('ft7', 'pending', 'The payment is not completed yet.')$$, 'the day after');
SELECT results_eq($$SELECT order_id, status, reason FROM affiliate.find_conversion('ann', '2025-06-05')$$,
    $$VALUES ('ft9', 'cancelled', 'The order was cancelled or refunded inside the cooling-off period.')$$, 'void');
SELECT is_empty($$SELECT * FROM affiliate.find_conversion('bob', 'f8')$$, 'an organic customer is nobody''s business');
SELECT is_empty($$SELECT * FROM affiliate.find_conversion('ann', '2025-06-01') AS f WHERE f::text LIKE '%bob%'$$, 'no other affiliate is named');
SELECT is_empty($$SELECT * FROM affiliate.find_conversion('ann', 'no such thing')$$, 'nothing found');
RESET SESSION AUTHORIZATION;
SELECT pg_temp.line('fa', 'ft10', 50, 50, '2025-06-10');
UPDATE affiliate.conversion SET affiliate_no = 82 WHERE transaction_id = 'ft10';
SELECT results_eq($$SELECT status, reason, amount FROM affiliate.find_conversion('ann', 'fa')$$,
    $$VALUES ('not credited to you', 'The order was credited to you at first; that decision was changed.', 0::numeric)$$, 'what was reassigned');
RESET SESSION AUTHORIZATION;

SELECT * FROM finish();
ROLLBACK;
