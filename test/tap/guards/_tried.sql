-- Tries everything as everybody meets it, and one attempt for each trigger under replica; the two tests of each trigger.
CREATE TEMP TABLE tried AS
SELECT a.*, pg_temp.try(statements, 'origin', question) AS here,
       CASE row_number() OVER (PARTITION BY name, trigger_name ORDER BY statements) WHEN 1 THEN pg_temp.try(statements, 'replica', question) END AS there
FROM attempt AS a;
SELECT plan(2 * count(DISTINCT (name, trigger_name))::integer) FROM tried;
SELECT is(string_agg(here, E'\n' ORDER BY statements), string_agg(wanted, E'\n' ORDER BY statements), format('trigger %s.%s', name, trigger_name))
FROM tried GROUP BY name, trigger_name ORDER BY name, trigger_name;
SELECT is(format('%s here, %s under replica', bool_and(here = wanted), bool_or(there = wanted)), format('t here, %s under replica', enabled = 'always'),
          format('%s %s.%s', enabled, name, trigger_name))
FROM tried GROUP BY name, trigger_name, enabled ORDER BY name, trigger_name;
