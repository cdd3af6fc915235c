-- Every column that test/mutation/expected says is NOT NULL refuses a null, whatever its default (I18: who, when and why).
BEGIN;
\ir _rows.sql
CREATE TEMP TABLE expected (object text, test text);
\copy expected FROM 'test/mutation/expected'
SELECT plan(count(*)::integer) FROM expected WHERE object LIKE 'not null %';
SELECT is(pg_temp.try(pg_temp.changed(split_part(k, '.', 1), jsonb_build_object(split_part(k, '.', 2), NULL)), 'replica'), '23502 ' || k, 'not null ' || k)
FROM expected, substr(object, 10) AS k WHERE object LIKE 'not null %' ORDER BY k;
SELECT * FROM finish();
ROLLBACK;
