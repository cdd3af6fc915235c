-- Views of reports. affiliate.reported is what all of them read: the rollups, and above their watermark the streams.

CREATE FUNCTION affiliate._setup_report_views() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET client_min_messages = warning
AS $setup$
BEGIN
    CREATE OR REPLACE VIEW affiliate.reported WITH (security_invoker = true) AS
    SELECT r.grain, r.period, r.basis, r.program_no, r.affiliate_no, r.kind, r.conversion_type, r.campaign_no, r.product_id, r.country, r.method,
           r.currency, 0::bigint AS clicks, 0::bigint AS unique_clicks, r.quantity, r.new_customers, r.gross, r.discount, r.refunded_count, r.refunded,
           r.charged_back_count, r.charged_back, r.accrued, r.reversed, r.paid, 0::numeric AS held
    FROM affiliate.rollup AS r
    WHERE (SELECT affiliate._rollup_watermark()) IS NOT NULL
    UNION ALL
    SELECT c.grain, c.period, c.basis, c.program_no, c.affiliate_no, c.kind, c.conversion_type, c.campaign_no, c.product_id,
           c.country, c.method, c.currency, 0, 0, c.quantity, c.new_customers, c.gross, c.discount, c.refunded_count, c.refunded,
           c.charged_back_count, c.charged_back, c.accrued, c.reversed, c.paid, 0
    FROM affiliate._ledger_sums((SELECT affiliate._rollup_watermark()), affiliate._last_xid()) AS c
    UNION ALL
    SELECT k.grain, k.period, 'sale', s.program_no, s.affiliate_no, 'click', '', s.campaign_no, '', k.country, '',
           p.currency, k.clicks, k.unique_clicks, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    FROM affiliate.rollup_click AS k
    JOIN affiliate.click_source AS s USING (source_no)
    JOIN affiliate.program AS p ON p.program_no = s.program_no
    WHERE (SELECT affiliate._rollup_watermark()) IS NOT NULL
    UNION ALL
    SELECT c.grain, c.period, 'sale', c.program_no, c.affiliate_no, 'click', '', c.campaign_no, '', c.country, '',
           p.currency, c.clicks, c.unique_clicks, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    FROM affiliate._click_sums((SELECT affiliate._rollup_watermark()), affiliate._last_xid()) AS c
    JOIN affiliate.program AS p ON p.program_no = c.program_no
    UNION ALL
    SELECT g.grain, date_trunc(g.unit, h.sale_day::timestamp)::date, 'held', h.program_no, h.affiliate_no, h.subject_kind, coalesce(h.conversion_type, ''),
           coalesce(h.campaign_no, 0), coalesce(h.product_id, ''), coalesce(h.country, ''), coalesce(h.method, ''), h.currency,
           0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, h.owed
    FROM affiliate._grains() AS g
    CROSS JOIN (
        SELECT c.program_no, c.affiliate_no, c.subject_kind, c.currency, c.accrued - c.reversed - c.paid AS owed,
               affiliate._day(coalesce(v.occurred_at, v.ordered_at, c.earned_at), p.time_zone) AS sale_day,
               v.conversion_type, v.campaign_no, v.product_id, v.country, v.method
        FROM affiliate.program AS p
        CROSS JOIN affiliate.affiliate AS f
        JOIN affiliate.commission AS c ON (c.program_no, c.affiliate_no) = (p.program_no, f.affiliate_no) AND c.eligible_at > affiliate._now()
        LEFT JOIN affiliate.conversion AS v ON (v.customer_id, v.transaction_id, v.kind, v.program_no) = (c.customer_id, c.subject_id, c.subject_kind, c.program_no)
        WHERE c.accrued - c.reversed - c.paid > 0
        UNION ALL
        SELECT c.program_no, c.affiliate_no, c.subject_kind, c.currency, c.accrued - c.reversed - c.paid,
               affiliate._day(coalesce(v.occurred_at, v.ordered_at, c.earned_at), p.time_zone),
               v.conversion_type, v.campaign_no, v.product_id, v.country, v.method
        FROM affiliate.program AS p
        JOIN affiliate.commission AS c ON c.program_no = p.program_no AND c.is_provisional AND c.eligible_at <= affiliate._now()
        LEFT JOIN affiliate.conversion AS v ON (v.customer_id, v.transaction_id, v.kind, v.program_no) = (c.customer_id, c.subject_id, c.subject_kind, c.program_no)
        WHERE c.accrued - c.reversed - c.paid > 0
    ) AS h;

    EXECUTE 'CREATE OR REPLACE VIEW affiliate.performance_daily WITH (security_invoker = true) AS ' || affiliate._performance_view('day', 'sale');
    EXECUTE 'CREATE OR REPLACE VIEW affiliate.performance_monthly WITH (security_invoker = true) AS ' || affiliate._performance_view('month', 'sale');
    EXECUTE 'CREATE OR REPLACE VIEW affiliate.performance_daily_by_event WITH (security_invoker = true) AS ' || affiliate._performance_view('day', 'event');
    EXECUTE 'CREATE OR REPLACE VIEW affiliate.performance_monthly_by_event WITH (security_invoker = true) AS ' || affiliate._performance_view('month', 'event');

    EXECUTE 'CREATE OR REPLACE VIEW affiliate.attribution_share WITH (security_invoker = true) AS
        SELECT p.period AS month, p.program, coalesce(p.method, ''none'') AS method, p.currency, p.conversions,
               round(p.conversions / nullif(sum(p.conversions) OVER (PARTITION BY p.period, p.program, p.currency), 0), 6) AS share,
               p.gross, p.net_revenue, p.net_commission
        FROM (' || affiliate._performance_query('{period,program,method}', $$r.grain = 'month' AND r.kind = 'transaction'$$, 'sale') || ') AS p';
    EXECUTE 'CREATE OR REPLACE VIEW affiliate.refunds_and_disputes WITH (security_invoker = true) AS
        SELECT p.period AS day, p.program, p.affiliate, p.product, p.country, p.currency, p.refunds, p.refunded, p.chargebacks, p.charged_back, p.reversed, f.name AS affiliate_name
        FROM (' || affiliate._performance_query('{period,program,affiliate,product,country}', $$r.grain = 'day'$$, 'event') || ') AS p
        LEFT JOIN affiliate.affiliate AS f ON f.affiliate_id = p.affiliate
        -- commission is taken back in the program''s currency, and from uplines too: rows of their own
        WHERE (p.refunds, p.refunded, p.chargebacks, p.charged_back, p.reversed) <> (0, 0, 0, 0, 0)';

    CREATE OR REPLACE VIEW affiliate.attribution_conflicts WITH (security_invoker = true) AS
    SELECT affiliate._month_of(affiliate._day(c.ordered_at, p.time_zone)) AS month, p.program_id AS program, f.affiliate_id AS affiliate,
           o.affiliate_id AS other_affiliate, c.currency, count(*) AS conversions, sum(c.gross) AS gross, sum(m.net) AS net_commission,
           f.name AS affiliate_name, o.name AS other_affiliate_name
    FROM affiliate.conversion AS c
    JOIN affiliate.program AS p USING (program_no)
    LEFT JOIN affiliate.affiliate AS f USING (affiliate_no)
    CROSS JOIN LATERAL (SELECT DISTINCT (t.candidate ->> 'affiliate_no')::integer AS affiliate_no FROM jsonb_array_elements(c.candidates) AS t (candidate)) AS t
    JOIN affiliate.affiliate AS o ON o.affiliate_no = t.affiliate_no AND o.affiliate_no IS DISTINCT FROM c.affiliate_no
    CROSS JOIN LATERAL (SELECT coalesce(sum(n.accrued - n.reversed), 0) AS net FROM affiliate.commission AS n
                        WHERE (n.customer_id, n.subject_id, n.subject_kind, n.program_no, n.level) = (c.customer_id, c.transaction_id, c.kind, c.program_no, 0)) AS m
    WHERE c.is_conflict AND c.kind = 'transaction' AND c.quantity <> 0 AND NOT c.is_test
    GROUP BY 1, 2, 3, 4, 5, f.name, o.name;

    CREATE OR REPLACE VIEW affiliate.assists WITH (security_invoker = true) AS
    SELECT affiliate._month_of(affiliate._day(c.ordered_at, p.time_zone)) AS month, p.program_id AS program, o.affiliate_id AS affiliate, t.method, t.code,
           c.currency, count(*) AS conversions, sum(c.gross) AS gross, o.name AS affiliate_name
    FROM affiliate.conversion AS c
    JOIN affiliate.program AS p USING (program_no)
    CROSS JOIN LATERAL (SELECT DISTINCT (t.candidate ->> 'affiliate_no')::integer AS affiliate_no, t.candidate ->> 'method' AS method, t.candidate ->> 'code' AS code
                        FROM jsonb_array_elements(c.candidates) AS t (candidate)) AS t
    JOIN affiliate.affiliate AS o ON o.affiliate_no = t.affiliate_no AND o.affiliate_no IS DISTINCT FROM c.affiliate_no
    WHERE c.kind = 'transaction' AND c.quantity <> 0 AND NOT c.is_test
    GROUP BY 1, 2, 3, 4, 5, 6, o.name;

    CREATE OR REPLACE VIEW affiliate.review_share WITH (security_invoker = true) AS
    SELECT coalesce(s.month, r.month) AS month, coalesce(s.program, r.program) AS program, coalesce(s.conversions, 0) AS conversions, coalesce(r.reviewed, 0) AS reviewed,
           coalesce(r.reviews, 0) AS reviews, coalesce(r.open, 0) AS open, round(coalesce(r.reviewed, 0) / nullif(s.conversions, 0), 6) AS share
    FROM (SELECT m.period AS month, m.program, sum(m.conversions) AS conversions FROM affiliate.performance_monthly AS m GROUP BY 1, 2 HAVING sum(m.conversions) <> 0) AS s
    FULL JOIN (
        SELECT affiliate._month_of(affiliate._day(coalesce(v.occurred_at, v.ordered_at, c.opened_at), p.time_zone)) AS month, p.program_id AS program,
               count(DISTINCT (c.customer_id, c.subject_id)) AS reviewed, count(*) AS reviews, count(*) FILTER (WHERE c.state = 'open') AS open
        FROM affiliate.review_case AS c
        JOIN affiliate.program AS p USING (program_no)
        LEFT JOIN affiliate.conversion AS v ON (v.customer_id, v.transaction_id, v.kind, v.program_no) = (c.customer_id, c.subject_id, 'transaction', c.program_no)
        GROUP BY 1, 2) AS r ON (r.month, r.program) = (s.month, s.program);

    CREATE OR REPLACE VIEW affiliate.rollup_progress WITH (security_invoker = true) AS
    SELECT affiliate._rollup_watermark() IS NOT NULL AS in_use, s.watermark, pg_snapshot_xmin(pg_current_snapshot()) AS horizon,
           CASE WHEN affiliate._rollup_watermark() IS NOT NULL THEN affiliate._written_rows(s.watermark, affiliate._last_xid()) END AS rows_above,
           s.refreshed_at, s.rebuilt_at, s.steps, s.folded, s.failed, s.failed_at, s.last_error
    FROM affiliate.rollup_state AS s;
END
$setup$;
COMMENT ON FUNCTION affiliate._setup_report_views() IS 'Part of setup(): creates or replaces the views of reports.';

-- No rates: those of rows do not add up, and a click has no product, type or method to be in the row of its sales.
CREATE FUNCTION affiliate._performance_view(unit text, basis text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN format('SELECT s.period, s.program, s.affiliate, s.campaign, s.product, s.country, s.conversion_type, s.method, s.currency, s.counted_by, s.clicks, s.unique_clicks,
               s.registrations, s.new_customers, s.conversions, s.purchases, s.resets, s.upgrades, s.other_sales, s.gross, s.discount, s.refunds, s.refunded, s.chargebacks,
               s.charged_back, s.net_revenue, s.accrued, s.reversed, s.net_commission, s.paid, s.held, s.eligible, s.events, s.started, s.failed, s.passed, s.funded,
               p.name AS program_name, f.name AS affiliate_name, c.name AS campaign_name, d.name AS product_name
        FROM (%s) AS s
        LEFT JOIN affiliate.program AS p ON p.program_id = s.program
        LEFT JOIN affiliate.affiliate AS f ON f.affiliate_id = s.affiliate
        LEFT JOIN affiliate.campaign AS c ON (c.program_no, c.campaign_id) = (p.program_no, s.campaign)
        LEFT JOIN affiliate.product AS d ON (d.program_no, d.product_id) = (p.program_no, s.product)',
        affiliate._performance_query('{period,program,affiliate,campaign,product,country,conversion_type,method}',
            format('r.grain = %L', unit), basis));
END
$$;
COMMENT ON FUNCTION affiliate._performance_view(text, text) IS 'The query of a view performance_.., by everything that reports group by, with names.';

CREATE FUNCTION affiliate._last_xid() RETURNS xid8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '18446744073709551615'::xid8;
COMMENT ON FUNCTION affiliate._last_xid() IS 'Above every transaction id.';
