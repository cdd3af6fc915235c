-- Everything of schema affiliate by name: what an upgraded and a new installation must have alike. Not the numbers of columns:
-- one that was dropped leaves a gap.
SELECT 'relation', c.oid::regclass, c.relkind, c.relowner::regrole, c.reloptions, obj_description(c.oid, 'pg_class'),
       (SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(c.relacl) AS a)
FROM pg_class AS c WHERE c.relnamespace = 'affiliate'::regnamespace;
SELECT 'column', a.attrelid::regclass, row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum), a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
       a.attcollation::regcollation, pg_get_expr(d.adbin, d.adrelid), col_description(a.attrelid, a.attnum), (SELECT string_agg(x::text, ',' ORDER BY x::text) FROM unnest(a.attacl) AS x)
FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid LEFT JOIN pg_attrdef AS d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
WHERE c.relnamespace = 'affiliate'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'v', 'c', 'i');
SELECT 'constraint', k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid), k.convalidated FROM pg_constraint AS k WHERE k.connamespace = 'affiliate'::regnamespace;
SELECT 'index', pg_get_indexdef(i.indexrelid) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid WHERE c.relnamespace = 'affiliate'::regnamespace;
SELECT 'trigger', t.tgrelid::regclass, t.tgenabled, pg_get_triggerdef(t.oid) FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
WHERE c.relnamespace = 'affiliate'::regnamespace AND NOT t.tgisinternal;
SELECT 'view', c.oid::regclass, pg_get_viewdef(c.oid) FROM pg_class AS c WHERE c.relnamespace = 'affiliate'::regnamespace AND c.relkind = 'v';
SELECT 'function', p.oid::regprocedure, p.proowner::regrole, (SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(p.proacl) AS a), obj_description(p.oid, 'pg_proc'),
       md5(pg_get_functiondef(p.oid)) FROM pg_proc AS p WHERE p.pronamespace = 'affiliate'::regnamespace;
SELECT 'type', t.oid::regtype, obj_description(t.oid, 'pg_type') FROM pg_type AS t WHERE t.typnamespace = 'affiliate'::regnamespace AND t.typtype = 'c';
SELECT 'member', pg_describe_object(d.classid, d.objid, d.objsubid) FROM pg_depend AS d JOIN pg_extension AS e ON d.refobjid = e.oid AND d.refclassid = 'pg_extension'::regclass
WHERE e.extname = 'pg_affiliate' AND d.deptype = 'e';
SELECT 'row', t.* FROM affiliate.transaction_type AS t;
SELECT 'row', t.* FROM affiliate.transaction_status AS t;
SELECT 'row', t.* FROM affiliate.event_type AS t;
SELECT 'row', t.* FROM affiliate.currency AS t;
