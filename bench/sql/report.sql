-- The report of all affiliates by month: the time of performance(), or of the same question over facts and ledger.
-- psql variables: rollups (1 or 0), from_day, to_day. Prints the seconds.
SELECT clock_timestamp() AS began \gset
\if :rollups
SELECT concat_ws(' ', count(*), sum(clicks), sum(unique_clicks), sum(conversions), trim_scale(sum(gross)), trim_scale(sum(refunded)), trim_scale(sum(net_commission)), trim_scale(sum(held))) AS sums
FROM affiliate.performance(:'from_day', :'to_day', '{month,affiliate}')
\else
WITH click AS (
    SELECT f.affiliate_id AS affiliate, date_trunc('month', d.day)::date AS period, 'USD' AS currency, sum(d.clicks) AS clicks, sum(d.visitors) AS unique_clicks
    FROM (SELECT l.affiliate_no, (c.clicked_at AT TIME ZONE 'America/New_York')::date AS day, count(*) AS clicks, count(DISTINCT c.visitor_id) + count(*) FILTER (WHERE c.visitor_id IS NULL) AS visitors
          FROM affiliate.click AS c JOIN affiliate.link AS l USING (link_id)
          WHERE c.clicked_at >= :'from_day'::timestamp AT TIME ZONE 'America/New_York' AND c.clicked_at < :'to_day'::timestamp AT TIME ZONE 'America/New_York' AND NOT c.is_test GROUP BY 1, 2) AS d
    JOIN affiliate.affiliate AS f USING (affiliate_no) GROUP BY 1, 2
), sale AS (
    SELECT coalesce(f.affiliate_id, '') AS affiliate, date_trunc('month', v.occurred_at AT TIME ZONE 'America/New_York')::date AS period, v.currency,
           sum(v.quantity) AS conversions, sum(v.gross) AS gross, sum(v.refunded) AS refunded, sum(v.charged_back) AS charged_back, count(*) FILTER (WHERE v.purchase_number = 1) AS new_customers,
           count(*) FILTER (WHERE v.refunded <> 0) AS refunds
    FROM affiliate.conversion AS v LEFT JOIN affiliate.affiliate AS f USING (affiliate_no)
    WHERE v.occurred_at >= :'from_day'::timestamp AT TIME ZONE 'America/New_York' AND v.occurred_at < :'to_day'::timestamp AT TIME ZONE 'America/New_York' AND v.kind = 'transaction' AND NOT v.is_test
    GROUP BY 1, 2, 3
), money AS (
    SELECT f.affiliate_id AS affiliate, date_trunc('month', c.earned_at AT TIME ZONE 'America/New_York')::date AS period, c.currency, sum(c.accrued) AS accrued, sum(c.reversed) AS reversed, sum(c.paid) AS paid,
           coalesce(sum(c.accrued - c.reversed - c.paid) FILTER (WHERE c.eligible_at > now() AND c.accrued - c.reversed - c.paid > 0), 0) AS held
    FROM affiliate.commission AS c JOIN affiliate.affiliate AS f USING (affiliate_no)
    WHERE c.earned_at >= :'from_day'::timestamp AT TIME ZONE 'America/New_York' AND c.earned_at < :'to_day'::timestamp AT TIME ZONE 'America/New_York' GROUP BY 1, 2, 3
)
SELECT concat_ws(' ', count(*), sum(clicks), sum(unique_clicks), sum(conversions), trim_scale(sum(gross)), trim_scale(sum(refunded)), trim_scale(sum(accrued - reversed)), trim_scale(sum(held))) AS sums
FROM sale FULL JOIN money USING (affiliate, period, currency) FULL JOIN click USING (affiliate, period, currency)
\endif
\gset
SELECT extract(epoch FROM clock_timestamp() - :'began'::timestamptz) AS seconds \gset
\echo :seconds :sums
