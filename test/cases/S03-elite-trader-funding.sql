-- The affiliate programme of Elite Trader Funding, as published at https://elitetraderfunding.com/affiliates/,
-- as a program, a plan and its rules. test/cases/S03.json has the terms, a history of 18 events and the
-- commissions they must give; scripts/demo.d/10-elite-trader-funding replays it.
--
-- Where the published page leaves a choice, this is the reading taken:
--
-- 1. "45-day cookie, first click wins": click_choice 'first', click_window '45 days'. A click counts
--    up to and including the instant 45 x 24 hours later: window_end 'instant_inclusive' (other
--    readings: 'instant_exclusive', 'end_of_day').
-- 2. "Any other eligible purchase they make" stays with the affiliate when the cookie has ended: the
--    first purchase binds the customer for good: ownership_kind 'lifetime' (otherwise 'fixed' with
--    an ownership_window). Later touches of others change nothing: later_click and later_coupon
--    'keep', the defaults.
-- 3. "For the first 45 days" and "the first month" (30 days) run from the customer's first purchase:
--    days_since_first_purchase. Days are whole spans of 24 hours; day 0 to day 44 pay. So a purchase at
--    the very instant 45 x 24 hours later does not pay (nor a reset at 30 x 24 hours), unlike the cookie
--    of 1., which counts up to that instant; <= 45 would pay all of the day that begins there. From the
--    click it would be days_since_touch; this history pays the same.
-- 4. "Fast Track: 7 % of each purchase" names no limit, so there is none.
-- 5. "$5 flat, only when bought at the standard rate": a reset sold at any discount earns nothing.
-- 6. 15 % of 67.50 is shown as 10.12: rounding 'down' ('half_even' would show the same).
-- 7. "Confirmed 14-20 days after purchase": a hold of 14 days; with 20 the payments are the same.
-- 8. A renewal is a purchase of the product that is renewed.
--
-- A reset names the order of the account that is reset (original_transaction_id), as a shop knows it; its
-- commission goes to whoever owned the customer at that order. Without the reference it would go by the
-- customer's owner at the reset: here the same, but flagged.
--
-- The minimum payment of $100 is no rule of the plan: it is a condition of the monthly run (see the replay).

BEGIN;

INSERT INTO affiliate.program (program_id, name, currency, default_plan_id,
                               click_choice, click_window, window_end, ownership_kind)
VALUES ('elite', 'Elite Trader Funding', 'USD', 'published',
        'first', '45 days', 'instant_inclusive', 'lifetime');

INSERT INTO affiliate.affiliate (affiliate_id, name) VALUES ('A', 'Affiliate A'), ('B', 'Affiliate B');

INSERT INTO affiliate.link (link_id, program_no, affiliate_no)
SELECT 'link-' || affiliate_id, program_no, affiliate_no
FROM affiliate.program, affiliate.affiliate WHERE program_id = 'elite';

INSERT INTO affiliate.plan (program_no, plan_id, name, valid_from)
SELECT program_no, 'published', 'As published', '2023-01-01' FROM affiliate.program WHERE program_id = 'elite';

INSERT INTO affiliate.plan_rule (plan_no, sequence_no, rule_group, name, transaction_types,
                                 condition, amount, rounding, hold)
SELECT plan_no, r.*, 'down', '14 days'
FROM affiliate.plan, (VALUES
    (1, 'rate', '15 % for 45 days', '{challenge_fee,subscription_fee}'::text[],
        $$product IN ('one_step', 'diamond_hands', 'eod') AND days_since_first_purchase < 45$$,
        'net * 0.15'),
    (2, 'rate', '7 % of Fast Track', '{challenge_fee,subscription_fee}',
        $$product = 'fast_track'$$,
        'net * 0.07'),
    (3, 'rate', '7 % for 45 days', '{challenge_fee,subscription_fee}',
        $$product = 'static' AND days_since_first_purchase < 45$$,
        'net * 0.07'),
    (4, 'rate', '$5 per reset', '{reset_fee}',
        $$coalesce(discount, 0) = 0 AND days_since_first_purchase < 30$$,
        '5')) AS r
WHERE plan_id = 'published';

COMMIT;
