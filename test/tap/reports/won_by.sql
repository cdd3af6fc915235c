-- What won a sale: attribution_share for each method, and conversions and money by campaign.
BEGIN;
SELECT plan(17);
\ir _rig.sql
\ir _past.sql
UPDATE affiliate.program SET ownership_window = '0' WHERE program_id = 'main';
INSERT INTO affiliate.campaign (program_no, campaign_id) SELECT pg_temp.no('main'), 'autumn';
INSERT INTO affiliate.link (link_id, program_no, affiliate_no, campaign_no) SELECT 'bob-2', pg_temp.no('main'), pg_temp.of('bob'), campaign_no FROM affiliate.campaign WHERE campaign_id = 'autumn';

-- one sale for each method; two are declared, on the sale and on the customer
SELECT pg_temp.click('k-lead', 'ann-1', at => '2025-03-01 10:00Z'), pg_temp.click('k-spring', 'ann-1'), pg_temp.click('k-autumn', 'bob-2'), pg_temp.click('k-named', 'ann-2', campaign => 'autumn'), pg_temp.click('k-plain', 'ann-2');
INSERT INTO affiliate.customer (program_id, customer_id, signup_date, click_id, affiliate_id) VALUES ('main', 'lead', '2025-03-01 12:00Z', 'k-lead', NULL), ('main', 'declared', '2025-03-01 12:00Z', NULL, 'cyd');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, affiliate_id)
VALUES ('main', 'said', 'said', 'challenge_fee', 'completed', 'USD', 300, '2025-03-05 12:00Z', '2025-03-05 12:00Z', 'bob');
SELECT pg_temp.buy('lead', NULL, amount => 200), pg_temp.buy('declared', NULL, amount => 400), pg_temp.buy('coupon', 'DAN', amount => 500), pg_temp.buy('nobody', NULL, amount => 600),
       pg_temp.buy('spring', NULL, click => 'k-spring'), pg_temp.buy('autumn', NULL, amount => 1000, click => 'k-autumn'), pg_temp.buy('named', NULL, amount => 70, click => 'k-named'), pg_temp.buy('plain', NULL, amount => 30, click => 'k-plain');
SELECT pg_temp.drain();
SELECT is(pg_temp.outcome('main'), 'autumn bob click #1 100, coupon dan coupon #1 50, declared cyd declared #1 40, lead ann lead #1 20, named ann click #1 7, nobody nobody organic #1, plain ann click #1 3, said bob declared #1 30, spring ann click #1 10',
    'who won, and how');

CREATE FUNCTION pg_temp.shares() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT pg_temp.lines('SELECT method, conversions, share, gross, net_revenue, trim_scale(net_commission) FROM affiliate.attribution_share WHERE month = ''2025-03-01'' ORDER BY method')
$$;
CREATE FUNCTION pg_temp.campaigns(basis text DEFAULT 'sale', group_by text[] DEFAULT '{campaign}', filter jsonb DEFAULT '{}') RETURNS text LANGUAGE sql STABLE AS $$
    SELECT pg_temp.report(group_by, '{clicks,registrations,new_customers,conversions,gross,refunded,net_revenue,net_commission}', filter => filter, basis => basis)
$$;
CREATE TEMP TABLE wanted AS SELECT
    'click,4,0.444444,1200,1200,120; coupon,1,0.111111,500,500,50; declared,2,0.222222,700,700,70; lead,1,0.111111,200,200,20; none,1,0.111111,600,600,0' AS shares,
    'autumn: clicks 2, new_customers 2, conversions 2, gross 1070, net_revenue 1070, net_commission 107; none: clicks 1, registrations 1, new_customers 5, conversions 5, gross 1830, net_revenue 1830, net_commission 123; '
    'spring: clicks 2, registrations 1, new_customers 2, conversions 2, gross 300, net_revenue 300, net_commission 30' AS campaigns;
SELECT is(pg_temp.shares(), shares, 'attribution_share has leads and what was declared') FROM wanted;
SELECT is((SELECT sum(share) FROM affiliate.attribution_share), 0.999999, 'the shares are one but for digits');
SELECT is(pg_temp.campaigns(), campaigns, 'the campaign of the link that won, or that the click named: conversions and money') FROM wanted;
SELECT is(pg_temp.campaigns(group_by => '{affiliate,campaign,method}', filter => '{"campaign": ["spring", "autumn"], "conversion_type": "challenge_fee"}'),
    'ann autumn click: new_customers 1, conversions 1, gross 70, net_revenue 70, net_commission 7; ann spring click: new_customers 1, conversions 1, gross 100, net_revenue 100, net_commission 10; '
    'ann spring lead: new_customers 1, conversions 1, gross 200, net_revenue 200, net_commission 20; bob autumn click: new_customers 1, conversions 1, gross 1000, net_revenue 1000, net_commission 100', 'with what else there is');
SELECT is(pg_temp.campaigns(filter => '{"campaign": [null]}', group_by => '{method}'),
    ': clicks 1, new_customers 1, conversions 1, gross 600, net_revenue 600; click: new_customers 1, conversions 1, gross 30, net_revenue 30, net_commission 3; coupon: new_customers 1, conversions 1, gross 500, net_revenue 500, net_commission 50; '
    'declared: registrations 1, new_customers 2, conversions 2, gross 700, net_revenue 700, net_commission 70', 'what has no campaign');

SELECT pg_temp.past('50');
UPDATE affiliate.rollup_state SET watermark = NULL;
SELECT cmp_ok(pg_temp.refresh(), '>', 0, 'refreshed');
SELECT is(rows_above, 0::bigint, 'everything is in the rollups') FROM affiliate.rollup_progress;
SELECT is(pg_temp.shares(), shares, 'attribution_share after a refresh') FROM wanted;
SELECT is(pg_temp.campaigns(), campaigns, 'campaigns after a refresh') FROM wanted;

-- what is taken back is taken from the campaign and the method, by sale and by event
SELECT pg_temp.refund('autumn', 400, '2025-05-20'), pg_temp.refund('lead', 50, '2025-05-20');
SELECT is(pg_temp.shares(), 'click,4,0.444444,1200,800,80; coupon,1,0.111111,500,500,50; declared,2,0.222222,700,700,70; lead,1,0.111111,200,150,15; none,1,0.111111,600,600,0', 'less what was refunded');
SELECT is(pg_temp.report('{month,campaign}', '{conversions,refunded,reversed}', filter => '{"campaign": ["spring", "autumn"]}'),
    '03-01 autumn: conversions 2, refunded 400, reversed 40; 03-01 spring: conversions 2, refunded 50, reversed 5', 'by sale');
SELECT is(pg_temp.report('{month,campaign}', '{conversions,refunded,reversed}', filter => '{"campaign": ["spring", "autumn"]}', basis => 'event'),
    '03-01 autumn: conversions 2; 03-01 spring: conversions 2; 05-01 autumn: refunded 400, reversed 40; 05-01 spring: refunded 50, reversed 5', 'by event');
SELECT is(pg_temp.lines($$SELECT campaign, method, conversions, gross, refunded, trim_scale(net_commission) FROM affiliate.performance_monthly WHERE campaign IS NOT NULL AND conversions > 0 ORDER BY campaign, affiliate, method$$),
    'autumn,click,1,70,0,7; autumn,click,1,1000,400,60; spring,click,1,100,0,10; spring,lead,1,200,50,15', 'the view for BI tools too');

-- another affiliate by decision: no link won that
SELECT affiliate.reassign('spring', 'main', 'eve', 'since', '2025-01-01', reason => 'test');
SELECT pg_temp.drain();
SELECT is(pg_temp.campaigns(group_by => '{affiliate,campaign,method}', filter => '{"affiliate": "eve"}'), 'eve none override: new_customers 1, conversions 1, gross 100, net_revenue 100, net_commission 10', 'what was reassigned has no campaign');
SELECT is(pg_temp.campaigns(filter => '{"campaign": "spring"}'), 'spring: clicks 2, registrations 1, new_customers 1, conversions 1, gross 200, refunded 50, net_revenue 150, net_commission 15', 'any more');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
