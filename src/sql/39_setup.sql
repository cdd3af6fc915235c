-- setup() makes the tables, uninstall() lets go of them. The tables are ordinary objects: no DROP EXTENSION and no
-- restore touches their rows (docs/adr/0001-code-only-extension.md).

--| Creates what is missing in schema `affiliate`: roles, tables, reference rows, triggers, views; asserts owners,
--| privileges and trigger states; and moves sequences on that are behind their rows. Run it after `CREATE EXTENSION`, after `ALTER EXTENSION .. UPDATE` and after a restore.
--| Run again it changes nothing. Superusers only, since functions change their owner.
--|
--| Errors: `42501` when the caller is no superuser.
CREATE FUNCTION affiliate.setup() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
BEGIN
    PERFORM affiliate._require_superuser('affiliate.setup()');
    PERFORM pg_advisory_xact_lock(hashtextextended('affiliate.setup', 0));
    PERFORM affiliate._setup_roles();
    PERFORM affiliate._setup_rulebook();
    PERFORM affiliate._setup_facts();
    PERFORM affiliate._setup_decisions();
    PERFORM affiliate._setup_ledger();
    PERFORM affiliate._setup_operator();
    PERFORM affiliate._setup_attachments();
    PERFORM affiliate._setup_rollups();
    PERFORM affiliate._stamp_cluster();
    PERFORM affiliate._setup_defaults();
    PERFORM affiliate._setup_reference();
    PERFORM affiliate._setup_triggers();
    PERFORM affiliate._setup_views();
    PERFORM affiliate._setup_report_views();
    PERFORM affiliate._setup_attach_views();
    PERFORM affiliate._comment_views();
    PERFORM affiliate._setup_guards();
    PERFORM affiliate._setup_attached_triggers();
    PERFORM affiliate._setup_owners();
    PERFORM affiliate._setup_grants();
    PERFORM setval(s.sequence, s.highest) FROM affiliate._sequences_behind() AS s;

    -- conversions of 0.1.0 know nothing of what reports group by: the drain posts it
    IF EXISTS (SELECT FROM affiliate.schema_version) AND NOT EXISTS (SELECT FROM affiliate.schema_version AS v WHERE v.version <> '0.1.0') THEN
        INSERT INTO affiliate.settle_queue (kind, customer_id, reason)
        SELECT DISTINCT 'customer', c.customer_id, 'upgrade' FROM affiliate.conversion AS c;
    END IF;
    INSERT INTO affiliate.schema_version (version)
    SELECT e.extversion FROM pg_extension AS e
    WHERE e.extname = 'pg_affiliate'
    ON CONFLICT DO NOTHING;
END
$$;
REVOKE ALL ON FUNCTION affiliate.setup() FROM PUBLIC;
COMMENT ON FUNCTION affiliate.setup() IS 'Creates what is missing in schema affiliate and asserts owners, privileges and trigger states. Run again it changes nothing.';

--| Lets go of the tables: drops the triggers, views and column defaults that use functions of the extension, and keeps
--| every table and row. After it `DROP EXTENSION pg_affiliate` works without `CASCADE`, and nothing is settled any more.
--| `affiliate.setup()` puts everything back. Roles stay.
--|
--| Errors: `42501` when the caller is no superuser.
CREATE FUNCTION affiliate.uninstall() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    statement text;
BEGIN
    PERFORM affiliate._require_superuser('affiliate.uninstall()');
    PERFORM pg_advisory_xact_lock(hashtextextended('affiliate.setup', 0));
    FOR statement IN
        WITH member AS (
            SELECT d.objid AS oid FROM pg_depend AS d
            JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND e.extname = 'pg_affiliate'
            WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
        ), own_view AS (
            SELECT format('affiliate.%I', v.view_name)::regclass AS oid FROM affiliate._view_comments() AS v
            WHERE v.column_name IS NULL AND to_regclass(format('affiliate.%I', v.view_name)) IS NOT NULL
        )
        SELECT format('DROP TRIGGER %I ON %s', t.tgname, t.tgrelid::regclass)
        FROM pg_trigger AS t JOIN member AS m ON m.oid = t.tgfoid
        WHERE NOT t.tgisinternal AND t.tgparentid = 0
        UNION ALL
        SELECT format('DROP VIEW %s', string_agg(v.oid::regclass::text, ', ')) FROM own_view AS v HAVING count(*) > 0
        UNION ALL
        SELECT DISTINCT format('ALTER TABLE %s ALTER COLUMN %I DROP DEFAULT', a.attrelid::regclass, a.attname)
        FROM pg_attrdef AS f
        JOIN pg_depend AS d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid AND d.refclassid = 'pg_proc'::regclass
        JOIN member AS m ON m.oid = d.refobjid
        JOIN pg_attribute AS a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
        WHERE a.attgenerated = ''
        UNION ALL
        SELECT DISTINCT format('ALTER TABLE %s DROP CONSTRAINT %I', k.conrelid::regclass, k.conname)
        FROM pg_constraint AS k
        JOIN pg_depend AS d ON d.classid = 'pg_constraint'::regclass AND d.objid = k.oid AND d.refclassid = 'pg_proc'::regclass
        JOIN member AS m ON m.oid = d.refobjid
        WHERE k.contype = 'c'
    LOOP
        EXECUTE statement;
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION affiliate.uninstall() FROM PUBLIC;
COMMENT ON FUNCTION affiliate.uninstall() IS 'Drops triggers, views, column defaults and CHECKs that use functions of the extension; keeps every table and row.';

CREATE FUNCTION affiliate._require_superuser(what text) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('permission denied for %s', what),
            DETAIL = format('Role "%s" is no superuser.', current_user),
            HINT = 'Run it as the superuser who created the extension: it makes roles, and gives functions to the role affiliate_owner.';
    END IF;
END
$$;
COMMENT ON FUNCTION affiliate._require_superuser(text) IS 'Raises an error unless the caller is a superuser.';

-- Defaults that uninstall() drops, and the present text of those that use functions of the extension.
CREATE FUNCTION affiliate._setup_defaults() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $setup$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT a.attrelid::regclass AS table_name, a.attname AS column_name, w.expression
        FROM (VALUES
            ('{click,customer,account,transaction,event}'::text[], 'program_id', 'affiliate._default_program()'),
            ('{click}', 'clicked_at', 'affiliate._now()'),
            ('{click,visitor_customer,customer,customer_pii,customer_alias,account,transaction,transaction_ref,dispute,event,pending_input}', 'recorded_at', 'affiliate._now()'),
            ('{visitor_customer}', 'seen_at', 'affiliate._now()'),
            ('{refund_match}', 'matched_at', 'affiliate._now()'),
            ('{affiliate_position}', 'settled_at', 'affiliate._now()'),
            ('{adjustment}', 'requested_at', 'affiliate._now()'),
            ('{attachment}', 'attached_at', 'affiliate._now()'),
            ('{review_case}', 'opened_at', 'affiliate._now()'),
            ('{suspension_decision}', 'decided_at', 'affiliate._now()'),
            ('{statement_payment}', 'paid_at', 'affiliate._now()')) AS w (table_names, column_name, expression)
        CROSS JOIN unnest(w.table_names) AS t (table_name)
        JOIN pg_attribute AS a ON a.attrelid = format('affiliate.%I', t.table_name)::regclass AND a.attname = w.column_name
        WHERE NOT EXISTS (SELECT FROM pg_attrdef AS f WHERE f.adrelid = a.attrelid AND f.adnum = a.attnum
                          AND pg_get_expr(f.adbin, f.adrelid) = w.expression)
    LOOP
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT %s', wanted.table_name, wanted.column_name, wanted.expression);
    END LOOP;
END
$setup$;
COMMENT ON FUNCTION affiliate._setup_defaults() IS 'Part of setup(): puts back the column defaults that uninstall() dropped.';

-- Rows that came with their numbers and without the sequence, as logical replication brings them.
CREATE FUNCTION affiliate._sequences_behind(OUT sequence regclass, OUT table_column text, OUT highest bigint)
RETURNS SETOF record
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    numbered record;
    is_behind boolean;
BEGIN
    FOR numbered IN
        SELECT a.attrelid::regclass AS table_name, a.attname AS column_name,
               pg_get_serial_sequence(a.attrelid::regclass::text, a.attname)::regclass AS sequence
        FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
        WHERE c.relnamespace = 'affiliate'::regnamespace AND c.relkind IN ('r', 'p') AND a.attidentity <> ''
        ORDER BY a.attrelid
    LOOP
        EXECUTE format('SELECT max(t.%I) FROM %s AS t', numbered.column_name, numbered.table_name) INTO highest;
        EXECUTE format('SELECT s.last_value < $1 OR NOT s.is_called AND s.last_value = $1 FROM %s AS s', numbered.sequence)
        INTO is_behind USING highest;
        IF is_behind THEN
            sequence := numbered.sequence;
            table_column := format('%s.%I', numbered.table_name, numbered.column_name);
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION affiliate._sequences_behind() IS 'Identity columns whose sequence would give a number that is used already, and the highest one.';
