-- health(): is it running, and is anything waiting for somebody?

--| One row per item: its value, a state (`ok`, `warn` or `bad`) and, where something is to be done, a hint.
CREATE FUNCTION affiliate.health(OUT item text, OUT value text, OUT state text, OUT hint text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    queue record;
    drained record;
    at timestamptz := clock_timestamp();
BEGIN
    SELECT count(*) AS length, at - min(greatest(q.due_at, q.enqueued_at)) AS age, count(*) FILTER (WHERE q.attempts > 0) AS failed,
           min(q.last_error) AS last_error
    INTO queue FROM affiliate.settle_queue AS q WHERE q.due_at <= affiliate._now();
    SELECT max(d.last_run_at) AS at, string_agg(d.last_error, '; ') AS error INTO drained FROM affiliate.drain_progress AS d;

    RETURN QUERY
    SELECT h.item, h.value, h.state, CASE WHEN h.state <> 'ok' THEN h.hint END
    FROM (VALUES
        ('version', affiliate.version(),
            CASE WHEN affiliate.version() = (SELECT s.version FROM affiliate.schema_version AS s ORDER BY s.installed_at DESC LIMIT 1) THEN 'ok' ELSE 'bad' END,
            'Library and tables are of different versions: run ALTER EXTENSION pg_affiliate UPDATE, then affiliate.setup(), and reconnect.'),
        ('mode', coalesce(current_setting('pg_affiliate.mode', true), 'on'),
            CASE coalesce(current_setting('pg_affiliate.mode', true), 'on') WHEN 'on' THEN 'ok' WHEN 'queue' THEN 'warn' ELSE 'bad' END,
            'Sales are not settled inline; set pg_affiliate.mode to on, then affiliate.resettle() what was written meanwhile.'),
        ('test clock', coalesce(nullif(current_setting('pg_affiliate.now', true), ''), 'off'),
            CASE WHEN nullif(current_setting('pg_affiliate.now', true), '') IS NULL THEN 'ok' ELSE 'bad' END,
            'Decisions are made with a frozen clock, which is for tests only: RESET pg_affiliate.now.'),
        ('queue length', queue.length::text, CASE WHEN queue.length < 100000 THEN 'ok' ELSE 'warn' END,
            'More is enqueued than drained; see affiliate.waiting.'),
        ('queue age', coalesce(date_trunc('second', queue.age)::text, 'none'),
            CASE WHEN queue.age > interval '10 minutes' THEN 'bad' WHEN queue.age > interval '2 minutes' THEN 'warn' ELSE 'ok' END,
            'Nothing drains the queue: affiliate.schedule_jobs(), or CALL affiliate.drain_loop(''55 s'').'),
        ('failed attempts', queue.failed::text, CASE queue.failed WHEN 0 THEN 'ok' ELSE 'warn' END, 'Last error: ' || queue.last_error),
        ('last drain', coalesce(date_trunc('second', drained.at)::text, 'never'),
            CASE WHEN drained.at > affiliate._now() - interval '5 minutes' THEN 'ok' ELSE 'warn' END,
            'No drain ran lately: affiliate.schedule_jobs(), or a timer that calls affiliate.drain_loop.'),
        ('drain error', coalesce(drained.error, 'none'), CASE WHEN drained.error IS NULL THEN 'ok' ELSE 'bad' END, 'The last drain failed.'),
        ('waiting conversions', (SELECT count(*)::text FROM affiliate.conversion AS c WHERE c.state = 'waiting'), 'ok', NULL),
        ('unplaced news', (SELECT count(*)::text FROM affiliate.pending_input AS i WHERE i.kind = 'transaction' AND i.state = 'waiting'),
            CASE WHEN EXISTS (SELECT FROM affiliate.pending_input AS i WHERE i.kind = 'transaction' AND i.state = 'waiting') THEN 'warn' ELSE 'ok' END,
            'Refunds, disputes or references name transactions that have not arrived; see affiliate.waiting.'),
        ('rejected input', (SELECT count(*)::text FROM affiliate.pending_input AS i WHERE i.state = 'rejected'),
            CASE WHEN EXISTS (SELECT FROM affiliate.pending_input AS i WHERE i.state = 'rejected') THEN 'warn' ELSE 'ok' END,
            'Some input could not be understood; see affiliate.pending_input.'),
        ('open reviews', (SELECT count(*)::text FROM affiliate.review_case AS r WHERE r.state = 'open'),
            CASE WHEN EXISTS (SELECT FROM affiliate.review_case AS r WHERE r.state = 'open' AND r.severity = 'high') THEN 'warn' ELSE 'ok' END,
            'Cases of high severity are open; see affiliate.review_open.'),
        ('installation', (SELECT count(*)::text FROM affiliate._verify_catalog()) || ' problems',
            CASE WHEN EXISTS (SELECT FROM affiliate._verify_catalog()) THEN 'bad' ELSE 'ok' END,
            'Triggers, owners or privileges are not as they should be: see affiliate.verify(), run affiliate.setup().'),
        ('drain job', affiliate._drain_job(), CASE affiliate._drain_job() WHEN 'none' THEN 'warn' ELSE 'ok' END,
            'No pg_cron job of yours in this database: affiliate.schedule_jobs(), or another timer.'),
        ('subscription', CASE WHEN affiliate._is_subscriber() THEN 'subscriber' ELSE 'none' END,
            CASE WHEN affiliate._is_subscriber() THEN 'warn' ELSE 'ok' END,
            'The ledger comes from another server: nothing is drained here. To take over see docs/operations.md, Replication.'),
        ('oldest transaction', coalesce((SELECT date_trunc('second', at - min(a.xact_start))::text FROM pg_stat_activity AS a
                                         WHERE a.backend_xid IS NOT NULL AND a.datname = current_database()), 'none'),
            CASE WHEN EXISTS (SELECT FROM pg_stat_activity AS a WHERE a.backend_xid IS NOT NULL AND a.datname = current_database()
                              AND a.xact_start < at - interval '15 minutes') THEN 'warn' ELSE 'ok' END,
            'A transaction that stays open holds back new clicks and the rollups.')
    ) AS h (item, value, state, hint);
END
$$;
COMMENT ON FUNCTION affiliate.health() IS 'State of the installation: queue, drain, triggers, jobs, settings; one row per item with a hint where something is to be done.';

CREATE FUNCTION affiliate._drain_job() RETURNS text
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found text;
BEGIN
    -- by the catalog: to_regclass() raises where the schema may not be used
    IF EXISTS (SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = 'cron' AND c.relname = 'job') THEN
        IF NOT has_schema_privilege('cron', 'USAGE') OR NOT has_table_privilege('cron.job', 'SELECT') THEN
            RETURN 'unknown (no right to see pg_cron''s jobs)';
        END IF;
        EXECUTE 'SELECT min(schedule) FROM cron.job WHERE active AND database = current_database() AND command LIKE ''%affiliate.drain%''' INTO found;
    END IF;
    RETURN coalesce(found, 'none');
END
$$;
COMMENT ON FUNCTION affiliate._drain_job() IS 'Schedule of the drain in pg_cron, or none.';
