-- top_affiliates, funnel, quality, chargeback_report and metrics.
BEGIN;
SELECT plan(25);
\ir _rig.sql
SELECT pg_temp.buy(id, 'ANN', account.at) FROM (VALUES ('a1', timestamptz '2025-03-05'), ('a2', '2025-03-06'), ('a3', '2025-03-07')) AS account (id, at);
SELECT pg_temp.buy('b1', 'BOB', amount => 500);
SELECT pg_temp.buy('a1-2', NULL, '2025-04-05', customer => 'a1'), pg_temp.buy('a1-3', NULL, '2025-03-20', customer => 'a2', type => 'reset_fee', original => 'a2');
INSERT INTO affiliate.customer (program_id, customer_id, signup_date) VALUES ('main', 'a1', '2025-03-01'), ('main', 'a2', '2025-03-04'), ('main', 'a3', '2025-03-06 12:00Z');
INSERT INTO affiliate.event (program_id, event_id, customer_id, event_type, occurred_at, transaction_id)
SELECT 'main', e.id, e.customer, e.type, e.at, e.customer
FROM (VALUES ('e1', 'a1', 'evaluation_started', timestamptz '2025-03-06'), ('e2', 'a1', 'evaluation_passed', '2025-03-20'), ('e3', 'a1', 'funded', '2025-03-25'), ('e4', 'a2', 'evaluation_started', '2025-03-06'),
             ('e5', 'a2', 'evaluation_failed', '2025-03-10'), ('e6', 'a3', 'evaluation_started', '2025-03-09'), ('e7', 'a3', 'evaluation_failed', '2025-03-10'), ('e8', 'a3', 'evaluation_started', '2025-04-10')) AS e (id, customer, type, at);
SELECT pg_temp.click('k' || n, 'ann-1', 'v' || n % 4) FROM generate_series(1, 8) AS n;
SELECT pg_temp.refund('a2', 50, '2025-03-20');
UPDATE affiliate.transaction SET status = 'chargeback', status_at = '2025-04-20' WHERE transaction_id = 'a3';
INSERT INTO affiliate.dispute (dispute_id, transaction_id, opened_at, amount) VALUES ('d1', 'b1', '2025-05-01', 200);
SELECT pg_temp.drain();

SELECT is(pg_temp.lines($$SELECT rank, affiliate, currency, value FROM affiliate.top_affiliates('2025-03-01', '2025-04-01')$$), '1,bob,USD,500; 2,ann,USD,250', 'top_affiliates by net revenue');
SELECT is(pg_temp.lines($$SELECT affiliate, value FROM affiliate.top_affiliates('2025-03-01', '2025-04-01', 'conversions', 1)$$), 'ann,4', 'by another number, the first');
SELECT is(pg_temp.lines($$SELECT affiliate, value FROM affiliate.top_affiliates('2025-03-01', '2025-04-01', 'resets')$$), 'ann,1', 'who has none is not among the best');
SELECT throws_ok($$SELECT * FROM affiliate.top_affiliates('2025-03-01', '2025-04-01', 'beauty')$$, 'AF033', 'invalid value for argument "metric": "beauty"', 'a number that does not exist');
SELECT throws_ok($$SELECT * FROM affiliate.top_affiliates('2025-03-01', '2025-04-01', n => 0)$$, 'AF033', NULL, 'no affiliates');

SELECT is(pg_temp.lines($$SELECT clicks, unique_clicks, registrations, new_customers, purchases, resets, started, failed, passed, funded, customer_rate, pass_rate, funded_rate, reset_rate
    FROM affiliate.funnel('2025-03-01', '2025-04-01')$$), '8,4,3,4,4,1,3,2,1,1,1.000000,0.333333,0.333333,0.200000', 'funnel');
SELECT is(pg_temp.lines($$SELECT period, affiliate, new_customers, started, funded FROM affiliate.funnel('2025-03-01', '2025-05-01', '{month,affiliate}', '{"affiliate": "ann"}') ORDER BY period$$),
    '2025-03-01,ann,3,3,1; 2025-04-01,ann,0,1,0', 'by month and affiliate');
SELECT is(pg_temp.lines($$SELECT conversions, started, failed, passed, funded, pass_rate, funded_rate FROM affiliate.performance('2025-03-01', '2025-04-01', filter => '{"affiliate": "ann"}')$$),
    '4,3,2,1,1,0.333333,0.333333', 'performance() counts events too');
SELECT is(pg_temp.lines($$SELECT conversion_type, events FROM affiliate.performance('2025-03-01', '2025-04-01', '{conversion_type}') WHERE events > 0 ORDER BY 1$$),
    'evaluation_failed,2; evaluation_passed,1; evaluation_started,3; funded,1', 'of any kind, by kind');
SELECT is(pg_temp.lines($$SELECT conversion_type FROM affiliate.performance('2025-03-01', '2025-04-01', '{conversion_type}') ORDER BY 1$$),
    'challenge_fee; evaluation_failed; evaluation_passed; evaluation_started; funded; registration; reset_fee; ', 'by type');

SELECT is(pg_temp.lines($$SELECT * FROM affiliate.quality('ann', '2025-03-01', '2025-04-01')$$), '4,3,0.250000,0.250000,0.666667,2.00,0.250000,0.333333,0.333333', 'quality: of 4 sales 1 refunded and 1 charged back; 2 of 3 came back; after 4, 2 and half a day');
SELECT is(pg_temp.lines($$SELECT * FROM affiliate.quality('dan', '2025-03-01', '2025-04-01')$$), '0,0,,,,,,,', 'of nobody''s customers');
SELECT throws_ok($$SELECT * FROM affiliate.quality('Ann', '2025-03-01', '2025-04-01')$$, 'AF016', NULL, 'of an unknown affiliate');

SELECT is(pg_temp.lines($$SELECT program, affiliate, currency, sales, chargebacks, trim_scale(chargeback_rate), charged_back, commission_reversed, open_disputes, disputed, commission_at_stake
    FROM affiliate.chargeback_report('2025-03-01', '2025-04-01')$$), 'main,ann,USD,4,1,0.25,100,10.00,0,0,0; main,bob,USD,1,0,0,0,0,1,200,50.00', 'chargeback_report: lost, and at stake');
UPDATE affiliate.dispute SET outcome = 'won', closed_at = '2025-05-20' WHERE dispute_id = 'd1';
SELECT pg_temp.drain();
SELECT is(pg_temp.lines($$SELECT open_disputes, disputed FROM affiliate.chargeback_report('2025-03-01', '2025-04-01') WHERE affiliate = 'bob'$$), '0,0', 'a dispute that was won is no more at stake');
-- told by a chargeback transaction; by rows and words; by a row that was won and a word that stayed; by a word that a completed one overwrote; by two rows, one without amount
SELECT pg_temp.buy('x1', 'ANN', '2025-06-01'), pg_temp.buy('x2', 'BOB', '2025-06-01', 500), pg_temp.buy('x3', 'CYD', '2025-06-01'), pg_temp.buy('x4', 'DAN', '2025-06-01'), pg_temp.buy('x5', 'EVE', '2025-06-01', 500);
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, completed_at, original_transaction_id)
VALUES ('main', 'x1', 'x1-c', 'chargeback', 'completed', 'USD', 100, '2025-06-10', 'x1');
UPDATE affiliate.transaction SET status = 'disputed', status_at = '2025-06-10' WHERE transaction_id IN ('x2', 'x3', 'x4');
INSERT INTO affiliate.dispute (dispute_id, transaction_id, opened_at, amount)
VALUES ('d2', 'x2', '2025-06-10', 200), ('d3', 'x3', '2025-06-10', NULL), ('d5', 'x5', '2025-06-10', NULL), ('d6', 'x5', '2025-06-11', 50);
UPDATE affiliate.dispute SET outcome = 'won', closed_at = '2025-06-20' WHERE dispute_id = 'd3';
UPDATE affiliate.transaction SET status = 'completed', status_at = '2025-06-15' WHERE transaction_id = 'x4';
SELECT pg_temp.drain();
SELECT is(pg_temp.lines($$SELECT affiliate, chargebacks, commission_reversed, open_disputes, disputed, commission_at_stake FROM affiliate.chargeback_report('2025-06-01', '2025-07-01') ORDER BY 1$$),
    'ann,1,10.00,0,0,0; bob,0,0,1,200,50.00; cyd,0,0,0,0,0; dan,0,0,1,100,10.00; eve,0,0,1,500,50.00', 'as the kernel sees disputes');
SELECT set_eq($$SELECT f.affiliate_id FROM affiliate.commission AS c JOIN affiliate.affiliate AS f USING (affiliate_no) WHERE c.hold_reason = 'dispute'$$,
    $$SELECT affiliate FROM affiliate.chargeback_report('2025-06-01', '2025-07-01') WHERE open_disputes > 0$$, 'these commissions are held');
SELECT is_empty($$SELECT FROM affiliate.chargeback_report('2025-08-01', '2025-09-01')$$, 'no sales, no rows');
SELECT pg_temp.buy('y1', 'BOB', '2025-07-10'), pg_temp.buy('y2', 'BOB', '2025-07-10');
INSERT INTO affiliate.event (program_id, event_id, customer_id, event_type, occurred_at, transaction_id) VALUES ('main', 'cb', 'y1', 'chargeback_filed', '2025-07-20', 'y1');
INSERT INTO affiliate.dispute (dispute_id, transaction_id, opened_at, amount) VALUES ('d7', 'y2', '2025-07-22', 30), ('d8', 'y2', '2025-07-23', 25);
SELECT pg_temp.drain();
SELECT is(pg_temp.lines($$SELECT sales, chargebacks, charged_back, commission_reversed, open_disputes, disputed, commission_at_stake FROM affiliate.chargeback_report('2025-07-01', '2025-08-01')$$),
    '2,1,100,10.00,1,55,10.00', 'charged back by an event; disputes of one sale add up');

SELECT set_has($$SELECT name FROM affiliate.metrics()$$, $$VALUES ('pg_affiliate_info'), ('pg_affiliate_queue_rows'), ('pg_affiliate_queue_age_seconds'), ('pg_affiliate_drain_age_seconds'),
    ('pg_affiliate_drain_settled_total'), ('pg_affiliate_queue_scheduled_rows'), ('pg_affiliate_installation_problems'), ('pg_affiliate_test_clock'), ('pg_affiliate_subscriber'), ('pg_affiliate_review_open_cases'), ('pg_affiliate_pending_input_rows'), ('pg_affiliate_oldest_transaction_seconds')$$, 'metrics');
SELECT is_empty($$SELECT name, labels FROM affiliate.metrics() GROUP BY 1, 2 HAVING count(*) > 1 OR min(value) IS NULL$$, 'one value per series');
INSERT INTO affiliate.settle_queue (kind, customer_id, reason) VALUES ('customer', 'a1', 'test');
SELECT is((SELECT value FROM affiliate.metrics() WHERE name = 'pg_affiliate_queue_rows' AND labels ->> 'kind' = 'customer'), 1::numeric, 'the queue');
SELECT set_has($$SELECT item FROM affiliate.health()$$, $$VALUES ('rollups'), ('last rollup'), ('watermark age'), ('rollup error'), ('rollup job'), ('failed jobs')$$, 'health() knows the rollups');
SELECT affiliate._rollup_failed('no space');
SELECT is(pg_temp.lines($$SELECT value, state FROM affiliate.health() WHERE item = 'rollup error'$$), '"no space",bad', 'and how the last refresh failed');
SELECT is((SELECT value FROM affiliate.metrics() WHERE name = 'pg_affiliate_rollup_error'), 1::numeric, 'for machines too');
SELECT * FROM finish();
ROLLBACK;
