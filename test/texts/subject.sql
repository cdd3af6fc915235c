-- The side under test: a database with the extension. Filled by the program `run`: texts.input (n, input affiliate.rule_input).
-- Every call is made as in a session whose settings would change how a text is read, and which would find the objects of
-- traps.sql first.
CREATE SCHEMA texts;
CREATE TABLE texts.input (n integer PRIMARY KEY, input affiliate.rule_input);

CREATE FUNCTION texts.hostile_check(kind text, expression text) RETURNS void LANGUAGE plpgsql
    SET search_path = trap, pg_catalog SET "TimeZone" = 'Asia/Tokyo' SET "DateStyle" = 'German, DMY' SET standard_conforming_strings = off
    SET backslash_quote = on SET escape_string_warning = off SET transform_null_equals = on SET "IntervalStyle" = 'sql_standard'
    AS 'BEGIN PERFORM affiliate.check_rule_text(kind, expression); END';
CREATE FUNCTION texts.hostile_evaluate(kind text, expression text, input affiliate.rule_input) RETURNS text LANGUAGE plpgsql
    SET search_path = trap, pg_catalog SET "TimeZone" = 'Asia/Tokyo' SET "DateStyle" = 'German, DMY' SET standard_conforming_strings = off
    SET backslash_quote = on SET escape_string_warning = off SET transform_null_equals = on SET "IntervalStyle" = 'sql_standard'
    AS 'BEGIN RETURN affiliate.evaluate_rule_text(kind, expression, input); END';
CREATE FUNCTION texts.hostile_write(plan integer, number integer, condition text, amount text) RETURNS void LANGUAGE plpgsql
    SET search_path = trap, pg_catalog SET "TimeZone" = 'Asia/Tokyo' SET "DateStyle" = 'German, DMY' SET standard_conforming_strings = off
    SET backslash_quote = on SET escape_string_warning = off SET transform_null_equals = on SET "IntervalStyle" = 'sql_standard'
    AS 'BEGIN INSERT INTO affiliate.plan_rule (plan_no, sequence_no, condition, amount) VALUES (plan, number, condition, amount); END';

-- What check_rule_text says, as an object; without "state" it accepts.
CREATE FUNCTION texts.checked(kind text, expression text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    state text;
    message text;
    detail text;
    hint text;
BEGIN
    PERFORM texts.hostile_check(kind, expression);
    RETURN '{}';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN jsonb_build_object('state', state, 'message', message, 'detail', detail, 'hint', hint);
END $$;

-- The same text as a rule of a plan: the SQLSTATE.
CREATE FUNCTION texts.written(plan integer, number integer, kind text, expression text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    state text;
BEGIN
    IF kind = 'condition' THEN
        PERFORM texts.hostile_write(plan, number, expression, '1');
    ELSE
        PERFORM texts.hostile_write(plan, number, 'true', expression);
    END IF;
    RETURN '00000';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE;
    RETURN state;
END $$;

-- [SQLSTATE, value] for one row.
CREATE FUNCTION texts.evaluated(kind text, expression text, of_row integer) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    state text;
    message text;
BEGIN
    RETURN ARRAY['00000', texts.hostile_evaluate(kind, expression, (SELECT i.input FROM texts.input AS i WHERE i.n = of_row))];
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
    RETURN ARRAY[state, message];
END $$;

-- batch: [{"number", "kind", "text", "rows": [n, ...]}, ...]; one answer each, in order.
CREATE FUNCTION texts.judged(plan integer, batch jsonb) RETURNS SETOF jsonb LANGUAGE plpgsql AS $$
DECLARE
    item jsonb;
    answer jsonb;
    began timestamptz;
BEGIN
    FOR item IN SELECT jsonb_array_elements(batch) LOOP
        began := clock_timestamp();
        answer := texts.checked(item ->> 'kind', item ->> 'text');
        answer := answer || jsonb_build_object('written', texts.written(plan, (item ->> 'number')::integer, item ->> 'kind', item ->> 'text'));
        IF NOT answer ? 'state' THEN
            answer := answer || jsonb_build_object('rows', ARRAY(SELECT to_jsonb(texts.evaluated(item ->> 'kind', item ->> 'text', n::integer))
                FROM jsonb_array_elements_text(item -> 'rows') WITH ORDINALITY AS r (n, o) ORDER BY r.o));
        END IF;
        RETURN NEXT answer || jsonb_build_object('seconds', extract(epoch FROM clock_timestamp() - began));
    END LOOP;
END $$;
