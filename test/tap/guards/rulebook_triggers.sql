-- The triggers that tell of changes of the rulebook: for the audit log and the queue, and for what sessions keep in memory. Two
-- tests for each, as in triggers.sql.
BEGIN;
\ir _rows.sql
\ir _triggers.sql

-- a change of the rulebook is written down
CREATE TEMP VIEW rulebook AS SELECT * FROM sample WHERE news IS NOT NULL AND no <= (SELECT no FROM sample WHERE name = 'schema_version');
INSERT INTO attempt SELECT r.name, r.name || '_log', 'origin', pg_temp.second(r.name) || s, format($$EXISTS (SELECT FROM affiliate.audit_log AS a
    WHERE a.audit_id > (SELECT m.audit_id FROM mark AS m) AND (a.object, a.action) = (%L, %L))$$, r.name, done), 'done true'
FROM rulebook AS r CROSS JOIN LATERAL (VALUES ('insert', ''), ('update', ';' || pg_temp.update_of(r.name, r.news)), ('delete', ';' || pg_temp.delete_of(r.name))) AS v (done, s)
WHERE r.name <> 'schema_version';
INSERT INTO attempt SELECT name, name || '_never_truncated', 'always', format('TRUNCATE affiliate.%I CASCADE', name), NULL, 'AF024 ' || name FROM rulebook WHERE name <> 'schema_version';

-- and makes this session read it anew. What the test changes behind the back of the library is the version of the tables:
-- resettle() refuses another one as soon as it is read.
CREATE FUNCTION pg_temp.is_read_anew() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM affiliate.resettle('{}');
    RETURN false;
EXCEPTION WHEN SQLSTATE 'AF091' THEN
    RETURN true;
END
$$;
-- When much is created in another database, sessions may read everything anew by themselves: then once more.
CREATE FUNCTION pg_temp.change_silently() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DROP TRIGGER IF EXISTS schema_version_rulebook_changed ON affiliate.schema_version;
    FOR attempt IN 1 .. 5 LOOP
        PERFORM affiliate.resettle('{}');
        UPDATE affiliate.schema_version SET version = version || ' of another world';
        IF NOT pg_temp.is_read_anew() THEN
            RETURN;
        END IF;
        UPDATE affiliate.schema_version SET version = replace(version, ' of another world', '');
    END LOOP;
    RAISE EXCEPTION 'what nobody was told of was read: this test shows nothing';
END
$$;
INSERT INTO attempt SELECT r.name, r.name || '_rulebook_changed', 'always', before || CASE WHEN r.name = 'schema_version' THEN '' ELSE ';SELECT pg_temp.change_silently();' END || s,
    'pg_temp.is_read_anew()', 'done true'
FROM rulebook AS r CROSS JOIN LATERAL (VALUES ('SELECT', pg_temp.second(r.name)), (pg_temp.second(r.name), pg_temp.update_of(r.name, r.news)),
    (pg_temp.second(r.name), pg_temp.delete_of(r.name))) AS v (before, s) WHERE r.name <> 'schema_version'
UNION ALL SELECT 'schema_version', 'schema_version_rulebook_changed', 'always', 'SELECT affiliate.resettle(''{}'');' || s, 'pg_temp.is_read_anew()', 'done true' FROM unnest(ARRAY[
    $$INSERT INTO affiliate.schema_version (version) VALUES ('of another world')$$, $$UPDATE affiliate.schema_version SET version = version || ' of another world'$$,
    'DELETE FROM affiliate.schema_version']) AS s;

\ir _tried.sql
SELECT * FROM finish();
ROLLBACK;
