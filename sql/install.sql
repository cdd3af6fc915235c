-- CREATE EXTENSION and setup(): what there is afterwards; a second setup() changes nothing.
SET client_min_messages = warning;
CREATE EXTENSION pg_affiliate;
SELECT extname, nspname FROM pg_extension JOIN pg_namespace AS n ON n.oid = extnamespace WHERE extname = 'pg_affiliate';
-- code only: the extension owns no table
SELECT count(*) FROM pg_depend AS d JOIN pg_extension AS e ON d.refobjid = e.oid AND d.refclassid = 'pg_extension'::regclass
WHERE e.extname = 'pg_affiliate' AND d.classid = 'pg_class'::regclass AND EXISTS (SELECT FROM pg_class WHERE oid = d.objid AND relkind <> 'c');
-- before setup() whatever needs the tables says so
\set VERBOSITY terse
SELECT affiliate.drain();
CALL affiliate.rollup_catch_up();
SELECT * FROM affiliate.performance('2025-01-01', '2025-02-01');
SELECT * FROM affiliate.top_affiliates('2025-01-01', '2025-02-01');
SELECT * FROM affiliate.quality('ann', '2025-01-01', '2025-02-01');
SELECT * FROM affiliate.verify();
\set VERBOSITY default
SELECT item, state, hint FROM affiliate.health();
SELECT name, value FROM affiliate.metrics();
SELECT affiliate.setup();

-- everything that setup() makes, as one text
CREATE FUNCTION public.installed() RETURNS text LANGUAGE sql AS $$
    SELECT md5(string_agg(item, E'\n' ORDER BY item COLLATE "C")) FROM (
        SELECT concat_ws(' ', 'relation', relname, relkind, relowner::regrole, relacl, reloptions, relfilenode) FROM pg_class WHERE relnamespace = 'affiliate'::regnamespace
        UNION ALL SELECT concat_ws(' ', 'column', attrelid::regclass, attname, atttypid::regtype, attnotnull, pg_get_expr(adbin, adrelid), attacl)
            FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum WHERE attnum > 0 AND attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'affiliate'::regnamespace)
        UNION ALL SELECT concat_ws(' ', 'constraint', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint WHERE connamespace = 'affiliate'::regnamespace
        UNION ALL SELECT concat_ws(' ', 'trigger', oid, tgrelid::regclass, tgname, tgenabled, pg_get_triggerdef(oid)) FROM pg_trigger WHERE tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'affiliate'::regnamespace) AND tgname NOT LIKE '%settle%' AND tgname NOT LIKE '%fact_update'
        UNION ALL SELECT concat_ws(' ', 'function', oid::regprocedure, proowner::regrole, proacl, prosecdef) FROM pg_proc WHERE pronamespace = 'affiliate'::regnamespace
        UNION ALL SELECT concat_ws(' ', 'comment', classoid::regclass, objoid, objsubid, description) FROM pg_description WHERE objoid IN (SELECT oid FROM pg_class WHERE relnamespace = 'affiliate'::regnamespace)
        UNION ALL SELECT concat_ws(' ', 'rows', 'currency', count(*)) FROM affiliate.currency
        UNION ALL SELECT concat_ws(' ', 'rows', 'schema_version', count(*), max(installed_at)) FROM affiliate.schema_version) AS i (item)
$$;
SELECT public.installed() AS first \gset
SELECT affiliate.setup();
SELECT public.installed() = :'first' AS "nothing changed";

-- roles and owners
SELECT rolname, rolcanlogin, rolsuper FROM pg_roles WHERE rolname IN ('affiliate_owner', 'affiliate_reader', 'affiliate_writer', 'affiliate_admin') ORDER BY 1;
SELECT count(*) AS "tables of somebody else" FROM pg_class WHERE relnamespace = 'affiliate'::regnamespace AND relkind IN ('r', 'v') AND relowner <> 'affiliate_owner'::regrole;
SELECT relkind, count(*) > 0 AS some FROM pg_class WHERE relnamespace = 'affiliate'::regnamespace AND relkind IN ('r', 'v') GROUP BY 1 ORDER BY 1;

-- only superusers set up
CREATE ROLE regress_affiliate_nobody;
SET ROLE regress_affiliate_nobody;
SELECT affiliate.setup();
RESET ROLE;
DROP ROLE regress_affiliate_nobody;
SELECT * FROM affiliate.verify();
DROP FUNCTION public.installed();
