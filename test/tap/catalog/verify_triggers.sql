-- verify() notices every trigger that is missing, disabled, or enabled in another way than setup() enables it.
BEGIN;
SELECT plan(3);
SET LOCAL client_min_messages = warning;
CREATE TEMP TABLE damage AS
SELECT t.tgname AS name, format(d, t.tgname, t.tgrelid::regclass) AS statement
FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
CROSS JOIN LATERAL (VALUES ('DROP TRIGGER %I ON %s'), ('ALTER TABLE %2$s DISABLE TRIGGER %1$I'),
    (CASE t.tgenabled WHEN 'A' THEN 'ALTER TABLE %2$s ENABLE TRIGGER %1$I' ELSE 'ALTER TABLE %2$s ENABLE ALWAYS TRIGGER %1$I' END)) AS v (d)
WHERE c.relnamespace = 'affiliate'::regnamespace AND NOT t.tgisinternal;
-- The triggers that verify() reports when this was done, which nothing of stays.
CREATE FUNCTION pg_temp.noticed(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    EXECUTE statement;
    SELECT string_agg(v.subject || ' ' || v.detail, ', ') INTO found FROM affiliate._verify_catalog() AS v WHERE v.code = 'trigger';
    RAISE EXCEPTION USING ERRCODE = 'TT000', MESSAGE = coalesce(found, 'nothing');
EXCEPTION WHEN SQLSTATE 'TT000' THEN
    RETURN SQLERRM;
END
$$;
SELECT cmp_ok((SELECT count(*) FROM damage), '>', 400::bigint, 'there are triggers to damage');
SELECT is_empty($$SELECT * FROM affiliate._verify_catalog()$$, 'nothing is wrong');
SELECT is_empty($$SELECT d.statement FROM damage AS d WHERE pg_temp.noticed(d.statement) = 'nothing' ORDER BY 1$$, 'each damage is noticed');
SELECT * FROM finish();
ROLLBACK;
