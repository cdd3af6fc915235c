-- performance(): days of the program, views by sale and by event, groups, filters. What one transaction sees is above the
-- watermark; test/storm/rollups shows the same of what is below.
BEGIN;
SELECT plan(54);
\ir _rig.sql

-- sales, by the day in Berlin: 23:30 UTC is the next day, in summer 22:30 too
SELECT pg_temp.buy('s1', at => '2025-03-05 22:59Z'), pg_temp.buy('s2', at => '2025-03-05 23:00Z'), pg_temp.buy('s3', at => '2025-03-31 21:59Z'), pg_temp.buy('s4', at => '2025-03-31 22:00Z'),
       pg_temp.buy('s5', 'BOB', '2025-03-31 22:00Z', 40), pg_temp.buy('s6', NULL, '2025-04-02 10:00Z', 70, product => 'p2');
SELECT is(pg_temp.report('{day,affiliate}', '{conversions,gross,net_commission}'),
    '03-05 ann: conversions 1, gross 100, net_commission 10; 03-06 ann: conversions 1, gross 100, net_commission 10; 03-31 ann: conversions 1, gross 100, net_commission 10; '
    '04-01 ann: conversions 1, gross 100, net_commission 10; 04-01 bob: conversions 1, gross 40, net_commission 4; 04-02 nobody: conversions 1, gross 70', 'days of the program''s time zone, daylight saving time too');
SELECT is(pg_temp.report('{month}', '{conversions,purchases,new_customers,gross,average_order}'),
    '03-01: conversions 3, purchases 3, new_customers 3, gross 300, average_order 100; 04-01: conversions 3, purchases 3, new_customers 3, gross 210, average_order 70', 'months');
SELECT is(pg_temp.report('{}', '{conversions,gross}'), ': conversions 6, gross 510', 'nothing grouped by: one line');
SELECT is(pg_temp.report('{affiliate,product}', '{conversions}'), 'ann p1: conversions 4; bob p1: conversions 1; nobody p2: conversions 1', 'affiliate and product');
SELECT is(pg_temp.report('{affiliate}', '{conversions}', '2025-03-06', '2025-04-01'), 'ann: conversions 2', 'from a day to before another');
SELECT is(pg_temp.report('{affiliate}', '{conversions}', '2025-04-01', '2025-04-01'), 'nothing', 'an empty period');
SELECT is(pg_temp.report('{affiliate}', '{conversions}', filter => '{"affiliate": "bob"}'), 'bob: conversions 1', 'filtered by affiliate');
SELECT is(pg_temp.report('{affiliate}', '{conversions}', filter => '{"affiliate": ["bob", null], "product": ["p1"]}'), 'bob: conversions 1', 'by several, and nobody');
SELECT is(pg_temp.report('{affiliate}', '{conversions}', filter => '{"method": ["coupon"], "conversion_type": "challenge_fee", "currency": "USD", "program": "main"}'), 'ann: conversions 4; bob: conversions 1', 'by what else there is');
SELECT is(concat_ws('; ', pg_temp.report('{affiliate}', '{conversions}', filter => '{"affiliate": []}'), pg_temp.report('{affiliate}', '{conversions}', filter => '{"product": [], "program": "main"}')),
    'nothing; nothing', 'by none of them');
SELECT throws_ok($$SELECT * FROM affiliate.performance('2025-01-01', '2025-02-01', filter => '{"shoe": []}')$$, 'AF033', NULL, 'by none of what does not exist');
SELECT is(pg_temp.report('{affiliate}', '{conversions}', filter => '{"product": "p1'' OR true --"}'), 'nothing', 'a filter is a value, whatever it contains');

-- the two views of a refund: cooling-off is 48 hours
SELECT pg_temp.refund('s1', 40, '2025-05-20');
SELECT is(pg_temp.report('{month,affiliate}', '{conversions,gross,refunds,refunded,net_revenue,accrued,reversed,net_commission}', filter => '{"affiliate": "ann"}'),
    '03-01 ann: conversions 3, gross 300, refunds 1, refunded 40, net_revenue 260, accrued 30, reversed 4, net_commission 26; 04-01 ann: conversions 1, gross 100, net_revenue 100, accrued 10, net_commission 10',
    'by sale: the refund belongs to the day of the sale');
SELECT is(pg_temp.report('{month,affiliate}', '{conversions,gross,refunds,refunded,net_revenue,accrued,reversed,net_commission}', filter => '{"affiliate": "ann"}', basis => 'event'),
    '03-01 ann: conversions 3, gross 300, net_revenue 300, accrued 30, net_commission 30; 04-01 ann: conversions 1, gross 100, net_revenue 100, accrued 10, net_commission 10; '
    '05-01 ann: refunds 1, refunded 40, net_revenue -40, reversed 4, net_commission -4', 'by event: to the day of the refund');
SELECT set_eq($$SELECT DISTINCT counted_by FROM affiliate.performance('2025-01-01', '2026-01-01', basis => 'event')$$, '{event date}'::text[], 'and it says so');
SELECT is((SELECT count(*) FROM affiliate.performance('2025-01-01', '2026-01-01', basis => 'event') WHERE held IS NOT NULL OR eligible IS NOT NULL), 0::bigint, 'what is held is a state: not by event');
UPDATE affiliate.transaction SET status = 'chargeback', status_at = '2025-06-10' WHERE transaction_id = 's5';
SELECT is(pg_temp.report('{month,affiliate}', '{conversions,chargebacks,charged_back,reversed}', filter => '{"affiliate": "bob"}'), '04-01 bob: conversions 1, chargebacks 1, charged_back 40, reversed 4', 'a chargeback by sale');
SELECT is(pg_temp.report('{month,affiliate}', '{conversions,chargebacks,charged_back,reversed}', filter => '{"affiliate": "bob"}', basis => 'event'),
    '04-01 bob: conversions 1; 06-01 bob: chargebacks 1, charged_back 40, reversed 4', 'and by event');
SELECT pg_temp.refund('s6', 30, '2025-06-21');
SELECT is(pg_temp.report('{month,affiliate}', '{refunds,refunded,net_revenue}', '2025-06-01', '2025-07-01', '{"affiliate": null}', basis => 'event'), '06-01 nobody: refunds 1, refunded 30, net_revenue -30',
    'a refund by event of a sale that paid nobody');

-- a void sale never was; test facts are nobody's business
SELECT pg_temp.buy('v', at => '2025-01-10', discount => 7), pg_temp.buy('w', at => '2025-01-10', discount => 7), pg_temp.buy('x', at => '2025-01-10', test => true);
SELECT pg_temp.refund('v', 100, '2025-01-11');
SELECT is(pg_temp.report('{month}', '{conversions,new_customers,gross,discount,refunds,refunded,net_commission}', to_day => '2025-02-01'),
    '01-01: conversions 1, new_customers 1, gross 100, discount 7, net_commission 10', 'void and test sales do not count; discounts do');

-- what is corrected or known later moves with all that hangs on it
UPDATE affiliate.transaction SET product_id = 'p9', status_at = '2025-06-01' WHERE transaction_id = 's1';
INSERT INTO affiliate.customer (program_id, customer_id, country_code, signup_date) VALUES ('main', 's1', 'DE', '2025-02-01');
SELECT pg_temp.drain();
SELECT is(pg_temp.report('{affiliate,product,country}', '{conversions,refunded,net_commission}', '2025-03-05', '2025-03-06'), 'ann p9 DE: conversions 1, refunded 40, net_commission 6', 'product and country');
SELECT is(pg_temp.report('{month,country}', '{refunded,reversed}', '2025-05-01', '2025-06-01', basis => 'event'), '05-01 DE: refunded 40, reversed 4', 'also by event');
SELECT is(pg_temp.report('{month,affiliate}', '{registrations}', '2025-02-01', '2025-03-01'), '02-01 nobody: registrations 1', 'a registration');
SELECT affiliate.reassign('s2', 'main', 'bob', 'since', '2025-01-01', reason => 'test');
SELECT pg_temp.drain();
SELECT is(pg_temp.report('{affiliate}', '{conversions,gross,net_commission}', '2025-03-06', '2025-03-07'), 'bob: conversions 1, gross 100, net_commission 10', 'another affiliate');

-- types, numbers, currencies, uplines
SELECT pg_temp.buy('r1', customer => 'w', type => 'reset_fee', at => '2025-07-01', amount => 30, original => 'w'), pg_temp.buy('r2', customer => 'w', type => 'upgrade_fee', at => '2025-07-02', amount => 20, original => 'w'),
       pg_temp.buy('r3', customer => 'w', type => 'addon_fee', at => '2025-07-03', amount => 5);
SELECT pg_temp.clock('2025-09-01');
SELECT pg_temp.drain();
SELECT is(pg_temp.report('{}', '{conversions,purchases,new_customers,resets,upgrades,other_sales,reset_rate}', '2025-07-01', '2025-08-01'), ': conversions 3, resets 1, upgrades 1, other_sales 1, reset_rate 1', 'kinds of sales');
SELECT is(pg_temp.report('{conversion_type}', '{gross}', '2025-07-01', '2025-08-01'), 'addon_fee: gross 5; reset_fee: gross 30; upgrade_fee: gross 20', 'by type');
INSERT INTO affiliate.fx_rate (from_currency, to_currency, valid_from, rate) VALUES ('EUR', 'USD', '2020-01-01', 1.5);
SELECT pg_temp.buy('e1', at => '2025-08-10', currency => 'EUR');
SELECT is(pg_temp.report('{affiliate}', '{conversions,gross,net_commission}', '2025-08-01', '2025-09-01'), 'ann: net_commission 15; ann EUR: conversions 1, gross 100', 'currencies are never added up');
SELECT pg_temp.program('other', 'net * 0.20');
INSERT INTO affiliate.plan_rule (plan_no, sequence_no, name, beneficiary, level, amount) SELECT pg_temp.plan_of('other'), 2, 'upline', 'upline', 1, 'net * 0.05';
INSERT INTO affiliate.affiliate_upline (affiliate_no, upline_no) VALUES (pg_temp.of('ann'), pg_temp.of('dan'));
SELECT pg_temp.buy('u1', at => '2025-08-12', program => 'other');
SELECT is(pg_temp.report('{program,affiliate}', '{conversions,net_commission}', '2025-08-11', '2025-09-01'), 'other ann: conversions 1, net_commission 20; other dan: net_commission 5', 'an upline earns without a sale of its own');

-- money: what is paid, held and payable
SELECT pg_temp.clock('2025-08-12 12:00Z');
SELECT affiliate.record_payment('ann', 'other', '2025-08-12 12:00Z', 'pay-1');
SELECT is(pg_temp.report('{affiliate}', '{accrued,paid,held,eligible}', '2025-08-12', '2025-08-13', '{"program": "other"}'), 'ann: accrued 20, paid 20; dan: accrued 5, eligible 5', 'paid and payable');
SELECT affiliate.adjust('dan', 'other', 3, 'credit', 'goodwill');
UPDATE affiliate.program SET adjust_approval = 'never' WHERE program_id = 'other';
SELECT affiliate.adjust('dan', 'other', 2, 'debit', 'correction');
SELECT is(pg_temp.report('{affiliate,method}', '{accrued,eligible}', '2025-08-12', '2025-08-13', '{"affiliate": "dan"}'), 'dan: accrued -2, eligible -2; dan coupon: accrued 5, eligible 5', 'an approved adjustment counts, a requested one does not');

-- clicks
SELECT pg_temp.clock('2025-09-01');
SELECT pg_temp.click('k1', 'ann-1', 'v1', '2025-09-05 10:00Z', 'DE'), pg_temp.click('k2', 'ann-2', 'v1', '2025-09-05 11:00Z', 'AT'), pg_temp.click('k3', 'bob-1', 'v1', '2025-09-05 12:00Z'),
       pg_temp.click('k4', 'ann-1', 'v1', '2025-09-05 22:00Z'), pg_temp.click('k5', 'ann-1', NULL, '2025-09-06 10:00Z'), pg_temp.click('k6', 'ann-1', NULL, '2025-09-06 10:00Z'),
       pg_temp.click('k7', 'unheard of', 'v2', '2025-09-05 10:00Z'), pg_temp.click('k8', NULL, 'v2', '2025-09-05 10:00Z', affiliate => 'cyd', campaign => 'spring'), pg_temp.click('k9', 'ann-1', 'v3', '2025-09-05 10:00Z', test => true);
SELECT is(pg_temp.report('{day,affiliate}', '{clicks,unique_clicks}', '2025-09-01', '2025-10-01'),
    '09-05 ann: clicks 2, unique_clicks 1; 09-05 bob: clicks 1, unique_clicks 1; 09-05 cyd: clicks 1, unique_clicks 1; 09-05 nobody: clicks 1, unique_clicks 1; 09-06 ann: clicks 3, unique_clicks 3',
    'clicks, and of each visitor, affiliate and day the first; without visitor each');
SELECT is(pg_temp.report('{affiliate,campaign,country}', '{clicks,unique_clicks}', '2025-09-05', '2025-09-06', '{"affiliate": ["ann", "cyd"]}'),
    'ann none AT: clicks 1; ann spring DE: clicks 1, unique_clicks 1; cyd spring nowhere: clicks 1, unique_clicks 1', 'the link''s campaign and the click''s country; the first click is the unique one');
SELECT pg_temp.click('k0', 'ann-2', 'v1', '2025-09-05 09:00Z', 'CH');
SELECT is(pg_temp.report('{affiliate,country}', '{clicks,unique_clicks}', '2025-09-05', '2025-09-06', '{"affiliate": "ann"}'), 'ann AT: clicks 1; ann CH: clicks 1, unique_clicks 1; ann DE: clicks 1', 'an earlier one that comes later takes its place');
UPDATE affiliate.click SET visitor_id = 'v1', customer_id = 'x' WHERE click_id = 'k5';
SELECT is(pg_temp.report('{affiliate}', '{clicks,unique_clicks}', '2025-09-06', '2025-09-07'), 'ann: clicks 3, unique_clicks 3', 'who clicked becomes known: the click counts as it came');
SELECT is(pg_temp.report('{affiliate}', '{clicks,conversions,conversion_rate,earnings_per_click}', filter => '{"affiliate": "bob"}'),
    'bob: clicks 1, conversions 2, conversion_rate 2, earnings_per_click 10', 'rates');

-- the ends of time, in zones where their days do not exist
SELECT pg_temp.program(p.id) FROM (VALUES ('early'), ('late')) AS p (id);
UPDATE affiliate.program SET time_zone = CASE program_id WHEN 'early' THEN 'America/New_York' ELSE 'Asia/Tokyo' END WHERE program_id IN ('early', 'late');
SELECT pg_temp.buy('t1', program => 'early', at => '4714-11-24 00:00Z BC'), pg_temp.buy('t2', program => 'late', at => '294276-12-31 23:59Z');
INSERT INTO affiliate.click (program_id, click_id, visitor_id, clicked_at) VALUES ('early', 't1', 'v', '4714-11-24 00:00Z BC'), ('late', 't2', 'v', '294276-12-31 23:59Z');
SELECT is(pg_temp.lines($$SELECT program, clicks, conversions FROM affiliate.performance('-infinity', 'infinity', '{program}', '{"program": ["early", "late"]}') ORDER BY 1$$),
    'early,1,1; late,1,1', 'facts at the ends of time stand at the ends of reports');

-- refused
SELECT throws_ok($$SELECT * FROM affiliate.performance('2025-01-01', '2025-02-01', '{week}')$$, 'AF033', 'invalid value for argument "group_by": "week"', 'a group that does not exist');
SELECT throws_ok($$SELECT * FROM affiliate.performance('2025-01-01', '2025-02-01', '{day,month}')$$, 'AF033', NULL, 'day and month at once');
SELECT throws_ok(format($$SELECT * FROM affiliate.performance('2025-01-01', '2025-02-01', filter => '{"%s": ["%s"]}')$$, name, value), 'AF033', format('invalid value for argument "filter": "%s"', value), 'no ' || name)
FROM (VALUES ('method', 'coupons'), ('method', 'none'), ('conversion_type', 'reset'), ('campaign', 'sprng'), ('currency', 'usd')) AS typo (name, value);
SELECT throws_ok($$SELECT affiliate.rollup_rebuild('2025-03-01', '2025-02-01')$$, 'AF033', 'invalid value for argument "to_day": "2025-02-01"', 'a period that ends before it begins');
SELECT throws_ok($$SELECT * FROM affiliate.performance('2025-01-01', NULL)$$, 'AF033', NULL, 'no day');
SELECT throws_ok($$SELECT * FROM affiliate.performance('2025-01-01', '2025-02-01', filter => '{"shoe": "x"}')$$, 'AF033', NULL, 'a filter that does not exist');
SELECT throws_ok($$SELECT * FROM affiliate.performance('2025-01-01', '2025-02-01', filter => '{"affiliate": "Ann"}')$$, 'AF016', 'affiliate "Ann" does not exist', 'an affiliate that does not exist');
SELECT throws_ok($$SELECT * FROM affiliate.performance('2025-01-01', '2025-02-01', filter => '{"program": "nothing"}')$$, 'AF012', 'program "nothing" does not exist', 'a program that does not exist');
SELECT throws_ok(format('SELECT * FROM affiliate.%s', call), 'AF033', 'invalid value for argument "from_day": null', 'no day: ' || call)
FROM unnest(ARRAY['performance(NULL, NULL)', 'top_affiliates(NULL, NULL)', 'funnel(NULL, NULL)', 'quality(''ann'', NULL, NULL)', 'chargeback_report(NULL, NULL)']) AS call;
SELECT throws_ok($$SELECT * FROM affiliate.performance('2025-01-01', '2025-02-01', basis => 'cash')$$, 'AF033', NULL, 'a basis that does not exist');
SELECT * FROM finish();
ROLLBACK;
