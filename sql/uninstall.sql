-- uninstall() and DROP EXTENSION keep every row; after CREATE EXTENSION and setup() everything works on.
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SET pg_affiliate.now = '2025-06-30 12:00+00';
CREATE FUNCTION public.content() RETURNS TABLE (name text, content text) LANGUAGE plpgsql AS $$
BEGIN
    FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'affiliate'::regnamespace AND relkind = 'r' ORDER BY relname LOOP
        EXECUTE format('SELECT count(*) || md5(coalesce(string_agg(t::text, E''\n'' ORDER BY t::text COLLATE "C"), '''')) FROM affiliate.%I AS t', name) INTO content;
        RETURN NEXT;
    END LOOP;
END
$$;
CREATE TABLE public.before AS SELECT * FROM public.content();
SELECT count(*) > 20 AS tables, count(*) FILTER (WHERE content !~ '^0') > 10 AS filled FROM public.before;

\set VERBOSITY terse
DROP EXTENSION pg_affiliate; -- the tables use it
\set VERBOSITY default
SELECT affiliate.uninstall();
DROP EXTENSION pg_affiliate;
SELECT * FROM public.before EXCEPT SELECT * FROM public.content();
SELECT count(*) AS functions FROM pg_proc WHERE pronamespace = 'affiliate'::regnamespace;
-- rows can be read and written, nothing is settled
INSERT INTO affiliate.transaction (customer_id, transaction_id, program_id, transaction_type, status, currency, amount, ordered_at, completed_at, recorded_at, coupon_codes)
VALUES ('c20', 't20', 'challenge', 'challenge_fee', 'completed', 'USD', 100, '2025-03-10', '2025-03-10', '2025-06-30 12:00+00', '{BOB}');
SELECT count(*) FROM affiliate.entry WHERE subject_id = 't20';

INSERT INTO firm.sales VALUES (401, 'buyer-401', 100, 'paid', '2025-06-01');

CREATE EXTENSION pg_affiliate;
SELECT affiliate.setup();
SELECT name FROM (SELECT * FROM public.before EXCEPT SELECT * FROM public.content()) AS changed ORDER BY 1;
SELECT code, subject FROM affiliate.verify();
-- what was written meanwhile is settled on request, by this session and by a new one
SELECT affiliate.resettle('{c20}');
SELECT subject_id, affiliate, kind, amount FROM affiliate.entries WHERE subject_id = 't20' ORDER BY version;
UPDATE affiliate.transaction SET refunded_amount = 40, refunded_at = '2025-04-01' WHERE transaction_id = 't20';
SELECT subject_id, affiliate, kind, amount FROM affiliate.entries WHERE subject_id = 't20' ORDER BY version;
\c -
SET TimeZone = 'UTC';
SET pg_affiliate.now = '2025-06-30 12:00+00';
INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at) VALUES ('c20', 't21', 'challenge_fee', 'completed', 'USD', 100, '2025-03-11', '2025-03-11');
SELECT subject_id, affiliate, kind, amount FROM affiliate.entries WHERE customer_id = 'c20' ORDER BY subject_id, version;
SELECT affiliate.resettle(array_agg(DISTINCT customer_id)) AS posted FROM affiliate.transaction;
SELECT code, subject FROM affiliate.verify();
DROP TABLE public.before;
DROP FUNCTION public.content();
-- attached tables are attached again; what came meanwhile is found
SELECT attachment, state FROM affiliate.attachments ORDER BY attachment;
INSERT INTO firm.sales VALUES (402, 'buyer-402', 100, 'paid', '2025-06-01');
SELECT subject_id, net FROM affiliate.commissions WHERE subject_id IN ('s401', 's402');
SELECT problem, fact_key FROM affiliate.reconcile('firm.sales:transaction', repair => true) ORDER BY fact_key;
SELECT subject_id, net FROM affiliate.commissions WHERE subject_id IN ('s401', 's402') ORDER BY subject_id;
