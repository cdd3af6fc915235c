-- Owners and privileges. Everything is asserted anew on each run: restores lose the owners of functions.

CREATE FUNCTION affiliate._setup_owners() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $setup$
DECLARE
    wanted text;
BEGIN
    FOR wanted IN
        SELECT 'SCHEMA affiliate' FROM pg_namespace WHERE nspname = 'affiliate' AND nspowner <> 'affiliate_owner'::regrole
        UNION ALL
        SELECT format('%s %s', CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid::regclass)
        FROM pg_class AS c
        WHERE c.relnamespace = 'affiliate'::regnamespace AND c.relowner <> 'affiliate_owner'::regrole
          AND (c.relkind IN ('r', 'p', 'v') -- the sequence of a column belongs to who owns its table
               OR c.relkind = 'S' AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')))
        UNION ALL
        -- functions with the owner's rights, and those that setup() made
        SELECT format('ROUTINE %s', p.oid::regprocedure)
        FROM pg_proc AS p
        WHERE p.pronamespace = 'affiliate'::regnamespace AND p.proowner <> 'affiliate_owner'::regrole
          AND (p.prosecdef OR NOT EXISTS (SELECT FROM pg_depend AS d
                                          WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'))
    LOOP
        EXECUTE format('ALTER %s OWNER TO affiliate_owner', wanted);
    END LOOP;
END
$setup$;
COMMENT ON FUNCTION affiliate._setup_owners() IS 'Part of setup(): affiliate_owner owns the schema, its tables and views, and the functions that run with the owner''s rights.';

-- Columns that the database fills in and no caller may give.
CREATE FUNCTION affiliate._given_columns(table_name text, except_also text[] DEFAULT '{}') RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
        FROM pg_attribute AS a
        WHERE a.attrelid = format('affiliate.%I', table_name)::regclass AND a.attnum > 0 AND NOT a.attisdropped
          AND a.attgenerated = ''
          AND a.attname <> ALL ('{recorded_at,recorded_by,version,written_xid,inserted_xid,visitor_added,cluster,created_at,created_by,requested_at,requested_by,actor,acting_role}'::text[]
                                || except_also));
END
$$;
COMMENT ON FUNCTION affiliate._given_columns(text, text[]) IS 'The columns of a table that a caller may give: not the stamps of time, actor, version and transaction.';

CREATE FUNCTION affiliate._setup_grants() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $setup$
DECLARE
    facts constant text[] := '{visitor_customer,customer,customer_alias,account,transaction,transaction_ref,dispute,event}';
    name text;
    granted record;
BEGIN
    REVOKE ALL ON SCHEMA affiliate FROM PUBLIC, affiliate_mapping, affiliate_reader, affiliate_writer, affiliate_admin;
    GRANT USAGE ON SCHEMA affiliate TO affiliate_mapping, affiliate_reader, affiliate_writer, affiliate_admin;

    REVOKE ALL ON ALL TABLES IN SCHEMA affiliate FROM PUBLIC, affiliate_mapping, affiliate_reader, affiliate_writer, affiliate_admin;
    REVOKE ALL ON ALL SEQUENCES IN SCHEMA affiliate FROM PUBLIC, affiliate_mapping, affiliate_reader, affiliate_writer, affiliate_admin;
    GRANT SELECT ON ALL TABLES IN SCHEMA affiliate TO affiliate_reader;
    GRANT SELECT ON ALL SEQUENCES IN SCHEMA affiliate TO affiliate_reader; -- verify() compares them
    REVOKE ALL ON affiliate.customer_pii FROM affiliate_reader;

    -- The firm's programs write facts. Upserts read what they compare.
    FOREACH name IN ARRAY facts LOOP
        EXECUTE format('GRANT SELECT, INSERT (%s), UPDATE (%1$s) ON affiliate.%I TO affiliate_writer', affiliate._given_columns(name), name);
    END LOOP;
    EXECUTE format('GRANT SELECT, INSERT (%s), UPDATE (customer_id) ON affiliate.click TO affiliate_writer', affiliate._given_columns('click'));
    EXECUTE format('GRANT SELECT (customer_id), INSERT (%s), UPDATE (%1$s), DELETE ON affiliate.customer_pii TO affiliate_writer',
                   affiliate._given_columns('customer_pii'));
    GRANT SELECT (customer_id) ON affiliate.conversion TO affiliate_writer;

    -- Administrators write the rulebook, and its triggers write what follows.
    FOREACH name IN ARRAY array_remove(affiliate._rulebook_tables(), 'suspension_decision') LOOP
        EXECUTE format('GRANT INSERT (%s), UPDATE (%1$s), DELETE ON affiliate.%I TO affiliate_admin', affiliate._given_columns(name), name);
    END LOOP;
    GRANT INSERT (version), UPDATE (version) ON affiliate.plan TO affiliate_admin;
    GRANT INSERT, UPDATE ON affiliate.attachment TO affiliate_admin;

    -- what a mapping finds out of a sale or a status by itself
    GRANT SELECT (transaction_id, program_id, currency) ON affiliate.transaction TO affiliate_mapping;
    GRANT SELECT ON affiliate.transaction_status TO affiliate_mapping;
    GRANT INSERT (action, object, detail) ON affiliate.audit_log TO affiliate_admin;
    GRANT INSERT (kind, program_no, customer_id, due_at, reason, scope) ON affiliate.settle_queue TO affiliate_admin;

    FOR granted IN
        SELECT p.oid::regprocedure AS signature, g.role_name
        FROM pg_proc AS p
        CROSS JOIN LATERAL affiliate._function_roles(p.proname, p.prorettype = 'trigger'::regtype) AS g (role_name)
        WHERE p.pronamespace = 'affiliate'::regnamespace
        ORDER BY p.oid::regprocedure::text, g.role_name
    LOOP
        EXECUTE format('REVOKE ALL ON ROUTINE %s FROM PUBLIC, affiliate_owner, affiliate_mapping, affiliate_reader, affiliate_writer, affiliate_admin', granted.signature);
    END LOOP;
    FOR granted IN
        SELECT p.oid::regprocedure AS signature, g.role_name
        FROM pg_proc AS p
        CROSS JOIN LATERAL affiliate._function_roles(p.proname, p.prorettype = 'trigger'::regtype) AS g (role_name)
        WHERE p.pronamespace = 'affiliate'::regnamespace AND g.role_name IS NOT NULL
        ORDER BY p.oid::regprocedure::text, g.role_name
    LOOP
        EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %I', granted.signature, granted.role_name);
    END LOOP;
END
$setup$;
COMMENT ON FUNCTION affiliate._setup_grants() IS 'Part of setup(): who may read, write and call what; PUBLIC nothing.';

-- One row with null for a function that only the owner and superusers may call.
CREATE FUNCTION affiliate._function_roles(function_name name, is_trigger boolean) RETURNS SETOF text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    superusers_only constant text[] := '{setup,uninstall}';
    -- column defaults and CHECKs are evaluated with the rights of whoever inserts; a checkout may ask before it sells
    for_writers constant text[] := '{_now,_default_program,_is_id,new_click_id,version,owner_of,attribute,quote_commission}';
    -- what they ask, and what that calls in turn
    for_readers constant text[] := '{version,balance,find_conversion,explain,owner_of,attribute,quote_commission,health,verify,
        check_rule_text,evaluate_rule_text,rule_functions,rule_operators,new_click_id,
        _now,_default_program,_affiliate_no,_program_no,_refuse_argument,_require_period,_require_tables,_tables_version,_quoted,_explain,_filled_in,
        _plain_reason,_find_by_key,_find_by_reading,_job,_failed_jobs,_oldest_transaction,metrics,_written_rows,top_affiliates,funnel,quality,chargeback_report,_verify_ledger,_verify_counts,_verify_decisions,_verify_references,_verify_rollups,_verify_catalog,
        performance,_performance_query,_period_condition,_filter_condition,_month_of,_month_after,_rollup_watermark,_cluster,_last_xid,_day,
        _ledger_changes,_click_changes,_grains,_ledger_sums,_click_sums,_counted_clicks,_clicks_between,_click_name,_resolve_sources,_written_subjects,
        _guard_triggers,_rulebook_tables,_sequences_behind,_is_subscriber,
        _attached_relation,_attached_relations,_attached_triggers,_attachment_state,_attached_trigger_faults}';
    -- called by triggers with the rights of whoever writes the rulebook, and by what administrators call: the job of
    -- schedule_jobs() is the caller's own, and what _audit writes an administrator may write anyway
    for_admins constant text[] := '{_concerned_program,_rulebook_scope,_rebuild_upline,_id_columns,_is_amount,_audit,_force_sync,_drain_failed,_jobs,_cron_hint,_rollup_failed,
        _attached,_attachment_kinds,_refuse_mapping,_check_expression,_try_mapping,_require_attachable,_complete_mapping,_fact_fields,_given_columns,_read_columns,
        _check_attach,_make_attached_triggers,_drop_attached_triggers,_require_attachment,_require_attached_relation,_unnamed_attachment,
        _attached_changed,_attached_files,_blocks_query,_blocks_of,_backfill_begin,_backfill_step,_load_rows,_take_up_kept,_drop_superseded,_compare_rows,_preview_rows,_gone_keys,_facts_gone,_attached_rows,_attached_columns,_generation,_field_expression,_dated,_follows_completion}';
BEGIN
    RETURN QUERY
    SELECT r.role_name
    FROM (VALUES
        ('affiliate_owner', NOT is_trigger AND function_name <> ALL (superusers_only)),
        ('affiliate_mapping', function_name = ANY ('{_sale,_quoted,_follows_completion}')),
        ('affiliate_reader', function_name = ANY (for_readers)),
        ('affiliate_writer', function_name = ANY (for_writers)),
        ('affiliate_admin', (NOT is_trigger OR function_name = '_attached') AND function_name <> ALL (superusers_only || for_readers)
            AND (function_name NOT LIKE '\_%' OR function_name = ANY (for_admins)
                 OR function_name LIKE '\_suggest\_%')), -- attach_suggest() runs with the rights of who asks
        (NULL, true)) AS r (role_name, may)
    WHERE r.may;
END
$$;
COMMENT ON FUNCTION affiliate._function_roles(name, boolean) IS 'Which roles may call a function of the schema.';
