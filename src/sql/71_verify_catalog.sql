-- verify(), continued: triggers, owners, privileges and sequences are as setup() makes them.

CREATE FUNCTION affiliate._verify_catalog(OUT code text, OUT customer_id text, OUT subject text, OUT detail text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT 'trigger', ''::text, format('affiliate.%s trigger %s', g.table_name, g.trigger_name),
           CASE WHEN t.oid IS NULL THEN 'The trigger is missing; run affiliate.setup().'
                WHEN pg_get_triggerdef(t.oid) <> format('CREATE TRIGGER %I %s', g.trigger_name, g.definition)
                    THEN 'The trigger was changed; run affiliate.setup().'
                ELSE format('tgenabled is %s instead of %s; run affiliate.setup().', t.tgenabled, g.enabled) END
    FROM affiliate._guard_triggers() AS g
    LEFT JOIN pg_trigger AS t ON t.tgrelid = to_regclass(format('affiliate.%I', g.table_name)) AND t.tgname = g.trigger_name
    WHERE t.oid IS NULL OR t.tgenabled <> g.enabled
       OR pg_get_triggerdef(t.oid) <> format('CREATE TRIGGER %I %s', g.trigger_name, g.definition);

    RETURN QUERY
    SELECT 'trigger', ''::text, format('%s trigger %s', t.tgrelid::regclass, t.tgname),
           format('tgenabled is %s instead of O: %s; run affiliate.setup().', t.tgenabled,
                  CASE WHEN t.tgenabled = 'A' THEN 'it fires under session_replication_role = replica too'
                       ELSE 'the trigger is disabled, what is written is not settled' END)
    FROM pg_trigger AS t JOIN pg_proc AS p ON p.oid = t.tgfoid
    WHERE p.pronamespace = 'affiliate'::regnamespace AND p.proname <> '_attached' AND t.tgenabled <> 'O' AND NOT t.tgisinternal
      AND NOT EXISTS (SELECT FROM affiliate._guard_triggers() AS g WHERE g.trigger_name = t.tgname)
    UNION ALL
    SELECT DISTINCT 'trigger', '', format('%s constraint %s', t.tgrelid::regclass, k.conname),
           'The foreign key is disabled, rows may hang on nothing; run affiliate.setup(), then affiliate.verify() again.'
    FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid JOIN pg_constraint AS k ON k.oid = t.tgconstraint
    WHERE c.relnamespace = 'affiliate'::regnamespace AND t.tgisinternal AND t.tgenabled <> 'O';

    RETURN QUERY
    SELECT 'trigger', ''::text, format('affiliate.%s', w.name), format('No trigger calls affiliate.%s() on %s; run affiliate.setup().', w.function_name, w.done)
    FROM (SELECT n.name, v.* -- event: the bit of tgtype
          FROM unnest('{transaction,dispute,event,customer,account,customer_alias,visitor_customer,transaction_ref}'::text[]) AS n (name)
          CROSS JOIN (VALUES (4, 'INSERT', '_settle_after'), (16, 'UPDATE', '_settle_after')) AS v (event, done, function_name)
          UNION ALL
          SELECT n.name, 16, 'UPDATE', '_fact_before_update' FROM unnest('{transaction,dispute,customer,customer_pii,account,visitor_customer,transaction_ref}'::text[]) AS n (name)) AS w
    WHERE NOT EXISTS (SELECT FROM pg_trigger AS t JOIN pg_proc AS p ON p.oid = t.tgfoid
                      WHERE t.tgrelid = to_regclass(format('affiliate.%I', w.name)) AND t.tgtype & w.event <> 0
                        AND p.pronamespace = 'affiliate'::regnamespace AND p.proname = w.function_name);

    RETURN QUERY
    SELECT 'attached_trigger', ''::text, format('%s, attachment %s', f.relation, a.attachment_id), f.fault || ' SELECT * FROM affiliate.reconcile(.., repair => true).'
    FROM affiliate.attachment AS a CROSS JOIN LATERAL affiliate._attached_trigger_faults(a.attachment_id) AS f;

    RETURN QUERY
    SELECT 'object_owner', ''::text, c.oid::regclass::text, format('It belongs to "%s"; run affiliate.setup().', pg_get_userbyid(c.relowner))
    FROM pg_class AS c
    WHERE c.relnamespace = 'affiliate'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND pg_get_userbyid(c.relowner) <> 'affiliate_owner'
    UNION ALL
    SELECT 'object_owner', '', p.oid::regprocedure::text, format('It runs with the rights of "%s"; run affiliate.setup().', pg_get_userbyid(p.proowner))
    FROM pg_proc AS p
    WHERE p.pronamespace = 'affiliate'::regnamespace AND p.prosecdef AND pg_get_userbyid(p.proowner) <> 'affiliate_owner';

    -- append-only is a matter of privileges too (I1)
    RETURN QUERY
    SELECT 'privilege', ''::text, c.oid::regclass::text, format('%s has %s; run affiliate.setup().',
        CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, a.privilege_type)
    FROM pg_class AS c
    CROSS JOIN LATERAL aclexplode(c.relacl) AS a
    WHERE c.relnamespace = 'affiliate'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S') AND a.grantee <> c.relowner
      AND (a.grantee = 0 OR a.privilege_type IN ('UPDATE', 'DELETE', 'TRUNCATE') AND EXISTS (
            SELECT FROM affiliate._guard_triggers() AS g WHERE g.table_name = c.relname AND g.trigger_name = c.relname || '_append_only'))
    UNION ALL
    SELECT 'privilege', '', p.oid::regprocedure::text, 'PUBLIC has EXECUTE; run affiliate.setup().'
    FROM pg_proc AS p
    CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
    WHERE p.pronamespace = 'affiliate'::regnamespace AND a.grantee = 0;

    RETURN QUERY
    SELECT 'sequence', ''::text, s.table_column, format('The next number would be one of those up to %s that are used; run affiliate.setup().', s.highest)
    FROM affiliate._sequences_behind() AS s
    WHERE NOT affiliate._is_subscriber(); -- until it takes over
END
$$;
COMMENT ON FUNCTION affiliate._verify_catalog() IS 'Part of verify(): triggers, owners, privileges and sequences are as setup() makes them.';
