-- AF001: what parses, or could, but has no place in a rule.
BEGIN;

CREATE FUNCTION public.evil(integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE FUNCTION public.evil_plus(numeric, integer) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE OPERATOR public.+ (FUNCTION = public.evil_plus, LEFTARG = numeric, RIGHTARG = integer);

CREATE TEMPORARY TABLE example (n integer GENERATED ALWAYS AS IDENTITY, expression text);
INSERT INTO example (expression) VALUES
    -- clocks, sessions, side effects
    ('now() > ordered_at'), ('pg_catalog.now() > ordered_at'), ('CURRENT_TIMESTAMP > ordered_at'),
    ('CURRENT_DATE = ''2025-01-01'''), ('clock_timestamp() > ordered_at'), ('age(ordered_at) IS NULL'),
    ('CURRENT_USER = ''x'''), ('SESSION_USER = ''x'''), ('random() > 0.5'), ('pg_sleep(1) IS NULL'),
    ('pg_read_file(''/etc/passwd'') IS NULL'), ('nextval(''s'') = 1'), ('txid_current() = 1'),
    ('set_config(''pg_affiliate.mode'', ''off'', false) = ''off'''), ('current_setting(''x'') = ''y'''),
    ('query_to_xml(''select 1'', true, true, '''') IS NULL'), ('lo_import(''x'') > 0'),
    ('pg_terminate_backend(1)'), ('nosuchfunction(1)'), ('public.evil(1)'),
    ('net OPERATOR(public.+) 1 > 1'), ('net OPERATOR(pg_catalog.^) 2 > 1'),
    -- queries
    ('(SELECT true)'), ('EXISTS (SELECT 1)'), ('product IN (SELECT ''a'')'), ('net > ANY (SELECT 1)'),
    ('ARRAY(SELECT 1) IS NULL'), ('true FROM pg_class'), ('true WHERE true'), ('true LIMIT 1'),
    ('true ORDER BY 1'), ('true GROUP BY 1'), ('DISTINCT true'), ('true FOR UPDATE'), ('true HAVING true'),
    ('true WINDOW w AS ()'), ('true, true'), ('true AS x'), ('sum(net) > 1'), ('count(*) > 1'),
    ('row_number() OVER () = 1'), ('abs(net) OVER () = 1'), ('abs(DISTINCT net) = 1'),
    ('abs(net) FILTER (WHERE true) = 1'), ('abs(VARIADIC net) = 1'), ('length(string => product) = 1'),
    ('generate_series(1, 10) > 1'), ('unnest(ARRAY[1, 2]) = 1'), ('product = $1'), ('product.* IS NULL'),
    ('GROUPING(net) = 1'), ('DEFAULT'),
    -- constructs
    ('(metadata)[''a''] = ''1'''), ('(product).x = 1'), ('ROW(1, 2) = ROW(1, 2)'),
    ('(product, currency) = (''a'', ''b'')'), ('(1, 2) OVERLAPS (3, 4)'), ('product COLLATE "C" = ''x'''),
    ('net BETWEEN SYMMETRIC 1 AND 2'), ('b''1010'' = product'), ('x''ff'' IS NULL'),
    ('xmlelement(name a) IS NULL'), ('product IS DOCUMENT'), ('product IS NORMALIZED'),
    -- binary floating point, and powers
    ('net::float8 > 1'), ('net::real > 1'), ('''1.5''::double precision > 1'),
    ('sqrt(net) > 1'), ('net ^ 2 > 1'), ('|/ net > 1'), ('power(net, 2) > 1'), ('exp(net) > 1'), ('ln(net) > 1'),
    ('log(net) > 1'), ('factorial(5) = 1'), ('round(5) = 5'), ('floor(purchase_number) = 1'),
    ('purchase_number << 40 > 1'), ('net = ''NaN'''), ('net < ''Infinity'''), ('net < 1e1000'), ('net < 1e-70'),
    ('net < 1e64'), ('round(net, 31) = 1'), ('round(net, purchase_number) = 1'), ('trunc(net, NULL) = 1'),
    -- texts
    ('product ~ ''(a+)+b'''), ('product !~* ''x'''), ('product ILIKE ''a'''), ('product SIMILAR TO ''a'''),
    ('product LIKE ''a'' ESCAPE ''#'''), ('regexp_replace(product, ''a'', ''b'') = '''''),
    ('substring(product FROM ''(a+)+$'') = '''''), ('repeat(''x'', 1000000000) = product'),
    ('lpad(''x'', 1000000000) = product'), ('format(''%s'', product) = '''''), ('concat(product, ''a'') = ''x'''),
    ('replace(product, ''a'', ''b'') = '''''), ('to_char(net, ''9'') = '''''), ('md5(product) = ''x'''),
    ('product || 1 = ''x'''), ('product || metadata IS NULL'), ('hashtext(product) = 1'),
    -- types
    ('product::name = ''x'''), ('product::varchar = ''x'''), ('product::varchar(3) = ''x'''), ('product::char = ''x'''),
    ('''pg_class''::regclass IS NULL'), ('net::money > ''1'''), ('net::numeric(10,2) > 1'), ('product::text[] IS NULL'),
    ('product::bytea IS NULL'), ('''{1,2}''::int[] = ARRAY[1]'), ('ARRAY[1.5]::text = ''x'''), ('ARRAY[1] = ARRAY[1]'),
    ('''x''::public.evil IS NULL'), ('product::jsonb IS NULL'), ('metadata::text = ''x'''), ('metadata::numeric = 1'),
    ('metadata < metadata'), ('greatest(metadata, metadata) IS NULL'), ('metadata @? ''$.a'''),
    ('jsonb_path_exists(metadata, ''$.a'')'),
    -- times
    ('ordered_at > ''now'''), ('ordered_at > ''today'''), ('ordered_at > timestamptz ''tomorrow'''),
    ('ordered_at > ''epoch'''), ('ordered_at > ''infinity'''), ('ordered_at > ''2025-01-01 00:00 CET'''),
    ('ordered_at > ''2025-01-01 00:00 Europe/Prague'''), ('ordered_at > ''Jan 1 2025'''), ('ordered_at > ''20250101'''),
    ('ordered_at IN (''2025-01-01'', ''now'')'), ('ordered_at = ANY (''{now}'')'),
    ('ordered_at = ANY (''{2025-01-01}'')'), ('ordered_at AT TIME ZONE ''UTC'' > ''2025-01-01 00:00+01'''),
    ('ordered_at AT TIME ZONE product > ''2025-01-01'''), ('ordered_at AT TIME ZONE ''CET'' > ''2025-01-01'''),
    ('ordered_at AT TIME ZONE ''CET-1CEST,M3.5.0/2,M10.5.0/3'' > ''2025-01-01'''),
    ('timezone(''Europe/Prague'', timestamp ''2025-01-01'') > ordered_at'), ('ordered_at + interval ''1 day'' > completed_at'),
    ('ordered_at - completed_at > ''1 day'''), ('ordered_at::date = ''2025-01-01'''), ('ordered_at::text = ''x'''),
    ('ordered_at > ordered_at::timestamp'), ('ordered_at > (ordered_at AT TIME ZONE ''UTC'')'),
    ('date_trunc(''month'', ordered_at) = ordered_at'), ('extract(month FROM ordered_at) = 1'),
    ('extract(epoch FROM ordered_at AT TIME ZONE ''UTC'') > 1'), ('date_part(''month'', ordered_at) = 1'),
    -- size
    (repeat('NOT ', 2400) || 'true'),
    (repeat('- ', 2000) || 'net > 1'),
    ('net' || repeat(' + net', 1600) || ' > 1'),
    (repeat('(', 40) || 'is_first_purchase' || repeat(' BETWEEN true AND false)', 40)),
    (repeat('(', 40) || 'is_first_purchase' || repeat(' IN (is_first_purchase, is_first_purchase))', 40)),
    ('product = ''' || repeat('x', 10000) || '''');

-- Where it stands is told, also where a clause or the size is the matter.
CREATE TEMPORARY TABLE place (n integer GENERATED ALWAYS AS IDENTITY, expression text, "character" integer);
INSERT INTO place (expression, "character") VALUES
    ('true FROM pg_class', 11), ('true FROM (SELECT 1) AS a', 19), ('true FROM (VALUES (1)) AS a', 20),
    ('true FROM generate_series(1, 9) AS g', 11), ('true FROM a JOIN b ON true', 11), ('true WHERE net > 1', 12),
    ('true GROUP BY product', 15), ('true HAVING true', 13), ('true WINDOW w AS ()', 18), ('true ORDER BY 1', 15),
    ('net > fee fee', 11), ('true AS "Total"', 10), ('net > 1 END', 9), ('true LIMIT 1', 12), ('true OFFSET 2', 13), ('DISTINCT true', 1), ('net > 1, true', 10),
    ('net > 1 AND metadata IN (''{}'', ''1'')', 26), (repeat('NOT ', 2400) || 'true', 4001), ('net' || repeat(' + net', 1600) || ' > 1', 1),
    ('net < ' || repeat('9', 65), 7), (repeat('a.', 4000) || 'f(1)', 1), ('net OPERATOR(' || repeat('a.', 4000) || '+) 1 > 1', 5);

CREATE FUNCTION pg_temp.refusal_of(expression text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
    hint text;
BEGIN
    PERFORM affiliate.check_rule_text('condition', expression);
    RETURN 'accepted';
EXCEPTION WHEN SQLSTATE 'AF001' THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN substring(detail FROM 'at character \d+ of the condition\.$') || left(hint, 0);
END $$;

SELECT plan(((SELECT count(*) FROM example) + (SELECT count(*) FROM place))::integer);
SELECT is(pg_temp.refusal_of(expression), format('at character %s of the condition.', "character"), left(expression, 80)) FROM place ORDER BY n;
SELECT throws_ok(format('SELECT affiliate.check_rule_text(%L, %L)', 'condition', expression),
    'AF001', NULL, left(expression, 80))
FROM example ORDER BY n;

SELECT * FROM finish();
ROLLBACK;
