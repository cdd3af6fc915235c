-- The vocabulary is what the docs promise: in pg_catalog, immutable, exact.
BEGIN;

CREATE TEMPORARY TABLE word AS
    SELECT signature, ('pg_catalog.' || signature)::regprocedure::oid AS function_oid
    FROM unnest(affiliate.rule_functions()) AS signature
    UNION ALL
    SELECT signature, o.oprcode
    FROM unnest(affiliate.rule_operators()) AS signature
    JOIN pg_operator AS o ON o.oid = ('pg_catalog.' || signature)::regoperator;

SELECT plan(5);
SELECT is((SELECT count(*) FROM word),
    (cardinality(affiliate.rule_functions()) + cardinality(affiliate.rule_operators()))::bigint,
    'every signature exists in pg_catalog');
SELECT is_empty('SELECT signature FROM word JOIN pg_proc AS p ON p.oid = function_oid
    WHERE p.provolatile <> ''i'' OR p.proretset OR p.prokind <> ''f''', 'all are immutable plain functions');
SELECT is_empty($$SELECT signature FROM word JOIN pg_proc AS p ON p.oid = function_oid
    WHERE p.prorettype = ANY ('{float4,float8,money,interval,timetz}'::regtype[])
       OR p.proargtypes::oid[] && '{float4,float8,money,interval,timetz}'::regtype[]::oid[]$$,
    'none touches binary floating point, money or intervals');
SELECT is_empty('SELECT signature FROM word GROUP BY signature HAVING count(*) > 1', 'none is listed twice');
SELECT is_empty($$SELECT signature FROM word JOIN pg_proc AS p ON p.oid = function_oid
    JOIN pg_language AS l ON l.oid = p.prolang
    WHERE l.lanname NOT IN ('internal', 'sql') OR p.pronamespace <> 'pg_catalog'::regnamespace$$,
    'all are the server''s own');

SELECT * FROM finish();
ROLLBACK;
