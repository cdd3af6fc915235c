-- metrics(): what health() knows, for machines.

--| The state of the installation as numbers, for a Prometheus SQL exporter: one row per series. Cheap enough to be read each
--| minute (it counts queues, the catalog and the few conversions that wait, no facts). Names end in their unit; `_total` only grows. Thresholds: docs/operations.md.
CREATE FUNCTION affiliate.metrics(OUT name text, OUT labels jsonb, OUT value numeric)
RETURNS SETOF record
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    at timestamptz := clock_timestamp();
    installed_at timestamptz; -- a job that never ran is as old as this
BEGIN
    RETURN QUERY
    SELECT 'pg_affiliate_info', jsonb_build_object('version', affiliate.version(), 'mode', coalesce(current_setting('pg_affiliate.mode', true), 'on')), 1::numeric
    UNION ALL
    SELECT 'pg_affiliate_version_mismatch', '{}', (affiliate._tables_version() IS DISTINCT FROM affiliate.version())::integer;
    IF affiliate._tables_version() IS DISTINCT FROM affiliate.version() THEN
        RETURN; -- tables that the rest asks may be missing
    END IF;
    SELECT max(s.installed_at) INTO installed_at FROM affiliate.schema_version AS s;
    RETURN QUERY
    SELECT 'pg_affiliate_queue_rows', jsonb_build_object('kind', k.kind), count(q.queue_id)
    FROM unnest('{customer,transaction,affiliate,program}'::text[]) AS k (kind)
    LEFT JOIN affiliate.settle_queue AS q ON q.kind = k.kind AND q.due_at <= affiliate._now() GROUP BY k.kind
    UNION ALL
    SELECT 'pg_affiliate_queue_age_seconds', '{}', coalesce(extract(epoch FROM at - min(greatest(q.due_at, q.enqueued_at))), 0)
    FROM affiliate.settle_queue AS q WHERE q.due_at <= affiliate._now()
    UNION ALL
    SELECT 'pg_affiliate_queue_failed_rows', '{}', count(q.last_error) FROM affiliate.settle_queue AS q
    UNION ALL
    SELECT 'pg_affiliate_pending_input_rows', jsonb_build_object('state', s.state), count(i.input_id)
    FROM unnest('{waiting,rejected}'::text[]) AS s (state) LEFT JOIN affiliate.pending_input AS i ON i.state = s.state GROUP BY s.state
    UNION ALL
    SELECT 'pg_affiliate_attached_rows', jsonb_build_object('attachment', a.attachment_id, 'state', s.state), count(i.input_id)
    FROM affiliate.attachment AS a CROSS JOIN unnest('{waiting,rejected}'::text[]) AS s (state)
    LEFT JOIN affiliate.pending_input AS i ON i.kind = 'attached' AND i.state = s.state AND i.payload ->> 'attachment' = a.attachment_id
    WHERE a.detached_at IS NULL GROUP BY a.attachment_id, s.state
    UNION ALL
    SELECT 'pg_affiliate_attached_age_seconds', '{}', coalesce(extract(epoch FROM at - min(i.recorded_at)), 0)
    FROM affiliate.pending_input AS i WHERE i.kind = 'attached' AND i.state = 'waiting'
    UNION ALL
    SELECT 'pg_affiliate_attached_lost_total', '{}', CASE WHEN l.is_called THEN l.last_value ELSE 0 END FROM affiliate.attached_rows_lost AS l
    UNION ALL
    SELECT 'pg_affiliate_review_open_cases', jsonb_build_object('severity', s.severity), count(r.case_id)
    FROM unnest('{low,normal,high}'::text[]) AS s (severity) LEFT JOIN affiliate.review_case AS r ON r.severity = s.severity AND r.state = 'open' GROUP BY s.severity
    UNION ALL
    SELECT 'pg_affiliate_drain_age_seconds', '{}', extract(epoch FROM affiliate._now() - coalesce(max(d.last_run_at), installed_at)) FROM affiliate.drain_progress AS d
    UNION ALL
    SELECT 'pg_affiliate_drain_settled_total', '{}', coalesce(sum(d.settled), 0) FROM affiliate.drain_progress AS d
    UNION ALL
    SELECT 'pg_affiliate_drain_error', '{}', count(d.last_error) FROM affiliate.drain_progress AS d
    UNION ALL
    SELECT m.name, '{}', m.value
    FROM affiliate.rollup_progress AS p
    CROSS JOIN LATERAL (VALUES
        ('pg_affiliate_rollup_in_use', p.in_use::integer::numeric), ('pg_affiliate_rollup_rows_above', p.rows_above),
        ('pg_affiliate_rollup_age_seconds', extract(epoch FROM at - coalesce(p.refreshed_at, installed_at))), ('pg_affiliate_rollup_folded_total', p.folded),
        ('pg_affiliate_rollup_failed_total', p.failed), ('pg_affiliate_rollup_error', (p.last_error IS NOT NULL)::integer)) AS m (name, value)
    WHERE m.value IS NOT NULL
    UNION ALL
    SELECT 'pg_affiliate_failed_jobs_1d', '{}', affiliate._failed_jobs() WHERE affiliate._failed_jobs() IS NOT NULL
    UNION ALL
    SELECT 'pg_affiliate_oldest_transaction_seconds', '{}', coalesce(extract(epoch FROM at - affiliate._oldest_transaction()), 0)
    WHERE pg_has_role('pg_read_all_stats', 'USAGE') -- who may not see those of others knows nothing
    UNION ALL
    SELECT 'pg_affiliate_waiting_conversions', '{}', count(*) FROM affiliate.conversion AS c WHERE c.state = 'waiting'
    UNION ALL
    SELECT 'pg_affiliate_queue_scheduled_rows', '{}', count(*) FROM affiliate.settle_queue AS q WHERE q.due_at > affiliate._now()
    UNION ALL
    SELECT 'pg_affiliate_installation_problems', '{}', count(*) FROM affiliate._verify_catalog()
    UNION ALL
    SELECT 'pg_affiliate_test_clock', '{}', (nullif(current_setting('pg_affiliate.now', true), '') IS NOT NULL)::integer
    UNION ALL
    SELECT 'pg_affiliate_subscriber', '{}', affiliate._is_subscriber()::integer;
END
$$;
COMMENT ON FUNCTION affiliate.metrics() IS 'The state of the installation as numbers, for a Prometheus SQL exporter.';
