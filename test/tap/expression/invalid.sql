-- AF002: what does not parse, names nothing or has the wrong type; and where the text is at fault.
BEGIN;

CREATE TEMPORARY TABLE example (n integer GENERATED ALWAYS AS IDENTITY, kind text, expression text, "character" integer);
INSERT INTO example (kind, expression, "character") VALUES
    ('condition', '', NULL), ('condition', '  -- nothing', NULL),
    ('condition', 'net >', 6), ('condition', 'true; DROP TABLE t', 5), ('condition', 'SELECT true', 1),
    ('condition', 'true UNION SELECT true', 6), ('condition', 'WITH x AS (SELECT 1) SELECT true', 1),
    ('condition', 'product = ''abc', 11), ('condition', 'net IN ()', 9), ('condition', '((true)', 8),
    ('condition', 'prodct = ''x''', 1), ('condition', 'net > 1 AND prodct = ''x''', 13),
    ('condition', '''äöü€'' = product AND nett > 1', 22), ('condition', 'rule_input.product = ''x''', 1),
    ('condition', 'metadata.a = ''1''', 1), ('condition', 'ctid IS NULL', 1), ('condition', 'tableoid = 1', 1),
    ('condition', 'net', 1), ('condition', '1', 1), ('condition', 'product', 1), ('condition', '''maybe''', 1),
    ('condition', 'product > 1', 9), ('condition', 'net > ''abc''', 7), ('condition', 'lower(net) = ''x''', 1),
    ('condition', 'ordered_at > ''2025-13-45''', 14), ('condition', 'metadata @> ''{''', 13),
    ('condition', 'ordered_at AT TIME ZONE ''No/Where'' > ''2025-01-01''', 25),
    ('condition', 'net > 1 / 0', 7), ('condition', 'net > 2 + (3 - 1) / (1 - 1)', 12), ('condition', 'net > 1 AND ''abc''::text::numeric > 1', 13), ('condition', 'left(product, 99999999999) = ''a''', 1),
    ('amount', 'product', 1), ('amount', 'true', 1), ('amount', 'ordered_at', 1), ('amount', '''abc''', 1),
    ('amount', 'round(purchase_number)', 1), ('amount', 'CASE WHEN true THEN 1 ELSE ''a'' END', 28),
    -- the place comes after what is quoted, however long that is
    ('condition', 'product = ''' || repeat('x', 9000), 11),
    ('condition', 'net' || repeat('.é', 3000) || ' > 1', 1);

SELECT plan(2 * count(*)::integer + 6) FROM example;

CREATE FUNCTION pg_temp.detail_of(kind text, expression text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
BEGIN
    PERFORM affiliate.check_rule_text(kind, expression);
    RETURN 'accepted';
EXCEPTION WHEN SQLSTATE 'AF002' THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN detail;
END $$;

CREATE FUNCTION pg_temp.hint_of(kind text, expression text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    PERFORM affiliate.check_rule_text(kind, expression);
    RETURN NULL;
EXCEPTION WHEN SQLSTATE 'AF001' OR SQLSTATE 'AF002' THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN hint;
END $$;

SELECT matches(pg_temp.hint_of(kind, expression), '^([A-Z]|docs/).*\.$', kind || ' has a hint: ' || expression) FROM example ORDER BY n;
SELECT matches(pg_temp.detail_of(kind, expression),
    CASE WHEN "character" IS NULL THEN '^(?!accepted)(?!.*at character).+$'
         ELSE format('at character %s of the %s\.$', "character", kind) END,
    kind || ': ' || expression)
FROM example ORDER BY n;

-- Data, not the text, is at fault: PostgreSQL's own SQLSTATE.
SELECT throws_ok($$SELECT affiliate.evaluate_rule_text('amount', 'net / fee',
    jsonb_populate_record(NULL::affiliate.rule_input, '{"net": 1, "fee": 0}'))$$, '22012', 'division by zero');
SELECT throws_ok($$SELECT affiliate.evaluate_rule_text('amount', 'product::numeric',
    jsonb_populate_record(NULL::affiliate.rule_input, '{"product": "abc"}'))$$, '22P02',
    '"abc" is not a number that rules can use');
SELECT throws_ok($$SELECT affiliate.evaluate_rule_text('amount', 'product::numeric',
    jsonb_populate_record(NULL::affiliate.rule_input, '{"product": "NaN"}'))$$, '22P02',
    '"NaN" is not a number that rules can use');
SELECT throws_ok($$SELECT affiliate.evaluate_rule_text('amount', '(metadata ->> ''x'')::numeric',
    jsonb_populate_record(NULL::affiliate.rule_input, '{"metadata": {"x": "1e60000"}}'))$$, '22P02',
    '"1e60000" is not a number that rules can use');
SELECT throws_ok($$SELECT affiliate.evaluate_rule_text('amount', 'net',
    jsonb_populate_record(NULL::affiliate.rule_input, '{"net": "NaN"}'))$$, '22003',
    'amount of a rule is not a finite number');
SELECT throws_ok($$SELECT affiliate.check_rule_text('percentage', 'net')$$, '22023',
    'kind of rule text "percentage" is not known');

SELECT * FROM finish();
ROLLBACK;
