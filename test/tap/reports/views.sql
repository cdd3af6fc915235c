-- The views of reports: names, comments, and what each says.
BEGIN;
SELECT plan(19);
\ir _rig.sql
UPDATE affiliate.program SET later_coupon = 'keep', later_click = 'keep' WHERE program_id = 'main';
SELECT is_empty($$SELECT c.relname, a.attname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
    WHERE c.relnamespace = 'affiliate'::regnamespace AND c.relkind = 'v' AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid) IS NULL)$$, 'every view and every column has a comment');
SELECT is_empty($$SELECT v.view_name, v.column_name FROM affiliate._view_comments() AS v WHERE v.view_name <> '*' AND to_regclass('affiliate.' || v.view_name) IS NULL$$, 'and no comment is about nothing');

SELECT pg_temp.click('k1', 'bob-1', 'v', '2025-03-04 10:00Z');
SELECT pg_temp.buy('a1', 'ANN', click => 'k1'), pg_temp.buy('a2', 'ANN'), pg_temp.buy('a3', NULL, click => 'k1'), pg_temp.buy('a4', NULL), pg_temp.buy('a5', 'ANN', '2025-04-03 12:00Z');
SELECT pg_temp.buy('b1', NULL, '2025-04-03 12:00Z', customer => 'a2', product => 'p2');
SELECT pg_temp.refund('a2', 30, '2025-05-02 10:00Z');
UPDATE affiliate.transaction SET status = 'chargeback', status_at = '2025-05-03 10:00Z' WHERE transaction_id = 'a3';
SELECT pg_temp.drain();
SELECT is(pg_temp.lines($$SELECT month, program, method, conversions, trim_scale(share), gross, trim_scale(net_commission) FROM affiliate.attribution_share ORDER BY 1, 3$$),
    '2025-03-01,main,click,1,0.25,100,0; 2025-03-01,main,coupon,2,0.5,200,17; 2025-03-01,main,none,1,0.25,100,0; 2025-04-01,main,coupon,1,0.5,100,10; 2025-04-01,main,ownership,1,0.5,100,10', 'attribution_share');
SELECT is(pg_temp.lines('SELECT month, affiliate, other_affiliate, currency, conversions, gross, net_commission FROM affiliate.attribution_conflicts'),
    '2025-03-01,ann,bob,USD,1,100,10.00', 'attribution_conflicts: who won, who did not, and the money');
SELECT is(pg_temp.lines('SELECT month, affiliate, method, code, conversions, gross FROM affiliate.assists'), '2025-03-01,bob,click,outranked,1,100', 'assists');
SELECT is(pg_temp.lines('SELECT day, affiliate, product, refunds, refunded, chargebacks, charged_back, reversed FROM affiliate.refunds_and_disputes ORDER BY day, product'),
    '2025-05-02,ann,p1,1,30,0,0,3.00; 2025-05-03,bob,p1,0,0,1,100,10.00', 'refunds_and_disputes, on the day on which they happened');
INSERT INTO affiliate.review_case (kind, program_no, customer_id, subject_id) VALUES ('test', pg_temp.no('main'), 'a1', 'a1'), ('other', pg_temp.no('main'), 'a1', 'a1');
SELECT is(pg_temp.lines('SELECT month, conversions, reviewed, reviews, open, trim_scale(share) FROM affiliate.review_share ORDER BY month'), '2025-03-01,4,1,2,2,0.25; 2025-04-01,2,0,0,0,0', 'review_share');
SELECT is(pg_temp.lines($$SELECT period, affiliate, product, method, conversions, net_commission, counted_by FROM affiliate.performance_daily WHERE period >= '2025-04-01' ORDER BY affiliate, product, country, method$$),
    '2025-04-03,ann,p1,coupon,1,10.00,"sale date"; 2025-04-03,ann,p2,ownership,1,10.00,"sale date"', 'performance_daily');
SELECT is((SELECT sum(conversions) FROM affiliate.performance_monthly WHERE period = '2025-03-01'), 4::numeric, 'performance_monthly');
SELECT is(pg_temp.lines($$SELECT sum(refunded), sum(charged_back), sum(conversions) FROM affiliate.performance_monthly_by_event WHERE period = '2025-05-01'$$), '30,100,0', 'performance_monthly_by_event');
SELECT is(pg_temp.lines($$SELECT sum(refunded), sum(conversions) FROM affiliate.performance_daily_by_event WHERE period = '2025-05-02'$$), '30,0', 'performance_daily_by_event');
SELECT is(pg_temp.lines('SELECT sum(held + eligible), sum(net_commission - paid) FROM affiliate.performance_daily'), pg_temp.lines('SELECT sum(owed), sum(owed) FROM affiliate.affiliate_balance'), 'held and eligible are what the balance says');

UPDATE affiliate.affiliate SET name = initcap(affiliate_id);
SELECT is(pg_temp.lines('SELECT DISTINCT affiliate, affiliate_name FROM affiliate.performance_monthly UNION SELECT affiliate, affiliate_name FROM affiliate.affiliate_balance ORDER BY 1'), 'ann,Ann; bob,Bob; ,', 'names beside the ids');
SELECT is(pg_temp.lines('SELECT affiliate_name, other_affiliate_name FROM affiliate.attribution_conflicts'), 'Ann,Bob', 'of conflicts, too');
SELECT is((SELECT count(*) FROM affiliate.rollup_progress WHERE in_use), (SELECT count(*) FROM affiliate.rollup_state WHERE watermark IS NOT NULL), 'rollup_progress');
SELECT ok((SELECT bool_and(rows_above > 0) IS NOT FALSE FROM affiliate.rollup_progress), 'counts what is above the watermark');

-- a sale in another currency, with an upline; and sales that do not count: void, pending
INSERT INTO affiliate.fx_rate (from_currency, to_currency, valid_from, rate) VALUES ('EUR', 'USD', '2020-01-01', 1.5);
SELECT pg_temp.program('other');
INSERT INTO affiliate.plan_rule (plan_no, sequence_no, name, beneficiary, level, amount) SELECT pg_temp.plan_of('other'), 2, 'upline', 'upline', 1, 'net * 0.02';
INSERT INTO affiliate.affiliate_upline (affiliate_no, upline_no) VALUES (pg_temp.of('cyd'), pg_temp.of('dan'));
SELECT pg_temp.buy('e1', 'CYD', '2025-06-02 12:00Z', currency => 'EUR', program => 'other'), pg_temp.buy('e2', 'CYD,BOB', '2025-06-03 12:00Z');
SELECT pg_temp.refund('e1', 50, '2025-06-20 12:00Z'), pg_temp.refund('e2', 100, '2025-06-03 13:00Z');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, coupon_codes)
VALUES ('main', 'e3', 'e3', 'challenge_fee', 'pending', 'USD', 100, '2025-06-04', '{CYD,BOB}');
SELECT pg_temp.drain();
SELECT is(pg_temp.lines($$SELECT affiliate, currency, refunds, refunded, trim_scale(reversed) FROM affiliate.refunds_and_disputes WHERE day = '2025-06-20' ORDER BY 1, 2$$),
    'cyd,EUR,1,50,0; cyd,USD,0,0,7.5; dan,USD,0,0,1.5', 'a refund in its currency, what commissions lost by it in theirs');
SELECT is_empty($$SELECT FROM affiliate.attribution_conflicts WHERE month = '2025-06-01' UNION ALL SELECT FROM affiliate.assists WHERE month = '2025-06-01'$$, 'void and pending sales are no conflicts');

CREATE FUNCTION pg_temp.plan_of_query(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE 'EXPLAIN (COSTS off) ' || query;
END
$$;
SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off;
SELECT is_empty($$SELECT v.name FROM unnest('{performance_daily,performance_monthly,performance_daily_by_event,performance_monthly_by_event,attribution_share,refunds_and_disputes}'::text[]) AS v (name)
    WHERE NOT EXISTS (SELECT FROM pg_temp.plan_of_query(format('SELECT * FROM affiliate.%I WHERE %s >= ''2025-04-01''', v.name,
        CASE v.name WHEN 'attribution_share' THEN 'month' WHEN 'refunds_and_disputes' THEN 'day' ELSE 'period' END)) AS p WHERE p ~ 'Index Cond: .*grain = .*period >= ')$$,
    'a condition on the period finds its rollups by the key');
SELECT * FROM finish();
ROLLBACK;
