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
    SELECT g.grain, date_trunc(g.grain, c.period)::date, c.basis, c.program_no, c.affiliate_no, c.kind, c.conversion_type, c.campaign_no, c.product_id,
           c.country, c.method, c.currency, 0, 0, c.quantity, c.new_customers, c.gross, c.discount, c.refunded_count, c.refunded,
           c.charged_back_count, c.charged_back, c.accrued, c.reversed, c.paid, 0
    FROM (VALUES ('day'), ('month')) AS g (grain)
    CROSS JOIN affiliate._ledger_changes((SELECT affiliate._rollup_watermark()), affiliate._last_xid()) AS c
    UNION ALL
    SELECT k.grain, k.period, 'sale', s.program_no, s.affiliate_no, 'click', '', s.campaign_no, '', k.country, '',
           p.currency, k.clicks, k.unique_clicks, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    FROM affiliate.rollup_click AS k
    JOIN affiliate.click_source AS s USING (source_no)
    JOIN affiliate.program AS p ON p.program_no = s.program_no
    WHERE (SELECT affiliate._rollup_watermark()) IS NOT NULL
    UNION ALL
    SELECT g.grain, date_trunc(g.grain, c.period)::date, 'sale', c.program_no, c.affiliate_no, 'click', '', c.campaign_no, '', c.country, '',
           p.currency, c.clicks, c.unique_clicks, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    FROM (VALUES ('day'), ('month')) AS g (grain)
    CROSS JOIN affiliate._click_changes((SELECT affiliate._rollup_watermark()), affiliate._last_xid()) AS c
    JOIN affiliate.program AS p ON p.program_no = c.program_no
    UNION ALL
    SELECT g.grain, date_trunc(g.grain, h.sale_day)::date, 'sale', h.program_no, h.affiliate_no, h.subject_kind, coalesce(h.conversion_type, ''),
           coalesce(h.campaign_no, 0), coalesce(h.product_id, ''), coalesce(h.country, ''), coalesce(h.method, ''), h.currency,
           0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, h.owed
    FROM (VALUES ('day'), ('month')) AS g (grain)
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

    EXECUTE 'CREATE OR REPLACE VIEW affiliate.performance_daily WITH (security_invoker = true) AS '
        || affiliate._performance_query('{day,program,affiliate,campaign,product,country,conversion_type,method}', $$r.grain = 'day' AND r.basis = 'sale'$$, 'sale');
    EXECUTE 'CREATE OR REPLACE VIEW affiliate.performance_monthly WITH (security_invoker = true) AS '
        || affiliate._performance_query('{month,program,affiliate,campaign,product,country,conversion_type,method}', $$r.grain = 'month' AND r.basis = 'sale'$$, 'sale');
    EXECUTE 'CREATE OR REPLACE VIEW affiliate.performance_daily_by_event WITH (security_invoker = true) AS '
        || affiliate._performance_query('{day,program,affiliate,campaign,product,country,conversion_type,method}', $$r.grain = 'day'$$, 'event');
    EXECUTE 'CREATE OR REPLACE VIEW affiliate.performance_monthly_by_event WITH (security_invoker = true) AS '
        || affiliate._performance_query('{month,program,affiliate,campaign,product,country,conversion_type,method}', $$r.grain = 'month'$$, 'event');
END
$setup$;
COMMENT ON FUNCTION affiliate._setup_report_views() IS 'Part of setup(): creates or replaces the views of reports.';

CREATE FUNCTION affiliate._last_xid() RETURNS xid8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '18446744073709551615'::xid8;
COMMENT ON FUNCTION affiliate._last_xid() IS 'Above every transaction id.';
