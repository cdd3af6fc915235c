-- affiliate_upline: people write who is directly above whom (level 1); the deeper levels follow.

CREATE FUNCTION affiliate._lock_upline() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF pg_trigger_depth() = 1 THEN
        -- An older snapshot would not see what the one before us in the queue wrote.
        IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
            RAISE EXCEPTION USING ERRCODE = 'AF025',
                MESSAGE = 'uplines are written at READ COMMITTED only',
                DETAIL = format('The transaction runs at %s.', upper(current_setting('transaction_isolation'))),
                HINT = 'Start the transaction with ISOLATION LEVEL READ COMMITTED.',
                SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
        END IF;
        -- One writer at a time: two half cycles would not see each other.
        PERFORM pg_advisory_xact_lock(hashtextextended('affiliate.affiliate_upline', 0));
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION affiliate._lock_upline() IS 'Trigger of affiliate_upline: one transaction at a time writes it.';

CREATE FUNCTION affiliate._close_upline() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    cycle integer[];
    changed integer[];
BEGIN
    IF coalesce(NEW.level, OLD.level) > 1 OR coalesce(OLD.level, 1) > 1 THEN
        IF pg_trigger_depth() > 1 THEN
            RETURN NULL;
        END IF;
        RAISE EXCEPTION USING ERRCODE = 'AF025',
            MESSAGE = 'only level 1 of "affiliate_upline" is written',
            DETAIL = format('%s of a row with level %s was refused.', TG_OP, coalesce(NEW.level, OLD.level)),
            HINT = 'Write who is directly above whom; the deeper levels follow.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, COLUMN = 'level';
    END IF;

    IF TG_OP <> 'DELETE' THEN
        WITH RECURSIVE above (affiliate_no, valid_from, valid_until, path) AS (
            SELECT NEW.upline_no, NEW.valid_from, NEW.valid_until, ARRAY[NEW.affiliate_no, NEW.upline_no]
            UNION ALL
            SELECT u.upline_no, greatest(a.valid_from, u.valid_from), least(a.valid_until, u.valid_until), a.path || u.upline_no
            FROM above AS a
            JOIN affiliate.affiliate_upline AS u
              ON u.affiliate_no = a.affiliate_no AND u.level = 1 AND u.valid_from < a.valid_until AND a.valid_from < u.valid_until
            WHERE a.affiliate_no <> NEW.affiliate_no AND u.upline_no <> ALL (a.path[2:])
        )
        SELECT a.path INTO cycle FROM above AS a WHERE a.affiliate_no = NEW.affiliate_no LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'AF023',
                MESSAGE = 'upline would be a cycle',
                DETAIL = (SELECT format('Each of these is above the one before: %s.', string_agg(format('"%s"', f.affiliate_id), ', ' ORDER BY n))
                          FROM unnest(cycle) WITH ORDINALITY AS c (affiliate_no, n)
                          JOIN affiliate.affiliate AS f USING (affiliate_no)),
                HINT = 'End the period of one of these rows (valid_until) before this one begins.',
                SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
        END IF;
    END IF;

    -- the affiliate itself and everyone below it
    WITH RECURSIVE below (affiliate_no) AS (
        SELECT v FROM unnest(ARRAY[NEW.affiliate_no, OLD.affiliate_no]) AS v WHERE v IS NOT NULL
        UNION
        SELECT u.affiliate_no FROM below AS b JOIN affiliate.affiliate_upline AS u ON u.upline_no = b.affiliate_no AND u.level = 1
    )
    SELECT array_agg(b.affiliate_no) INTO changed FROM below AS b;
    PERFORM affiliate._rebuild_upline(changed);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION affiliate._close_upline() IS 'Trigger of affiliate_upline: refuses cycles, and derives the levels above 1.';

CREATE FUNCTION affiliate._rebuild_upline(affiliate_nos integer[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target jsonb;
BEGIN
    WITH RECURSIVE chain (affiliate_no, upline_no, level, valid_from, valid_until) AS (
        SELECT u.affiliate_no, u.upline_no, 1, u.valid_from, u.valid_until
        FROM affiliate.affiliate_upline AS u WHERE u.affiliate_no = ANY (affiliate_nos) AND u.level = 1
        UNION ALL
        SELECT c.affiliate_no, u.upline_no, c.level + 1, greatest(c.valid_from, u.valid_from), least(c.valid_until, u.valid_until)
        FROM chain AS c
        JOIN affiliate.affiliate_upline AS u
          ON u.affiliate_no = c.upline_no AND u.level = 1 AND u.valid_from < c.valid_until AND c.valid_from < u.valid_until
        WHERE c.level < 20
    )
    SELECT coalesce(jsonb_agg(to_jsonb(c)), '[]') INTO target FROM chain AS c WHERE c.level > 1;

    DELETE FROM affiliate.affiliate_upline AS u
    WHERE u.affiliate_no = ANY (affiliate_nos) AND u.level > 1
      AND NOT EXISTS (
        SELECT FROM jsonb_to_recordset(target) AS t (affiliate_no integer, upline_no integer, level smallint, valid_from timestamptz, valid_until timestamptz)
        WHERE (t.affiliate_no, t.upline_no, t.level, t.valid_from, t.valid_until)
            = (u.affiliate_no, u.upline_no, u.level, u.valid_from, u.valid_until));
    INSERT INTO affiliate.affiliate_upline (affiliate_no, upline_no, level, valid_from, valid_until)
    SELECT t.affiliate_no, t.upline_no, t.level, t.valid_from, t.valid_until
    FROM jsonb_to_recordset(target) AS t (affiliate_no integer, upline_no integer, level smallint, valid_from timestamptz, valid_until timestamptz)
    WHERE NOT EXISTS (
        SELECT FROM affiliate.affiliate_upline AS u
        WHERE (u.affiliate_no, u.upline_no, u.level, u.valid_from, u.valid_until)
            = (t.affiliate_no, t.upline_no, t.level, t.valid_from, t.valid_until));
END
$$;
COMMENT ON FUNCTION affiliate._rebuild_upline(integer[]) IS 'Derives the levels above 1 of these affiliates from level 1, and writes what differs.';
