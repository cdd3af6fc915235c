-- Neither the session's settings nor objects of the user change what a rule means, nor the reverse.
BEGIN;
SELECT plan(20);

CREATE TEMPORARY TABLE example AS
SELECT jsonb_populate_record(NULL::affiliate.rule_input,
    '{"product": "a\\b", "net": 5, "ordered_at": "2025-01-01 00:00:00+00"}') AS input;

CREATE FUNCTION pg_temp.gives(expression text) RETURNS text LANGUAGE sql AS
    'SELECT affiliate.evaluate_rule_text(''condition'', expression, input) FROM pg_temp.example';

SET LOCAL TimeZone = 'Asia/Tokyo';
SET LOCAL DateStyle = 'German, DMY';
SELECT is(pg_temp.gives('ordered_at = ''2025-01-01'''), 'true', 'a time without an offset is UTC');
SELECT is(pg_temp.gives('ordered_at = ''2025-01-01 09:00+09'''), 'true', 'an offset counts');
SELECT is(current_setting('TimeZone') || ' ' || current_setting('DateStyle'), 'Asia/Tokyo German, DMY',
    'the session keeps its settings');

SET LOCAL standard_conforming_strings = off;
SET LOCAL escape_string_warning = off;
SELECT is(pg_temp.gives($$product = 'a\b'$$), 'true', 'a backslash is an ordinary character');
SELECT is(current_setting('standard_conforming_strings'), 'off', 'the session keeps this too');
SET LOCAL standard_conforming_strings = on;

SET LOCAL transform_null_equals = on;
SELECT is(pg_temp.gives('campaign = NULL'), NULL, 'x = NULL is null');
SET LOCAL transform_null_equals = off;

-- Objects that would be found first.
CREATE SCHEMA trap;
CREATE FUNCTION trap.lie(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE OPERATOR trap.= (FUNCTION = trap.lie, LEFTARG = text, RIGHTARG = text);
CREATE FUNCTION trap.abs(numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT 42.0';
CREATE FUNCTION pg_temp.trapped(expression text, OUT result text, OUT path text) LANGUAGE plpgsql
    SET search_path = trap, pg_catalog AS $$
BEGIN
    result := pg_temp.gives(expression);
    path := pg_catalog.current_setting('search_path');
END $$;
SELECT is(result, 'false', 'operators are those of pg_catalog') FROM pg_temp.trapped('product = ''other''');
SELECT is(result, 'true', 'functions are those of pg_catalog') FROM pg_temp.trapped('abs(net) = 5');
SELECT is(path, 'trap, pg_catalog', 'the caller keeps its search_path') FROM pg_temp.trapped('true');

CREATE TEMPORARY TABLE outcome (result text);
CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (false);
INSERT INTO outcome SELECT pg_temp.gives('net::text = ''5''');
DROP DOMAIN pg_temp.text;
SELECT is(result, 'true', 'types are those of pg_catalog') FROM outcome;

CREATE DOMAIN trap.text AS pg_catalog.text CHECK (false);
SELECT throws_ok($$SELECT affiliate.check_rule_text('condition', 'trap.abs(net) = 42')$$, 'AF001',
    'function trap.abs is not allowed in a rule condition');
SELECT throws_ok($$SELECT affiliate.check_rule_text('condition', 'product OPERATOR(trap.=) ''x''')$$, 'AF001',
    'operator trap.= is not allowed in a rule condition');
SELECT throws_ok($$SELECT affiliate.check_rule_text('condition', 'product::trap.text IS NULL')$$, 'AF001',
    'a cast to trap.text is not allowed in a rule condition');

-- An implicit cast of the user's.
CREATE FUNCTION public.as_number(text) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT 1.0';
CREATE CAST (text AS numeric) WITH FUNCTION public.as_number(text) AS IMPLICIT;
SELECT throws_ok($$SELECT affiliate.check_rule_text('condition', 'product::numeric = 1')$$, 'AF001',
    'function as_number(text) is not allowed in a rule condition', 'casts are those of pg_catalog');
CREATE FUNCTION pg_temp.detail_of(expression text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
BEGIN
    PERFORM affiliate.check_rule_text('condition', expression);
    RETURN 'accepted';
EXCEPTION WHEN SQLSTATE 'AF001' THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN detail;
END $$;
SELECT is(pg_temp.detail_of('net > 1 AND product > 1'), 'It stands at character 13 of the condition.', 'one that nobody wrote is told by what it converts');
SELECT is(pg_temp.detail_of('net > 1 AND abs(product) > 1'), 'It stands at character 17 of the condition.', 'also as an argument');
DROP CAST (text AS numeric);
CREATE FUNCTION public.jsonb_typeof(jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''x''::text';
CREATE CAST (jsonb AS text) WITH FUNCTION public.jsonb_typeof(jsonb);
SELECT throws_ok($$SELECT affiliate.check_rule_text('condition', 'metadata::text = ''x''')$$, 'AF001',
    NULL, 'a function outside pg_catalog is none of ours, whatever its name');

SELECT throws_ok($$SELECT affiliate.check_rule_text('condition', 'net +')$$, 'AF002', NULL, 'an error');
SELECT is(current_setting('search_path') || ' ' || current_setting('TimeZone'),
    '"$user", public Asia/Tokyo', 'settings are as before after an error');

-- No collation of the database: upper case sorts before lower case.
SELECT is(pg_temp.gives('''B'' < ''a'' AND lower(''É'') = ''É'''), 'true', 'texts compare by their bytes');

SELECT * FROM finish();
ROLLBACK;
