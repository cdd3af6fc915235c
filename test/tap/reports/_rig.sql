-- Sales, refunds and clicks of program main, whose days are Berlin's; and reports as one line.
\ir ../settle/_rig.sql
SELECT pg_temp.program('main');
UPDATE affiliate.program SET time_zone = 'Europe/Berlin' WHERE program_id = 'main';
INSERT INTO affiliate.campaign (program_no, campaign_id) SELECT pg_temp.no('main'), 'spring';
INSERT INTO affiliate.link (link_id, program_no, affiliate_no, campaign_no)
SELECT l.id, pg_temp.no('main'), pg_temp.of(l.affiliate), (SELECT c.campaign_no FROM affiliate.campaign AS c WHERE c.campaign_id = l.campaign)
FROM (VALUES ('ann-1', 'ann', 'spring'), ('ann-2', 'ann', NULL), ('bob-1', 'bob', NULL)) AS l (id, affiliate, campaign);

CREATE FUNCTION pg_temp.buy(id text, code text DEFAULT 'ANN', at timestamptz DEFAULT '2025-03-05 12:00Z', amount numeric DEFAULT 100, type text DEFAULT 'challenge_fee',
    product text DEFAULT 'p1', currency text DEFAULT 'USD', customer text DEFAULT NULL, program text DEFAULT 'main', discount numeric DEFAULT NULL, original text DEFAULT NULL,
    test boolean DEFAULT false, click text DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, discount, product_id, ordered_at, completed_at, coupon_codes,
        original_transaction_id, is_test, click_id)
    VALUES (program, coalesce(customer, id), id, type, 'completed', currency, amount, discount, product, at, at, string_to_array(code, ','), original, test, click)
$$;
CREATE FUNCTION pg_temp.refund(id text, part numeric, at timestamptz) RETURNS void LANGUAGE sql AS $$
    UPDATE affiliate.transaction SET status = 'refunded', refunded_amount = part, refunded_at = at WHERE transaction_id = id
$$;
CREATE FUNCTION pg_temp.click(id text, link text, visitor text DEFAULT NULL, at timestamptz DEFAULT '2025-03-05 10:00Z', country text DEFAULT NULL, affiliate text DEFAULT NULL,
    campaign text DEFAULT NULL, test boolean DEFAULT false) RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.click (program_id, click_id, link_id, visitor_id, clicked_at, country, affiliate_id, campaign_id, is_test)
    VALUES ('main', id, link, visitor, at, country, affiliate, campaign, test)
$$;
-- the rows of a query, in its order: 'ann,2; bob,1'
CREATE FUNCTION pg_temp.lines(query text) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    result text;
BEGIN
    EXECUTE format('SELECT string_agg(btrim(q::text, ''()''), ''; '') FROM (%s) AS q', query) INTO result;
    RETURN coalesce(result, 'nothing');
END
$$;
-- 'ann 03-01: conversions 2, gross 200; nobody ...': the keys that are grouped by, and the numbers that are asked for and not 0
CREATE FUNCTION pg_temp.report(group_by text[], numbers text[], from_day date DEFAULT '2025-01-01', to_day date DEFAULT '2026-01-01', filter jsonb DEFAULT '{}', basis text DEFAULT 'sale')
RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(string_agg(concat(r.keys, ': ', r.values), '; ' ORDER BY r.keys), 'nothing') FROM (
        SELECT concat_ws(' ', to_char(p.period, 'MM-DD'), p.program, CASE WHEN 'affiliate' = ANY (group_by) THEN coalesce(p.affiliate, 'nobody') END,
                   CASE WHEN 'campaign' = ANY (group_by) THEN coalesce(p.campaign, 'none') END, CASE WHEN 'product' = ANY (group_by) THEN coalesce(p.product, 'none') END,
                   CASE WHEN 'country' = ANY (group_by) THEN coalesce(p.country, 'nowhere') END, p.conversion_type, p.method, nullif(p.currency, 'USD')) AS keys,
               (SELECT string_agg(n || ' ' || trim_scale((to_jsonb(p) ->> n)::numeric), ', ' ORDER BY o) FROM unnest(numbers) WITH ORDINALITY AS u (n, o)
                WHERE (to_jsonb(p) ->> n)::numeric <> 0) AS values
        FROM affiliate.performance(from_day, to_day, group_by, filter, basis) AS p) AS r
    WHERE r.values IS NOT NULL
$$;
