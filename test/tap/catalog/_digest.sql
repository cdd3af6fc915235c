-- Everything of schema affiliate that setup() is responsible for, as rows.
-- Privileges in an order of their own: that of the grants is another one after a restore.
CREATE FUNCTION pg_temp.sorted(privileges aclitem[]) RETURNS text[] LANGUAGE sql AS $$ SELECT array_agg(p::text ORDER BY p::text) FROM unnest(privileges) AS p $$;
CREATE FUNCTION pg_temp.digest() RETURNS TABLE (what text, name text, detail text) LANGUAGE sql AS $$
    SELECT 'relation', c.oid::regclass::text, concat_ws(' ', c.relkind, c.relowner::regrole, pg_temp.sorted(c.relacl), c.reloptions, obj_description(c.oid, 'pg_class'))
    FROM pg_class AS c WHERE c.relnamespace = 'affiliate'::regnamespace
    UNION ALL
    SELECT 'column', a.attrelid::regclass || '.' || a.attname, concat_ws(' ', a.attnum, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
        a.attgenerated, pg_temp.sorted(a.attacl), a.attcollation, pg_get_expr(d.adbin, d.adrelid), col_description(a.attrelid, a.attnum))
    FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE c.relnamespace = 'affiliate'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT 'constraint', k.conrelid::regclass || '.' || k.conname, pg_get_constraintdef(k.oid) FROM pg_constraint AS k WHERE k.connamespace = 'affiliate'::regnamespace
    UNION ALL
    SELECT 'index', i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid)
    FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid WHERE c.relnamespace = 'affiliate'::regnamespace
    UNION ALL
    SELECT 'trigger', t.tgrelid::regclass || '.' || t.tgname, concat_ws(' ', t.tgenabled, pg_get_triggerdef(t.oid))
    FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid WHERE c.relnamespace = 'affiliate'::regnamespace AND NOT t.tgisinternal
    UNION ALL
    SELECT 'view', c.oid::regclass::text, pg_get_viewdef(c.oid) FROM pg_class AS c WHERE c.relnamespace = 'affiliate'::regnamespace AND c.relkind = 'v'
    UNION ALL
    SELECT 'function', p.oid::regprocedure::text, concat_ws(' ', p.proowner::regrole, pg_temp.sorted(p.proacl), p.proconfig, p.prosecdef)
    FROM pg_proc AS p WHERE p.pronamespace = 'affiliate'::regnamespace
    UNION ALL
    SELECT 'schema', nspname::text, concat_ws(' ', nspowner::regrole, pg_temp.sorted(nspacl)) FROM pg_namespace WHERE nspname = 'affiliate'
    UNION ALL
    SELECT 'role', r.rolname::text, concat_ws(' ', r.rolcanlogin, r.rolsuper, (SELECT array_agg(m.roleid::regrole ORDER BY 1) FROM pg_auth_members AS m WHERE m.member = r.oid))
    FROM pg_roles AS r WHERE r.rolname LIKE 'affiliate\_%'
    UNION ALL SELECT 'row', 'currency', r::text FROM affiliate.currency AS r
    UNION ALL SELECT 'row', 'transaction_type', r::text FROM affiliate.transaction_type AS r
    UNION ALL SELECT 'row', 'transaction_status', r::text FROM affiliate.transaction_status AS r
    UNION ALL SELECT 'row', 'schema_version', r::text FROM affiliate.schema_version AS r
$$;
