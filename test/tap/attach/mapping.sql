-- Mappings are checked when a table is attached.
BEGIN;
SELECT plan(28);
\ir _firm.sql
CREATE FUNCTION pg_temp.attach(field text, expression text) RETURNS text LANGUAGE sql AS $$
    SELECT affiliate.attach('firm.payments', 'transaction', pg_temp.mapping() || jsonb_build_object(field, expression))
$$;
CREATE FUNCTION public.price(integer) RETURNS numeric LANGUAGE sql VOLATILE AS 'SELECT 1.0';
CREATE FUNCTION firm.word(text) RETURNS text LANGUAGE sql STABLE AS $$SELECT CASE $1 WHEN 'paid' THEN 'completed' ELSE $1 END$$;
REVOKE ALL ON FUNCTION firm.word(text) FROM PUBLIC;
CREATE TABLE firm.users (id integer PRIMARY KEY, public_id text);

-- what is wrong, where, and what to do: message, detail and hint
CREATE FUNCTION pg_temp.refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    code text; message text; hint text;
BEGIN
    EXECUTE statement;
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(' | ', code, message, hint);
END
$$;
SELECT is(pg_temp.refusal($$SELECT pg_temp.attach('amount', 'total / 100.0')$$),
    'AF050 | the mapping of "amount" cannot be used: column "total" does not exist at character 1 | Expressions are over the columns of the row.', 'an unknown column');
SELECT is(pg_temp.refusal($$SELECT pg_temp.attach('amount', 'total_cents / / 100')$$),
    'AF050 | the mapping of "amount" cannot be used: syntax error at or near "/" at character 15 | Give one SQL expression over the columns of the row.', 'an operator');
SELECT is(pg_temp.refusal($$SELECT pg_temp.attach('amount', '(total_cents')$$),
    'AF050 | the mapping of "amount" cannot be used: syntax error at end of input at character 13 | Give one SQL expression over the columns of the row.', 'a syntax error');
SELECT is(pg_temp.refusal($$SELECT pg_temp.attach('amount', '1) FROM firm.payments; DELETE FROM firm.payments; SELECT (1')$$),
    'AF050 | the mapping of "amount" cannot be used: syntax error at or near ")" at character 2 | Give one SQL expression over the columns of the row.', 'more than an expression');
SELECT is(pg_temp.refusal($$SELECT pg_temp.attach('amount', '1 FROM firm.payments')$$),
    'AF050 | the mapping of "amount" cannot be used: it is more than one expression | Give one SQL expression over the columns of the row.', 'a query');
SELECT is(pg_temp.refusal($$SELECT pg_temp.attach('amount', 'total_cents, 1')$$),
    'AF050 | the mapping of "amount" cannot be used: it is more than one expression | Give one SQL expression over the columns of the row.', 'two expressions');
SELECT is(pg_temp.refusal($$SELECT pg_temp.attach('amount', 'sum(total_cents)')$$),
    'AF050 | the mapping of "amount" cannot be used: it is not about one row | Aggregates, window functions and functions that return sets belong into a subquery.', 'an aggregate');
SELECT is(pg_temp.refusal($$SELECT pg_temp.attach('amount', 'state')$$),
    'AF050 | the mapping of "amount" cannot be used: it is a text and must be a numeric | Cast it, for example (..)::numeric.', 'a wrong type');
SELECT is(pg_temp.refusal($$SELECT pg_temp.attach('coupon_codes', 'coupon')$$),
    'AF050 | the mapping of "coupon_codes" cannot be used: it is a text and must be a text[] | Make a list of it, for example ARRAY[..] or string_to_array(.., '','').', 'a list');
SELECT is(pg_temp.refusal($$SELECT affiliate.attach('firm.payments', 'refund', '{"transaction_id": "id", "original_transaction_id": "payment"}')$$),
    'AF050 | the mapping of "original_transaction_id" cannot be used: column "payment" does not exist at character 1 | Expressions are over the columns of the row.', 'the field is one of those that were given');
SELECT is(pg_temp.refusal($$SELECT pg_temp.attach('amount', 'public.price(user_id)')$$),
    'AF050 | the mapping of "amount" cannot be used: it calls a volatile function | What it gives must depend on the row: functions have to be declared IMMUTABLE or STABLE.', 'a volatile function');
SELECT is(pg_temp.refusal($$SELECT pg_temp.attach('ordered_at', 'created_at::timestamp')$$),
    'AF050 | the mapping of "ordered_at" cannot be used: it is a timestamp without time zone, which has no time zone | Say which it is in, for example (..) AT TIME ZONE ''UTC''.', 'a time without zone');
SELECT is(pg_temp.refusal($$SELECT pg_temp.attach('ordered_at', 'created_at::date')$$),
    'AF050 | the mapping of "ordered_at" cannot be used: it is a date, which has no time zone | Say which it is in, for example (..)::timestamp AT TIME ZONE ''UTC''.', 'a date');
SELECT is(pg_temp.refusal($$SELECT pg_temp.attach('amonut', 'total_cents')$$) LIKE 'AF050 | a transaction has no field "amonut" | Map fields to texts of SQL expressions: customer_id, %', true, 'an unknown field');
SELECT is(pg_temp.refusal($$SELECT affiliate.attach('firm.payments', 'transaction', pg_temp.mapping() - 'amount' - 'status')$$),
    'AF050 | the mapping of a transaction does not say amount, status | Add it to columns, as an SQL expression over the row.', 'missing fields');
SELECT is(pg_temp.refusal($$SELECT affiliate.attach('firm.payments', 'dispute', '{"dispute_id": "id"}')$$),
    'AF050 | the mapping of a dispute does not say transaction_id or ref_external_id | Add it to columns, as an SQL expression over the row.', 'one of two');
SELECT is(pg_temp.refusal($$SELECT affiliate.attach('firm.payments', 'transaction', pg_temp.mapping(), filter => 'user_id')$$),
    'AF050 | the mapping of "filter" cannot be used: it is a integer and must be a boolean | Cast it, for example (..)::boolean.', 'a filter that is none');
SELECT is(pg_temp.refusal($$SELECT pg_temp.attach('status', 'word(state)')$$) LIKE 'AF050 | the mapping of "status" cannot be used: function word(text) does not exist at character 1 | Names are looked up in pg_catalog only: write others with their schema.', true, 'names are not looked up in the path');
SELECT is(pg_temp.refusal($$SELECT pg_temp.attach('status', 'firm.word(state)')$$),
    'AF050 | the mapping of "status" cannot be used: permission denied for schema firm at character 1 | Mappings are evaluated as role affiliate_mapping: grant it what they use.', 'rights');
GRANT USAGE ON SCHEMA firm TO affiliate_mapping;
SELECT is(pg_temp.refusal($$SELECT pg_temp.attach('status', 'firm.word(state)')$$),
    '42501 | permission denied for function word | Mappings are evaluated as role affiliate_mapping: grant it what they use.', 'rights on the function');
GRANT EXECUTE ON FUNCTION firm.word(text) TO affiliate_mapping;
SELECT is(pg_temp.refusal($$SELECT pg_temp.attach('status', 'firm.word(state)')$$), 'accepted', 'granted');
SELECT is(pg_temp.refusal($$SELECT pg_temp.attach('customer_id', '(SELECT u.public_id FROM firm.users AS u WHERE u.id = payments.user_id)')$$),
    '42501 | permission denied for table users | Mappings are evaluated as role affiliate_mapping: grant it what they use.', 'rights on another table');
GRANT SELECT ON firm.users TO affiliate_mapping;
SELECT is(pg_temp.refusal($$SELECT pg_temp.attach('customer_id', '(SELECT u.public_id FROM firm.users AS u WHERE u.id = payments.user_id)')$$), 'accepted', 'another table');
INSERT INTO firm.users VALUES (7, 'cus_7');
INSERT INTO firm.payments (id, user_id, total_cents, coupon) VALUES (1, 7, 10000, 'ANN');
SELECT is((SELECT customer_id FROM affiliate.transaction), 'cus_7', 'is looked up');
SELECT is(pg_temp.refusal($$SELECT pg_temp.attach('metadata', 'to_jsonb(payments)')$$), 'accepted', 'the whole row');
CREATE VIEW firm.paid AS SELECT p.id, u.public_id FROM firm.payments AS p JOIN firm.users AS u ON u.id = p.user_id WHERE p.state = 'paid';
SELECT is(pg_temp.refusal($$SELECT affiliate.attach('firm.paid', 'transaction', pg_temp.mapping())$$),
    'AF053 | firm.paid cannot be attached | Attach the tables it is made of: firm.payments, firm.users.', 'a view is refused with the tables it is made of');
SELECT is(pg_temp.refusal($$SELECT affiliate.attach('firm.nothing', 'transaction', pg_temp.mapping())$$), '42P01 | relation "firm.nothing" does not exist | ', 'no such table');
ALTER TABLE firm.payments ADD COLUMN price money;
SELECT is(pg_temp.refusal($$SELECT pg_temp.attach('amount', 'price::numeric')$$),
    'AF050 | column "price" is of type money | What it is as a number depends on lc_monetary of each session: make it a numeric, or map another column.', 'money');
SELECT * FROM finish();
ROLLBACK;
