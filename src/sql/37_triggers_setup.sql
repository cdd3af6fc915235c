-- Triggers of the fact tables (POSTGRES.md 8): statement triggers settle, a row trigger guards what an UPDATE may change.

CREATE FUNCTION affiliate._setup_triggers() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET client_min_messages = warning
AS $setup$
DECLARE
    fact text;
    disabled record;
BEGIN
    FOREACH fact IN ARRAY '{transaction,dispute,event,customer,account,customer_alias,visitor_customer,transaction_ref}'::text[] LOOP
        PERFORM affiliate._create_trigger(fact || '_settle_insert', fact, format('AFTER INSERT ON affiliate.%I'
            ' REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION affiliate._settle_after()', fact));
        PERFORM affiliate._create_trigger(fact || '_settle_update', fact, format('AFTER UPDATE ON affiliate.%I'
            ' REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION affiliate._settle_after()', fact));
    END LOOP;
    FOREACH fact IN ARRAY '{transaction,dispute,customer,customer_pii,account,visitor_customer,transaction_ref}'::text[] LOOP
        PERFORM affiliate._create_trigger(fact || '_fact_update', fact, format('BEFORE UPDATE ON affiliate.%I'
            ' FOR EACH ROW EXECUTE FUNCTION affiliate._fact_before_update()', fact));
    END LOOP;
    -- DISABLE TRIGGER ALL switches foreign keys off as well
    FOR disabled IN
        SELECT t.tgrelid::regclass AS table_name, t.tgname AS trigger_name FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
        WHERE c.relnamespace = 'affiliate'::regnamespace AND t.tgisinternal AND t.tgenabled <> 'O'
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE TRIGGER %I', disabled.table_name, disabled.trigger_name);
    END LOOP;
END
$setup$;
COMMENT ON FUNCTION affiliate._setup_triggers() IS 'Part of setup(): creates or re-asserts the triggers of the fact tables, and enables the foreign keys.';
