-- Bad input gets an error with SQLSTATE, message, DETAIL and HINT, and changes nothing. Follows basics.
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
SET pg_affiliate.now = '2025-06-30 12:00+00';
CREATE FUNCTION public.try(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    state text; message text; detail text; hint text;
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    -- numbers of rows and the values of a failing row differ from run to run
    detail := regexp_replace(regexp_replace(regexp_replace(detail, 'contains \(.*', 'contains (..)'), '\{.*\}', '{..}'), '\)=\(.* conflicts', ')=(..) conflicts');
    RETURN concat_ws(E'\n', state || ': ' || message, 'DETAIL: ' || nullif(regexp_replace(detail, '=\(\[.*', '=(..)'), ''), 'HINT: ' || nullif(hint, ''));
END
$$;
CREATE FUNCTION public.content() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    content text := '';
    part text;
    name text;
BEGIN
    FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'affiliate'::regnamespace AND relkind = 'r' ORDER BY relname LOOP
        EXECUTE format('SELECT md5(coalesce(string_agg(t::text, E''\n'' ORDER BY t::text COLLATE "C"), '''')) FROM affiliate.%I AS t', name) INTO part;
        content := content || name || part;
    END LOOP;
    RETURN md5(content);
END
$$;
-- a plan that nothing was decided by
INSERT INTO affiliate.plan (program_no, plan_id, valid_from) SELECT program_no, 'unused', '2030-01-01' FROM affiliate.program;
SELECT public.content() AS before \gset
\pset format unaligned
\pset tuples_only on
-- a sale with one thing changed
\set sale 'INSERT INTO affiliate.transaction SELECT (jsonb_populate_record(NULL::affiliate.transaction, ''{"program_id": "challenge", "customer_id": "bad", "transaction_id": "bad", "transaction_type": "challenge_fee", "status": "completed", "currency": "USD", "amount": 1, "is_test": false, "version": 0, "recorded_at": "2025-06-30", "recorded_by": "x"}''::jsonb || %L)).*'
SELECT public.try(format(:'sale', '{"program_id": "nowhere"}'));
SELECT public.try(format(:'sale', '{"currency": "EURO"}'));
SELECT public.try(format(:'sale', '{"currency": "usd"}'));
SELECT public.try(format(:'sale', '{"transaction_type": "gift"}'));
SELECT public.try(format(:'sale', '{"status": "done"}'));
SELECT public.try(format(:'sale', '{"amount": 1234567890.123456}'));
SELECT public.try(format(:'sale', '{"amount": 1e15}'));
SELECT public.try(format(:'sale', '{"amount": 1e16, "transaction_id": "fifteen"}'));
SELECT public.try(format(:'sale', '{"amount": "NaN"}'));
SELECT public.try(format(:'sale', '{"amount": "Infinity"}'));
SELECT public.try(format(:'sale', '{"tax": "-Infinity"}'));
SELECT public.try(format(:'sale', '{"refunded_amount": "NaN"}'));
SELECT public.try(format(:'sale', '{"completed_at": "infinity"}'));
SELECT public.try(format(:'sale', '{"transaction_id": ""}'));
SELECT public.try(format(:'sale', '{"customer_id": ""}'));
SELECT public.try(format(:'sale', jsonb_build_object('transaction_id', repeat('x', 501))::text));
SELECT public.try(format(:'sale', jsonb_build_object('customer_id', repeat('é', 251))::text));
SELECT public.try(statement) FROM unnest(ARRAY[
    $$INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, order_id) VALUES ('challenge', 'c', 't', 'challenge_fee', 'completed', 'USD', repeat('x', 501))$$,
    $$INSERT INTO affiliate.click (program_id, click_id) VALUES ('challenge', '')$$,
    $$INSERT INTO affiliate.click (program_id, click_id, visitor_id) VALUES ('challenge', 'k', repeat('x', 501))$$,
    $$INSERT INTO affiliate.visitor_customer (visitor_id, customer_id) VALUES ('', 'c')$$,
    $$INSERT INTO affiliate.customer (program_id, customer_id) VALUES ('challenge', '')$$,
    $$INSERT INTO affiliate.customer_pii (customer_id) VALUES (repeat('x', 501))$$,
    $$INSERT INTO affiliate.customer_alias (customer_id, canonical_id) VALUES ('c', '')$$,
    $$INSERT INTO affiliate.account (program_id, customer_id, account_id) VALUES ('challenge', 'c', '')$$,
    $$INSERT INTO affiliate.transaction_ref (source, kind, external_id, transaction_id) VALUES ('shop', 'charge', '', 't')$$,
    $$INSERT INTO affiliate.dispute (dispute_id, transaction_id) VALUES ('', 't')$$,
    $$INSERT INTO affiliate.dispute (dispute_id, transaction_id) VALUES ('d', repeat('x', 501))$$]) AS statement;
SELECT public.try(format(:'sale', '{"transaction_id": null}'));
SELECT public.try(format(:'sale', '{"transaction_id": "t1"}'));

-- one bad row of several: none is stored
SELECT public.try($$INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount) VALUES
    ('challenge', 'good', 'good', 'challenge_fee', 'completed', 'USD', 1), ('challenge', 'good', 'bad', 'challenge_fee', 'completed', 'US', 1)$$);

-- keys do not change
SELECT public.try(format($$UPDATE affiliate.transaction SET %s WHERE transaction_id = 't2'$$, change))
FROM unnest(ARRAY['customer_id = ''c9''', 'transaction_id = ''t99''', 'transaction_type = ''reset_fee''', 'currency = ''EUR''', 'ordered_at = ''2025-01-01''', 'program_id = ''other''']) AS change;
SELECT public.try($$UPDATE affiliate.dispute SET dispute_id = 'd9' WHERE dispute_id = 'd1'$$);
SELECT public.try($$DELETE FROM affiliate.transaction WHERE transaction_id = 't2'$$);
SELECT public.try($$TRUNCATE affiliate.click$$);
SELECT public.try($$UPDATE affiliate.entry SET amount = 0.01 WHERE subject_id = 't2'$$);
SELECT public.try($$DELETE FROM affiliate.conversion_entry$$);
SELECT public.try($$UPDATE affiliate.commission SET reversed = accrued + 1 WHERE subject_id = 't2'$$);
SELECT public.try($$UPDATE affiliate.commission SET paid = accrued + 1 WHERE subject_id = 't2'$$);

-- texts of rules
SELECT public.try(format($$INSERT INTO affiliate.plan_rule (plan_no, sequence_no, condition, amount) SELECT plan_no, 9, %L, %L FROM affiliate.plan WHERE plan_id = 'unused'$$, condition, amount))
FROM (VALUES ('true', 'random() * net'), ('ordered_at > now()', '1'), ('prodct = ''x''', '1'), ('net > ', '1'), ('net', '1'), ('true', 'product'), ('true', '(SELECT 1)'), ('product ~ ''x''', '1'),
    ('true', 'net::double precision'), ('true', ''), ('pg_sleep(1) IS NULL', '1'), ('EXISTS (SELECT FROM pg_class)', '1')) AS v (condition, amount);
SELECT public.try($$UPDATE affiliate.plan_rule SET amount = 'net * 2' WHERE sequence_no = 1$$);

-- overlaps
SELECT public.try($$INSERT INTO affiliate.agreement (program_no, affiliate_no, plan_id, valid_from, valid_until) SELECT program_no, affiliate_no, 'standard', f::timestamptz, u::timestamptz
    FROM affiliate.program, affiliate.affiliate, (VALUES ('2025-01-01', '2025-03-01'), ('2025-02-28', '2025-04-01')) AS v (f, u) WHERE affiliate_id = 'ann'$$);
SELECT public.try($$INSERT INTO affiliate.agreement (program_no, affiliate_group, plan_id, valid_from, valid_until) SELECT program_no, 'gold', 'standard', f::timestamptz, u::timestamptz
    FROM affiliate.program, (VALUES ('2025-01-01', '2025-03-01'), ('2025-02-28', '2025-04-01')) AS v (f, u)$$);
SELECT public.try($$INSERT INTO affiliate.agreement (program_no, plan_id) SELECT program_no, 'standard' FROM affiliate.program$$);
SELECT public.try($$INSERT INTO affiliate.coupon (program_no, code, affiliate_no) SELECT program_no, ' ann ', affiliate_no FROM affiliate.program, affiliate.affiliate WHERE affiliate_id = 'bob'$$);
SELECT public.try($$INSERT INTO affiliate.coupon (program_no, code, valid_from, valid_until) SELECT program_no, 'X', '2025-02-01', '2025-01-01' FROM affiliate.program$$);

-- windows, time zone, currency, policies
SELECT public.try(format('UPDATE affiliate.program SET %s', change)) FROM unnest(ARRAY['click_window = ''-1 second''', 'click_window = ''1 month''', 'cooling_off = ''-1 day''', 'ownership_window = ''1 year''',
    'later_click = ''perhaps''', 'precedence = ''{coupon,luck}''', 'time_zone = ''Mars/Olympus''', 'currency = ''EUR''', 'program_id = ''renamed''', 'window_end = NULL']) AS change;
SELECT public.try($$INSERT INTO affiliate.program (program_id, currency) VALUES ('new', 'ZZZ')$$);
SELECT public.try($$INSERT INTO affiliate.program (program_id, currency) VALUES ('', 'USD')$$);
SELECT public.try($$INSERT INTO affiliate.fx_rate (from_currency, to_currency, valid_from, rate) VALUES ('EUR', 'USD', '2025-01-01', -1)$$);

-- uplines
SELECT public.try($$INSERT INTO affiliate.affiliate_upline (affiliate_no, upline_no)
    SELECT a.affiliate_no, b.affiliate_no FROM affiliate.affiliate AS a, affiliate.affiliate AS b WHERE a.affiliate_id <> b.affiliate_id$$);
SELECT public.try($$INSERT INTO affiliate.affiliate_upline (affiliate_no, upline_no) SELECT affiliate_no, affiliate_no FROM affiliate.affiliate$$);
SELECT public.try($$INSERT INTO affiliate.affiliate_upline (affiliate_no, upline_no, level) SELECT min(affiliate_no), max(affiliate_no), 2 FROM affiliate.affiliate$$);

-- operator's calls
SELECT public.try(format('SELECT affiliate.%s', call)) FROM unnest(ARRAY['adjust(''nobody'', ''challenge'', 1, ''credit'', ''x'')', 'adjust(''ann'', ''nowhere'', 1, ''credit'', ''x'')', 'adjust(''ann'', ''challenge'', -1, ''credit'', ''x'')',
    'adjust(''ann'', ''challenge'', 0.001, ''credit'', ''x'')', 'adjust(''ann'', ''challenge'', ''NaN'', ''credit'', ''x'')', 'adjust(''ann'', ''challenge'', 1, ''gift'', ''x'')', 'adjust(''ann'', ''challenge'', 1, ''credit'', '' '')', 'adjust_approve(''none'')',
    'record_payment(''bob'', ''challenge'', ''2020-01-01'', ''x'')', 'record_payment(''ann'', ''challenge'', now(), '''')', 'reassign(''c1'', ''challenge'', ''nobody'', reason => ''x'')', 'reassign(''c1'', ''challenge'', ''bob'')',
    'review_close(999999, ''ignore'', ''x'')', 'release(''ann'', ''challenge'', ''x'')', 'balance(''ann'', ''nowhere'')', 'find_conversion(''ann'', '''')', 'resettle_program(''nowhere'')']) AS call;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT public.try('SELECT affiliate.drain()');
SELECT public.try('SELECT affiliate.resettle(''{c1}'')');
ROLLBACK;
BEGIN;
UPDATE affiliate.program SET cooling_off = '1 day';
PREPARE TRANSACTION 'rulebook';
\pset tuples_only off
\pset format aligned
SELECT public.content() = :'before' AS "nothing changed";
SELECT * FROM affiliate.verify();
DROP FUNCTION public.try(text), public.content();
