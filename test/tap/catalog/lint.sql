-- House rules that the catalog can answer: comments, search_path, marks, names, keys.
BEGIN;
SELECT plan(19);

CREATE TEMP VIEW own_function AS
SELECT p.*, p.oid::regprocedure::text AS signature, l.lanname FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang
WHERE p.pronamespace = 'affiliate'::regnamespace AND p.prokind IN ('f', 'p');
CREATE TEMP VIEW own_relation AS
SELECT c.* FROM pg_class AS c WHERE c.relnamespace = 'affiliate'::regnamespace AND c.relkind IN ('r', 'p', 'v');

SELECT is_empty($$SELECT signature FROM own_function WHERE obj_description(oid, 'pg_proc') IS NULL$$, 'every function has a comment');
SELECT is_empty($$SELECT relname FROM own_relation WHERE obj_description(oid, 'pg_class') IS NULL$$, 'every table and view has a comment');
SELECT is_empty($$SELECT c.relname, a.attname FROM own_relation AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
    WHERE c.relkind = 'v' AND col_description(c.oid, a.attnum) IS NULL$$, 'every column of a view has a comment');
SELECT is_empty($$SELECT t.typname FROM pg_type AS t WHERE t.typnamespace = 'affiliate'::regnamespace AND t.typtype IN ('c', 'e', 'd')
    AND NOT EXISTS (SELECT FROM own_relation AS c WHERE c.reltype = t.oid) AND obj_description(t.oid, 'pg_type') IS NULL$$, 'every type has a comment');

SELECT is_empty($$SELECT signature, proconfig FROM own_function WHERE lanname = 'plpgsql' AND prokind = 'f'
    AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (proconfig), false)$$, 'every PL/pgSQL function sets its search_path');
SELECT set_eq($$SELECT proname::text FROM own_function WHERE prokind = 'p' AND lanname = 'plpgsql'$$, '{drain_loop,rollup_catch_up,backfill}'::text[],
    'procedures that commit cannot; they qualify every name');
SELECT is_empty($$SELECT signature, lanname FROM own_function WHERE lanname NOT IN ('c', 'plpgsql', 'sql')$$, 'no other languages');
SELECT set_eq($$SELECT proname::text FROM own_function WHERE provolatile = 'v' AND proparallel <> 'u'$$, '{new_click_id}'::text[],
    'what is volatile is parallel unsafe, random numbers excepted');
SELECT set_eq($$SELECT proname::text FROM own_function WHERE lanname = 'c' AND NOT proisstrict AND prorettype <> 'trigger'::regtype$$,
    '{_explain,_owner_of}'::text[], 'functions in C are strict; these two take a null by themselves');
SELECT is_empty($$SELECT signature FROM own_function WHERE prorettype = 'trigger'::regtype AND (provolatile <> 'v' OR prosecdef)$$,
    'trigger functions are volatile, and run with nobody else''s rights');
SELECT is_empty($$SELECT signature FROM own_function WHERE lanname = 'sql' AND (prosecdef OR proconfig IS NOT NULL)$$, 'SQL functions can be inlined');

SELECT set_eq($$SELECT proname::text FROM own_function WHERE prosecdef$$,
 '{adjust,adjust_approve,adjust_reject,reassign,review_close,release,forfeit,record_payment,_drain_failed,
       owner_of,attribute,quote_commission,rollup_refresh,rollup_rebuild,_rollup_failed,replay,_take_up_kept,_drop_superseded,discard}'::text[], 'the functions that run with the owner''s rights');
SELECT is_empty($$SELECT relname FROM own_relation AS c WHERE relkind = 'v' AND NOT coalesce('security_invoker=true' = ANY (reloptions), false)$$,
    'views run with the rights of the reader');

SELECT is_empty($$SELECT relname FROM own_relation AS c WHERE relkind IN ('r', 'p')
    AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conrelid = c.oid AND k.contype = 'p')$$, 'every table has a primary key');
SELECT is_empty($$SELECT conrelid::regclass, conname FROM pg_constraint AS k JOIN own_relation AS c ON c.oid = k.conrelid
    WHERE k.contype IN ('p', 'u', 'f', 'x', 'c') AND (k.condeferrable OR position(c.relname IN k.conname) <> 1)$$,
    'constraints are named after their table, and none is deferrable');
SELECT is_empty($$SELECT c.relname, k.conname FROM pg_constraint AS k JOIN own_relation AS c ON c.oid = k.conrelid
    WHERE k.contype = 'f' AND k.confrelid NOT IN ('affiliate.commission'::regclass)
      AND c.relname <> ALL (affiliate._rulebook_tables())$$, 'no foreign key from facts, decisions or ledger to the rulebook');
SELECT is_empty($$SELECT c.relname, a.attname, a.atttypid::regtype FROM own_relation AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type AS t ON t.oid = a.atttypid WHERE t.typnamespace <> 'pg_catalog'::regnamespace$$, 'tables use built-in types only');
SELECT is_empty($$SELECT c.relname FROM own_relation AS c JOIN pg_depend AS d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'$$,
    'no table belongs to the extension');
SELECT is_empty($$SELECT c.relname, a.attname, a.atttypid::regtype FROM own_relation AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
    WHERE c.relkind IN ('r', 'p') AND (a.attname LIKE '%\_at' AND a.attname <> 'bind_at' AND a.atttypid <> 'timestamptz'::regtype
        OR a.atttypid IN ('float4'::regtype, 'float8'::regtype, 'money'::regtype, 'timestamp'::regtype))$$, 'times have a zone, and no money is binary');

SELECT * FROM finish();
ROLLBACK;
