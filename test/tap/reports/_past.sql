-- A refresh folds what transactions wrote that have ended, and a test's own does not end before it is rolled back. So its rows are given the
-- ids of transactions that ended long ago: those below 100 are the past of any cluster.

-- What this transaction has written since the last call is the work of transaction xid.
CREATE FUNCTION pg_temp.past(xid xid8) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    stream text;
    always text;
BEGIN
    SET CONSTRAINTS ALL IMMEDIATE;
    FOREACH stream IN ARRAY '{entry,conversion_entry,click}'::text[] LOOP
        SELECT string_agg(format('ENABLE ALWAYS TRIGGER %I', t.tgname), ', ') INTO always
        FROM pg_trigger AS t WHERE t.tgrelid = format('affiliate.%I', stream)::regclass AND t.tgenabled = 'A';
        EXECUTE format('ALTER TABLE affiliate.%I DISABLE TRIGGER USER', stream);
        EXECUTE format('UPDATE affiliate.%I SET written_xid = $1 WHERE written_xid = pg_current_xact_id()', stream) USING xid;
        EXECUTE format('ALTER TABLE affiliate.%I ENABLE TRIGGER USER, %s', stream, always);
    END LOOP;
END
$$;
-- Refreshes until there is nothing to do, and says how many steps it took.
CREATE FUNCTION pg_temp.refresh(batch integer DEFAULT 200000) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    steps integer := 0;
BEGIN
    WHILE affiliate.rollup_refresh(batch) > 0 LOOP
        steps := steps + 1;
        IF steps > 100 THEN
            RAISE EXCEPTION 'the refresh does not come to an end';
        END IF;
    END LOOP;
    RETURN steps;
END
$$;
-- The rollups have read up to xid only. True where nothing between xid and their watermark was written when they were refreshed.
CREATE FUNCTION pg_temp.read_to(xid xid8) RETURNS void LANGUAGE sql AS $$
    UPDATE affiliate.rollup_state SET watermark = xid
$$;
