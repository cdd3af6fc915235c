-- performance(): the report of reports, over affiliate.reported. Its text is made here for the views as well.

CREATE FUNCTION affiliate._performance_query(group_by text[], condition text, basis text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- period: of the rows as they are, so that a condition on it finds them by the key
    period text := CASE WHEN group_by && '{day,period}' THEN 'r.period' WHEN 'month' = ANY (group_by) THEN 'date_trunc(''month'', r.period::timestamp)::date' END;
    keys text;
    grouped text;
BEGIN
    SELECT string_agg(CASE WHEN k.expression IS NULL THEN format('NULL::%s AS %I', k.type, k.name) ELSE format('%s AS %I', k.expression, k.name) END, ', ' ORDER BY k.position),
           string_agg(k.expression, ', ' ORDER BY k.position)
    INTO keys, grouped
    FROM (SELECT v.position, v.name, v.type, CASE WHEN v.wanted THEN v.expression END AS expression
          FROM (VALUES
              (1, 'period', 'date', period, period IS NOT NULL),
              (2, 'program_no', 'integer', 'r.program_no', 'program' = ANY (group_by)),
              (3, 'affiliate_no', 'integer', 'r.affiliate_no', 'affiliate' = ANY (group_by)),
              (4, 'campaign_no', 'integer', 'r.campaign_no', 'campaign' = ANY (group_by)),
              (5, 'product', 'text', 'r.product_id', 'product' = ANY (group_by)),
              (6, 'country', 'text', 'r.country', 'country' = ANY (group_by)),
              (7, 'conversion_type', 'text', 'r.conversion_type', 'conversion_type' = ANY (group_by)),
              (8, 'method', 'text', 'r.method', 'method' = ANY (group_by)),
              (9, 'currency', 'text', 'r.currency', true)) AS v (position, name, type, expression, wanted)) AS k;
    RETURN format($query$
        SELECT s.period, p.program_id AS program, f.affiliate_id AS affiliate, c.campaign_id AS campaign, nullif(s.product, '') AS product,
               nullif(s.country, '') AS country, nullif(s.conversion_type, '') AS conversion_type, nullif(s.method, '') AS method, s.currency, %L::text AS counted_by,
               s.clicks, s.unique_clicks, s.registrations, s.new_customers, s.conversions, s.purchases, s.resets, s.upgrades, s.other_sales,
               round(s.conversions::numeric / nullif(s.clicks, 0), 6) AS conversion_rate,
               s.gross, s.discount, s.refunds, s.refunded, s.chargebacks, s.charged_back, s.net_revenue,
               round(s.gross / nullif(s.conversions, 0), 6) AS average_order,
               s.accrued, s.reversed, s.net_commission, s.paid, %s AS held, %s AS eligible,
               round(s.net_commission / nullif(s.clicks, 0), 6) AS earnings_per_click,
               s.events, s.started, s.failed, s.passed, s.funded,
               round(s.passed::numeric / nullif(s.passed + s.failed, 0), 6) AS pass_rate,
               round(s.funded::numeric / nullif(s.started, 0), 6) AS funded_rate,
               round(s.resets::numeric / nullif(s.purchases + s.resets, 0), 6) AS reset_rate
        FROM (
            SELECT %s,
                   sum(r.clicks)::bigint AS clicks, sum(r.unique_clicks)::bigint AS unique_clicks,
                   coalesce(sum(r.quantity) FILTER (WHERE r.kind = 'registration'), 0)::bigint AS registrations,
                   sum(r.new_customers)::bigint AS new_customers,
                   coalesce(sum(r.quantity) FILTER (WHERE r.kind = 'transaction'), 0)::bigint AS conversions,
                   coalesce(sum(r.quantity) FILTER (WHERE r.kind = 'transaction' AND t.sale_kind = 'purchase'), 0)::bigint AS purchases,
                   coalesce(sum(r.quantity) FILTER (WHERE r.kind = 'transaction' AND t.sale_kind = 'reset'), 0)::bigint AS resets,
                   coalesce(sum(r.quantity) FILTER (WHERE r.kind = 'transaction' AND t.sale_kind = 'upgrade'), 0)::bigint AS upgrades,
                   coalesce(sum(r.quantity) FILTER (WHERE r.kind = 'transaction' AND coalesce(t.sale_kind, 'other') NOT IN ('purchase', 'reset', 'upgrade')), 0)::bigint AS other_sales,
                   sum(r.gross) AS gross, sum(r.discount) AS discount, sum(r.refunded_count)::bigint AS refunds, sum(r.refunded) AS refunded,
                   sum(r.charged_back_count)::bigint AS chargebacks, sum(r.charged_back) AS charged_back,
                   sum(r.gross - r.refunded - r.charged_back) AS net_revenue, sum(r.accrued) AS accrued, sum(r.reversed) AS reversed,
                   sum(r.accrued - r.reversed) AS net_commission, sum(r.paid) AS paid, sum(r.held) AS held,
                   coalesce(sum(r.quantity) FILTER (WHERE r.kind = 'event'), 0)::bigint AS events,
                   coalesce(sum(r.quantity) FILTER (WHERE r.kind = 'event' AND r.conversion_type = 'evaluation_started'), 0)::bigint AS started,
                   coalesce(sum(r.quantity) FILTER (WHERE r.kind = 'event' AND r.conversion_type = 'evaluation_failed'), 0)::bigint AS failed,
                   coalesce(sum(r.quantity) FILTER (WHERE r.kind = 'event' AND r.conversion_type = 'evaluation_passed'), 0)::bigint AS passed,
                   coalesce(sum(r.quantity) FILTER (WHERE r.kind = 'event' AND r.conversion_type = 'funded'), 0)::bigint AS funded
            FROM affiliate.reported AS r
            LEFT JOIN affiliate.transaction_type AS t ON t.transaction_type = r.conversion_type
            WHERE r.basis = ANY (%L) AND %s
            GROUP BY %s
        ) AS s
        LEFT JOIN affiliate.program AS p ON p.program_no = s.program_no
        LEFT JOIN affiliate.affiliate AS f ON f.affiliate_no = s.affiliate_no
        LEFT JOIN affiliate.campaign AS c ON c.campaign_no = s.campaign_no
        -- what moved to another place left a row of zeros here
        WHERE (s.clicks, s.unique_clicks, s.registrations, s.new_customers, s.conversions, s.purchases, s.resets, s.upgrades, s.events, s.started, s.failed, s.passed, s.funded)
                <> (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
           OR (s.gross, s.discount, s.refunds, s.refunded, s.chargebacks, s.charged_back, s.accrued, s.reversed, s.paid) <> (0, 0, 0, 0, 0, 0, 0, 0, 0)$query$,
        -- what is held today is a state, not an event of a day
        CASE basis WHEN 'sale' THEN 'sale date' ELSE 'event date' END,
        CASE basis WHEN 'sale' THEN 's.held' ELSE 'NULL::numeric' END,
        CASE basis WHEN 'sale' THEN 's.net_commission - s.paid - s.held' ELSE 'NULL::numeric' END,
        keys, CASE basis WHEN 'sale' THEN '{sale,held}' ELSE '{sale,shift}' END::text[], condition, grouped);
END
$$;
COMMENT ON FUNCTION affiliate._performance_query(text[], text, text) IS 'The query of performance() and of the views over it. condition is SQL: callers quote what they put into it.';

--| Clicks, customers, sales, take-backs, commissions and evaluations from `from_day` to before `to_day`, in days of each
--| program's time zone, exact to the last committed row. `group_by`: any of `day` or `month` (not both), `program`, `affiliate`,
--| `campaign`, `product`, `country`, `conversion_type`, `method`; amounts of different currencies are never added up, with or
--| without `currency`. `filter` keeps some, by all of these but day and month, for example
--| `{"affiliate": "ann", "country": ["DE", "AT"]}`; null = unknown or none. `basis`: `sale` counts everything of a
--| sale on the day of the sale (what is it worth by now?), `event` on the day on which it happened (what happened then?).
--| Rates are shares of 1. `events` counts events of any kind; by `conversion_type` there is a row for each. `eligible` is
--| payable now, less what is owed back; it and `held` are null by event.
--|
--| Errors: `AF033` a word in `group_by`, `filter` or `basis` is not one of those above, or a day is missing; `AF012`, `AF016` an
--| unknown program or affiliate.
CREATE FUNCTION affiliate.performance(from_day date, to_day date, group_by text[] DEFAULT '{affiliate}', filter jsonb DEFAULT '{}', basis text DEFAULT 'sale')
RETURNS TABLE (period date, program text, affiliate text, campaign text, product text, country text, conversion_type text, method text, currency text,
    counted_by text, clicks bigint, unique_clicks bigint, registrations bigint, new_customers bigint, conversions bigint, purchases bigint, resets bigint,
    upgrades bigint, other_sales bigint, conversion_rate numeric, gross numeric, discount numeric, refunds bigint, refunded numeric, chargebacks bigint,
    charged_back numeric, net_revenue numeric, average_order numeric, accrued numeric, reversed numeric, net_commission numeric, paid numeric,
    held numeric, eligible numeric, earnings_per_click numeric, events bigint, started bigint, failed bigint, passed bigint, funded bigint,
    pass_rate numeric, funded_rate numeric, reset_rate numeric)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    details constant text[] := '{campaign,product,country,method}'; -- only the grains day and month tell these apart
    words constant text[] := '{day,month,program,affiliate,campaign,product,country,conversion_type,method,currency}';
    unknown constant text[] := ARRAY(SELECT coalesce(w, 'null') FROM unnest(group_by) AS w WHERE w <> ALL (words) OR w IS NULL);
    condition text;
BEGIN
    PERFORM affiliate._require_tables();
    IF group_by IS NULL OR unknown <> '{}' THEN
        PERFORM affiliate._refuse_argument('group_by', unknown[1], 'an array of ' || array_to_string(words, ', '));
    ELSIF '{day,month}' <@ group_by THEN
        PERFORM affiliate._refuse_argument('group_by', group_by::text, 'either day or month');
    ELSIF basis IS NULL OR basis NOT IN ('sale', 'event') THEN
        PERFORM affiliate._refuse_argument('basis', basis, 'sale or event');
    END IF;
    condition := affiliate._period_condition(from_day, to_day, 'day' = ANY (group_by), group_by && details OR filter ?| details)
        || affiliate._filter_condition(filter);
    RETURN QUERY EXECUTE affiliate._performance_query(group_by, condition, basis);
END
$$;
COMMENT ON FUNCTION affiliate.performance(date, date, text[], jsonb, text) IS 'Clicks, customers, sales, take-backs, commissions and evaluations of a period, grouped and filtered; exact at any moment.';

CREATE FUNCTION affiliate._require_period(from_day date, to_day date) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF from_day IS NULL THEN
        PERFORM affiliate._refuse_argument('from_day', NULL, 'the first day, for example 2025-01-01');
    ELSIF to_day IS NULL OR to_day < from_day THEN
        PERFORM affiliate._refuse_argument('to_day', to_day::text, 'the day after the last one; from_day is ' || from_day);
    END IF;
END
$$;
COMMENT ON FUNCTION affiliate._require_period(date, date) IS 'Raises where two days are no period.';

-- Whole months are read as such, the days before and after them as days.
CREATE FUNCTION affiliate._period_condition(from_day date, to_day date, by_day boolean, is_detailed boolean) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    first_month date := affiliate._month_after(from_day - 1);
    end_month date := affiliate._month_of(to_day);
    suffix text := CASE WHEN is_detailed THEN '' ELSE '_sum' END;
BEGIN
    PERFORM affiliate._require_period(from_day, to_day);
    IF by_day OR first_month >= end_month THEN
        RETURN format($c$r.grain = %L AND r.period >= %L AND r.period < %L$c$, 'day' || suffix, from_day, to_day);
    END IF;
    RETURN (
        SELECT '(' || string_agg(format($c$r.grain = %L AND r.period >= %L AND r.period < %L$c$, p.unit || suffix, p.from_day, p.to_day), ' OR ') || ')'
        FROM (VALUES ('month', first_month, end_month), ('day', _period_condition.from_day, first_month), ('day', end_month, _period_condition.to_day)) AS p (unit, from_day, to_day)
        WHERE p.from_day < p.to_day);
END
$$;
COMMENT ON FUNCTION affiliate._period_condition(date, date, boolean, boolean) IS 'Which rows of affiliate.reported cover a period, as SQL.';

CREATE FUNCTION affiliate._filter_condition(filter jsonb) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted record;
    condition text := '';
    dimensions constant text[] := '{program,affiliate,campaign,product,country,conversion_type,method,currency}';
    methods constant text[] := '{override,ownership,coupon,click,lead,declared}';
    unknown text;
BEGIN
    IF jsonb_typeof(filter) IS DISTINCT FROM 'object' THEN
        PERFORM affiliate._refuse_argument('filter', filter::text, 'an object such as {"affiliate": "ann"}');
    END IF;
    FOR wanted IN
        -- an empty array keeps nothing
        SELECT e.key, coalesce(array_agg(coalesce(v.value #>> '{}', '')) FILTER (WHERE v.value IS NOT NULL), '{}') AS names,
               bool_or(jsonb_typeof(v.value) NOT IN ('string', 'null')) AS is_odd
        FROM jsonb_each(filter) AS e
        LEFT JOIN LATERAL jsonb_array_elements(CASE jsonb_typeof(e.value) WHEN 'array' THEN e.value ELSE jsonb_build_array(e.value) END) AS v (value) ON true
        GROUP BY e.key ORDER BY e.key
    LOOP
        IF wanted.key <> ALL (dimensions) THEN
            PERFORM affiliate._refuse_argument('filter', wanted.key, 'names for ' || array_to_string(dimensions, ', '));
        ELSIF wanted.is_odd THEN
            PERFORM affiliate._refuse_argument('filter', filter ->> wanted.key, format('a name, null or an array of them for "%s"', wanted.key));
        END IF;
        -- a name that cannot be: products and countries are whatever sales say
        SELECT n INTO unknown FROM unnest(wanted.names) AS n
        WHERE n <> '' AND NOT CASE wanted.key
            WHEN 'campaign' THEN EXISTS (SELECT FROM affiliate.campaign AS c WHERE c.campaign_id = n)
            WHEN 'currency' THEN EXISTS (SELECT FROM affiliate.currency AS c WHERE c.currency = n)
            WHEN 'method' THEN n = ANY (methods)
            WHEN 'conversion_type' THEN n = 'registration' OR EXISTS (SELECT FROM affiliate.transaction_type AS t WHERE t.transaction_type = n)
                OR EXISTS (SELECT FROM affiliate.event_type AS t WHERE t.event_type = n)
            ELSE true END;
        IF FOUND THEN
            PERFORM affiliate._refuse_argument('filter', unknown, CASE wanted.key
                WHEN 'method' THEN array_to_string(methods, ', ') || ', or null for what nobody won'
                WHEN 'conversion_type' THEN 'registration, or a type of affiliate.transaction_type or affiliate.event_type'
                ELSE format('a %s of affiliate.%1$s', wanted.key) END);
        END IF;
        condition := condition || CASE wanted.key
            WHEN 'program' THEN format(' AND r.program_no = ANY (%L::integer[])', ARRAY(SELECT affiliate._program_no(n) FROM unnest(wanted.names) AS n))
            WHEN 'affiliate' THEN format(' AND r.affiliate_no = ANY (%L::integer[])',
                ARRAY(SELECT CASE n WHEN '' THEN 0 ELSE affiliate._affiliate_no(n) END FROM unnest(wanted.names) AS n))
            WHEN 'campaign' THEN format(' AND r.campaign_no = ANY (%L::integer[])', ARRAY(
                SELECT c.campaign_no FROM affiliate.campaign AS c WHERE c.campaign_id = ANY (wanted.names)
                UNION ALL SELECT 0 FROM unnest(wanted.names) AS n WHERE n = ''))
            ELSE format(' AND r.%I = ANY (%L::text[])', CASE wanted.key WHEN 'product' THEN 'product_id' ELSE wanted.key END, wanted.names) END;
    END LOOP;
    RETURN condition;
END
$$;
COMMENT ON FUNCTION affiliate._filter_condition(jsonb) IS 'What the filter of performance() keeps of affiliate.reported, as SQL.';
