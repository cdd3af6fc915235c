-- Every privilege is as test/privileges.tsv says, and there is no other one. One test for each object; what is new has no line
-- yet, what is gone has one too many. scripts/gen-privileges writes the file anew: look at what changed before committing it.
BEGIN;
\ir _privileges.sql
CREATE TEMP TABLE wanted AS SELECT * FROM pg_temp.privileges() LIMIT 0;
\copy wanted FROM 'test/privileges.tsv' WITH (FORMAT csv, DELIMITER E'\t', HEADER MATCH, QUOTE E'\b')
CREATE TEMP TABLE matrix AS
SELECT coalesce(h.object, w.object) AS object, h::text AS have, w::text AS want FROM pg_temp.privileges() AS h FULL JOIN wanted AS w USING (object);
SELECT plan(1 + count(*)::integer) FROM matrix;
SELECT cmp_ok((SELECT count(*) FROM wanted), '>', 400::bigint, 'there is a matrix to compare with');
SELECT is(have, want, 'privileges ' || object) FROM matrix ORDER BY object COLLATE "C";
SELECT * FROM finish();
ROLLBACK;
