-- Guard triggers. Written the way pg_get_triggerdef() shows them, so that setup() changes nothing that is there
-- already and verify() notices what is not.

CREATE FUNCTION affiliate._guard_triggers()
RETURNS TABLE (table_name text, trigger_name text, definition text, enabled "char")
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    append_only constant text[] := '{transaction_report,customer_report,dispute_report,entry,conversion_entry,audit_log,statement_payment}';
    never_deleted constant text[] := '{click,visitor_customer,customer,customer_alias,account,transaction,transaction_ref,dispute,event,commission}';
    rulebook constant text[] := affiliate._rulebook_tables();
BEGIN
    -- A: also under session_replication_role = replica. Not the audit: what a restore or a subscription brings was written
    -- to audit_log and queue where it happened, and both come with it.
    RETURN QUERY
    SELECT w.name, format(w.trigger_name, w.name), format(w.definition, w.name), w.enabled::"char"
    FROM (
        SELECT t, '%s_append_only', 'BEFORE DELETE OR UPDATE ON affiliate.%I FOR EACH ROW EXECUTE FUNCTION affiliate._refuse_change()', 'A'
        FROM unnest(append_only) AS t
        UNION ALL
        SELECT t, '%s_append_only_truncate', 'BEFORE TRUNCATE ON affiliate.%I FOR EACH STATEMENT EXECUTE FUNCTION affiliate._refuse_change()', 'A'
        FROM unnest(append_only) AS t
        UNION ALL
        SELECT t, '%s_never_deleted', 'BEFORE DELETE ON affiliate.%I FOR EACH ROW EXECUTE FUNCTION affiliate._refuse_delete()', 'A'
        FROM unnest(never_deleted) AS t
        UNION ALL
        SELECT t, '%s_never_truncated', 'BEFORE TRUNCATE ON affiliate.%I FOR EACH STATEMENT EXECUTE FUNCTION affiliate._refuse_delete()', 'A'
        FROM unnest(never_deleted) AS t
        UNION ALL
        SELECT 'click', '%s_unchanged', 'BEFORE UPDATE ON affiliate.%I FOR EACH ROW EXECUTE FUNCTION affiliate._refuse_other_click()', 'O'
        UNION ALL
        SELECT 'event', '%s_unchanged', 'BEFORE UPDATE ON affiliate.%I FOR EACH ROW EXECUTE FUNCTION affiliate._refuse_other_event()', 'O'
        UNION ALL
        SELECT t, '%s_rulebook_changed', 'AFTER INSERT OR DELETE OR UPDATE ON affiliate.%I FOR EACH ROW EXECUTE FUNCTION affiliate._rulebook_changed()', 'A'
        FROM unnest(rulebook) AS t
        UNION ALL
        SELECT t, '%s_log', 'AFTER INSERT OR DELETE OR UPDATE ON affiliate.%I FOR EACH ROW EXECUTE FUNCTION affiliate._log_rulebook()', 'O'
        FROM unnest(rulebook) AS t
        UNION ALL
        SELECT t, '%s_never_truncated', 'BEFORE TRUNCATE ON affiliate.%I FOR EACH STATEMENT EXECUTE FUNCTION affiliate._refuse_truncate()', 'A'
        FROM unnest(rulebook) AS t
        UNION ALL
        SELECT t, '%s_in_use', 'BEFORE DELETE OR UPDATE ON affiliate.%I FOR EACH ROW EXECUTE FUNCTION affiliate._refuse_used_row()', 'O'
        FROM unnest('{program,affiliate,currency,plan,ladder,fx_rate}'::text[]) AS t
        UNION ALL
        SELECT t, '%s_in_use', 'BEFORE INSERT OR DELETE OR UPDATE ON affiliate.%I FOR EACH ROW EXECUTE FUNCTION affiliate._refuse_used_row()', 'O'
        FROM unnest('{plan_rule,ladder_band}'::text[]) AS t
        UNION ALL
        SELECT t, '%s_values', 'BEFORE INSERT OR UPDATE ON affiliate.%I FOR EACH ROW EXECUTE FUNCTION affiliate._check_rulebook_values()', 'O'
        FROM unnest('{program,affiliate,affiliate_alias,campaign,traffic_source,link,coupon,product,plan,ladder,ladder_band,plan_rule,agreement,attribution_override}'::text[]) AS t
        UNION ALL
        VALUES
            -- after the trigger above, in the order of their names
            ('coupon', '%s_values_overlap', 'BEFORE INSERT OR UPDATE ON affiliate.%I FOR EACH ROW EXECUTE FUNCTION affiliate._check_coupon_overlap()', 'O'),
            ('agreement', '%s_values_overlap', 'BEFORE INSERT OR UPDATE ON affiliate.%I FOR EACH ROW EXECUTE FUNCTION affiliate._check_agreement_overlap()', 'O'),
            ('schema_version', '%s_rulebook_changed', 'AFTER INSERT OR DELETE OR UPDATE ON affiliate.%I FOR EACH ROW EXECUTE FUNCTION affiliate._rulebook_changed()', 'A'),
            ('program', '%s_currency', 'BEFORE INSERT OR UPDATE ON affiliate.%I FOR EACH ROW EXECUTE FUNCTION affiliate._check_currencies()', 'O'),
            ('fx_rate', '%s_currency', 'BEFORE INSERT OR UPDATE ON affiliate.%I FOR EACH ROW EXECUTE FUNCTION affiliate._check_currencies()', 'O'),
            ('plan_rule', '%s_texts', 'BEFORE INSERT OR UPDATE ON affiliate.%I FOR EACH ROW EXECUTE FUNCTION affiliate._check_plan_rule()', 'O'),
            ('attachment', '%s_check', 'BEFORE INSERT OR UPDATE ON affiliate.%I FOR EACH ROW EXECUTE FUNCTION affiliate._check_attachment()', 'O'),
            ('customer_alias', '%s_check', 'BEFORE INSERT OR UPDATE ON affiliate.%I FOR EACH ROW EXECUTE FUNCTION affiliate._check_alias()', 'O'),
            ('affiliate_upline', '%s_lock', 'BEFORE INSERT OR DELETE OR UPDATE ON affiliate.%I FOR EACH STATEMENT EXECUTE FUNCTION affiliate._lock_upline()', 'O'),
            ('affiliate_upline', '%s_close', 'AFTER INSERT OR DELETE OR UPDATE ON affiliate.%I FOR EACH ROW EXECUTE FUNCTION affiliate._close_upline()', 'O'),
            ('conversion', '%s_stated', 'BEFORE UPDATE ON affiliate.%I FOR EACH ROW WHEN ((old.stated_at IS NOT NULL)) EXECUTE FUNCTION affiliate._refuse_stated_change()', 'A'),
            ('commission', '%s_overpayment', 'BEFORE UPDATE OF paid ON affiliate.%I FOR EACH ROW WHEN ((((new.paid > old.paid) AND (new.paid > (new.accrued - new.reversed))) OR ((new.paid < old.paid) AND (new.paid < (new.accrued - new.reversed))))) EXECUTE FUNCTION affiliate._refuse_overpayment()', 'A')
    ) AS w (name, trigger_name, definition, enabled);
END
$$;
COMMENT ON FUNCTION affiliate._guard_triggers() IS 'Which guard triggers there are, as pg_get_triggerdef() shows them, and how they are enabled (pg_trigger.tgenabled).';

CREATE FUNCTION affiliate._rulebook_tables() RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN '{currency,fx_rate,program,affiliate,affiliate_status,affiliate_upline,affiliate_alias,campaign,traffic_source,link,coupon,
             product,transaction_type,transaction_status,event_type,plan,ladder,ladder_band,plan_rule,agreement,attribution_override,suspension_decision}';
END
$$;
COMMENT ON FUNCTION affiliate._rulebook_tables() IS 'The tables of the rulebook.';

CREATE FUNCTION affiliate._setup_guards() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET client_min_messages = warning
AS $setup$
DECLARE
    wanted record;
BEGIN
    PERFORM affiliate._create_index('affiliate_upline_below_idx', $index$CREATE INDEX affiliate_upline_below_idx ON affiliate.affiliate_upline (upline_no) WHERE level = 1$index$);

    FOR wanted IN
        SELECT g.*, t.tgenabled,
               pg_get_triggerdef(t.oid) IS NOT DISTINCT FROM format('CREATE TRIGGER %I %s', g.trigger_name, g.definition) AS is_there
        FROM affiliate._guard_triggers() AS g
        LEFT JOIN pg_trigger AS t ON t.tgrelid = format('affiliate.%I', g.table_name)::regclass AND t.tgname = g.trigger_name
    LOOP
        IF NOT wanted.is_there THEN
            EXECUTE format('CREATE OR REPLACE TRIGGER %I %s', wanted.trigger_name, wanted.definition);
        END IF;
        IF NOT wanted.is_there AND wanted.enabled <> 'O' OR wanted.is_there AND wanted.tgenabled <> wanted.enabled THEN
            EXECUTE format('ALTER TABLE affiliate.%I ENABLE %s TRIGGER %I', wanted.table_name,
                           CASE wanted.enabled WHEN 'A' THEN 'ALWAYS' ELSE '' END, wanted.trigger_name);
        END IF;
    END LOOP;
END
$setup$;
COMMENT ON FUNCTION affiliate._setup_guards() IS 'Part of setup(): creates the guard triggers that are missing and enables them as wanted.';
