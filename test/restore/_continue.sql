-- What a shop does next, on the server that was dumped and on the restored one alike: what is due is drained, then every kind
-- of write, new rows of the rulebook among them (their numbers come from sequences), and the drain again.
\set ON_ERROR_STOP 1
SET pg_affiliate.inline_budget = 0;
SET pg_affiliate.now = '2025-03-20 12:30Z';
SELECT affiliate.drain(), affiliate.drain(), affiliate.drain(), affiliate.drain();
SET pg_affiliate.now = '2025-03-20 13:00Z';
INSERT INTO affiliate.program (program_id, currency, default_plan_id) VALUES ('third', 'USD', 'flat');
INSERT INTO affiliate.affiliate (affiliate_id) VALUES ('fay');
INSERT INTO affiliate.campaign (program_no, campaign_id) SELECT program_no, 'summer' FROM affiliate.program WHERE program_id = 'third';
INSERT INTO affiliate.ladder (program_no, ladder_id) SELECT program_no, 'new' FROM affiliate.program WHERE program_id = 'third';
INSERT INTO affiliate.plan (program_no, plan_id, valid_from) SELECT program_no, 'flat', '2025-01-01' FROM affiliate.program WHERE program_id = 'third';
INSERT INTO affiliate.plan_rule (plan_no, sequence_no, amount) SELECT plan_no, 1, '7.77' FROM affiliate.plan WHERE plan_id = 'flat';
INSERT INTO affiliate.coupon (program_no, code, affiliate_no) SELECT program_no, 'FAY', affiliate_no FROM affiliate.program, affiliate.affiliate WHERE affiliate_id = 'fay';
INSERT INTO affiliate.link (link_id, program_no, affiliate_no) SELECT 'third-fay', program_no, affiliate_no FROM affiliate.program, affiliate.affiliate WHERE (program_id, affiliate_id) = ('third', 'fay');
INSERT INTO affiliate.agreement (program_no, affiliate_no, plan_id, valid_from) SELECT program_no, affiliate_no, 'flat', '2025-01-01' FROM affiliate.program, affiliate.affiliate WHERE (program_id, affiliate_id) = ('third', 'fay');
-- the next sale: of somebody new, of a customer who has an owner, in the new program; and one that is sent again
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes) VALUES
    ('main', 'n1', 'n1', 'challenge_fee', 'completed', 'USD', 200, '2025-03-20 12:40Z', '2025-03-20 12:40Z', '{BOB}'),
    ('main', 'c11', 'n2', 'challenge_fee', 'completed', 'USD', 200, '2025-03-20 12:41Z', '2025-03-20 12:41Z', NULL),
    ('euro', 'c2-old', 'n3', 'challenge_fee', 'completed', 'EUR', 200, '2025-03-20 12:42Z', '2025-03-20 12:42Z', NULL),
    ('third', 'n4', 'n4', 'challenge_fee', 'completed', 'USD', 200, '2025-03-20 12:43Z', '2025-03-20 12:43Z', '{FAY}');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, completed_at)
VALUES ('main', 'q2', 'q2', 'challenge_fee', 'completed', 'USD', 100, '2025-03-20 11:30Z') ON CONFLICT (transaction_id) DO UPDATE SET status = excluded.status, completed_at = excluded.completed_at;
-- refunds and disputes of what was restored
UPDATE affiliate.transaction SET refunded_amount = 77, refunded_at = '2025-03-20 12:50Z' WHERE transaction_id ~ '^t[0-9]*1$';
INSERT INTO affiliate.transaction (program_id, transaction_id, original_transaction_id, transaction_type, status, currency, amount, completed_at) VALUES ('main', 'n-r', 'q4', 'refund', 'completed', 'USD', 25, '2025-03-20 12:50Z');
UPDATE affiliate.dispute SET outcome = 'won', closed_at = '2025-03-20 12:50Z' WHERE dispute_id LIKE 'd%';
INSERT INTO affiliate.transaction_ref (source, kind, external_id, transaction_id) VALUES ('stripe', 'charge', 'ch_later', 'q2');
-- clicks: one that a sale waits for, one of a customer whose sale had no owner
INSERT INTO affiliate.click (program_id, click_id, link_id, clicked_at) VALUES ('main', 'awaited-1', 'main-cyd', '2025-03-20 11:00Z');
INSERT INTO affiliate.click (program_id, click_id, link_id, clicked_at, customer_id) VALUES ('main', 'after-3', 'main-cyd', '2025-03-20 11:00Z', 'w3'), ('main', 'after-4', 'main-ann', '2025-03-20 11:00Z', 'w4');
INSERT INTO affiliate.customer (program_id, customer_id, signup_date) VALUES ('main', 'n5', '2025-03-20 12:55Z');
-- the attached table: by the names of its columns, now
INSERT INTO shop.payments VALUES (8, 'c8', 10000, 'paid', '2025-03-20 12:50Z');
UPDATE shop.payments SET state = 'refunded', at = '2025-03-20 12:55Z' WHERE id = 1;
-- operators
SELECT affiliate.adjust('ann', 'main', 7, 'credit', 'after the restore', 'adj-5'), affiliate.adjust('fay', 'euro', 2, 'debit', 'open', 'adj-6');
SELECT affiliate.record_payment('cyd', 'main', '2025-03-20 13:00Z', 'payment 3');
SELECT affiliate.reassign('n1', 'main', 'ann', 'since', '2025-03-01', reason => 'claim');
SELECT affiliate.review_close(max(case_id), 'ignore', 'seen') FROM affiliate.review_case WHERE state = 'open';
SET pg_affiliate.mode = 'queue';
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
VALUES ('main', 'n6', 'n6', 'challenge_fee', 'completed', 'USD', 200, '2025-03-20 12:40Z', '2025-03-20 12:40Z', '{ANN}');
RESET pg_affiliate.mode;
SELECT affiliate.drain(), affiliate.drain(), affiliate.drain(), affiliate.drain();
CALL affiliate.rollup_catch_up();
-- a day later what waited for late_grace is decided
SET pg_affiliate.now = '2025-03-21 14:00Z';
SELECT affiliate.drain(), affiliate.drain(), affiliate.drain(), affiliate.drain();
CALL affiliate.rollup_catch_up();
