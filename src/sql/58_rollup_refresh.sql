-- Refreshing the rollups: in steps, each a transaction that moves the watermark together with the sums. A step that is
-- cancelled, missed, doubled or late changes nothing: the next one goes on where the last committed one ended.

-- Null: the rollups do not count here (never built; built in another cluster, or with other time zones).
CREATE FUNCTION affiliate._rollup_watermark() RETURNS xid8
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT s.watermark FROM affiliate.rollup_state AS s
            WHERE s.cluster = affiliate._cluster()
              AND NOT EXISTS (SELECT FROM affiliate.program AS p WHERE s.time_zones ->> p.program_no::text <> p.time_zone));
END
$$;
COMMENT ON FUNCTION affiliate._rollup_watermark() IS 'Transaction id below which the rollups hold everything, or null while they do not count.';

CREATE FUNCTION affiliate._next_xid(xid xid8) RETURNS xid8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (xid::text::numeric + 1)::text::xid8;
COMMENT ON FUNCTION affiliate._next_xid(xid8) IS 'The transaction id after one.';

-- Transactions are folded whole: one that wrote more than batch rows is a step of its own.
CREATE FUNCTION affiliate._rollup_step_end(from_xid xid8, horizon xid8, batch integer) RETURNS xid8
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    here constant bigint := affiliate._cluster();
    xid xid8;
    nearest xid8 := horizon;
    stream text;
BEGIN
    FOREACH stream IN ARRAY '{conversion_entry,entry,click}'::text[] LOOP
        EXECUTE format('SELECT written_xid FROM affiliate.%I WHERE cluster = $1 AND written_xid >= $2 AND written_xid < $3
                        ORDER BY cluster, written_xid OFFSET $4 LIMIT 1', stream) INTO xid USING here, from_xid, nearest, batch;
        nearest := coalesce(xid, nearest);
    END LOOP;
    RETURN CASE WHEN nearest > from_xid THEN nearest ELSE least(affiliate._next_xid(from_xid), horizon) END;
END
$$;
COMMENT ON FUNCTION affiliate._rollup_step_end(xid8, xid8, integer) IS 'Up to which transaction id a step goes that folds about batch rows of each stream.';

CREATE FUNCTION affiliate._fold_ledger(from_xid xid8, until_xid xid8, from_day date DEFAULT '-infinity', to_day date DEFAULT 'infinity') RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO affiliate.rollup AS r (grain, period, program_no, affiliate_no, basis, kind, conversion_type, campaign_no, product_id, country, method,
        currency, quantity, new_customers, gross, discount, refunded_count, refunded, charged_back_count, charged_back, accrued, reversed, paid)
    SELECT c.grain, c.period, c.program_no, c.affiliate_no, c.basis, c.kind, c.conversion_type, c.campaign_no, c.product_id, c.country, c.method, c.currency, c.quantity,
           c.new_customers, c.gross, c.discount, c.refunded_count, c.refunded, c.charged_back_count, c.charged_back, c.accrued, c.reversed, c.paid
    FROM affiliate._ledger_sums(from_xid, until_xid) AS c
    WHERE c.period >= from_day AND c.period < to_day
    ON CONFLICT ON CONSTRAINT rollup_pkey DO UPDATE
    SET quantity = r.quantity + excluded.quantity, new_customers = r.new_customers + excluded.new_customers,
        gross = r.gross + excluded.gross, discount = r.discount + excluded.discount,
        refunded_count = r.refunded_count + excluded.refunded_count, refunded = r.refunded + excluded.refunded,
        charged_back_count = r.charged_back_count + excluded.charged_back_count, charged_back = r.charged_back + excluded.charged_back,
        accrued = r.accrued + excluded.accrued, reversed = r.reversed + excluded.reversed, paid = r.paid + excluded.paid;
END
$$;
COMMENT ON FUNCTION affiliate._fold_ledger(xid8, xid8, date, date) IS 'Adds to the rollups what the ledger streams have between two transaction ids; from_xid null: all below the second.';

CREATE FUNCTION affiliate._fold_clicks(from_xid xid8, until_xid xid8, from_day date DEFAULT '-infinity', to_day date DEFAULT 'infinity') RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO affiliate.rollup_click AS r (grain, period, source_no, country, clicks, unique_clicks)
    SELECT c.grain, c.period, c.source_no, c.country, c.clicks, c.unique_clicks
    FROM affiliate._click_sums(from_xid, until_xid) AS c
    WHERE c.period >= from_day AND c.period < to_day
    ON CONFLICT ON CONSTRAINT rollup_click_pkey DO UPDATE
    SET clicks = r.clicks + excluded.clicks, unique_clicks = r.unique_clicks + excluded.unique_clicks;
END
$$;
COMMENT ON FUNCTION affiliate._fold_clicks(xid8, xid8, date, date) IS 'Adds to the rollups what clicks there are between two transaction ids; from_xid null: all below the second.';

-- Before clicks are folded their names must have a number.
CREATE FUNCTION affiliate._learn_sources(from_xid xid8, until_xid xid8) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO affiliate.click_source (program_id, link_id, affiliate_id, campaign_id, program_no, affiliate_no, campaign_no)
    SELECT r.program_id, r.link_id, r.affiliate_id, r.campaign_id, r.program_no, r.affiliate_no, r.campaign_no
    FROM (SELECT array_agg(n.program_id) AS program_ids, array_agg(n.link_id) AS link_ids, array_agg(n.affiliate_id) AS affiliate_ids, array_agg(n.campaign_id) AS campaign_ids
          FROM (SELECT DISTINCT c.program_id, affiliate._click_name(coalesce(c.link_id, '')) AS link_id, affiliate._click_name(coalesce(c.affiliate_id, '')) AS affiliate_id,
                       affiliate._click_name(coalesce(c.campaign_id, '')) AS campaign_id
                FROM affiliate._clicks_between(from_xid, until_xid, affiliate._cluster()) AS c) AS n) AS u,
        affiliate._resolve_sources(u.program_ids, u.link_ids, u.affiliate_ids, u.campaign_ids) AS r
    ON CONFLICT ON CONSTRAINT click_source_names_key DO NOTHING;
END
$$;
COMMENT ON FUNCTION affiliate._learn_sources(xid8, xid8) IS 'Gives a number to what the clicks between two transaction ids name.';

-- A link, alias or campaign that came after its clicks, or went to another affiliate: clicks follow by their source, and
-- whose first click of a day one is, is counted anew.
CREATE FUNCTION affiliate._follow_names(until_xid xid8) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    first_day date;
    last_day date;
BEGIN
    WITH named AS (
        SELECT array_agg(s.program_id) AS program_ids, array_agg(s.link_id) AS link_ids, array_agg(s.affiliate_id) AS affiliate_ids, array_agg(s.campaign_id) AS campaign_ids
        FROM affiliate.click_source AS s
    ), changed AS (
        UPDATE affiliate.click_source AS s SET program_no = r.program_no, affiliate_no = r.affiliate_no, campaign_no = r.campaign_no
        FROM named AS n, affiliate._resolve_sources(n.program_ids, n.link_ids, n.affiliate_ids, n.campaign_ids) AS r
        WHERE (s.program_id, s.link_id, s.affiliate_id, s.campaign_id) = (r.program_id, r.link_id, r.affiliate_id, r.campaign_id)
          AND (s.program_no, s.affiliate_no, s.campaign_no) <> (r.program_no, r.affiliate_no, r.campaign_no)
        RETURNING s.source_no
    )
    SELECT min(r.period), max(r.period) INTO first_day, last_day FROM affiliate.rollup_click AS r JOIN changed USING (source_no);
    IF first_day IS NOT NULL THEN
        -- a day more on both sides: of an unknown program the days were those of UTC
        PERFORM affiliate._recount_clicks(until_xid, first_day - 1, last_day + 1);
    END IF;
END
$$;
COMMENT ON FUNCTION affiliate._follow_names(xid8) IS 'Takes up what the rulebook says by now of the names in clicks.';

-- The months that have one of the days, since months are rows of their own.
CREATE FUNCTION affiliate._recount_clicks(until_xid xid8, from_day date, to_day date) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    first_day date := affiliate._month_of(from_day);
    end_day date := affiliate._month_after(to_day);
BEGIN
    DELETE FROM affiliate.rollup_click AS r WHERE r.period >= first_day AND r.period < end_day;
    PERFORM affiliate._learn_sources(NULL, until_xid);
    PERFORM affiliate._fold_clicks(NULL, until_xid, first_day, end_day);
END
$$;
COMMENT ON FUNCTION affiliate._recount_clicks(xid8, date, date) IS 'Counts the clicks of the months of some days anew.';

CREATE FUNCTION affiliate._recount_ledger(until_xid xid8, from_day date, to_day date) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    first_day date := affiliate._month_of(from_day);
    end_day date := affiliate._month_after(to_day);
BEGIN
    DELETE FROM affiliate.rollup AS r WHERE r.period >= first_day AND r.period < end_day;
    PERFORM affiliate._fold_ledger(NULL, until_xid, first_day, end_day);
END
$$;
COMMENT ON FUNCTION affiliate._recount_ledger(xid8, date, date) IS 'Sums the ledger streams of the months of some days anew.';

CREATE FUNCTION affiliate._month_of(day date) RETURNS date
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN isfinite(day) THEN date_trunc('month', day::timestamp)::date ELSE day END;
COMMENT ON FUNCTION affiliate._month_of(date) IS 'The first day of the month of a day.';

CREATE FUNCTION affiliate._month_after(day date) RETURNS date
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN isfinite(day) THEN (date_trunc('month', day::timestamp) + interval '1 month')::date ELSE day END;
COMMENT ON FUNCTION affiliate._month_after(date) IS 'The first day of the month after that of a day.';

--| Does one step of refreshing the rollups: folds about `batch` rows of each stream that transactions wrote which have
--| ended, and returns how many rows there were: call it until it returns 0. Where the rollups do not count (never built;
--| after a restore into another cluster; a program's time zone was changed) it builds them. A second instance returns 0
--| at once, and so does one on a logical subscriber of the ledger. Reports are exact without it, only slower.
--|
--| Errors: `AF090`, `AF091` no tables, or those of another version; `AF092` a restore is under way.
CREATE FUNCTION affiliate.rollup_refresh(batch integer DEFAULT 200000) RETURNS bigint
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    state record;
    horizon xid8;
    until_xid xid8;
    rows_folded bigint;
    known_zones jsonb;
BEGIN
    IF NOT affiliate._jobs_may_run() THEN
        RETURN 0; -- the ids of what a subscription brings are those of the publisher: reports count the streams
    END IF;
    PERFORM affiliate._require_tables();
    known_zones := affiliate._time_zones(); -- one that changes meanwhile differs from what is noted, and all is built anew
    SELECT * INTO state FROM affiliate.rollup_state AS s WHERE s.name = 'rollup' FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    IF affiliate._stamp_cluster() THEN
        RETURN 1; -- those who wrote as of another cluster have ended when this is committed
    END IF;
    horizon := pg_snapshot_xmin(pg_current_snapshot());
    IF affiliate._rollup_watermark() IS NULL THEN
        RETURN affiliate._build_rollups(horizon, known_zones);
    END IF;
    until_xid := affiliate._rollup_step_end(state.watermark, horizon, greatest(batch, 1));
    rows_folded := affiliate._written_rows(state.watermark, until_xid);
    PERFORM affiliate._follow_names(state.watermark);
    IF rows_folded > 0 THEN
        PERFORM affiliate._learn_sources(state.watermark, until_xid);
        PERFORM affiliate._fold_ledger(state.watermark, until_xid);
        PERFORM affiliate._fold_clicks(state.watermark, until_xid);
    END IF;
    UPDATE affiliate.rollup_state AS s
    SET watermark = until_xid, refreshed_at = clock_timestamp(), steps = s.steps + 1, folded = s.folded + rows_folded, last_error = NULL,
        time_zones = affiliate._time_zones() || known_zones;
    RETURN greatest(rows_folded, (until_xid < horizon)::integer);
END
$$;
COMMENT ON FUNCTION affiliate.rollup_refresh(integer) IS 'Does one step of refreshing the rollups and returns how many rows were folded; 0 = they are up to date.';

CREATE FUNCTION affiliate._written_rows(from_xid xid8, until_xid xid8) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    here constant bigint := affiliate._cluster();
BEGIN
    RETURN (SELECT count(*) FROM affiliate.conversion_entry AS c WHERE c.cluster = here AND c.written_xid >= from_xid AND c.written_xid < until_xid)
         + (SELECT count(*) FROM affiliate.entry AS e WHERE e.cluster = here AND e.written_xid >= from_xid AND e.written_xid < until_xid)
         -- a click whose customer became known counts where it was inserted, maybe long ago
         + (SELECT count(*) FROM affiliate.click AS c WHERE c.cluster = here AND c.written_xid >= from_xid
            AND coalesce(c.inserted_xid, c.written_xid) >= from_xid AND coalesce(c.inserted_xid, c.written_xid) < until_xid);
END
$$;
COMMENT ON FUNCTION affiliate._written_rows(xid8, xid8) IS 'How many rows the streams have between two transaction ids.';

CREATE FUNCTION affiliate._time_zones() RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT coalesce(jsonb_object_agg(p.program_no, p.time_zone), '{}') FROM affiliate.program AS p);
END
$$;
COMMENT ON FUNCTION affiliate._time_zones() IS 'The time zone of each program.';

CREATE FUNCTION affiliate._build_rollups(horizon xid8, known_zones jsonb) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE affiliate.rollup_state SET watermark = NULL;
    DELETE FROM affiliate.rollup_click;
    PERFORM affiliate._follow_names(horizon);
    PERFORM affiliate._recount_ledger(horizon, '-infinity', 'infinity');
    PERFORM affiliate._recount_clicks(horizon, '-infinity', 'infinity');
    UPDATE affiliate.rollup_state AS s
    SET watermark = horizon, cluster = affiliate._cluster(), refreshed_at = clock_timestamp(), rebuilt_at = clock_timestamp(), steps = s.steps + 1,
        last_error = NULL, time_zones = affiliate._time_zones() || known_zones;
    RETURN 1;
END
$$;
COMMENT ON FUNCTION affiliate._build_rollups(xid8, jsonb) IS 'Part of rollup_refresh(): builds the rollups from nothing.';

--| Sums the months anew that have a day from `from_day` to before `to_day`, from the streams. Never needed: for whoever
--| does not trust a sum. Waits for a refresh that is under way.
--|
--| Errors: `AF033` no such period.
CREATE FUNCTION affiliate.rollup_rebuild(from_day date, to_day date) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    watermark xid8;
BEGIN
    PERFORM affiliate._require_tables(), affiliate._require_period(from_day, to_day);
    PERFORM FROM affiliate.rollup_state AS s FOR UPDATE;
    watermark := affiliate._rollup_watermark();
    IF watermark IS NULL THEN
        RETURN; -- the next refresh builds everything
    END IF;
    PERFORM affiliate._recount_ledger(watermark, from_day, to_day - 1);
    PERFORM affiliate._recount_clicks(watermark, from_day, to_day - 1);
    UPDATE affiliate.rollup_state SET rebuilt_at = clock_timestamp();
END
$$;
COMMENT ON FUNCTION affiliate.rollup_rebuild(date, date) IS 'Sums the months of some days anew, from the streams.';

--| Refreshes the rollups until they are up to date, in steps committed on their own. Call it outside of a transaction:
--| `CALL affiliate.rollup_catch_up()` each minute. What a step raises ends it and is kept for `affiliate.health()`.
-- A procedure that commits may not set search_path: every name is qualified.
CREATE PROCEDURE affiliate.rollup_catch_up(batch integer DEFAULT 200000)
LANGUAGE plpgsql
AS $$
DECLARE
    rows_folded bigint;
    failure text;
    failure_code text;
BEGIN
    LOOP
        BEGIN
            rows_folded := affiliate.rollup_refresh(batch);
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS failure = MESSAGE_TEXT, failure_code = RETURNED_SQLSTATE;
        END;
        COMMIT;
        EXIT WHEN failure IS NOT NULL OR rows_folded OPERATOR(pg_catalog.=) 0;
    END LOOP;
    IF failure IS NOT NULL THEN
        BEGIN
            PERFORM affiliate._rollup_failed(failure);
        EXCEPTION WHEN OTHERS THEN
            NULL; -- what failed first is raised
        END;
        COMMIT;
        RAISE EXCEPTION USING ERRCODE = failure_code, MESSAGE = failure, HINT = 'See affiliate.health().';
    END IF;
END
$$;
COMMENT ON PROCEDURE affiliate.rollup_catch_up(integer) IS 'Refreshes the rollups until they are up to date, in steps committed on their own.';

CREATE FUNCTION affiliate._rollup_failed(message text) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE affiliate.rollup_state AS s SET failed = s.failed + 1, failed_at = clock_timestamp(), last_error = left(message, 1000)
    WHERE affiliate._jobs_may_run(); -- a restore brings this row, too
END
$$;
REVOKE ALL ON FUNCTION affiliate._rollup_failed(text) FROM PUBLIC;
COMMENT ON FUNCTION affiliate._rollup_failed(text) IS 'Keeps the error of a refresh for health().';
