-- Reading the streams. The set of rows below a transaction id that every running transaction is above of never changes
-- again, so a sum over it is the same whenever it is made. Rollups hold the sum below their watermark; what is written
-- above it, committed or by the reader himself, is added by whoever reads (docs/adr/0013-rollups-by-transaction-id.md).
--
-- A conversion stands in one place of the reports, where its newest entry says: day of the sale, product, country, owner.
-- When that changes, everything of it moves. So what streams add between two transaction ids is, for each conversion
-- written between them, all that it is below the second less all that it was below the first.

-- Near the ends of what timestamptz holds AT TIME ZONE and date_trunc() raise: one row that cannot be taken back would end
-- all reports. Not STRICT, so that it is inlined.
CREATE FUNCTION affiliate._day(at timestamptz, time_zone text) RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN at < '4000-01-01 00:00:00+00 BC'::timestamptz THEN '4000-01-01 BC'::date
            WHEN at > '290000-01-01 00:00:00+00'::timestamptz THEN '290000-01-01'::date
            ELSE (at AT TIME ZONE time_zone)::date END;
COMMENT ON FUNCTION affiliate._day(timestamptz, text) IS 'The day of an instant in a time zone.';

-- from_xid null: of all rows. Rows of other clusters were counted when the rollups were built in this one.
CREATE FUNCTION affiliate._written_subjects(from_xid xid8, until_xid xid8)
RETURNS TABLE (customer_id text, subject_id text, kind text, program_no integer)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    here constant bigint := affiliate._cluster();
BEGIN
    IF from_xid IS NULL THEN
        RETURN QUERY
        SELECT c.customer_id, c.transaction_id, c.kind, c.program_no FROM affiliate.conversion_entry AS c
        UNION SELECT e.customer_id, e.subject_id, e.subject_kind, e.program_no FROM affiliate.entry AS e;
    ELSE
        RETURN QUERY
        SELECT c.customer_id, c.transaction_id, c.kind, c.program_no FROM affiliate.conversion_entry AS c
        WHERE c.cluster = here AND c.written_xid >= from_xid AND c.written_xid < until_xid
        UNION
        SELECT e.customer_id, e.subject_id, e.subject_kind, e.program_no FROM affiliate.entry AS e
        WHERE e.cluster = here AND e.written_xid >= from_xid AND e.written_xid < until_xid;
    END IF;
END
$$;
COMMENT ON FUNCTION affiliate._written_subjects(xid8, xid8) IS 'The conversions and manual acts of which the streams have rows between two transaction ids.';

CREATE FUNCTION affiliate._ledger_changes(from_xid xid8, until_xid xid8) RETURNS SETOF affiliate.ledger_change
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    here constant bigint := affiliate._cluster();
BEGIN
    -- Windows instead of joins of the rows with themselves: of those no statistics tell how many there are.
    RETURN QUERY
    WITH subject AS MATERIALIZED (
        SELECT s.* FROM affiliate._written_subjects(from_xid, until_xid) AS s
    ), written AS (
        SELECT s.*, c.version, from_xid IS NULL OR c.cluster = here AND c.written_xid >= from_xid AS is_new, true AS says_place,
               (affiliate._day(c.earned_at, p.time_zone), coalesce(c.affiliate_no, 0), c.conversion_type, c.campaign_no, c.product_id, c.country, c.method)::affiliate.report_place AS own_place,
               affiliate._day(c.effective_at, p.time_zone) AS event_day, coalesce(c.affiliate_no, 0) AS affiliate_no, coalesce(c.currency, p.currency) AS currency,
               c.quantity, c.new_customers, c.gross, c.discount, c.refunded_count, c.refunded, c.charged_back_count, c.charged_back,
               0::numeric AS accrued, 0::numeric AS reversed, 0::numeric AS paid
        FROM subject AS s
        JOIN affiliate.conversion_entry AS c ON (c.customer_id, c.transaction_id, c.kind, c.program_no) = (s.customer_id, s.subject_id, s.kind, s.program_no)
        JOIN affiliate.program AS p ON p.program_no = c.program_no
        WHERE c.cluster <> here OR c.written_xid < until_xid
        UNION ALL
        SELECT s.*, e.version, from_xid IS NULL OR e.cluster = here AND e.written_xid >= from_xid, false,
               (affiliate._day(e.earned_at, p.time_zone), e.affiliate_no, NULL, NULL, NULL, NULL, NULL)::affiliate.report_place,
               affiliate._day(e.effective_at, p.time_zone), e.affiliate_no, e.currency, 0, 0, 0, 0, 0, 0, 0, 0,
               CASE WHEN e.kind IN ('accrual', 'adjustment', 'manual') THEN e.amount ELSE 0 END,
               CASE WHEN e.kind IN ('reversal', 'void', 'reinstatement') THEN -e.amount ELSE 0 END,
               CASE WHEN e.kind = 'payment' THEN -e.amount ELSE 0 END
        FROM subject AS s
        JOIN affiliate.entry AS e ON (e.customer_id, e.subject_id, e.subject_kind, e.program_no) = (s.customer_id, s.subject_id, s.kind, s.program_no)
        JOIN affiliate.program AS p ON p.program_no = e.program_no
        WHERE e.cluster <> here OR e.written_xid < until_xid
    ), placed AS (
        -- what has no entry of counts (manual acts; a sale that was void from the beginning) stands where its own entries say
        SELECT w.*,
               CASE WHEN bool_or(w.says_place) OVER of_subject THEN first_value(w.own_place) OVER newest ELSE w.own_place END AS place_now,
               CASE WHEN bool_or(w.says_place AND NOT w.is_new) OVER of_subject THEN first_value(w.own_place) OVER newest_before ELSE w.own_place END AS place_before
        FROM written AS w
        WINDOW of_subject AS (PARTITION BY w.customer_id, w.subject_id, w.kind, w.program_no),
               newest AS (of_subject ORDER BY w.says_place DESC, w.version DESC),
               newest_before AS (of_subject ORDER BY (w.says_place AND NOT w.is_new) DESC, w.version DESC)
    ), term AS (
        SELECT 1 AS sign, p.place_now AS place, p.* FROM placed AS p WHERE p.is_new OR p.place_now IS DISTINCT FROM p.place_before
        UNION ALL
        SELECT -1, p.place_before, p.* FROM placed AS p WHERE NOT p.is_new AND p.place_now IS DISTINCT FROM p.place_before
    )
    SELECT b.day, t.program_no, b.affiliate_no, b.basis, t.kind, coalesce((t.place).conversion_type, ''), coalesce((t.place).campaign_no, 0),
           coalesce((t.place).product_id, ''), coalesce((t.place).country, ''), coalesce((t.place).method, ''), t.currency,
           sum(b.sign * t.quantity)::bigint, sum(b.sign * t.new_customers)::bigint, sum(b.sign * t.gross), sum(b.sign * t.discount),
           sum(b.sign * t.refunded_count)::bigint, sum(b.sign * t.refunded), sum(b.sign * t.charged_back_count)::bigint,
           sum(b.sign * t.charged_back), sum(b.sign * t.accrued), sum(b.sign * t.reversed), sum(b.sign * t.paid)
    FROM term AS t
    CROSS JOIN LATERAL (SELECT CASE WHEN t.says_place THEN (t.place).affiliate_no ELSE t.affiliate_no END AS place_affiliate) AS o
    CROSS JOIN LATERAL (VALUES
        ('sale', t.sign, (t.place).sale_day, o.place_affiliate),
        ('shift', t.sign, t.event_day, t.affiliate_no),
        ('shift', -t.sign, (t.place).sale_day, o.place_affiliate)) AS b (basis, sign, day, affiliate_no)
    WHERE b.basis = 'sale' OR (t.event_day, t.affiliate_no) <> ((t.place).sale_day, o.place_affiliate)
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11;
END
$$;
COMMENT ON FUNCTION affiliate._ledger_changes(xid8, xid8) IS 'What entry and conversion_entry add to the rollups between two transaction ids; from_xid null: all below the second.';

-- Days and months by everything that reports group by; and, for the reports that are asked most, by program, affiliate and
-- type alone (.._sum), which are a fraction of the rows.
CREATE FUNCTION affiliate._grains() RETURNS TABLE (grain text, unit text, is_detailed boolean)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    VALUES ('day', 'day', true), ('month', 'month', true), ('day_sum', 'day', false), ('month_sum', 'month', false);
END;
COMMENT ON FUNCTION affiliate._grains() IS 'The kinds of rollup rows: what their period is, and whether they tell campaign, product, country and method apart.';

CREATE FUNCTION affiliate._ledger_sums(from_xid xid8, until_xid xid8)
RETURNS TABLE (grain text, period date, program_no integer, affiliate_no integer, basis text, kind text, conversion_type text, campaign_no integer,
    product_id text, country text, method text, currency text, quantity bigint, new_customers bigint, gross numeric, discount numeric, refunded_count bigint, refunded numeric,
    charged_back_count bigint, charged_back numeric, accrued numeric, reversed numeric, paid numeric)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT g.grain, date_trunc(g.unit, c.period::timestamp)::date, c.program_no, c.affiliate_no, c.basis, c.kind, c.conversion_type, CASE WHEN g.is_detailed THEN c.campaign_no ELSE 0 END,
           CASE WHEN g.is_detailed THEN c.product_id ELSE '' END, CASE WHEN g.is_detailed THEN c.country ELSE '' END, CASE WHEN g.is_detailed THEN c.method ELSE '' END, c.currency,
           sum(c.quantity)::bigint, sum(c.new_customers)::bigint, sum(c.gross), sum(c.discount), sum(c.refunded_count)::bigint, sum(c.refunded),
           sum(c.charged_back_count)::bigint, sum(c.charged_back), sum(c.accrued), sum(c.reversed), sum(c.paid)
    FROM affiliate._grains() AS g
    CROSS JOIN affiliate._ledger_changes(from_xid, until_xid) AS c
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12;
END;
COMMENT ON FUNCTION affiliate._ledger_sums(xid8, xid8) IS 'What entry and conversion_entry add to affiliate.rollup between two transaction ids.';

-- A name of more bytes than an id may have is nobody's.
CREATE FUNCTION affiliate._click_name(name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN octet_length(name) <= 500 THEN name ELSE '' END;
COMMENT ON FUNCTION affiliate._click_name(text) IS 'What a click names, as a key; empty for nothing.';

-- As the kernel reads a click: the link decides, else the affiliate named; a campaign named overrides the link's.
CREATE FUNCTION affiliate._resolve_sources(program_ids text[], link_ids text[], affiliate_ids text[], campaign_ids text[])
RETURNS TABLE (program_id text, link_id text, affiliate_id text, campaign_id text, program_no integer, affiliate_no integer, campaign_no integer)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT s.program_id, s.link_id, s.affiliate_id, s.campaign_id, coalesce(p.program_no, 0),
           coalesce(CASE WHEN l.link_no IS NOT NULL THEN l.affiliate_no ELSE coalesce(f.affiliate_no, a.affiliate_no) END, 0),
           coalesce(c.campaign_no, l.campaign_no, 0)
    FROM ROWS FROM (unnest(program_ids), unnest(link_ids), unnest(affiliate_ids), unnest(campaign_ids)) AS s (program_id, link_id, affiliate_id, campaign_id)
    LEFT JOIN affiliate.program AS p ON p.program_id = s.program_id
    LEFT JOIN affiliate.link AS l ON l.link_id = s.link_id
    LEFT JOIN affiliate.affiliate AS f ON f.affiliate_id = s.affiliate_id
    LEFT JOIN (SELECT n.external_id, min(n.affiliate_no) AS affiliate_no FROM affiliate.affiliate_alias AS n GROUP BY n.external_id) AS a
      ON a.external_id = s.affiliate_id
    LEFT JOIN affiliate.campaign AS c ON (c.program_no, c.campaign_id) = (p.program_no, s.campaign_id);
END
$$;
COMMENT ON FUNCTION affiliate._resolve_sources(text[], text[], text[], text[]) IS 'Whom clicks count for that name these programs, links, affiliates and campaigns.';

-- The new clicks, and the earlier ones of their visitors. A visitor that was added to a click later does not count as one.
CREATE FUNCTION affiliate._counted_clicks(from_xid xid8, until_xid xid8) RETURNS SETOF affiliate.counted_click
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    here constant bigint := affiliate._cluster();
BEGIN
    RETURN QUERY
    WITH named AS MATERIALIZED (
        SELECT c.click_id, c.program_id, affiliate._click_name(coalesce(c.link_id, '')) AS link_id, affiliate._click_name(coalesce(c.affiliate_id, '')) AS affiliate_id,
               affiliate._click_name(coalesce(c.campaign_id, '')) AS campaign_id, coalesce(left(c.country, 50), '') AS country,
               CASE WHEN NOT c.visitor_added THEN c.visitor_id END AS visitor_id, c.clicked_at, c.is_new
        FROM affiliate._clicks_between(from_xid, until_xid, here) AS c
    ), unknown AS (
        SELECT array_agg(n.program_id) AS program_ids, array_agg(n.link_id) AS link_ids, array_agg(n.affiliate_id) AS affiliate_ids, array_agg(n.campaign_id) AS campaign_ids
        FROM (SELECT DISTINCT c.program_id, c.link_id, c.affiliate_id, c.campaign_id FROM named AS c) AS n
        WHERE NOT EXISTS (SELECT FROM affiliate.click_source AS s
                          WHERE (s.program_id, s.link_id, s.affiliate_id, s.campaign_id) = (n.program_id, n.link_id, n.affiliate_id, n.campaign_id))
    ), source AS MATERIALIZED (
        SELECT s.program_id, s.link_id, s.affiliate_id, s.campaign_id, s.source_no, s.program_no, s.affiliate_no, s.campaign_no FROM affiliate.click_source AS s
        UNION ALL
        SELECT r.program_id, r.link_id, r.affiliate_id, r.campaign_id, NULL, r.program_no, r.affiliate_no, r.campaign_no
        FROM unknown AS u, affiliate._resolve_sources(u.program_ids, u.link_ids, u.affiliate_ids, u.campaign_ids) AS r
    )
    SELECT c.click_id, s.program_no, s.source_no, s.affiliate_no, s.campaign_no, c.country, c.visitor_id, c.clicked_at,
           affiliate._day(c.clicked_at, coalesce(p.time_zone, 'UTC')), c.is_new
    FROM named AS c
    JOIN source AS s USING (program_id, link_id, affiliate_id, campaign_id)
    LEFT JOIN affiliate.program AS p ON p.program_no = s.program_no;
END
$$;
COMMENT ON FUNCTION affiliate._counted_clicks(xid8, xid8) IS 'The clicks between two transaction ids and the earlier ones of their visitors, with names resolved; from_xid null: all below the second.';

CREATE FUNCTION affiliate._clicks_between(from_xid xid8, until_xid xid8, here bigint)
RETURNS TABLE (click_id text, program_id text, link_id text, affiliate_id text, campaign_id text, country text, visitor_id text,
               visitor_added boolean, clicked_at timestamptz, is_new boolean)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF from_xid IS NULL THEN
        RETURN QUERY
        SELECT c.click_id, c.program_id, c.link_id, c.affiliate_id, c.campaign_id, c.country, c.visitor_id, c.visitor_added, c.clicked_at, true
        FROM affiliate.click AS c
        WHERE NOT c.is_test AND (c.cluster <> here OR coalesce(c.inserted_xid, c.written_xid) < until_xid);
    ELSE
        RETURN QUERY
        WITH fresh AS MATERIALIZED (
            SELECT c.* FROM affiliate.click AS c
            WHERE c.cluster = here AND c.written_xid >= from_xid AND NOT c.is_test
              AND coalesce(c.inserted_xid, c.written_xid) >= from_xid AND coalesce(c.inserted_xid, c.written_xid) < until_xid
        )
        SELECT c.click_id, c.program_id, c.link_id, c.affiliate_id, c.campaign_id, c.country, c.visitor_id, c.visitor_added, c.clicked_at, true FROM fresh AS c
        UNION ALL
        SELECT c.click_id, c.program_id, c.link_id, c.affiliate_id, c.campaign_id, c.country, c.visitor_id, c.visitor_added, c.clicked_at, false
        -- of the same days, whatever the time zone: one visitor id may stand for many people
        FROM (SELECT f.visitor_id, CASE WHEN min(f.clicked_at) > '4000-01-01 00:00:00+00 BC' THEN min(f.clicked_at) - interval '2 days' ELSE '-infinity' END AS from_time,
                     CASE WHEN max(f.clicked_at) < '290000-01-01 00:00:00+00' THEN max(f.clicked_at) + interval '2 days' ELSE 'infinity' END AS to_time
              FROM fresh AS f WHERE NOT f.visitor_added AND f.visitor_id IS NOT NULL GROUP BY f.visitor_id) AS v
        JOIN affiliate.click AS c ON c.visitor_id = v.visitor_id AND c.clicked_at BETWEEN v.from_time AND v.to_time
        WHERE NOT c.is_test AND NOT c.visitor_added AND (c.cluster <> here OR coalesce(c.inserted_xid, c.written_xid) < from_xid);
    END IF;
END
$$;
COMMENT ON FUNCTION affiliate._clicks_between(xid8, xid8, bigint) IS 'Part of _counted_clicks(): the rows themselves.';

CREATE FUNCTION affiliate._click_changes(from_xid xid8, until_xid xid8) RETURNS SETOF affiliate.click_change
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    WITH click AS MATERIALIZED (SELECT * FROM affiliate._counted_clicks(from_xid, until_xid)
    ), visit AS ( -- of a visitor to an affiliate on a day: the first click counts
        SELECT DISTINCT ON (c.program_no, c.affiliate_no, c.period, c.visitor_id) c.*, 1 AS sign
        FROM click AS c WHERE c.visitor_id IS NOT NULL
        ORDER BY c.program_no, c.affiliate_no, c.period, c.visitor_id, c.clicked_at, c.click_id
    ), earlier_visit AS (
        SELECT DISTINCT ON (c.program_no, c.affiliate_no, c.period, c.visitor_id) c.*, -1 AS sign
        FROM click AS c WHERE c.visitor_id IS NOT NULL AND NOT c.is_new
        ORDER BY c.program_no, c.affiliate_no, c.period, c.visitor_id, c.clicked_at, c.click_id
    ), term AS (
        SELECT c.period, c.program_no, c.source_no, c.affiliate_no, c.campaign_no, c.country, 1 AS clicks, (c.visitor_id IS NULL)::integer AS unique_clicks
        FROM click AS c WHERE c.is_new
        UNION ALL
        SELECT v.period, v.program_no, v.source_no, v.affiliate_no, v.campaign_no, v.country, 0, v.sign FROM visit AS v
        UNION ALL
        SELECT v.period, v.program_no, v.source_no, v.affiliate_no, v.campaign_no, v.country, 0, v.sign FROM earlier_visit AS v
    )
    SELECT t.period, t.program_no, t.source_no, t.affiliate_no, t.campaign_no, t.country, sum(t.clicks), sum(t.unique_clicks)
    FROM term AS t
    GROUP BY 1, 2, 3, 4, 5, 6
    HAVING sum(t.clicks) <> 0 OR sum(t.unique_clicks) <> 0;
END
$$;
COMMENT ON FUNCTION affiliate._click_changes(xid8, xid8) IS 'What clicks add to the rollups between two transaction ids; from_xid null: all below the second.';

CREATE FUNCTION affiliate._click_sums(from_xid xid8, until_xid xid8)
RETURNS TABLE (grain text, period date, program_no integer, source_no integer, affiliate_no integer, campaign_no integer, country text, clicks bigint, unique_clicks bigint)
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT g.grain, date_trunc(g.unit, c.period::timestamp)::date, c.program_no, c.source_no, c.affiliate_no, c.campaign_no, CASE WHEN g.is_detailed THEN c.country ELSE '' END,
           sum(c.clicks)::bigint, sum(c.unique_clicks)::bigint
    FROM affiliate._grains() AS g
    CROSS JOIN affiliate._click_changes(from_xid, until_xid) AS c
    GROUP BY 1, 2, 3, 4, 5, 6, 7;
END;
COMMENT ON FUNCTION affiliate._click_sums(xid8, xid8) IS 'What clicks add to affiliate.rollup_click between two transaction ids.';
