-- Creating without locking what is there already: setup() runs beside sales.

-- Tables of an earlier version get what was added since; a new one is made by the same two steps, so that both are alike.
CREATE FUNCTION affiliate._add_column(table_name text, column_name text, definition text) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = format('affiliate.%I', table_name)::regclass AND a.attname = column_name) THEN
        EXECUTE format('ALTER TABLE affiliate.%I ADD COLUMN %I %s', table_name, column_name, definition);
    END IF;
END
$$;
COMMENT ON FUNCTION affiliate._add_column(text, text, text) IS 'Part of setup(): adds a column that is missing; takes no lock where it is there.';

-- Rows that are there already may come from any cluster: 0 is none.
CREATE FUNCTION affiliate._add_cluster(table_name text) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM affiliate._add_column(table_name, 'cluster', 'bigint NOT NULL DEFAULT 0');
    PERFORM affiliate._drop_column(table_name, 'cluster_no');
END
$$;
COMMENT ON FUNCTION affiliate._add_cluster(text) IS 'Part of setup(): the column of a stream that says in which cluster a row was written.';

CREATE FUNCTION affiliate._drop_column(table_name text, column_name text) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = format('affiliate.%I', table_name)::regclass AND a.attname = column_name) THEN
        EXECUTE format('ALTER TABLE affiliate.%I DROP COLUMN %I', table_name, column_name);
    END IF;
END
$$;
COMMENT ON FUNCTION affiliate._drop_column(text, text) IS 'Part of setup(): drops a column of an earlier version.';

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
