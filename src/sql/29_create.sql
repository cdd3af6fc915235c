-- Creating without locking what is there already: setup() runs beside sales.

CREATE FUNCTION affiliate._create_index(index_name text, statement text) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF to_regclass(format('affiliate.%I', index_name)) IS NULL THEN
        EXECUTE statement;
    END IF;
END
$$;
COMMENT ON FUNCTION affiliate._create_index(text, text) IS 'Part of setup(): creates an index that is missing; takes no lock where it is there.';

CREATE FUNCTION affiliate._create_trigger(trigger_name text, table_name text, definition text) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted text := format('CREATE TRIGGER %I %s', trigger_name, definition);
    present record;
BEGIN
    SELECT pg_get_triggerdef(t.oid) AS definition, t.tgenabled INTO present FROM pg_trigger AS t
    WHERE t.tgrelid = format('affiliate.%I', table_name)::regclass AND t.tgname = trigger_name;
    IF present.definition IS DISTINCT FROM wanted THEN
        EXECUTE format('CREATE OR REPLACE TRIGGER %I %s', trigger_name, definition);
    ELSIF present.tgenabled <> 'O' THEN -- its definition does not show that a restore which broke off left it disabled
        EXECUTE format('ALTER TABLE affiliate.%I ENABLE TRIGGER %I', table_name, trigger_name);
    END IF;
END
$$;
COMMENT ON FUNCTION affiliate._create_trigger(text, text, text) IS 'Part of setup(): creates, replaces or enables a trigger that is not as wanted; takes no lock where it is.';
