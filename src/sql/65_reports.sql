-- Reports with a question of their own, over performance() and the decisions.

--| The `n` best affiliates of a period by a number that `affiliate.performance` gives, for example `net_revenue`,
--| `new_customers`, `net_commission`, `clicks`, `passed` or `funded_rate`; ranked within each currency. Equal ones share a
--| rank, so there may be more than `n`; affiliates of whom it is 0 are not listed.
--|
--| Errors: `AF033` there is no such number, or n is not positive.
CREATE FUNCTION affiliate.top_affiliates(from_day date, to_day date, metric text DEFAULT 'net_revenue', n integer DEFAULT 10)
RETURNS TABLE (rank bigint, affiliate text, name text, currency text, value numeric)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    metrics constant text[] := '{clicks,unique_clicks,registrations,new_customers,conversions,purchases,resets,upgrades,other_sales,conversion_rate,gross,
        discount,refunds,refunded,chargebacks,charged_back,net_revenue,average_order,accrued,reversed,net_commission,paid,held,eligible,
        earnings_per_click,events,started,failed,passed,funded,pass_rate,funded_rate,reset_rate}';
BEGIN
    PERFORM affiliate._require_tables();
    IF metric IS NULL OR metric <> ALL (metrics) THEN
        PERFORM affiliate._refuse_argument('metric', metric, 'one of ' || array_to_string(metrics, ', '));
    ELSIF n IS NULL OR n <= 0 THEN
        PERFORM affiliate._refuse_argument('n', n::text, 'how many affiliates');
    END IF;
    RETURN QUERY
    SELECT r.rank, r.affiliate, r.name, r.currency, r.value
    FROM (SELECT rank() OVER (PARTITION BY p.currency ORDER BY p.value DESC) AS rank, p.affiliate, f.name, p.currency, p.value
          FROM (SELECT m.affiliate, m.currency, (to_jsonb(m) ->> metric)::numeric AS value
                FROM affiliate.performance(from_day, to_day, '{affiliate}') AS m
                WHERE m.affiliate IS NOT NULL) AS p
          JOIN affiliate.affiliate AS f ON f.affiliate_id = p.affiliate
          WHERE p.value <> 0) AS r
    WHERE r.rank <= n
    ORDER BY r.currency, r.rank, r.affiliate;
END
$$;
COMMENT ON FUNCTION affiliate.top_affiliates(date, date, text, integer) IS 'The best affiliates of a period by a number of performance(), ranked within each currency.';

--| How many get how far, from click to funded account, in days of each program's time zone, from `from_day` to before
--| `to_day`; `group_by` and `filter` as for `affiliate.performance`. Each step counts what happened in the period, whoever it
--| happened to: a trader who passes in March may have bought in February. Rates are shares of 1 of the step before.
--|
--| Errors: `AF033` as `affiliate.performance`.
CREATE FUNCTION affiliate.funnel(from_day date, to_day date, group_by text[] DEFAULT '{}', filter jsonb DEFAULT '{}')
RETURNS TABLE (period date, program text, affiliate text, campaign text, product text, country text, clicks bigint, unique_clicks bigint,
    registrations bigint, new_customers bigint, purchases bigint, resets bigint, started bigint, failed bigint, passed bigint, funded bigint,
    customer_rate numeric, pass_rate numeric, funded_rate numeric, reset_rate numeric)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT s.*, round(s.new_customers / nullif(s.unique_clicks, 0)::numeric, 6), round(s.passed / nullif(s.passed + s.failed, 0)::numeric, 6),
           round(s.funded / nullif(s.started, 0)::numeric, 6), round(s.resets / nullif(s.purchases + s.resets, 0)::numeric, 6)
    FROM (
        SELECT p.period, p.program, p.affiliate, p.campaign, p.product, p.country, sum(p.clicks)::bigint AS clicks, sum(p.unique_clicks)::bigint AS unique_clicks,
               sum(p.registrations)::bigint, sum(p.new_customers)::bigint AS new_customers, sum(p.purchases)::bigint AS purchases, sum(p.resets)::bigint AS resets,
               sum(p.started)::bigint AS started, sum(p.failed)::bigint AS failed, sum(p.passed)::bigint AS passed, sum(p.funded)::bigint AS funded
        FROM affiliate.performance(from_day, to_day, group_by, filter) AS p
        GROUP BY 1, 2, 3, 4, 5, 6
    ) AS s;
END
$$;
COMMENT ON FUNCTION affiliate.funnel(date, date, text[], jsonb) IS 'How many get how far, from click to funded account.';

--| What the customers of an affiliate are worth, for those sales that were completed from `from_day` to before `to_day`, as
--| they stand by now. `refund_rate` and `chargeback_rate`: shares of the sales. `repeat_rate`: share of the customers whose
--| first purchase falls into the period who have bought again since. `days_to_first_purchase`: median of the days from
--| registration to first purchase. `reset_rate`: resets of purchases and resets. `pass_rate`: passed of passed and failed
--| evaluations; `funded_rate`: funded accounts of started evaluations.
--|
--| Errors: `AF016` unknown affiliate; `AF033` no day.
CREATE FUNCTION affiliate.quality(affiliate text, from_day date, to_day date)
RETURNS TABLE (sales bigint, new_customers bigint, refund_rate numeric, chargeback_rate numeric, repeat_rate numeric, days_to_first_purchase numeric,
    reset_rate numeric, pass_rate numeric, funded_rate numeric)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    of_affiliate_no integer;
BEGIN
    PERFORM affiliate._require_tables();
    of_affiliate_no := affiliate._affiliate_no(affiliate);
    RETURN QUERY
    WITH sums AS (
        SELECT sum(p.conversions) AS sales, sum(p.new_customers) AS new_customers, sum(p.refunds) AS refunds, sum(p.chargebacks) AS chargebacks,
               sum(p.purchases) AS purchases, sum(p.resets) AS resets, sum(p.started) AS started, sum(p.passed) AS passed, sum(p.failed) AS failed, sum(p.funded) AS funded
        FROM affiliate.performance(from_day, to_day, '{affiliate}', jsonb_build_object('affiliate', quality.affiliate)) AS p
    ), first_purchase AS (
        SELECT c.customer_id, c.program_no, c.occurred_at
        FROM affiliate.conversion AS c JOIN affiliate.program AS p USING (program_no)
        WHERE c.affiliate_no = of_affiliate_no AND c.ladder_counts AND c.new_customers = 1
          AND c.occurred_at >= from_day::timestamp AT TIME ZONE p.time_zone AND c.occurred_at < to_day::timestamp AT TIME ZONE p.time_zone
    ), customers AS (
        SELECT count(*) AS counted, count(*) FILTER (WHERE EXISTS (
                   SELECT FROM affiliate.conversion AS n
                   WHERE n.customer_id = f.customer_id AND n.program_no = f.program_no AND n.kind = 'transaction' AND n.quantity = 1 AND n.purchase_number > 1)) AS came_back,
               percentile_disc(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM f.occurred_at - r.occurred_at) / 86400) AS days
        FROM first_purchase AS f
        LEFT JOIN affiliate.conversion AS r ON (r.customer_id, r.transaction_id, r.kind, r.program_no) = (f.customer_id, '', 'registration', f.program_no)
    )
    SELECT coalesce(s.sales, 0)::bigint, coalesce(s.new_customers, 0)::bigint, round(s.refunds / nullif(s.sales, 0), 6), round(s.chargebacks / nullif(s.sales, 0), 6),
           round(c.came_back / nullif(c.counted, 0)::numeric, 6), round(c.days, 2), round(s.resets / nullif(s.purchases + s.resets, 0), 6),
           round(s.passed / nullif(s.passed + s.failed, 0), 6), round(s.funded / nullif(s.started, 0), 6)
    FROM sums AS s, customers AS c;
END
$$;
COMMENT ON FUNCTION affiliate.quality(text, date, date) IS 'What the customers of an affiliate are worth: rates of refunds, chargebacks, repeat purchases, resets, passed and funded evaluations.';

--| Chargebacks per program, affiliate and currency: sales completed from `from_day` to before `to_day`, how many of them were
--| charged back by now and their share, the amounts lost, the commission taken back of these sales; and what is still at stake: sales
--| of the period with an open dispute, what the customers dispute and the commission that hangs on it.
--| Amounts are in the currency of the sale, commissions in that of the program.
--|
--| Errors: `AF033` no day.
CREATE FUNCTION affiliate.chargeback_report(from_day date, to_day date)
RETURNS TABLE (program text, affiliate text, currency text, sales bigint, chargebacks bigint, chargeback_rate numeric, charged_back numeric,
    commission_reversed numeric, open_disputes bigint, disputed numeric, commission_at_stake numeric)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM affiliate._require_tables();
    RETURN QUERY
    WITH sold AS (
        SELECT p.program, p.affiliate, p.currency, p.conversions, p.chargebacks, p.charged_back
        FROM affiliate.performance(from_day, to_day, '{program,affiliate}') AS p
        WHERE p.conversions <> 0 OR p.chargebacks <> 0
    ), told AS ( -- by rows
        SELECT coalesce(d.transaction_id, r.transaction_id) AS transaction_id, d.outcome, d.amount, coalesce(d.opened_at, d.recorded_at) AS opened_at
        FROM affiliate.dispute AS d
        LEFT JOIN affiliate.transaction_ref AS r ON d.transaction_id IS NULL AND (r.source, r.kind, r.external_id) = (d.ref_source, d.ref_kind, d.ref_external_id)
    ), word AS ( -- by a status that the sale has or had, a chargeback transaction, an event
        SELECT t.transaction_id, s.effect, coalesce(t.status_at, t.recorded_at) AS at
        FROM (SELECT n.transaction_id, n.status, n.status_at, n.recorded_at FROM affiliate.transaction AS n
              UNION ALL
              SELECT n.transaction_id, n.status, n.status_at, n.recorded_at FROM affiliate.transaction_report AS n) AS t
        JOIN affiliate.transaction_status AS s USING (status)
        WHERE s.effect IN ('disputed', 'chargeback', 'dispute_won')
        UNION ALL
        SELECT t.original_transaction_id, y.effect, coalesce(t.refunded_at, t.completed_at, t.status_at, t.ordered_at, t.recorded_at)
        FROM affiliate.transaction AS t JOIN affiliate.transaction_type AS y USING (transaction_type)
        WHERE y.effect = 'chargeback' AND t.original_transaction_id IS NOT NULL
        UNION ALL
        SELECT e.transaction_id, 'chargeback', e.occurred_at
        FROM affiliate.event AS e JOIN affiliate.event_type AS y USING (event_type)
        WHERE y.effect = 'chargeback_filed' AND e.transaction_id IS NOT NULL
    ), disputed AS ( -- open, as M3 has it: words are a dispute of their own where there are no rows, else they settle what was opened before
        SELECT d.transaction_id, CASE WHEN bool_and(d.amount IS NOT NULL) THEN sum(abs(d.amount)) END AS amount
        FROM told AS d
        WHERE d.outcome IS NULL
          AND NOT EXISTS (SELECT FROM word AS w WHERE w.transaction_id = d.transaction_id AND w.effect <> 'disputed' AND w.at >= d.opened_at)
        GROUP BY d.transaction_id
        UNION ALL
        SELECT w.transaction_id, NULL
        FROM (SELECT n.transaction_id, max(n.at) FILTER (WHERE n.effect = 'disputed') AS opened_at,
                     coalesce(max(n.at) FILTER (WHERE n.effect = 'chargeback'), '-infinity') AS lost_at,
                     coalesce(max(n.at) FILTER (WHERE n.effect = 'dispute_won'), '-infinity') AS won_at
              FROM word AS n GROUP BY n.transaction_id) AS w
        WHERE w.opened_at > w.won_at AND w.lost_at <= w.won_at AND NOT EXISTS (SELECT FROM told AS d WHERE d.transaction_id = w.transaction_id)
    ), sale AS (
        SELECT v.customer_id, v.transaction_id, v.kind, v.program_no, v.affiliate_no, v.currency, v.occurred_at, true AS is_lost, NULL::numeric AS disputed
        FROM affiliate.conversion AS v WHERE v.charged_back_count <> 0 AND NOT v.is_test
        UNION ALL
        SELECT v.customer_id, v.transaction_id, v.kind, v.program_no, v.affiliate_no, v.currency, v.occurred_at, false, least(d.amount, v.gross - v.refunded - v.charged_back)
        FROM disputed AS d
        JOIN affiliate.transaction AS t USING (transaction_id)
        LEFT JOIN affiliate.customer_alias AS a ON a.customer_id = t.customer_id
        JOIN affiliate.program AS p ON p.program_id = t.program_id
        JOIN affiliate.conversion AS v ON (v.customer_id, v.transaction_id, v.kind, v.program_no) = (coalesce(a.canonical_id, t.customer_id), t.transaction_id, 'transaction', p.program_no)
        WHERE NOT v.is_test
    ), lines AS (
        SELECT p.program_id AS program, f.affiliate_id AS affiliate, l.currency, sum(c.reversed) FILTER (WHERE l.is_lost) AS reversed,
               count(*) FILTER (WHERE NOT l.is_lost) AS open_disputes, sum(l.disputed) AS disputed, sum(c.net) FILTER (WHERE NOT l.is_lost) AS at_stake
        FROM sale AS l
        JOIN affiliate.program AS p USING (program_no)
        LEFT JOIN affiliate.affiliate AS f ON f.affiliate_no = l.affiliate_no
        CROSS JOIN LATERAL (SELECT sum(m.reversed) AS reversed, sum(m.accrued - m.reversed) AS net FROM affiliate.commission AS m
                            WHERE (m.customer_id, m.subject_id, m.subject_kind, m.program_no) = (l.customer_id, l.transaction_id, l.kind, l.program_no)) AS c
        WHERE l.occurred_at >= from_day::timestamp AT TIME ZONE p.time_zone AND l.occurred_at < to_day::timestamp AT TIME ZONE p.time_zone
        GROUP BY 1, 2, 3
    )
    SELECT s.program, s.affiliate, s.currency, s.conversions, s.chargebacks, round(s.chargebacks / nullif(s.conversions, 0)::numeric, 6), s.charged_back,
           coalesce(l.reversed, 0), coalesce(l.open_disputes, 0), coalesce(l.disputed, 0), coalesce(l.at_stake, 0)
    FROM sold AS s
    LEFT JOIN lines AS l ON l.program = s.program AND l.affiliate IS NOT DISTINCT FROM s.affiliate AND l.currency = s.currency
    ORDER BY s.program, s.charged_back DESC, s.affiliate;
END
$$;
COMMENT ON FUNCTION affiliate.chargeback_report(date, date) IS 'Chargebacks and open disputes per program, affiliate and currency, with the money that is lost and at stake.';
