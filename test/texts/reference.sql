-- The reference: a database without the extension, in the C locale, with PostgreSQL's own answers. Filled by the program
-- `run`: plain.input (n, and the columns of affiliate.rule_input).
CREATE SCHEMA plain;

-- What a text must be before a rule casts it to numeric (docs/rule-expressions.md), written anew.
CREATE FUNCTION plain.number(value text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    IF octet_length(value) > 64 OR value ~ '[^-+.0-9 ]' THEN
        RAISE EXCEPTION USING ERRCODE = '22P02', MESSAGE = format('"%s" is not a number that rules can use', left(value, 64));
    END IF;
    RETURN value;
END $$;

-- What PostgreSQL's own analyser finds in the text: the functions and operators, or the error.
CREATE FUNCTION plain.parsed(expression text, OUT state text, OUT message text, OUT functions oid[], OUT operators oid[]) LANGUAGE plpgsql AS $$
DECLARE
    tree text;
BEGIN
    state := '00000';
    BEGIN
        EXECUTE 'CREATE FUNCTION pg_temp.probe(' || current_setting('plain.columns') || ') RETURNS boolean LANGUAGE sql RETURN ('
            || expression || E'\n) IS NULL';
        tree := (SELECT p.prosqlbody FROM pg_proc AS p WHERE p.proname = 'probe' AND p.pronamespace = pg_my_temp_schema());
        DROP FUNCTION pg_temp.probe;
        functions := ARRAY(SELECT DISTINCT m[1]::oid FROM regexp_matches(tree, ':funcid (\d+)', 'g') AS m);
        operators := ARRAY(SELECT DISTINCT m[1]::oid FROM regexp_matches(tree, ':opno (\d+)', 'g') AS m);
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
    END;
END $$;

-- Planning folds constants; what fails there fails for every row.
CREATE FUNCTION plain.planned(expression text, OUT state text, OUT message text) LANGUAGE plpgsql AS $$
BEGIN
    state := '00000';
    EXECUTE 'EXPLAIN SELECT ' || expression || E'\n FROM plain.input';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
END $$;

-- [SQLSTATE, value] for one row.
CREATE FUNCTION plain.evaluated(kind text, expression text, n integer) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    result text;
    state text;
BEGIN
    EXECUTE 'SELECT ((' || expression || E'\n)::' || CASE kind WHEN 'condition' THEN 'boolean' ELSE 'numeric' END
        || ')::text FROM plain.input AS i WHERE i.n = $1' INTO result USING n;
    -- an amount must be finite
    IF kind = 'amount' AND result IN ('NaN', 'Infinity', '-Infinity') THEN
        RETURN ARRAY['22003', NULL];
    END IF;
    RETURN ARRAY['00000', result];
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE;
    RETURN ARRAY[state, NULL];
END $$;

-- batch: [{"kind", "text", "rows": [n, ...]}, ...]; one answer each, in order.
CREATE FUNCTION plain.judged(batch jsonb) RETURNS SETOF jsonb LANGUAGE plpgsql AS $$
DECLARE
    item jsonb;
    parsed record;
    planned record;
BEGIN
    FOR item IN SELECT jsonb_array_elements(batch) LOOP
        parsed := plain.parsed(item ->> 'text');
        planned := plain.planned(item ->> 'text');
        RETURN NEXT jsonb_build_object('parse', parsed.state, 'plan', planned.state, 'message', coalesce(parsed.message, planned.message),
            'words', ARRAY(SELECT f::regprocedure::text FROM unnest(parsed.functions) AS f)
                  || ARRAY(SELECT o::regoperator::text FROM unnest(parsed.operators) AS o),
            'rows', CASE WHEN planned.state = '00000'
                    THEN ARRAY(SELECT to_jsonb(plain.evaluated(item ->> 'kind', item ->> 'text', n::integer))
                               FROM jsonb_array_elements_text(item -> 'rows') WITH ORDINALITY AS r (n, o) ORDER BY r.o) END);
    END LOOP;
END $$;
