-- verify(), continued: the rollups are the sum of the streams below their watermark (I16).

CREATE FUNCTION affiliate._verify_rollups(OUT code text, OUT customer_id text, OUT subject text, OUT detail text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    watermark constant xid8 := affiliate._rollup_watermark();
BEGIN
    IF watermark IS NULL THEN
        RETURN; -- they do not count
    END IF;
    RETURN QUERY
    SELECT 'rollup', ''::text, format('%s %s program %s affiliate %s %s %s %s', k.grain, k.period, k.program_no, k.affiliate_no, k.basis, k.kind, k.conversion_type),
           format('The rollup has %s, the streams have %s (quantity, new customers, gross, discount, refunds, refunded, chargebacks, charged back, accrued, reversed, paid).', k.have, k.want)
    FROM (
        SELECT grain, period, program_no, affiliate_no, basis, kind, conversion_type, campaign_no, product_id, country, method, currency,
               coalesce(r.sums, '{0,0,0,0,0,0,0,0,0,0,0}') AS have, coalesce(n.sums, '{0,0,0,0,0,0,0,0,0,0,0}') AS want
        FROM (SELECT t.grain, t.period, t.program_no, t.affiliate_no, t.basis, t.kind, t.conversion_type, t.campaign_no, t.product_id, t.country, t.method, t.currency,
                     ARRAY[t.quantity, t.new_customers, t.gross, t.discount, t.refunded_count, t.refunded, t.charged_back_count, t.charged_back, t.accrued, t.reversed, t.paid] AS sums
              FROM affiliate.rollup AS t) AS r
        FULL JOIN (
            SELECT c.*, ARRAY[c.quantity, c.new_customers, c.gross, c.discount, c.refunded_count, c.refunded, c.charged_back_count, c.charged_back, c.accrued, c.reversed, c.paid] AS sums
            FROM affiliate._ledger_sums(NULL, watermark) AS c) AS n
        USING (grain, period, program_no, affiliate_no, basis, kind, conversion_type, campaign_no, product_id, country, method, currency)
    ) AS k
    WHERE k.have <> k.want;

    RETURN QUERY
    SELECT 'rollup_click', ''::text, format('%s %s source %s country "%s"', k.grain, k.period, k.source_no, k.country),
           format('The rollup has %s clicks, %s of them unique; there are %s and %s.', k.clicks, k.unique_clicks, k.counted, k.counted_unique)
    FROM (
        SELECT grain, period, source_no, country, coalesce(r.clicks, 0) AS clicks, coalesce(r.unique_clicks, 0) AS unique_clicks,
               coalesce(n.clicks, 0) AS counted, coalesce(n.unique_clicks, 0) AS counted_unique
        FROM affiliate.rollup_click AS r
        FULL JOIN affiliate._click_sums(NULL, watermark) AS n
        USING (grain, period, source_no, country)
    ) AS k
    WHERE (k.clicks, k.unique_clicks) <> (k.counted, k.counted_unique);
END
$$;
COMMENT ON FUNCTION affiliate._verify_rollups() IS 'Part of verify(): the rollups are the sum of the streams below their watermark.';
