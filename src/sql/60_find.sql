-- find_conversion: the answer to "I sent you this customer, where is my commission?"

--| Finds conversions for an affiliate who asks, in words that may be shown to him. `clue` is an order id, a transaction
--| id, a click id, a coupon code, a customer id or a date (`2025-03-31`, in the program's time zone). By customer, coupon
--| and date only conversions are found that the affiliate competed for or earns from. Amounts are what the affiliate
--| earns, net of take-backs. Other affiliates are never named.
--|
--| Transaction, customer, and click ids of clicks that are stored with their customer or visitor, are found by their
--| indexes. Where these find nothing the clue is taken for an order id, then for a coupon code, another click id or a date:
--| for these `affiliate.transaction` and `affiliate.conversion` (for a date the latter only) are read as a whole, since
--| orders that the affiliate lost count too. Whoever is asked by order id often may add an index on
--| `affiliate.transaction (order_id)`, which is used then; it costs every sale the time of one more index entry.
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
    WITH by_key AS MATERIALIZED (
        SELECT k.* FROM affiliate._find_by_key(clue) AS k
    ), found AS (
        SELECT coalesce(a.canonical_id, f.customer_id) AS customer_id, f.transaction_id, f.is_named
        FROM (SELECT * FROM by_key UNION ALL SELECT r.* FROM affiliate._find_by_reading(clue, day) AS r WHERE NOT EXISTS (SELECT FROM by_key)) AS f
        LEFT JOIN affiliate.customer_alias AS a ON a.customer_id = f.customer_id
    ), known AS (
        SELECT c.*, p.time_zone, p.currency AS program_currency, bool_or(f.is_named) OVER w AS is_named,
               EXISTS (SELECT FROM affiliate.commission AS k
                       WHERE k.customer_id = c.customer_id AND k.subject_id = c.transaction_id AND k.affiliate_no = asking_no) AS has_line,
               c.candidates @> jsonb_build_array(jsonb_build_object('affiliate_no', asking_no)) AS competed,
               row_number() OVER w AS n
        FROM found AS f
        -- events earn nothing
        JOIN affiliate.conversion AS c ON c.customer_id = f.customer_id AND c.transaction_id = f.transaction_id AND c.kind <> 'event'
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
    WHERE a.is_named OR day IS NULL OR a.local_day = day
       OR a.customer_id = coalesce((SELECT c.canonical_id FROM affiliate.customer_alias AS c WHERE c.customer_id = clue), clue)
    ORDER BY a.ordered_at, a.transaction_id;
END
$$;
COMMENT ON FUNCTION affiliate.find_conversion(text, text) IS 'Finds conversions for an affiliate who asks, by order, transaction, click, coupon, customer or date, in words that may be shown to him.';

CREATE FUNCTION affiliate._find_by_key(clue text) RETURNS TABLE (customer_id text, transaction_id text, is_named boolean)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    customer text := coalesce((SELECT a.canonical_id FROM affiliate.customer_alias AS a WHERE a.customer_id = clue), clue);
    clicked text[]; -- the customers of the click, with their other ids
BEGIN
    SELECT array_agg(DISTINCT i.id) INTO clicked
    FROM affiliate.click AS k
    CROSS JOIN LATERAL (SELECT k.customer_id UNION ALL SELECT v.customer_id FROM affiliate.visitor_customer AS v WHERE v.visitor_id = k.visitor_id) AS w (customer_id)
    LEFT JOIN affiliate.customer_alias AS a ON a.customer_id = w.customer_id
    CROSS JOIN LATERAL (SELECT coalesce(a.canonical_id, w.customer_id)
                        UNION ALL
                        SELECT o.customer_id FROM affiliate.customer_alias AS o WHERE o.canonical_id = coalesce(a.canonical_id, w.customer_id)) AS i (id)
    WHERE k.click_id = clue AND i.id IS NOT NULL;

    RETURN QUERY
    SELECT t.customer_id::text, t.transaction_id::text, true FROM affiliate.transaction AS t WHERE t.transaction_id = clue
    UNION ALL
    SELECT c.customer_id, c.transaction_id, false FROM affiliate.conversion AS c WHERE c.customer_id = customer;
    IF clicked IS NOT NULL THEN
        RETURN QUERY
        SELECT t.customer_id::text, t.transaction_id::text, true FROM affiliate.transaction AS t WHERE t.customer_id = ANY (clicked) AND t.click_id = clue
        UNION ALL
        SELECT c.customer_id, c.transaction_id, false FROM affiliate.conversion AS c
        WHERE c.customer_id = ANY (clicked) AND c.candidates @> jsonb_build_array(jsonb_build_object('ref', clue));
    END IF;
END
$$;
COMMENT ON FUNCTION affiliate._find_by_key(text) IS 'Transactions that a transaction, customer or click id leads to by an index; is_named: named exactly.';

CREATE FUNCTION affiliate._find_by_reading(clue text, day date) RETURNS TABLE (customer_id text, transaction_id text, is_named boolean)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF day IS NOT NULL THEN -- in whatever time zone; the caller looks again
        RETURN QUERY
        SELECT c.customer_id::text, c.transaction_id::text, false FROM affiliate.conversion AS c
        WHERE c.ordered_at >= day::timestamp AT TIME ZONE 'UTC' - interval '1 day' AND c.ordered_at < day::timestamp AT TIME ZONE 'UTC' + interval '2 days';
        RETURN;
    END IF;
    -- alone, for the index that a firm may have made
    RETURN QUERY SELECT t.customer_id::text, t.transaction_id::text, true FROM affiliate.transaction AS t WHERE t.order_id = clue;
    IF FOUND THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT t.customer_id::text, t.transaction_id::text, coalesce(t.click_id = clue, false) FROM affiliate.transaction AS t
    WHERE t.click_id = clue
       OR EXISTS (SELECT FROM unnest(t.coupon_codes) AS code WHERE upper(btrim(code) COLLATE "C") = upper(btrim(clue) COLLATE "C"))
    UNION ALL
    SELECT c.customer_id, c.transaction_id, false FROM affiliate.conversion AS c WHERE c.candidates @> jsonb_build_array(jsonb_build_object('ref', clue));
END
$$;
COMMENT ON FUNCTION affiliate._find_by_reading(text, date) IS 'Transactions of an order, click, coupon or day; reads transaction and conversion as a whole.';

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
