-- W13: what customers type never raises; structural errors raise and change nothing.
BEGIN;
SELECT plan(32);
\ir ../settle/_rig.sql
SELECT pg_temp.program('main');
CREATE FUNCTION pg_temp.sell(id text, codes text[], click text, declared text, campaign text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes, click_id, affiliate_id, campaign_id)
    VALUES ('main', id, id, 'challenge_fee', 'completed', 'USD', 100, '2025-03-05', '2025-03-05', codes, click, declared, campaign)
$$;

SELECT lives_ok($$SELECT pg_temp.sell('a1', '{NOBODYS}', 'no-such-click', 'stranger', 'no-such-campaign')$$, 'unknown names');
SELECT lives_ok(format('SELECT pg_temp.sell(%L, ARRAY[%L], %2$L, %2$L, %2$L)', 'a2', repeat('x', 5000)), 'over-long names');
SELECT lives_ok($$SELECT pg_temp.sell('a3', ARRAY[E'\x01', '', NULL, '🙂', E'a\nb', '''; DROP TABLE t; --'], E'\t', ' ', E'{}\\')$$, 'malformed names');
SELECT lives_ok($$INSERT INTO affiliate.customer (customer_id, signup_date, affiliate_id, click_id, campaign_id, coupon_codes) VALUES ('a4', '2025-03-01', repeat('y', 3000), repeat('y', 3000), repeat('y', 3000), ARRAY[repeat('y', 3000)])$$, 'on a customer too');
SELECT lives_ok($$INSERT INTO affiliate.click (click_id, affiliate_id, link_id, campaign_id, clicked_at) VALUES ('k1', 'stranger', 'no-such-link', repeat('z', 3000), '2025-03-04')$$, 'on a click too');
SELECT pg_temp.clock('2025-07-02 12:00');
SELECT pg_temp.drain();
SELECT is(pg_temp.outcome('main'), 'a1 nobody organic #1, a2 nobody organic #1, a3 nobody organic #1', 'nobody earns');
SELECT is((SELECT string_agg(method || ' ' || code, ', ' ORDER BY method) FROM affiliate.candidates WHERE transaction_id = 'a1'), 'click unknown_click, coupon unknown_coupon, declared unknown_affiliate', 'each is stored with its code');
SELECT is((SELECT ref FROM affiliate.candidates WHERE transaction_id = 'a1' AND method = 'declared'), 'stranger', 'raw');
SELECT cmp_ok((SELECT max(octet_length(ref)) FROM affiliate.candidates WHERE transaction_id = 'a2'), '<=', 500, 'clipped');
SELECT is((SELECT declared.affiliate_id FROM affiliate.transaction AS declared WHERE transaction_id = 'a2'), repeat('x', 5000), 'the fact keeps what was said');
SELECT matches(pg_temp.reviews('a1'), 'unknown_click', 'a review where money may hang on it');

-- structural errors raise, and nothing is stored
CREATE FUNCTION pg_temp.bad(columns text, sqlstate text, what text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN throws_ok(format('INSERT INTO affiliate.transaction SELECT r.* FROM jsonb_populate_record(NULL::affiliate.transaction, jsonb_build_object(''program_id'', ''main'','
        ' ''customer_id'', ''bad'', ''transaction_id'', ''bad'', ''transaction_type'', ''challenge_fee'', ''status'', ''completed'', ''currency'', ''USD'', ''amount'', 1, ''is_test'', false, ''version'', 0,'
        ' ''recorded_at'', now(), ''recorded_by'', ''x'') || %L) AS r', columns), sqlstate, NULL, what);
END
$$;
SELECT pg_temp.bad('{"program_id": "nowhere"}', 'AF012', 'program');
SELECT pg_temp.bad('{"currency": "XYZ1"}', 'AF013', 'currency');
SELECT pg_temp.bad('{"currency": "usd"}', 'AF013', 'currency in small letters');
SELECT pg_temp.bad('{"transaction_type": "gift"}', 'AF014', 'type');
SELECT pg_temp.bad('{"status": "done"}', 'AF015', 'status');
SELECT pg_temp.bad('{"transaction_id": ""}', 'AF018', 'empty transaction_id');
SELECT pg_temp.bad('{"customer_id": ""}', 'AF010', 'empty customer_id');
SELECT pg_temp.bad(jsonb_build_object('transaction_id', repeat('x', 501))::text, 'AF018', 'over-long transaction_id');
SELECT pg_temp.bad('{"amount": "NaN"}', 'AF010', 'not a number');
SELECT pg_temp.bad('{"amount": "-Infinity"}', 'AF010', 'infinite');
SELECT pg_temp.bad('{"tax": 1234567890.123456}', 'AF010', 'more than 15 digits');
SELECT pg_temp.bad('{"ordered_at": "infinity"}', 'AF010', 'infinite time');
SELECT is((SELECT count(*) FROM affiliate.transaction WHERE customer_id IN ('bad', '')), 0::bigint, 'nothing was stored');

-- a changed key raises and changes nothing
INSERT INTO affiliate.program (program_id, currency) VALUES ('other', 'USD');
SELECT throws_ok(format('UPDATE affiliate.transaction SET %s, amount = 5 WHERE transaction_id = ''a1''', change), 'AF011', NULL, change)
FROM unnest(ARRAY['customer_id = ''x''', 'transaction_id = ''x''', 'program_id = ''other''', 'transaction_type = ''reset_fee''', 'currency = ''EUR''', 'ordered_at = ''2025-03-06''']) AS change;
SELECT throws_ok($$UPDATE affiliate.click SET affiliate_id = 'ann' WHERE click_id = 'k1'$$, 'AF011', NULL, 'a click re-sent with other content');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
