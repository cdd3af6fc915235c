-- on_error => 'raise': an error is the statement's, and says what to do.
BEGIN;
SELECT plan(14);
\ir _firm.sql
CREATE TABLE firm.refunds (id text PRIMARY KEY, payment_id bigint, cents bigint, at timestamptz);
SELECT affiliate.attach('firm.payments', 'transaction', columns => pg_temp.mapping(), on_error => 'raise');
SELECT affiliate.attach('firm.refunds', 'refund', '{"transaction_id": "''re_'' || id", "original_transaction_id": "payment_id", "amount": "cents / 100.0", "completed_at": "at"}', on_error => 'raise');
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
SELECT is(pg_temp.refusal($$INSERT INTO firm.payments (id, user_id, total_cents, coupon) VALUES (1, 7, 10000, 'ANN')$$), 'accepted', 'what can be a fact is one');
SELECT results_eq('SELECT * FROM pg_temp.net()', $$VALUES ('1', 10::numeric)$$, 'and settled');
SELECT is(pg_temp.refusal($$INSERT INTO firm.payments (id, user_id, total_cents, state) VALUES (2, 8, 100, 'paid'), (3, 8, 100, 'strange')$$),
    'AF015 | transaction status "strange" is not known | Add the word to affiliate.transaction_status with its meaning.', 'a status that nobody knows');
SELECT is((SELECT count(*) FROM firm.payments), 1::bigint, 'the statement failed as a whole');
SELECT is(pg_temp.refusal($$UPDATE firm.payments SET id = 4$$),
    'AF011 | the key of a row was changed | Undo the change, or attach with on_error => ''capture'', which opens a review instead.', 'a key that is changed');
SELECT is(pg_temp.refusal($$UPDATE firm.payments SET user_id = 8$$) ~ '^AF011 \| column "customer_id" of a stored transaction cannot be changed', true, 'a customer that is changed');
SELECT is(pg_temp.refusal($$INSERT INTO firm.refunds VALUES ('a', 77, 100, '2025-06-15 11:00+00')$$),
    'AF052 | the sale "77" has not arrived | Attach or backfill the table of the sales, or map currency and program_id of the refund.', 'a refund of nothing');
SELECT is(pg_temp.refusal($$DELETE FROM firm.payments$$), 'accepted', 'a deleted row is no error');
SELECT results_eq($$SELECT payload ->> 'operation', reason FROM affiliate.pending_input$$, $$VALUES ('delete', 'DELETE')$$, 'it is kept for a review');

-- what is no error of the row
SET LOCAL pg_affiliate.mode = 'queue';
SELECT is(pg_temp.refusal($$INSERT INTO firm.payments (id, user_id, total_cents, state) VALUES (5, 9, 100, 'strange')$$), 'accepted', 'in mode queue rows are kept before anybody looks at them');
SET LOCAL pg_affiliate.mode = 'on';
ALTER TABLE affiliate.transaction RENAME TO away;
SELECT is(pg_temp.refusal($$INSERT INTO firm.payments (id, user_id, total_cents) VALUES (6, 9, 100)$$), '42P01 | relation "affiliate.transaction" does not exist | ', 'a table of ours that is missing');
ALTER TABLE affiliate.away RENAME TO transaction;
ALTER TABLE firm.payments DROP COLUMN coupon;
SELECT is(pg_temp.refusal($$INSERT INTO firm.payments (id, user_id, total_cents) VALUES (6, 9, 100)$$),
    'AF051 | column "coupon" of attached table firm.payments is not what it was | Attach the table again with a mapping that fits, then SELECT affiliate.replay(''firm.payments:transaction'').',
    'a mapping that does not fit any more');
SELECT is((SELECT count(*) FROM firm.payments), 1::bigint, 'these statements failed, too');
SELECT affiliate.attach('firm.payments', 'transaction', columns => pg_temp.mapping() - 'coupon_codes');
SELECT is(pg_temp.refusal($$INSERT INTO firm.payments (id, user_id, total_cents, state) VALUES (6, 9, 100, 'strange')$$), 'accepted', 'attached anew with capture nothing fails any more');
SELECT * FROM finish();
ROLLBACK;
