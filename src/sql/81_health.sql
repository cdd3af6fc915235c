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
    rollups record;
    at timestamptz := clock_timestamp();
    oldest timestamptz := affiliate._oldest_transaction();
    sees_transactions boolean := pg_has_role('pg_read_all_stats', 'USAGE');
    problems bigint;
    drained_lately boolean;
    rolled_up_lately boolean;
    is_subscriber boolean;
    kept record;
    lost bigint;
BEGIN
    IF affiliate._tables_version() IS DISTINCT FROM affiliate.version() THEN -- tables that the rest asks may be missing
        RETURN QUERY SELECT 'version', affiliate.version(), 'bad',
            CASE WHEN affiliate._tables_version() IS NULL THEN 'There are no tables here: run affiliate.setup() as a superuser.' ELSE
                'Library and tables are of different versions: run ALTER EXTENSION pg_affiliate UPDATE, then affiliate.setup(), and reconnect.' END;
        RETURN;
    END IF;
    SELECT count(*) FILTER (WHERE q.is_due) AS length, at - min(greatest(q.due_at, q.enqueued_at)) FILTER (WHERE q.is_due) AS age,
           count(q.last_error) AS failed, min(q.last_error) AS last_error
    INTO queue FROM (SELECT n.*, n.due_at <= affiliate._now() AS is_due FROM affiliate.settle_queue AS n) AS q;
    SELECT max(d.last_run_at) AS at, string_agg(d.last_error, '; ') AS error INTO drained FROM affiliate.drain_progress AS d;
    SELECT max(p.rows_above) AS rows_above, max(p.refreshed_at) AS refreshed_at, max(p.last_error) AS last_error,
           greatest(at - max(p.refreshed_at), at - oldest) AS age
    INTO rollups FROM affiliate.rollup_progress AS p;
    drained_lately := drained.at > affiliate._now() - interval '5 minutes';
    rolled_up_lately := rollups.refreshed_at > at - interval '5 minutes';
    is_subscriber := affiliate._is_subscriber();
    SELECT count(*) AS waiting, at - min(p.recorded_at) FILTER (WHERE p.due_at <= affiliate._now()) AS age INTO kept
    FROM affiliate.pending_input AS p WHERE p.kind = 'attached' AND p.state = 'waiting';
    SELECT CASE WHEN l.is_called THEN l.last_value ELSE 0 END INTO lost FROM affiliate.attached_rows_lost AS l;
    SELECT count(*) INTO problems FROM affiliate._verify_catalog();

    RETURN QUERY
    SELECT h.item, h.value, h.state, CASE WHEN h.state <> 'ok' THEN h.hint END
    FROM (VALUES
        ('version', affiliate.version(), 'ok', NULL),
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
            CASE WHEN drained_lately THEN 'ok' ELSE 'warn' END,
            'No drain ran lately: affiliate.schedule_jobs(), or a timer that calls affiliate.drain_loop.'),
        ('drain error', coalesce(drained.error, 'none'), CASE WHEN drained.error IS NULL THEN 'ok' ELSE 'bad' END, 'The last drain failed.'),
        ('waiting conversions', (SELECT count(*)::text FROM affiliate.conversion AS c WHERE c.state = 'waiting'),
            CASE WHEN EXISTS (SELECT FROM affiliate.conversion AS c WHERE c.state = 'waiting'
                              AND NOT EXISTS (SELECT FROM affiliate.settle_queue AS q WHERE q.customer_id = c.customer_id)) THEN 'warn' ELSE 'ok' END,
            'Sales wait, and are in no report, until somebody gives what they need, an exchange rate for example: see affiliate.waiting.'),
        ('unplaced news', (SELECT count(*)::text FROM affiliate.pending_input AS i WHERE i.kind = 'transaction' AND i.state = 'waiting'),
            CASE WHEN EXISTS (SELECT FROM affiliate.pending_input AS i WHERE i.kind = 'transaction' AND i.state = 'waiting') THEN 'warn' ELSE 'ok' END,
            'Refunds, disputes, events or references name transactions that have not arrived; see affiliate.waiting.'),
        ('rejected input', (SELECT count(*)::text FROM affiliate.pending_input AS i WHERE i.state = 'rejected'),
            CASE WHEN EXISTS (SELECT FROM affiliate.pending_input AS i WHERE i.state = 'rejected') THEN 'warn' ELSE 'ok' END,
            'Some input could not be understood; see affiliate.pending_input.'),
        ('attached tables', (SELECT count(*)::text FROM affiliate.attachment AS a WHERE a.detached_at IS NULL),
            CASE WHEN EXISTS (SELECT FROM affiliate.attachment AS a CROSS JOIN affiliate._attachment_state(a.attachment_id) AS s WHERE s NOT IN ('attached', 'detached')) THEN 'bad' ELSE 'ok' END,
            'Rows of an attached table do not arrive; see affiliate.attachments, then affiliate.reconcile(.., repair => true).'),
        ('kept rows', kept.waiting::text, CASE WHEN kept.age > interval '10 minutes' THEN 'bad' WHEN kept.age > interval '2 minutes' THEN 'warn' ELSE 'ok' END,
            'Rows of attached tables wait to become facts; see affiliate.attachments.'),
        ('lost rows', lost::text, CASE lost WHEN 0 THEN 'ok' ELSE 'bad' END,
            'So many statements on attached tables could not even keep their rows, which the server''s log tells: affiliate.reconcile(.., repair => true) finds them, then setval(''affiliate.attached_rows_lost'', 1, false).'),
        ('open reviews', (SELECT count(*)::text FROM affiliate.review_case AS r WHERE r.state = 'open'),
            CASE WHEN EXISTS (SELECT FROM affiliate.review_case AS r WHERE r.state = 'open' AND r.severity = 'high') THEN 'warn' ELSE 'ok' END,
            'Cases of high severity are open; see affiliate.review_open.'),
        ('installation', problems || ' problems', CASE problems WHEN 0 THEN 'ok' ELSE 'bad' END,
            'Triggers, owners or privileges are not as they should be: see affiliate.verify(), run affiliate.setup().'),
        ('drain job', affiliate._job('affiliate.drain'),
            CASE WHEN affiliate._job('affiliate.drain') <> 'none' OR drained_lately OR is_subscriber THEN 'ok' ELSE 'warn' END,
            'No pg_cron job of yours in this database: affiliate.schedule_jobs(), or another timer.'),
        ('rollup job', affiliate._job('affiliate.rollup'),
            CASE WHEN affiliate._job('affiliate.rollup') <> 'none' OR rolled_up_lately OR is_subscriber THEN 'ok' ELSE 'warn' END,
            'No pg_cron job of yours in this database: affiliate.schedule_jobs(), or another timer.'),
        ('rollups', CASE WHEN rollups.rows_above IS NULL THEN 'not in use' ELSE rollups.rows_above || ' rows above' END,
            CASE WHEN rollups.rows_above < 1000000 THEN 'ok' ELSE 'warn' END,
            'Reports count the streams, which takes longer: CALL affiliate.rollup_catch_up(); see affiliate.rollup_progress.'),
        ('last rollup', coalesce(date_trunc('second', rollups.refreshed_at)::text, 'never'),
            CASE WHEN rolled_up_lately THEN 'ok' ELSE 'warn' END,
            'No refresh ran lately: affiliate.schedule_jobs(), or a timer that calls affiliate.rollup_catch_up.'),
        ('watermark age', coalesce(date_trunc('second', rollups.age)::text, 'none'), CASE WHEN rollups.age > interval '15 minutes' THEN 'warn' ELSE 'ok' END,
            'Since then rollups stand still and reports read more and more rows: no refresh ran, or a transaction is open that long.'),
        ('rollup error', coalesce(rollups.last_error, 'none'), CASE WHEN rollups.last_error IS NULL THEN 'ok' ELSE 'bad' END, 'The last refresh failed.'),
        ('failed jobs', coalesce(affiliate._failed_jobs()::text, 'unknown'), CASE WHEN affiliate._failed_jobs() > 0 THEN 'warn' ELSE 'ok' END,
            'Runs of pg_cron in the last day failed; see cron.job_run_details.'),
        ('subscription', CASE WHEN is_subscriber THEN 'subscriber' ELSE 'none' END,
            CASE WHEN is_subscriber THEN 'warn' ELSE 'ok' END,
            'The ledger comes from another server: no job works here. To take over see docs/operations.md, Replication.'),
        ('oldest transaction', CASE WHEN NOT sees_transactions THEN 'unknown' ELSE coalesce(date_trunc('second', at - oldest)::text, 'none') END,
            CASE WHEN oldest < at - interval '15 minutes' OR NOT sees_transactions THEN 'warn' ELSE 'ok' END,
            CASE WHEN sees_transactions THEN 'A transaction that stays open, in whatever database, or prepared, holds back new clicks and the rollups: see pg_stat_activity and pg_prepared_xacts.'
                 ELSE 'You may not see those of others: GRANT pg_read_all_stats.' END)
    ) AS h (item, value, state, hint);
END
$$;
COMMENT ON FUNCTION affiliate.health() IS 'State of the installation: queue, drain, triggers, jobs, settings; one row per item with a hint where something is to be done.';

-- Of all databases: pg_snapshot_xmin() knows no difference.
CREATE FUNCTION affiliate._oldest_transaction() RETURNS timestamptz
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT min(t.begun_at)
            FROM (SELECT a.xact_start AS begun_at FROM pg_stat_activity AS a WHERE a.backend_xid IS NOT NULL
                  UNION ALL SELECT p.prepared FROM pg_prepared_xacts AS p) AS t);
END
$$;
COMMENT ON FUNCTION affiliate._oldest_transaction() IS 'Begin of the oldest transaction that writes, or is prepared; of other users'' only with pg_read_all_stats.';

CREATE FUNCTION affiliate._job(wanted_command text) RETURNS text
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
        EXECUTE 'SELECT min(schedule) FROM cron.job WHERE active AND database = current_database() AND strpos(command, $1) > 0' INTO found USING wanted_command;
    END IF;
    RETURN coalesce(found, 'none');
END
$$;
COMMENT ON FUNCTION affiliate._job(text) IS 'Schedule of the job in pg_cron whose command has this text, or none.';

CREATE FUNCTION affiliate._failed_jobs() RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    failed bigint;
BEGIN
    IF EXISTS (SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = 'cron' AND c.relname = 'job_run_details')
        AND has_schema_privilege('cron', 'USAGE') AND has_table_privilege('cron.job_run_details', 'SELECT') THEN
        EXECUTE $q$SELECT count(*) FROM cron.job_run_details WHERE database = current_database() AND strpos(command, 'affiliate.') > 0
                   AND status = 'failed' AND (start_time > clock_timestamp() - interval '1 day'
                   OR start_time IS NULL -- could not begin: as old as those beside it
                   AND runid > coalesce((SELECT max(o.runid) FROM cron.job_run_details AS o WHERE o.start_time <= clock_timestamp() - interval '1 day'), 0))$q$ INTO failed;
    END IF;
    RETURN failed;
END
$$;
COMMENT ON FUNCTION affiliate._failed_jobs() IS 'Runs of our jobs by pg_cron in the last day that failed; null where that is not known.';
