-- Jobs: drain the queue and refresh the rollups, by pg_cron or by hand.

--| Drains the queue for `duration`: settles what is due in batches, each committed on its own, and sleeps for a second
--| when there is nothing to do. One instance at a time: a second one returns at once. Call it outside of a transaction:
--| `CALL affiliate.drain_loop('55 s')` each minute.
--|
--| Errors: `AF033` no or negative duration; `AF092` a restore is under way; what a batch raises ends the loop and is kept for `affiliate.health()`.
-- A procedure that commits may not set search_path: every name is qualified.
CREATE PROCEDURE affiliate.drain_loop(duration interval)
LANGUAGE plpgsql
AS $$
DECLARE
    lock_key constant bigint := pg_catalog.hashtextextended('affiliate.drain_loop', 0);
    until timestamp with time zone := pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) duration;
    handled bigint;
    failure text;
    failure_code text;
    failure_hint text;
BEGIN
    IF duration IS NULL OR duration OPERATOR(pg_catalog.<) interval '0' THEN
        PERFORM affiliate._refuse_argument('duration', duration::text, 'how long to drain, for example 55 s');
    END IF;
    -- left behind by a call of this session that was cancelled
    WHILE EXISTS (SELECT FROM pg_catalog.pg_locks AS l
                  WHERE l.locktype OPERATOR(pg_catalog.=) 'advisory' AND l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()
                    AND l.objsubid OPERATOR(pg_catalog.=) 1::smallint
                    AND (l.classid::bigint OPERATOR(pg_catalog.<<) 32 OPERATOR(pg_catalog.|) l.objid::bigint) OPERATOR(pg_catalog.=) lock_key)
    LOOP
        EXIT WHEN NOT pg_catalog.pg_advisory_unlock(lock_key);
    END LOOP;
    IF NOT pg_catalog.pg_try_advisory_lock(lock_key) THEN
        RETURN;
    END IF;
    LOOP
        BEGIN
            handled := affiliate.drain(1000);
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS failure = MESSAGE_TEXT, failure_code = RETURNED_SQLSTATE, failure_hint = PG_EXCEPTION_HINT;
        END;
        COMMIT;
        EXIT WHEN failure IS NOT NULL OR pg_catalog.clock_timestamp() OPERATOR(pg_catalog.>=) until;
        IF handled OPERATOR(pg_catalog.=) 0 THEN
            PERFORM pg_catalog.pg_sleep(1);
            COMMIT;
        END IF;
    END LOOP;
    PERFORM pg_catalog.pg_advisory_unlock(lock_key);
    IF failure IS NOT NULL THEN
        BEGIN
            PERFORM affiliate._drain_failed(failure);
        EXCEPTION WHEN OTHERS THEN
            NULL; -- what failed first is raised
        END;
        COMMIT;
        RAISE EXCEPTION USING ERRCODE = failure_code, MESSAGE = failure,
            HINT = COALESCE(NULLIF(failure_hint, ''), 'See affiliate.health().');
    END IF;
END
$$;
COMMENT ON PROCEDURE affiliate.drain_loop(interval) IS 'Drains the queue for a while, in batches committed on their own; one instance at a time.';

-- In half a database what is queued would be settled without the facts that are still to come, and leave the queue. After
-- a restore functions belong to who restored them, and where rows alone were restored the triggers of schema_version have
-- been off: both until setup() is run.
CREATE FUNCTION affiliate._jobs_may_run() RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF to_regclass('affiliate.schema_version') IS NULL THEN
        PERFORM affiliate._require_tables();
    END IF;
    IF NOT EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = 'affiliate.schema_version'::regclass
                   AND t.tgname = 'schema_version_rulebook_changed' AND t.tgenabled = 'A')
       OR NOT EXISTS (SELECT FROM pg_proc AS p WHERE p.oid = 'affiliate._drain_failed(text)'::regprocedure
                      AND pg_get_userbyid(p.proowner) = 'affiliate_owner') THEN
        RAISE EXCEPTION USING ERRCODE = 'AF092',
            MESSAGE = 'no job works here before affiliate.setup() was run',
            DETAIL = 'A restore is under way, or has ended without it.',
            HINT = 'When all rows are restored run SELECT affiliate.setup() as a superuser.';
    END IF;
    RETURN NOT affiliate._is_subscriber();
END
$$;
COMMENT ON FUNCTION affiliate._jobs_may_run() IS 'Whether drain and refresh are to work here: not while a restore is under way, which is an error, nor where the ledger comes from another server.';

CREATE FUNCTION affiliate._is_subscriber() RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (SELECT FROM pg_subscription_rel AS r WHERE r.srrelid = 'affiliate.entry'::regclass);
END
$$;
COMMENT ON FUNCTION affiliate._is_subscriber() IS 'Whether a subscription brings the ledger from another server, which settles.';

-- The next batch that goes through clears it.
CREATE FUNCTION affiliate._drain_failed(message text) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO affiliate.drain_progress AS d (name, last_error)
    SELECT 'drain', left(message, 1000) WHERE affiliate._jobs_may_run() -- a restore brings this row, too
    ON CONFLICT (name) DO UPDATE SET last_error = excluded.last_error;
END
$$;
REVOKE ALL ON FUNCTION affiliate._drain_failed(text) FROM PUBLIC;
COMMENT ON FUNCTION affiliate._drain_failed(text) IS 'Keeps the error of a drain for health().';

--| Schedules two jobs with pg_cron, each minute: the drain, for 55 seconds, and the refresh of the rollups. Repeating it
--| changes nothing. The jobs run as the caller. Returns the number of the drain's job.
--|
--| Errors: `AF040` pg_cron is not installed in this database; the hint has the statements to run elsewhere.
CREATE FUNCTION affiliate.schedule_jobs() RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    cron_database text := (SELECT s.setting FROM pg_settings AS s WHERE s.name = 'cron.database_name');
    job record;
    job_no bigint;
    first_job_no bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') THEN
        RAISE EXCEPTION USING ERRCODE = 'AF040',
            MESSAGE = format('pg_cron is not installed in database "%s"', current_database()),
            DETAIL = CASE
                WHEN cron_database IS NULL THEN 'The setting cron.database_name is unknown: pg_cron is not in shared_preload_libraries, or you may not see its settings.'
                WHEN cron_database = current_database() THEN 'The library is loaded for this database; the extension is not created.'
                ELSE format('pg_cron lives in database "%s".', cron_database) END,
            HINT = affiliate._cron_hint(cron_database);
    END IF;
    FOR job IN SELECT * FROM affiliate._jobs() LOOP
        -- pg_cron's own tables: only named when it is there
        EXECUTE 'SELECT cron.schedule($1, $2, $3)' INTO job_no USING job.name, job.schedule, job.command;
        PERFORM affiliate._audit('schedule_jobs', job_no::text, jsonb_build_object('command', job.command));
        first_job_no := coalesce(first_job_no, job_no);
    END LOOP;
    RETURN first_job_no;
END
$$;
COMMENT ON FUNCTION affiliate.schedule_jobs() IS 'Schedules the drain and the refresh of the rollups with pg_cron, each minute.';

CREATE FUNCTION affiliate._jobs() RETURNS TABLE (name text, schedule text, command text)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY VALUES
        ('pg_affiliate drain', '* * * * *', 'CALL affiliate.drain_loop(''55 s'')'),
        ('pg_affiliate rollup', '* * * * *', 'CALL affiliate.rollup_catch_up()');
END
$$;
COMMENT ON FUNCTION affiliate._jobs() IS 'The jobs of pg_affiliate, the drain first.';

CREATE FUNCTION affiliate._cron_hint(cron_database text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- with the database in their names: those of one role in one pg_cron replace each other
    RETURN CASE
        WHEN cron_database = current_database() THEN 'Run: CREATE EXTENSION pg_cron;'
        ELSE format('Run in %s: %s', coalesce('database "' || cron_database || '"', 'the database of pg_cron'),
                    (SELECT string_agg(format('SELECT cron.schedule_in_database(%L, %L, %L, %L);', j.name || ' ' || current_database(), j.schedule, j.command, current_database()), ' ')
                     FROM affiliate._jobs() AS j)) END;
END
$$;
COMMENT ON FUNCTION affiliate._cron_hint(text) IS 'What to run, and in which database, to get the jobs scheduled.';

--| Removes the jobs of `affiliate.schedule_jobs`. Returns whether there were any of the caller's.
CREATE FUNCTION affiliate.unschedule_jobs() RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    job_no bigint;
    is_found boolean := false;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') THEN
        RETURN false;
    END IF;
    FOR job_no IN EXECUTE 'SELECT jobid FROM cron.job WHERE jobname IN (SELECT name FROM affiliate._jobs()) AND username = current_user' LOOP
        EXECUTE 'SELECT cron.unschedule($1)' USING job_no;
        PERFORM affiliate._audit('unschedule_jobs', job_no::text, '{}');
        is_found := true;
    END LOOP;
    RETURN is_found;
END
$$;
COMMENT ON FUNCTION affiliate.unschedule_jobs() IS 'Removes the jobs of schedule_jobs().';
