-- Attachments as people see them, and their triggers after a restore, an upgrade or uninstall().

CREATE FUNCTION affiliate._setup_attach_views() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET client_min_messages = warning
AS $setup$
BEGIN
    CREATE OR REPLACE VIEW affiliate.attachments WITH (security_invoker = true) AS
    SELECT a.attachment_id AS attachment, format('%I.%I', coalesce(n.nspname, a.table_schema::name), coalesce(c.relname, a.table_name::name)) AS table_name,
           a.kind, affiliate._attachment_state(a.attachment_id) AS state, a.on_error, a.capture,
           k.waiting, k.rejected, clock_timestamp() - k.oldest_at AS lag, k.last_kept_at, k.last_error,
           coalesce(a.backfill ->> 'state', 'none') AS backfill, a.fields AS columns, a.filter, a.attached_at, a.attached_by, a.detached_at
    FROM affiliate.attachment AS a
    LEFT JOIN pg_class AS c ON c.oid = affiliate._attached_relation(a.attachment_id)
    LEFT JOIN pg_namespace AS n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE p.state = 'waiting') AS waiting, count(*) FILTER (WHERE p.state = 'rejected') AS rejected,
               min(p.recorded_at) FILTER (WHERE p.state = 'waiting') AS oldest_at, max(p.recorded_at) AS last_kept_at,
               (array_agg(p.reason ORDER BY p.input_id DESC))[1] AS last_error
        FROM affiliate.pending_input AS p WHERE p.kind = 'attached' AND p.payload ->> 'attachment' = a.attachment_id) AS k;

    CREATE OR REPLACE VIEW affiliate.backfill_progress WITH (security_invoker = true) AS
    SELECT a.attachment_id AS attachment, a.backfill ->> 'state' AS state, coalesce(c.oid, affiliate._attached_relation(a.attachment_id))::regclass::text AS table_name,
           round(100.0 * least((a.backfill ->> 'block')::bigint, (a.backfill ->> 'blocks')::bigint) / nullif((a.backfill ->> 'blocks')::bigint, 0), 1) AS percent,
           (a.backfill ->> 'rows')::bigint AS rows_read, (a.backfill ->> 'written')::bigint AS facts_written, (a.backfill ->> 'rejected')::bigint AS rows_rejected,
           (a.backfill ->> 'started_at')::timestamptz AS started_at, (a.backfill ->> 'updated_at')::timestamptz AS updated_at
    FROM affiliate.attachment AS a LEFT JOIN pg_class AS c ON c.oid = (a.backfill ->> 'relation')::oid AND a.backfill ->> 'state' = 'running'
    WHERE a.backfill IS NOT NULL;
END
$setup$;
COMMENT ON FUNCTION affiliate._setup_attach_views() IS 'Part of setup(): creates or replaces the views of attachments.';

-- A restored table has other numbers than the one that was attached. Its name finds it, and its columns.
CREATE FUNCTION affiliate._setup_attached_triggers() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET client_min_messages = warning
AS $setup$
DECLARE
    attached record;
BEGIN
    FOR attached IN
        SELECT a.attachment_id, a.relation_id, affiliate._attached_relation(a.attachment_id) AS relation FROM affiliate.attachment AS a
        WHERE a.detached_at IS NULL ORDER BY a.attachment_id
    LOOP
        CONTINUE WHEN attached.relation IS NULL;
        IF attached.relation <> attached.relation_id THEN
            UPDATE affiliate.attachment AS a
            SET relation_id = attached.relation, backfill = a.backfill - 'relation' - 'file' - CASE WHEN a.backfill ->> 'state' = 'running' THEN '{block,blocks}'::text[] ELSE '{}' END,
                known_columns = (SELECT jsonb_object_agg(k.key, k.value || coalesce(jsonb_build_object('number', n.attnum), '{}')) FROM jsonb_each(a.known_columns) AS k
                                 LEFT JOIN pg_attribute AS n ON n.attrelid = attached.relation AND n.attname = coalesce(k.value ->> 'name', k.key) AND NOT n.attisdropped)
            WHERE a.attachment_id = attached.attachment_id;
        END IF;
        PERFORM affiliate._make_attached_triggers(attached.attachment_id, r.relation) FROM affiliate._attached_relations(attached.attachment_id) AS r (relation);
    END LOOP;
END
$setup$;
COMMENT ON FUNCTION affiliate._setup_attached_triggers() IS 'Part of setup(): makes the triggers of attached tables that are missing.';

CREATE FUNCTION affiliate._attachment_state(attachment text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT CASE
        WHEN a.detached_at IS NOT NULL THEN 'detached'
        WHEN affiliate._attached_relation(attachment) IS NULL THEN 'table is gone'
        WHEN EXISTS (SELECT FROM affiliate._attached_trigger_faults(attachment)) THEN 'triggers are missing'
        ELSE 'attached' END
        FROM affiliate.attachment AS a WHERE a.attachment_id = attachment);
END
$$;
COMMENT ON FUNCTION affiliate._attachment_state(text) IS 'Whether rows of an attached table arrive.';

CREATE FUNCTION affiliate._attached_trigger_faults(attachment text) RETURNS TABLE (relation regclass, fault text)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT r.relation::regclass, format('Trigger %s is missing; its rows do not arrive.', w.trigger_name)
    FROM affiliate._attached_relations(attachment) AS r (relation) CROSS JOIN LATERAL affiliate._attached_triggers(attachment, r.relation) AS w
    UNION ALL
    SELECT t.tgrelid::regclass, format('Trigger %s has tgenabled %s.', t.tgname, t.tgenabled)
    FROM affiliate.attachment AS a
    CROSS JOIN affiliate._attached_relations(attachment) AS r (relation)
    JOIN pg_trigger AS t ON t.tgrelid = r.relation AND t.tgname LIKE format('pg\_affiliate\_%s\_%%', a.attachment_no)
    WHERE a.attachment_id = attachment AND a.detached_at IS NULL AND t.tgenabled <> CASE a.capture WHEN 'row_always' THEN 'A' ELSE 'O' END;
END
$$;
COMMENT ON FUNCTION affiliate._attached_trigger_faults(text) IS 'Triggers of an attachment that are missing or disabled.';
