-- Who may attach, and as whom mappings are evaluated.
BEGIN;
SELECT plan(25);
\ir _firm.sql
CREATE ROLE affiliate_test_dba LOGIN IN ROLE affiliate_admin;
CREATE ROLE affiliate_test_app LOGIN;
CREATE ROLE affiliate_test_shop LOGIN IN ROLE affiliate_writer;
CREATE ROLE affiliate_test_analyst LOGIN IN ROLE affiliate_reader;
GRANT USAGE, CREATE ON SCHEMA firm TO affiliate_test_dba, affiliate_test_app, affiliate_test_shop;
ALTER TABLE firm.payments OWNER TO affiliate_test_dba;
GRANT SELECT, INSERT, UPDATE, DELETE ON firm.payments TO affiliate_test_app;
CREATE TABLE firm.theirs (LIKE firm.payments);
ALTER TABLE firm.theirs OWNER TO affiliate_test_app;
CREATE TABLE wanted AS SELECT pg_temp.mapping() AS mapping;
GRANT SELECT ON wanted TO PUBLIC;

SET LOCAL SESSION AUTHORIZATION affiliate_test_dba;
SELECT is((SELECT affiliate.attach('firm.payments', 'transaction', mapping) FROM wanted), 'firm.payments:transaction', 'an administrator attaches a table of his');
SELECT throws_ok($$SELECT affiliate.attach('firm.theirs', 'transaction', mapping) FROM wanted$$, '42501', NULL, 'but not one of somebody else');
SET LOCAL SESSION AUTHORIZATION affiliate_test_app;
SELECT lives_ok($$INSERT INTO firm.payments (id, user_id, total_cents, coupon) VALUES (1, 7, 10000, 'ANN')$$, 'a program without any right on our schema sells');
SELECT throws_ok('SELECT * FROM affiliate.commission', '42501', NULL, 'and sees nothing of it');
SELECT throws_ok($$SELECT affiliate.attach('firm.theirs', 'transaction', '{}')$$, '42501', NULL, 'nor attaches anything');
SELECT throws_ok($$CREATE TRIGGER mine AFTER INSERT ON firm.theirs REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION affiliate._attached('firm.payments:transaction')$$,
    '42501', NULL, 'not by a trigger of its own either');
SET LOCAL SESSION AUTHORIZATION affiliate_test_shop;
SELECT throws_ok($$SELECT affiliate.attach('firm.payments', 'transaction', '{}')$$, '42501', NULL, 'nor does a writer of facts');
SET LOCAL SESSION AUTHORIZATION affiliate_test_analyst;
SELECT is((SELECT state FROM affiliate.attachments), 'attached', 'a reader sees what is attached');
SELECT throws_ok($$SELECT * FROM affiliate.reconcile('firm.payments:transaction', repair => true)$$, '42501', NULL, 'and changes nothing');
RESET SESSION AUTHORIZATION;
SELECT is((SELECT recorded_by FROM affiliate.transaction), 'affiliate_test_app', 'the actor is who sold');
SELECT results_eq('SELECT * FROM pg_temp.net()', $$VALUES ('1', 10::numeric)$$, 'the sale earns');

-- a mapping means the same whatever the session's path, language of dates, and zone are
CREATE FUNCTION firm.lower(text) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'the function of somebody else, as %', current_user; END$$;
CREATE OPERATOR firm.= (LEFTARG = text, RIGHTARG = text, FUNCTION = pg_catalog.textne);
SET LOCAL SESSION AUTHORIZATION affiliate_test_dba;
SELECT affiliate.attach('firm.payments', 'transaction', mapping || '{"status": "CASE WHEN lower(state) = ''paid'' THEN ''completed'' ELSE ''failed'' END", "metadata": "jsonb_build_object(''as'', current_user, ''at'', created_at::text)"}') FROM wanted;
SET LOCAL SESSION AUTHORIZATION affiliate_test_app;
SET LOCAL search_path = firm, pg_catalog;
SET LOCAL DateStyle = 'German';
SET LOCAL TimeZone = 'Asia/Tokyo';
INSERT INTO payments (id, user_id, total_cents, coupon) VALUES (2, 8, 10000, 'ANN');
RESET SESSION AUTHORIZATION;
SET LOCAL search_path = public;
SELECT is((SELECT metadata || jsonb_build_object('status', status) FROM affiliate.transaction WHERE transaction_id = '2'),
    '{"status": "completed", "as": "affiliate_mapping", "at": "2025-06-15 10:00:00+00"}'::jsonb, 'expressions have the path, zone and date style of attach()');
SELECT is(current_setting('DateStyle') || ' ' || current_setting('TimeZone'), 'German, DMY Asia/Tokyo', 'the session keeps its own');
SELECT is_empty($$SELECT * FROM affiliate.pending_input$$, 'nothing had to be kept');

-- the table of attachments: what is written there is checked as attach() does
SET LOCAL SESSION AUTHORIZATION affiliate_test_dba;
SELECT throws_like($$UPDATE affiliate.attachment SET fields = fields || '{"amount": "1) FROM x; SELECT (1"}'$$, 'the mapping of "amount" cannot be used: syntax error%', 'expressions are checked');
SELECT lives_ok($$UPDATE affiliate.attachment SET known_columns = '{}'$$, 'columns are what they are');
SELECT is((SELECT count(*) FROM affiliate.attachment, jsonb_each(known_columns) AS k WHERE k.value ->> 'mapped' = 'true'), 6::bigint, 'whatever is written there');
SELECT throws_ok($$INSERT INTO affiliate.attachment (attachment_id, relation_id, table_schema, table_name, row_name, kind, fields, known_columns, on_error, capture)
    SELECT 'theirs', 'firm.theirs'::regclass, table_schema, 'theirs', 'theirs', kind, fields, '{}', on_error, capture FROM affiliate.attachment$$, '42501', 'must be owner of table firm.theirs', 'of his own tables');
RESET SESSION AUTHORIZATION;
SELECT affiliate.attach('firm.theirs', 'transaction', mapping) FROM wanted;
SET LOCAL SESSION AUTHORIZATION affiliate_test_dba;
SELECT throws_ok($$UPDATE affiliate.attachment SET detached_at = now() WHERE attachment_id = 'firm.theirs:transaction'$$, '42501', NULL, 'nor are those of others let go of');
RESET SESSION AUTHORIZATION;

-- functions and types of an application, which may replace them at any time
SET LOCAL SESSION AUTHORIZATION affiliate_test_app;
CREATE DOMAIN firm.cents AS bigint;
CREATE TABLE firm.carts (id integer PRIMARY KEY, buyer text, total firm.cents);
CREATE FUNCTION firm.evil(bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO firm.seen SELECT current_user, bool_or(has_table_privilege(c.oid, 'SELECT')), bool_or(has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE'))
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = 'affiliate' AND c.relname IN ('entry', 'transaction', 'commission', 'customer_pii');
    RETURN true;
END
$$;
CREATE TABLE firm.seen (who text, reads boolean, writes boolean);
GRANT INSERT ON firm.seen TO PUBLIC;
RESET SESSION AUTHORIZATION;
GRANT USAGE ON SCHEMA firm TO affiliate_mapping;
SELECT affiliate.attach('firm.carts', 'transaction', '{"transaction_id": "''cart-'' || id", "customer_id": "buyer", "amount": "total", "status": "''paid''"}');
SET LOCAL SESSION AUTHORIZATION affiliate_test_app;
ALTER DOMAIN firm.cents ADD CHECK (firm.evil(VALUE));
RESET SESSION AUTHORIZATION;
SET LOCAL pg_affiliate.mode = 'queue';
SET LOCAL SESSION AUTHORIZATION affiliate_test_app;
INSERT INTO firm.carts VALUES (1, 'x', 100);
RESET SESSION AUTHORIZATION;
SET LOCAL pg_affiliate.mode = 'on';
TRUNCATE firm.seen;
SELECT affiliate.drain(1000);
SELECT is((SELECT string_agg(DISTINCT concat_ws(' ', who, reads, writes), ', ') FROM firm.seen), 'affiliate_mapping f f', 'run as a role that may nothing');
SELECT is((SELECT amount FROM affiliate.transaction WHERE transaction_id = 'cart-1'), 100::numeric, 'the row is a fact');
SELECT is_empty($$SELECT a.privilege_type FROM pg_class AS c, aclexplode(c.relacl) AS a WHERE c.relnamespace = 'affiliate'::regnamespace AND a.grantee = 'affiliate_mapping'::regrole
    AND NOT (c.relname, a.privilege_type) = ('transaction_status', 'SELECT')$$, 'of our tables it reads the status words, and which sale is in which program and currency');

-- what an expression may not do: it is a security-restricted operation
CREATE FUNCTION public.sneaky(text) RETURNS text LANGUAGE plpgsql STABLE AS $$BEGIN PERFORM pg_catalog.set_config('role', 'affiliate_admin', false); RETURN $1; END$$;
SELECT affiliate.attach('firm.payments', 'transaction', mapping || '{"status": "public.sneaky(''completed'')"}') FROM wanted;
INSERT INTO firm.payments (id, user_id, total_cents, coupon) VALUES (3, 8, 10000, 'ANN');
SELECT matches((SELECT reason FROM affiliate.pending_input WHERE payload #>> '{after,id}' = '3'), 'cannot set parameter "role" within security-', 'no other role');
SELECT is(current_user, session_user, 'the role is what it was');
SELECT is((SELECT count(*) FROM firm.payments), 3::bigint, 'and the sale is made');
SELECT * FROM finish();
ROLLBACK;
