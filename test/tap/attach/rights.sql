-- Who may attach, and as whom mappings are evaluated.
BEGIN;
SELECT plan(17);
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

-- what an expression may not do: it is a security-restricted operation
CREATE FUNCTION public.sneaky(text) RETURNS text LANGUAGE plpgsql STABLE AS $$BEGIN PERFORM pg_catalog.set_config('role', 'affiliate_admin', false); RETURN $1; END$$;
SELECT affiliate.attach('firm.payments', 'transaction', mapping || '{"status": "public.sneaky(''completed'')"}') FROM wanted;
INSERT INTO firm.payments (id, user_id, total_cents, coupon) VALUES (3, 8, 10000, 'ANN');
SELECT matches((SELECT reason FROM affiliate.pending_input), 'cannot set parameter "role" within security-', 'no other role');
SELECT is(current_user, session_user, 'the role is what it was');
SELECT is((SELECT count(*) FROM firm.payments), 3::bigint, 'and the sale is made');
SELECT * FROM finish();
ROLLBACK;
