-- Expressions of mappings are evaluated as affiliate_mapping, whoever asks; what an administrator gives is checked.
BEGIN;
SELECT plan(10);
\ir _firm.sql
GRANT USAGE ON SCHEMA firm TO affiliate_mapping;
CREATE FUNCTION firm.guarded(id bigint) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF current_user <> 'affiliate_mapping' THEN
        RAISE EXCEPTION 'a mapping is evaluated as %', current_user;
    END IF;
    RETURN id::text;
END
$$;
SELECT affiliate.attach('firm.payments', 'transaction', columns => pg_temp.mapping() || '{"transaction_id": "firm.guarded(id)"}');
INSERT INTO firm.payments (id, user_id, total_cents, coupon) VALUES (1, 7, 10000, 'ANN'), (2, 7, 10000, 'ANN');
SELECT is_empty('SELECT * FROM affiliate.pending_input', 'by the triggers');
SELECT lives_ok($$SELECT * FROM affiliate.preview('firm.payments:transaction')$$, 'in preview()');
DELETE FROM firm.payments WHERE id = 2;
SELECT results_eq($$SELECT problem, fact_key FROM affiliate.reconcile('firm.payments:transaction', repair => true)$$, $$VALUES ('gone', '2')$$, 'in reconcile(), which a superuser calls');

-- what is no row is not taken for one
SELECT throws_ok($$SELECT affiliate._load_rows('firm.payments:transaction', 'firm.payments'::regclass, 'SELECT 42')$$, '42804',
    'the query does not give rows of the attached table', 'a number is no row');
SELECT throws_ok($$SELECT affiliate._compare_rows('firm.payments:transaction', 'firm.payments'::regclass, 'SELECT t FROM pg_class AS t')$$, '42804', NULL, 'nor is a row of another table');
SELECT throws_ok($$SELECT affiliate._gone_keys('firm.payments:transaction', 'firm.payments'::regclass, 'SELECT NULL::firm.payments')$$, '42804', NULL, 'nor is nothing');

-- rows that a policy hides from who calls are not taken for rows that are not there
CREATE TABLE firm.hidden (id integer PRIMARY KEY, cents integer);
INSERT INTO firm.hidden VALUES (1, 100), (2, 100);
ALTER TABLE firm.hidden ENABLE ROW LEVEL SECURITY;
CREATE POLICY one ON firm.hidden USING (id = 1);
CREATE ROLE attach_tester;
GRANT affiliate_admin TO attach_tester;
GRANT USAGE ON SCHEMA firm TO attach_tester;
GRANT SELECT ON firm.hidden TO attach_tester;
SELECT affiliate.attach('firm.hidden', 'transaction', '{"transaction_id": "''h'' || id", "customer_id": "id", "amount": "cents", "status": "''paid''"}');
SELECT affiliate._backfill_begin('firm.hidden:transaction');
SET LOCAL ROLE attach_tester;
SELECT throws_like($$SELECT affiliate._backfill_step('firm.hidden:transaction', 100)$$, '%row-level security policy for table "hidden"', 'backfill() does not skip them');
SELECT throws_like($$SELECT * FROM affiliate.reconcile('firm.hidden:transaction')$$, '%row-level security policy for table "hidden"', 'nor does reconcile()');
SELECT throws_like($$SELECT * FROM affiliate.preview('firm.hidden:transaction')$$, '%row-level security policy for table "hidden"', 'nor preview()');
RESET ROLE;
SELECT is((SELECT count(*) FROM affiliate.reconcile('firm.hidden:transaction')), 2::bigint, 'a superuser sees them');
SELECT * FROM finish();
ROLLBACK;
