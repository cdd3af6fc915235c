-- find_conversion: the answer to "I sent you this customer, where is my commission?"

--| Finds conversions for an affiliate who asks, in words that may be shown to him. `clue` is an order id, a transaction
--| id, a click id, a coupon code, a customer id or a date (`2025-03-31`, in the program's time zone). By customer, coupon
--| and date only conversions are found that the affiliate competed for or earns from. Amounts are what the affiliate
--| earns, net of take-backs. Other affiliates are never named.
--|
--| Errors: `AF016` unknown affiliate; `AF033` empty clue.
CREATE FUNCTION affiliate.find_conversion(affiliate text, clue text,
    OUT order_id text, OUT ordered_on date, OUT status text, OUT reason text, OUT amount numeric, OUT currency text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    asking_no integer := affiliate._affiliate_no(affiliate);
    day date;
BEGIN
    IF coalesce(btrim(clue), '') = '' THEN
        PERFORM affiliate._refuse_argument('clue', clue, 'an order, transaction, click or customer id, a coupon code, or a date');
    ELSIF clue ~ '^\d{4}-\d\d-\d\d$' THEN
        BEGIN
            day := clue::date;
        EXCEPTION WHEN datetime_field_overflow THEN
            day := NULL; -- looks like a date, but is an id
        END;
    END IF;

    RETURN QUERY
    WITH found AS (
        -- what the affiliate named exactly
        SELECT t.customer_id, t.transaction_id, true AS is_named FROM affiliate.transaction AS t
        WHERE t.transaction_id = clue OR t.order_id = clue OR t.click_id = clue
        UNION
        SELECT c.customer_id, c.transaction_id, false FROM affiliate.conversion AS c
        WHERE c.customer_id = clue OR c.candidates @> jsonb_build_array(jsonb_build_object('ref', clue))
           OR c.ordered_at >= day::timestamp AT TIME ZONE 'UTC' - interval '1 day' AND c.ordered_at < day::timestamp AT TIME ZONE 'UTC' + interval '2 days'
        UNION
        SELECT t.customer_id, t.transaction_id, false FROM affiliate.transaction AS t
        WHERE EXISTS (SELECT FROM unnest(t.coupon_codes) AS code WHERE upper(btrim(code) COLLATE "C") = upper(btrim(clue) COLLATE "C"))
    ), known AS (
        SELECT c.*, p.time_zone, p.currency AS program_currency, bool_or(f.is_named) OVER w AS is_named,
               EXISTS (SELECT FROM affiliate.commission AS k
                       WHERE k.customer_id = c.customer_id AND k.subject_id = c.transaction_id AND k.affiliate_no = asking_no) AS has_line,
               c.candidates @> jsonb_build_array(jsonb_build_object('affiliate_no', asking_no)) AS competed,
               row_number() OVER w AS n
        FROM found AS f
        JOIN affiliate.conversion AS c ON c.transaction_id = f.transaction_id
         AND c.customer_id = coalesce((SELECT a.canonical_id FROM affiliate.customer_alias AS a WHERE a.customer_id = f.customer_id), f.customer_id)
        JOIN affiliate.program AS p USING (program_no)
        WHERE NOT c.is_test
        WINDOW w AS (PARTITION BY c.customer_id, c.transaction_id, c.kind, c.program_no)
    ), answer AS (
        SELECT k.*, (k.ordered_at AT TIME ZONE k.time_zone)::date AS local_day,
               (SELECT coalesce(sum(m.accrued - m.reversed), 0) FROM affiliate.commission AS m
                WHERE m.customer_id = k.customer_id AND m.subject_id = k.transaction_id AND m.subject_kind = k.kind
                  AND m.program_no = k.program_no AND m.affiliate_no = asking_no) AS net
        FROM known AS k
        WHERE k.n = 1 AND (k.is_named OR k.has_line OR k.competed OR k.affiliate_no IS NOT DISTINCT FROM asking_no)
    )
    SELECT coalesce((SELECT t.order_id FROM affiliate.transaction AS t WHERE t.transaction_id = a.transaction_id), a.transaction_id),
           a.local_day,
           CASE WHEN a.affiliate_no IS DISTINCT FROM asking_no AND a.net = 0 THEN 'not credited to you'
                WHEN a.state = 'counted' AND a.net = 0 THEN 'earns nothing'
                WHEN a.state = 'counted' THEN 'credited to you'
                WHEN a.state = 'void' THEN 'cancelled'
                ELSE a.state END,
           affiliate._plain_reason(a.affiliate_no, asking_no, a.state, a.code, a.net <> 0, a.has_line, a.refunded + a.charged_back > 0),
           a.net,
           a.program_currency
    FROM answer AS a
    WHERE a.is_named OR day IS NULL OR a.local_day = day OR a.customer_id = clue
    ORDER BY a.ordered_at, a.transaction_id;
END
$$;
COMMENT ON FUNCTION affiliate.find_conversion(text, text) IS 'Finds conversions for an affiliate who asks, by order, transaction, click, coupon, customer or date, in words that may be shown to him.';

-- Codes of decisions in words for affiliates. One that competed and lost is not told to whom.
CREATE FUNCTION affiliate._plain_reason(owner_no integer, asking_no integer, state text, code text, earns boolean, has_line boolean,
    is_taken_back boolean)
RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE
        WHEN owner_no IS DISTINCT FROM asking_no AND NOT earns AND has_line THEN 'The order was credited to you at first; that decision was changed.'
        WHEN owner_no IS NOT NULL AND owner_no <> asking_no AND NOT earns THEN 'Another partner''s referral came first under the program''s rules.'
        WHEN state = 'pending' THEN 'The payment is not completed yet.'
        WHEN state = 'waiting' THEN 'Information is still missing; the decision follows within the program''s grace period.'
        WHEN state = 'void' THEN 'The order was cancelled or refunded inside the cooling-off period.'
        WHEN is_taken_back THEN 'The order was refunded or charged back, in part or in full.'
        WHEN code IS NULL THEN 'The order counts for you.'
        ELSE coalesce((
            SELECT w.words FROM (VALUES
                ('organic', 'The customer came without a referral that we know of.'),
                ('window_expired', 'The referral was older than the program''s tracking window.'),
                ('self_referral', 'The order looks like one of your own.'),
                ('affiliate_inactive', 'Your partnership was not active at the time of the order.'),
                ('out_of_scope', 'The product or payment is not part of your plan.'),
                ('no_plan', 'You had no plan in this program at the time of the order.'),
                ('not_first_purchase', 'Your plan pays for first purchases only.'),
                ('rounds_to_zero', 'The commission comes to nothing.'),
                ('capped', 'The limit of your plan was reached.'),
                ('before_go_live', 'The order was placed before the program began to pay.'),
                ('fx_missing', 'The exchange rate is not known yet.'),
                ('zero_amount', 'Nothing was charged for the order.'),
                ('void', 'The order was cancelled or refunded inside the cooling-off period.')) AS w (code, words)
            WHERE w.code = _plain_reason.code), format('No commission: %s.', replace(code, '_', ' '))) END;
END
$$;
COMMENT ON FUNCTION affiliate._plain_reason(integer, integer, text, text, boolean, boolean, boolean) IS 'Why a conversion earns or not, in words for affiliates.';
