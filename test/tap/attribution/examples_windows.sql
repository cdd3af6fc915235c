-- Published examples (docs/worked-examples.md): windows and who owns a customer.
BEGIN;
SELECT plan(15);
\ir ../settle/_rig.sql
CREATE FUNCTION pg_temp.sale(program text, id text, at timestamptz, code text DEFAULT NULL, click text DEFAULT NULL, account text DEFAULT NULL, kind text DEFAULT 'challenge_fee') RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes, click_id, account_id)
    VALUES (program, program || split_part(id, '.', 1), program || id, kind, 'completed', 'USD', 100, at, at, ARRAY[code], click, account)
$$;

-- W-60: 90 days of lead window, last touch; then 90 days rolling that codes and links cannot override
SELECT pg_temp.program('w60');
UPDATE affiliate.program SET click_window = '90 days', ownership_kind = 'rolling', ownership_window = '90 days' WHERE program_id = 'w60';
INSERT INTO affiliate.click (program_id, click_id, affiliate_id, clicked_at) VALUES ('w60', 'w60', 'ann', '2025-01-01');
SELECT pg_temp.sale('w60', 'a.1', '2025-02-01', 'BOB', 'w60');
SELECT is(pg_temp.outcome('w60', '%a.1'), 'w60a.1 bob coupon #1 10', 'W-60: A''s link, then B''s code: B');
SELECT pg_temp.sale('w60', 'b.1', '2025-03-31 23:59:59', NULL, 'w60');
SELECT is(pg_temp.outcome('w60', '%b.1'), 'w60b.1 ann click #1 10', 'W-60: a link counts for 90 days');
SELECT pg_temp.sale('w60', 'a.2', '2025-04-01', 'CYD', 'w60');
SELECT is(pg_temp.outcome('w60', '%a.2'), 'w60a.2 bob ownership #2 10', 'W-60: no override inside the window');
SELECT pg_temp.sale('w60', 'a.3', '2025-06-29', 'CYD');
SELECT is(pg_temp.outcome('w60', '%a.3'), 'w60a.3 bob ownership #3 10', 'W-60: each purchase restarts it');
SELECT is(pg_temp.owned('w60a'), 'bob 02-01..09-27', 'W-60: 90 days from the last one');
-- classes: cyd is a starter, dan an ambassador with 180 days, eve a VIP with (all but) a lifetime; a day 100 days on, another 293 days later
INSERT INTO affiliate.agreement (program_no, affiliate_no, plan_id, valid_from, ownership_window)
SELECT pg_temp.no('w60'), pg_temp.of(who), 'standard', '2020-01-01', days::interval FROM (VALUES ('dan', '180 days'), ('eve', '36500 days')) AS v (who, days);
SELECT pg_temp.sale('w60', code || '.1', '2024-06-01', code), pg_temp.sale('w60', code || '.2', '2024-09-09'), pg_temp.sale('w60', code || '.3', '2025-06-29') FROM unnest('{CYD,DAN,EVE}'::text[]) AS code;
SELECT is((SELECT string_agg(concat_ws(' ', transaction_id, coalesce(affiliate_id, 'nobody')), ', ' ORDER BY transaction_id) FROM affiliate.conversion LEFT JOIN affiliate.affiliate USING (affiliate_no) WHERE transaction_id ~ '^w60[A-Z]+\.[23]'),
    'w60CYD.2 nobody, w60CYD.3 nobody, w60DAN.2 dan, w60DAN.3 nobody, w60EVE.2 eve, w60EVE.3 eve', 'W-60: classes of partners by agreement');

-- W-61: per account; a registration by link is remembered for the first purchase a year later
SELECT pg_temp.program('w61');
UPDATE affiliate.program SET ownership_kind = 'per_account', ownership_window = '3650 days', lead_window = '3650 days' WHERE program_id = 'w61';
SELECT pg_temp.sale('w61', 'a.1', '2025-03-01', 'ANN', NULL, 'x'), pg_temp.sale('w61', 'a.2', '2025-03-02', 'BOB', NULL, 'y'), pg_temp.sale('w61', 'a.3', '2025-05-01', NULL, NULL, 'x', 'activation_fee'), pg_temp.sale('w61', 'a.4', '2025-05-01', NULL, NULL, 'y', 'activation_fee');
SELECT is(pg_temp.outcome('w61', '%a._'), 'w61a.1 ann coupon #1 10, w61a.2 bob coupon #2 10, w61a.3 ann ownership #3 10, w61a.4 bob ownership #4 10', 'W-61: one user''s accounts belong to different affiliates');
INSERT INTO affiliate.click (program_id, click_id, affiliate_id, clicked_at) VALUES ('w61', 'w61', 'ann', '2024-04-01');
INSERT INTO affiliate.customer (program_id, customer_id, signup_date, click_id) VALUES ('w61', 'w61b', '2024-04-01 12:00', 'w61');
SELECT pg_temp.sale('w61', 'b.1', '2025-04-10', NULL, NULL, 'z');
SELECT is(pg_temp.outcome('w61', '%b.1'), 'w61b.1 ann lead #1 10', 'W-61: a registration by link, the purchase a year later');

-- W-62: customers whom another affiliate referred pay nobody
SELECT pg_temp.program('w62');
UPDATE affiliate.program SET later_coupon = 'nobody', later_click = 'nobody', ownership_kind = 'lifetime' WHERE program_id = 'w62';
SELECT pg_temp.sale('w62', 'a.1', '2025-03-01', 'ANN'), pg_temp.sale('w62', 'a.2', '2025-06-20', 'BOB');
SELECT matches(pg_temp.outcome('w62', '%a.2'), '^w62a.2 nobody ', 'W-62: referred by another');

-- W-63: 30 days, the day of the click is day 1; W-64: 90 days, it is day 0
SELECT pg_temp.program('w63'), pg_temp.program('w64');
UPDATE affiliate.program SET click_window = '29 days', window_end = 'end_of_day' WHERE program_id = 'w63';
UPDATE affiliate.program SET click_window = '90 days', window_end = 'end_of_day' WHERE program_id = 'w64';
INSERT INTO affiliate.click (program_id, click_id, affiliate_id, clicked_at) VALUES ('w63', 'w63', 'ann', '2024-06-01 18:00'), ('w64', 'w64', 'ann', '2025-01-01 18:00');
SELECT pg_temp.sale('w63', 'a', '2024-06-30 23:59:59.999999', NULL, 'w63'), pg_temp.sale('w63', 'b', '2024-07-01', NULL, 'w63'), pg_temp.sale('w64', 'a', '2025-04-01 23:59:59.999999', NULL, 'w64'), pg_temp.sale('w64', 'b', '2025-04-02', NULL, 'w64');
SELECT is(pg_temp.outcome('w63', '%a'), 'w63a ann click #1 10', 'W-63: click June 1, until the end of June 30');
SELECT matches(pg_temp.outcome('w63', '%b'), '^w63b nobody ', 'W-63: not after it');
SELECT is(pg_temp.outcome('w64', '%a'), 'w64a ann click #1 10', 'W-64: click January 1, until the end of April 1');
SELECT matches(pg_temp.outcome('w64', '%b'), '^w64b nobody ', 'W-64: not after it');

SELECT is((SELECT affiliate.resettle(ARRAY(SELECT DISTINCT customer_id FROM affiliate.transaction))), 0::bigint, 'settling again posts nothing');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
