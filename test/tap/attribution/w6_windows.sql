-- W6: click window, lead window, which window wins, and how a window ends.
BEGIN;
SELECT plan(27);
\ir ../settle/_rig.sql
SELECT pg_temp.program(p) FROM unnest('{instant_exclusive,instant_inclusive,end_of_day,no_leads,levels}'::text[]) AS p;
UPDATE affiliate.program SET window_end = program_id WHERE program_id IN ('instant_exclusive', 'instant_inclusive', 'end_of_day');
UPDATE affiliate.program SET time_zone = 'America/New_York' WHERE program_id = 'end_of_day';
UPDATE affiliate.program SET lead_window = '0' WHERE program_id = 'no_leads';

-- click window, 72 hours from March 1, 10:00 (5:00 in New York)
INSERT INTO affiliate.click (program_id, click_id, affiliate_id, clicked_at)
SELECT p, p || '-k', 'ann', '2025-03-01 10:00' FROM unnest('{instant_exclusive,instant_inclusive,end_of_day,no_leads}'::text[]) AS p;
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, click_id)
SELECT p, p || '-w' || n, p || '-w' || n, 'challenge_fee', 'completed', 'USD', 100, at, at, p || '-k'
FROM unnest('{instant_exclusive,instant_inclusive,end_of_day}'::text[]) AS p, unnest(ARRAY[timestamptz '2025-03-01 10:00', '2025-03-04 09:59:59.999999', '2025-03-04 10:00',
    '2025-03-04 10:00:00.000001', '2025-03-05 04:59:59.999999', '2025-03-05 05:00', '2025-03-01 09:59:59.999999']) WITH ORDINALITY AS v (at, n);
CREATE FUNCTION pg_temp.won(program text, wanted text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(right(transaction_id, 1), '' ORDER BY transaction_id) FROM affiliate.conversions WHERE conversions.program = won.program AND transaction_id LIKE won.program || wanted AND affiliate = 'ann'
$$;
SELECT is(pg_temp.won('instant_exclusive', '-w%'), '12', 'up to the last microsecond');
SELECT is(pg_temp.won('instant_inclusive', '-w%'), '123', 'the end included');
SELECT is(pg_temp.won('end_of_day', '-w%'), '12345', 'until the end of the day in the program''s zone');
SELECT is(pg_temp.candidates('instant_exclusive-w3'), 'click ann window_expired', 'the code after it');
SELECT matches(pg_temp.candidates('instant_exclusive-w7'), '^(click ann after_order)?$', 'a click after the order never counts');

-- lead window, 90 days from a registration inside the click window
INSERT INTO affiliate.customer (program_id, customer_id, signup_date, click_id)
SELECT p, p || '-l' || n, '2025-03-01 12:00', p || '-k' FROM unnest('{instant_exclusive,instant_inclusive,end_of_day,no_leads}'::text[]) AS p, generate_series(1, 6) AS n;
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at)
SELECT p, p || '-l' || n, p || '-l' || n, 'challenge_fee', 'completed', 'USD', 100, at, at
FROM unnest('{instant_exclusive,instant_inclusive,end_of_day,no_leads}'::text[]) AS p, unnest(ARRAY[timestamptz '2025-03-04 10:00', '2025-05-30 11:59:59.999999', '2025-05-30 12:00',
    '2025-05-30 12:00:00.000001', '2025-05-31 03:59:59.999999', '2025-05-31 04:00']) WITH ORDINALITY AS v (at, n);
SELECT is(pg_temp.won('instant_exclusive', '-l%'), '12', 'a lead, up to the last microsecond');
SELECT is(pg_temp.won('instant_inclusive', '-l%'), '123', 'its end included');
SELECT is(pg_temp.won('end_of_day', '-l%'), '12345', 'until the end of the day, now in summer time');
SELECT is(pg_temp.outcome('instant_exclusive', '%-l2'), 'instant_exclusive-l2 ann lead #1 10', 'the method is lead');
SELECT matches(pg_temp.outcome('instant_exclusive', '%-l3'), '^instant_exclusive-l3 nobody window_expired #1', 'the code after it');
SELECT is(pg_temp.won('no_leads', '-l%'), NULL, 'lead_window 0: strictly click to purchase');
INSERT INTO affiliate.customer (program_id, customer_id, signup_date, click_id) VALUES
    ('no_leads', 'n1', '2025-03-01 12:00', 'no_leads-k'), ('instant_exclusive', 'n2', '2025-03-04 10:00', 'instant_exclusive-k');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, click_id) VALUES
    ('no_leads', 'n1', 'n1', 'challenge_fee', 'completed', 'USD', 100, '2025-03-03', '2025-03-03', 'no_leads-k'),
    ('instant_exclusive', 'n2', 'n2', 'challenge_fee', 'completed', 'USD', 100, '2025-03-05', '2025-03-05', NULL);
SELECT is(pg_temp.outcome('no_leads', 'n1'), 'n1 ann click #1 10', 'from click to purchase it counts');
SELECT matches(pg_temp.outcome('instant_exclusive', 'n2'), '^n2 nobody ', 'a registration after the click window opens no lead');
-- at the first purchase only
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, affiliate_id) VALUES
    ('instant_exclusive', 'instant_exclusive-l1', 'again', 'challenge_fee', 'completed', 'USD', 100, '2025-03-20', '2025-03-20', NULL);
SELECT is(pg_temp.outcome('instant_exclusive', 'again'), 'again ann ownership #2 10', 'a second purchase goes by ownership, not by the lead');

-- the most specific window: agreement, campaign, traffic source, program
INSERT INTO affiliate.traffic_source (program_no, traffic_source, click_window, lead_window, ownership_window) VALUES (pg_temp.no('levels'), 'mail', '96 hours', '20 days', '20 days');
INSERT INTO affiliate.campaign (program_no, campaign_id, click_window, lead_window, ownership_window) VALUES (pg_temp.no('levels'), 'spring', '120 hours', '30 days', '30 days');
INSERT INTO affiliate.agreement (program_no, affiliate_no, plan_id, valid_from, click_window, lead_window, ownership_window) VALUES
    (pg_temp.no('levels'), pg_temp.of('eve'), 'standard', '2020-01-01', '144 hours', '40 days', '40 days');
INSERT INTO affiliate.link (link_id, program_no, affiliate_no, campaign_no, traffic_source)
SELECT v.id, pg_temp.no('levels'), pg_temp.of(v.affiliate), CASE WHEN v.campaign THEN (SELECT campaign_no FROM affiliate.campaign WHERE campaign_id = 'spring') END, v.source
FROM (VALUES ('plain', 'bob', false, NULL), ('source', 'bob', false, 'mail'), ('campaign', 'bob', true, 'mail'), ('agreement', 'eve', true, 'mail')) AS v (id, affiliate, campaign, source);
INSERT INTO affiliate.click (program_id, click_id, link_id, clicked_at) SELECT 'levels', link_id, link_id, '2025-03-01' FROM affiliate.link;
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, click_id)
SELECT 'levels', link || n, link || n, 'challenge_fee', 'completed', 'USD', 100, at, at, link
FROM (VALUES ('plain', 72), ('source', 96), ('campaign', 120), ('agreement', 144)) AS v (link, hours),
    LATERAL (VALUES (1, timestamptz '2025-03-01' + hours * interval '1 hour' - interval '1 microsecond'), (2, timestamptz '2025-03-01' + hours * interval '1 hour')) AS w (n, at);
SELECT is(pg_temp.outcome('levels', link || '%'), format('%1$s1 %2$s click #1 10, %1$s2 nobody window_expired #1', link, who), 'click window of ' || link)
FROM (VALUES ('plain', 'bob'), ('source', 'bob'), ('campaign', 'bob'), ('agreement', 'eve')) AS v (link, who);
SELECT is(pg_temp.owned(link || '1'), who || ' ' || days, 'ownership window of ' || link)
FROM (VALUES ('plain', 'bob', '03-03..06-01'), ('source', 'bob', '03-04..03-24'), ('campaign', 'bob', '03-05..04-04'), ('agreement', 'eve', '03-06..04-15')) AS v (link, who, days);
INSERT INTO affiliate.customer (program_id, customer_id, signup_date, click_id) SELECT 'levels', 'lead-' || link || n, '2025-03-01', link
FROM unnest('{plain,source,campaign,agreement}'::text[]) AS link, generate_series(1, 2) AS n;
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at)
SELECT 'levels', 'lead-' || link || n, 'lead-' || link || n, 'challenge_fee', 'completed', 'USD', 100, at, at
FROM (VALUES ('plain', 90), ('source', 20), ('campaign', 30), ('agreement', 40)) AS v (link, days),
    LATERAL (VALUES (1, timestamptz '2025-03-01' + days * interval '1 day' - interval '1 microsecond'), (2, timestamptz '2025-03-01' + days * interval '1 day')) AS w (n, at);
SELECT is(pg_temp.outcome('levels', 'lead-' || link || '%'), format('lead-%1$s1 %2$s lead #1 10, lead-%1$s2 nobody window_expired #1', link, who), 'lead window of ' || link)
FROM (VALUES ('plain', 'bob'), ('source', 'bob'), ('campaign', 'bob'), ('agreement', 'eve')) AS v (link, who);

SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
