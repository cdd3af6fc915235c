-- Values of rulebook rows that cannot be: an error of ours with the value and what to do; the constraints stay as the net.
BEGIN;
SELECT plan(65);
SET LOCAL client_min_messages = warning;
SET LOCAL TimeZone = 'UTC';
INSERT INTO affiliate.program (program_no, program_id, currency) VALUES (91, 'p', 'USD'), (92, 'q', 'USD');
INSERT INTO affiliate.affiliate (affiliate_no, affiliate_id) VALUES (91, 'ann'), (92, 'bob');
INSERT INTO affiliate.plan (plan_no, program_no, plan_id) VALUES (91, 91, 'standard');
INSERT INTO affiliate.ladder (ladder_no, program_no, ladder_id) VALUES (91, 91, 'steps');
CREATE FUNCTION pg_temp.error(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    state text; message text; detail text; hint text;
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(' | ', state, message, nullif(detail, ''), nullif(hint, ''));
END
$$;

-- ids
SELECT is(pg_temp.error($$INSERT INTO affiliate.program (program_id, currency) VALUES ('', 'USD')$$),
    'AF018 | program_id of "program" is empty | It has no character but blanks. | Ids and codes have 1 to 500 bytes.', 'an empty id');
SELECT is(pg_temp.error($$UPDATE affiliate.affiliate SET affiliate_id = repeat('é', 251) WHERE affiliate_no = 92$$),
    format('AF018 | affiliate_id of "affiliate" is too long | "%s.." has 502 bytes. | Ids and codes have 1 to 500 bytes.', repeat('é', 40)), 'one that is too long');
SELECT lives_ok($$UPDATE affiliate.affiliate SET affiliate_id = repeat('é', 250) WHERE affiliate_no = 92$$, '500 bytes are not');
UPDATE affiliate.affiliate SET affiliate_id = 'bob' WHERE affiliate_no = 92;
SELECT throws_ok(statement, 'AF018', NULL, statement) FROM unnest(ARRAY[
    $$INSERT INTO affiliate.affiliate_alias VALUES ('crm', '', 91)$$,
    $$INSERT INTO affiliate.affiliate_alias VALUES ('', 'x', 91)$$,
    $$INSERT INTO affiliate.campaign (program_no, campaign_id) VALUES (91, ' ')$$,
    $$INSERT INTO affiliate.traffic_source (program_no, traffic_source) VALUES (91, '')$$,
    $$INSERT INTO affiliate.link (link_id, program_no, affiliate_no) VALUES ('', 91, 91)$$,
    $$INSERT INTO affiliate.coupon (program_no, code) VALUES (91, ' ')$$,
    $$INSERT INTO affiliate.product (program_no, product_id) VALUES (91, '')$$,
    $$INSERT INTO affiliate.plan (program_no, plan_id) VALUES (91, '')$$,
    $$INSERT INTO affiliate.ladder (program_no, ladder_id) VALUES (91, '')$$,
    $$INSERT INTO affiliate.agreement (program_no, affiliate_no, plan_id) VALUES (91, 91, '')$$,
    $$INSERT INTO affiliate.attribution_override (program_no, customer_id, reason) VALUES (91, '', 'x')$$,
    $$INSERT INTO affiliate.attribution_override (program_no, customer_id, transaction_id, reason) VALUES (91, 'c', '', 'x')$$]) AS statement;

-- windows
SELECT is(pg_temp.error($$UPDATE affiliate.program SET click_window = '-1 second' WHERE program_no = 91$$),
    'AF019 | click_window of "program" is negative | It is "-00:00:01". | Give zero or more days, hours, minutes and seconds: months and years have no fixed length.', 'a negative window');
SELECT is(pg_temp.error($$UPDATE affiliate.program SET ownership_window = '14 months' WHERE program_no = 91$$),
    'AF019 | ownership_window of "program" has months or years | It is "1 year 2 mons". | Give zero or more days, hours, minutes and seconds: months and years have no fixed length.', 'a window without fixed length');
SELECT throws_ok(statement, 'AF019', NULL, statement) FROM unnest(ARRAY[
    $$UPDATE affiliate.program SET lead_window = '-1 day'$$, $$UPDATE affiliate.program SET late_grace = '-1 day'$$,
    $$UPDATE affiliate.program SET cooling_off = '1 month'$$,
    $$INSERT INTO affiliate.campaign (program_no, campaign_id, lead_window) VALUES (91, 'c', '-1 h')$$,
    $$INSERT INTO affiliate.traffic_source (program_no, traffic_source, click_window) VALUES (91, 'c', '1 year')$$,
    $$INSERT INTO affiliate.agreement (program_no, affiliate_no, plan_id, termination_tail) VALUES (91, 91, 'standard', '-1 day')$$,
    $$INSERT INTO affiliate.plan_rule (plan_no, sequence_no, amount, hold) VALUES (91, 1, '1', '-1 day')$$,
    $$INSERT INTO affiliate.ladder_band (ladder_no, band, from_position, ownership_window) VALUES (91, 1, 1, '-1 day')$$,
    $$INSERT INTO affiliate.ladder_band (ladder_no, band, from_position, ownership_window) VALUES (91, 1, 1, '6 months')$$]) AS statement;
SET LOCAL IntervalStyle = 'sql_standard';
SELECT throws_ok($$UPDATE affiliate.program SET click_window = '-1 day'$$, 'AF019', NULL, 'whatever the style of intervals');
SELECT lives_ok($$UPDATE affiliate.program SET click_window = '1 day 2 hours', cooling_off = '0'$$, 'days, hours and nothing are windows');
RESET IntervalStyle;

-- lists
SELECT throws_ok(statement, '23514', NULL, statement) FROM unnest(ARRAY[
    $$UPDATE affiliate.program SET precedence = '{coupon,coupon}'$$, $$UPDATE affiliate.program SET precedence = '{}'$$,
    $$UPDATE affiliate.program SET chargeback_reasons = '{fraud,""}'$$, $$UPDATE affiliate.program SET success_bonus_reasons = '{NULL}'$$]) AS statement;

-- periods
SELECT is(pg_temp.error($$INSERT INTO affiliate.coupon (program_no, code, valid_from, valid_until) VALUES (91, 'X', '2025-02-01', '2025-02-01')$$),
    'AF029 | period of "coupon" ends before it begins | It would be from 2025-02-01T00:00:00+00:00 until 2025-02-01T00:00:00+00:00, and the end does not belong to it.'
    ' | Give a valid_until that is later than valid_from.', 'an empty period');
SELECT throws_ok(statement, 'AF029', NULL, statement) FROM unnest(ARRAY[
    $$INSERT INTO affiliate.agreement (program_no, affiliate_no, plan_id, valid_from, valid_until) VALUES (91, 91, 'standard', '2025-02-01', '2025-01-01')$$,
    $$INSERT INTO affiliate.attribution_override (program_no, customer_id, reason, valid_from, valid_until) VALUES (91, 'c', 'x', 'infinity', 'infinity')$$]) AS statement;

-- overlaps
INSERT INTO affiliate.coupon (coupon_no, program_no, code, affiliate_no, valid_from, valid_until) VALUES (91, 91, 'Ann10', 91, '2025-01-01', '2025-03-01'), (92, 91, 'HOUSE', NULL, '-infinity', 'infinity');
SELECT is(pg_temp.error($$INSERT INTO affiliate.coupon (program_no, code, affiliate_no, valid_from) VALUES (91, ' ann10 ', 92, '2025-02-28')$$),
    'AF035 | coupon " ann10 " overlaps another one | Coupon "Ann10" of affiliate "ann" is valid from 2025-01-01 00:00:00+00 until 2025-03-01 00:00:00+00.'
    ' | A code belongs to one affiliate at a time, in capitals or small letters: end that row (valid_until) where the new one begins.', 'a coupon names the other one');
SELECT matches(pg_temp.error($$INSERT INTO affiliate.coupon (program_no, code) VALUES (91, 'house')$$), 'Coupon "HOUSE" of the house is valid from -infinity until infinity', 'that of the house');
SELECT lives_ok($$INSERT INTO affiliate.coupon (program_no, code, affiliate_no, valid_from) VALUES (91, 'ann10', 92, '2025-03-01'), (92, 'ann10', 92, '2025-01-01')$$, 'the next period, and another program');
SELECT throws_ok($$UPDATE affiliate.coupon SET valid_until = '2025-03-02' WHERE coupon_no = 91$$, 'AF035', NULL, 'by UPDATE');
SELECT lives_ok($$UPDATE affiliate.coupon SET valid_until = '2025-02-15' WHERE coupon_no = 91$$, 'a row does not overlap itself');
SELECT throws_ok($$INSERT INTO affiliate.coupon (program_no, code) VALUES (91, 'twice'), (91, 'TWICE')$$, 'AF035', NULL, 'two rows of one statement');
INSERT INTO affiliate.agreement (agreement_no, program_no, affiliate_no, affiliate_group, plan_id, valid_from, valid_until)
VALUES (91, 91, 91, NULL, 'standard', '2025-01-01', '2025-03-01'), (92, 91, NULL, 'gold', 'golden', '2025-01-01', 'infinity');
SELECT is(pg_temp.error($$INSERT INTO affiliate.agreement (program_no, affiliate_no, plan_id, valid_from) VALUES (91, 91, 'other', '2025-02-28')$$),
    'AF035 | agreement of affiliate "ann" overlaps another one | The one on plan "standard" is in force from 2025-01-01 00:00:00+00 until 2025-03-01 00:00:00+00.'
    ' | There is one agreement at a time: end that row (valid_until) where the new one begins.', 'an agreement names the other one');
SELECT matches(pg_temp.error($$INSERT INTO affiliate.agreement (program_no, affiliate_group, plan_id, valid_from) VALUES (91, 'gold', 'other', '2025-02-28')$$),
    '^AF035 \| agreement of group "gold" overlaps another one \| The one on plan "golden" is in force', 'that of a group');
SELECT lives_ok($$INSERT INTO affiliate.agreement (program_no, affiliate_no, affiliate_group, plan_id, valid_from) VALUES (91, 91, NULL, 'other', '2025-03-01'),
    (92, 91, NULL, 'other', '2025-01-01'), (91, 92, NULL, 'other', '2025-01-01'), (91, NULL, 'silver', 'other', '2025-01-01')$$, 'other periods, programs, affiliates and groups');
SELECT throws_ok($$UPDATE affiliate.agreement SET valid_until = 'infinity' WHERE agreement_no = 91$$, 'AF035', NULL, 'by UPDATE');
SELECT lives_ok($$UPDATE affiliate.agreement SET plan_id = 'golden' WHERE agreement_no = 91$$, 'a row does not overlap itself');

-- the net below
ALTER TABLE affiliate.coupon DISABLE TRIGGER coupon_values_overlap;
SELECT throws_ok($$INSERT INTO affiliate.coupon (program_no, code) VALUES (91, 'house')$$, '23P01', NULL, 'the constraint is still there');
SELECT throws_ok($$INSERT INTO affiliate.fx_rate VALUES ('EUR', 'ZZZ', now(), 1)$$, 'AF013', 'currency "ZZZ" is not known', 'a rate of an unknown currency');
SELECT is(pg_temp.error($$INSERT INTO affiliate.program (program_id, currency) VALUES ('z', 'ZZZ')$$),
    'AF013 | currency "ZZZ" is not known | Program "z" was not stored. | Use an ISO 4217 code in capitals, or add the currency to affiliate.currency.', 'a program too');

-- administrators see these errors, not missing privileges
CREATE ROLE affiliate_test_olga LOGIN IN ROLE affiliate_admin;
SET LOCAL SESSION AUTHORIZATION affiliate_test_olga;
SELECT throws_ok($$INSERT INTO affiliate.agreement (program_no, affiliate_no, plan_id, valid_from) VALUES (91, 91, 'other', '2025-02-28')$$, 'AF035', NULL, 'as administrator');
SELECT throws_ok($$INSERT INTO affiliate.campaign (program_no, campaign_id) VALUES (91, '')$$, 'AF018', NULL, 'as administrator: an id');
RESET SESSION AUTHORIZATION;


-- amounts
SELECT is(pg_temp.error($$INSERT INTO affiliate.product (program_no, product_id, list_price) VALUES (91, 'x', 'NaN')$$),
    'AF037 | list_price of "product" is no amount | It is "NaN". | Give zero or more, with at most 15 significant digits.', 'not a number');
SELECT throws_ok(statement, 'AF037', NULL, statement) FROM unnest(ARRAY[
    $$INSERT INTO affiliate.product (program_no, product_id, account_size) VALUES (91, 'x', -1)$$,
    $$INSERT INTO affiliate.product (program_no, product_id, account_size) VALUES (91, 'x', 'Infinity')$$,
    $$INSERT INTO affiliate.coupon (program_no, code, discount_value) VALUES (91, 'x', 1234567890123.456)$$,
    $$INSERT INTO affiliate.plan_rule (plan_no, sequence_no, name, amount, monthly_cap) VALUES (91, 1, 'r', 'net', 1e15)$$,
    $$UPDATE affiliate.program SET adjust_approval_above = 0.1234567890123456 WHERE program_no = 91$$,
    $$INSERT INTO affiliate.ladder_band (ladder_no, band, from_position, rate) VALUES (91, 1, 1, 'NaN')$$,
    $$INSERT INTO affiliate.ladder_band (ladder_no, band, from_position, amount) VALUES (91, 1, 1, -5)$$]) AS statement;
SELECT lives_ok($$INSERT INTO affiliate.product (program_no, product_id, list_price, account_size) VALUES (91, 'x', 999999999999999, 0.50)$$, '15 digits and zeros after them');

-- types that a rule names
SELECT is(pg_temp.error($$INSERT INTO affiliate.plan_rule (plan_no, sequence_no, name, amount, transaction_types) VALUES (91, 1, 'r', 'net', '{challenge_fee,chalenge_fee}')$$),
    'AF014 | transaction type "chalenge_fee" is not known | The rule "r" would never see one. | Name a row of affiliate.transaction_type, not one of its words, or add one.', 'a type that there is not');
SELECT throws_ok($$INSERT INTO affiliate.plan_rule (plan_no, sequence_no, name, amount, hold_kind, hold_until_type) VALUES (91, 1, 'r', 'net', 'event', 'payed')$$, 'AF014', NULL, 'that a hold waits for');

-- facts
SELECT is(pg_temp.error($$INSERT INTO affiliate.account (customer_id, account_id, program_id, account_currency) VALUES ('c', 'a', 'p', 'dollars')$$),
    'AF013 | currency "dollars" is not known | Account "a" was not stored. | Use an ISO 4217 code in capitals, or add the currency to affiliate.currency.', 'the currency of an account');
SELECT throws_ok($$INSERT INTO affiliate.account (customer_id, account_id, program_id, challenge_id) VALUES ('c', 'a', 'p', repeat('x', 501))$$, 'AF018', NULL, 'a challenge id that is too long');
INSERT INTO affiliate.customer_pii (customer_id, email) VALUES ('c', 'c@example.com');
SELECT throws_ok($$UPDATE affiliate.customer_pii SET customer_id = 'd'$$, 'AF011', NULL, 'personal data of another customer');
SELECT * FROM finish();
ROLLBACK;
