-- attach_suggest(): the fields of each kind of fact, and which column goes to which.

-- The first pattern that fits a column is the best; a column goes to one field only, those listed first choose first.
-- form: how the value is written (_suggest_expression); refers_to: the kind of table that a foreign key should lead to.
CREATE FUNCTION affiliate._suggest_money_fields(OUT kinds text[], OUT ordinal integer, OUT field text, OUT form text, OUT refers_to text, OUT patterns text[])
RETURNS SETOF record
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY VALUES
        ('{transaction}'::text[], 1, 'transaction_id', 'key', NULL, '{^id$,^(transaction|payment|charge|order)_?(id|no|number|ref|reference)?$}'::text[]),
        ('{refund}', 1, 'transaction_id', 'key', NULL, '{^id$,^refund_?(id|no|number|ref|reference)?$}'),
        ('{dispute}', 1, 'dispute_id', 'key', NULL, '{^id$,^(dispute|chargeback)_?(id|no|number|ref|reference)?$}'),
        ('{refund}', 2, 'original_transaction_id', 'id', 'transaction',
            '{^(original|refunded|parent)_(payment|charge|transaction|sale|order)(_id)?$,^(payment|charge|transaction|sale)(_id)?$,^payment_intent(_id)?$,^(order|invoice)(_id)?$,^(parent|original|refund_of|reversal_of)(_id)?$}'),
        ('{dispute,event}', 2, 'transaction_id', 'id', 'transaction', '{^(payment|charge|transaction|sale)(_id)?$,^(payment_intent|purchase)(_id)?$,^(order|invoice)(_id)?$}'),
        ('{dispute}', 3, 'ref_external_id', 'text', NULL, '{^(stripe_)?charge_id$,^(stripe_)?payment_intent_id$,^(psp|processor|gateway|provider)_(ref|reference|id|payment_id|charge_id)$}'),
        ('{transaction,account}', 3, 'customer_id', 'id', 'customer',
            '{^(customer|client)(_id|_uuid)?$,^(user|trader|member|buyer)(_id|_uuid)?$,^(customer|client|user|trader)_(uid|ref|key|no|number)$}'),
        ('{refund,dispute,click,event}', 5, 'customer_id', 'id', 'customer', '{^(customer|client)(_id|_uuid)?$,^(user|trader|member|buyer)(_id|_uuid)?$}'),
        ('{transaction}', 4, 'amount', 'money', NULL,
            '{^(amount|total)(_(in_)?(cents|minor))?$,^(total_amount|amount_total|grand_total|amount_paid|paid_amount|total_paid|price_paid)(_(in_)?(cents|minor))?$,^(amount|total|price|charged)_[a-z][a-z][a-z]$,^(amount|total|price)(_|$),^(cents|pence|minor_units?)$}'),
        ('{refund,dispute}', 4, 'amount', 'money', NULL, '{^(amount|refund_amount|refunded_amount|dispute_amount|disputed_amount|total)(_(in_)?(cents|minor))?$,^amount(_|$),^(cents|pence|minor_units?)$}'),
        ('{transaction,refund}', 5, 'currency', 'currency', NULL, '{^currency(_code)?$,^(amount|payment|order|charge|price)_currency$}'),
        ('{transaction}', 6, 'status', 'status', NULL, '{^(status|state)$,^(payment|order|charge|transaction)_(status|state)$,^(is_)?(paid|completed|succeeded)$}'),
        ('{refund}', 6, 'status', 'refund status', NULL, '{^(status|state)$,^refund_(status|state)$}'),
        ('{transaction}', 7, 'transaction_type', 'type', NULL, '{^(transaction|payment|order|purchase|sale)_(type|kind)$,^(type|kind|purpose)$}'),
        ('{transaction}', 8, 'ordered_at', 'time', NULL, '{^(ordered|placed|purchased)_(at|on)$,^order_date$,^created(_at|_on|_date|_ts|_time)?$,^(requested_at|inserted_at|date|timestamp)$}'),
        ('{transaction}', 9, 'completed_at', 'time', NULL, '{^(paid|completed|captured|settled|confirmed)_(at|on|date)$,^payment_date$}'),
        ('{transaction}', 10, 'refunded_at', 'time', NULL, '{^refunded_(at|on|date)$}'),
        ('{refund}', 8, 'ordered_at', 'time', NULL, '{^(requested|created|inserted)_(at|on|date)$,^created$,^refund_date$,^date$}'),
        ('{refund}', 10, 'refunded_at', 'time', NULL, '{^(refunded|processed|completed|paid|succeeded)_(at|on|date)$,^at$}'),
        ('{transaction,refund}', 11, 'status_at', 'time', NULL, '{^(status|state)(_changed|_updated)?_at$,^(updated|modified|last_modified)(_at|_on)?$}'),
        ('{transaction}', 12, 'refunded_amount', 'money', NULL, '{^(amount_refunded|refunded_amount|refund_amount|total_refunded|refunded_total|refunded)(_(in_)?(cents|minor))?$}'),
        ('{transaction}', 13, 'refund_reason', 'text', NULL, '{^refund_reason$}'),
        ('{refund}', 13, 'refund_reason', 'text', NULL, '{^(refund_)?reason(_code)?$}'),
        ('{transaction}', 14, 'order_id', 'id', NULL, '{^order_(id|no|number)$,^invoice_(id|no|number)$}'),
        ('{transaction}', 15, 'original_transaction_id', 'id', NULL, '{^(original|parent|previous)_(order|transaction|payment|charge)(_id)?$,^upgraded_from(_order)?(_id)?$,^(parent|original)(_id)?$}'),
        ('{transaction,event}', 16, 'account_id', 'id', 'account', '{^(challenge_|trading_)?account(_id)?$,^challenge(_id)?$}'),
        ('{transaction,event}', 17, 'original_account_id', 'id', NULL, '{^(original|reset|parent|previous)_account(_id)?$,^reset_of(_account)?(_id)?$}'),
        ('{transaction}', 18, 'product_id', 'id', NULL, '{^product(_id|_code|_sku)?$,^sku$,^(challenge_)?plan(_id|_code)?$}'),
        ('{transaction,customer,account}', 19, 'challenge_type', 'text', NULL, '{^(challenge|evaluation|account)_(type|model|kind)$,^(program_type|model)$}'),
        ('{transaction,customer,account,event}', 20, 'phase', 'phase', NULL, '{^(challenge_|account_)?phase$,^(stage|step)$}'),
        ('{transaction,customer,account,event}', 21, 'account_size', 'number', NULL, '{^(account|challenge)_size(_cents)?$,^(starting|initial)_balance(_cents)?$,^size$}'),
        ('{transaction}', 22, 'list_price', 'money', NULL, '{^(list_price|original_price|base_price)(_cents)?$}'),
        ('{transaction}', 23, 'discount', 'money', NULL, '{^(discount|discount_amount|amount_discount|discount_total)(_cents)?$}'),
        ('{transaction}', 24, 'tax', 'money', NULL, '{^(tax|vat|tax_amount|vat_amount|amount_tax|tax_total)(_cents)?$}'),
        ('{transaction}', 25, 'fee', 'money', NULL, '{^(fee|fees|processing_fee|gateway_fee)(_cents)?$}'),
        ('{transaction}', 26, 'wallet_credit', 'money', NULL, '{^(wallet_credit|wallet_amount|credit_used|store_credit)(_cents)?$}'),
        ('{transaction,customer}', 27, 'coupon_codes', 'list', NULL, '{^(coupon|promo|discount|voucher)_codes?$,^(coupon|coupons|promo|voucher|promocode)$}'),
        ('{transaction,customer}', 28, 'click_id', 'text', NULL, '{^(aff_|affiliate_)?click_?id$,^(tracking|aff_click)_id$}'),
        ('{transaction,customer,click}', 29, 'affiliate_id', 'id', NULL, '{^(affiliate|partner)(_id|_code)?$,^(ref|referral)(_id|_code)?$,^referr(er|ed_by)(_id)?$}'),
        ('{transaction,customer,click}', 30, 'campaign_id', 'id', NULL, '{^(utm_)?campaign(_id)?$}'),
        ('{transaction,customer}', 31, 'payment_fingerprint', 'text', NULL, '{^(payment|card)_fingerprint$}'),
        ('{dispute}', 6, 'reason', 'text', NULL, '{^(dispute_)?reason(_code)?$}'),
        ('{dispute}', 7, 'opened_at', 'time', NULL, '{^(opened|disputed|filed)_(at|on|date)$,^created(_at|_on)?$}'),
        ('{dispute}', 8, 'closed_at', 'time', NULL, '{^(closed|resolved|decided|settled)_(at|on|date)$}'),
        ('{dispute}', 9, 'outcome', 'outcome', NULL, '{^(outcome|result)$,^(status|state)$,^dispute_status$}'),
        ('{dispute}', 10, 'lost_amount', 'money', NULL, '{^(lost_amount|amount_lost)(_cents)?$}'),
        ('{transaction,customer,account,click,event}', 40, 'is_test', 'boolean', NULL, '{^(is_)?(test|test_mode|sandbox)$,^live_?mode$}');
END
$$;
COMMENT ON FUNCTION affiliate._suggest_money_fields() IS 'The fields of transactions, refunds and disputes, how their values are written, and the names of columns that may hold them.';

CREATE FUNCTION affiliate._suggest_other_fields(OUT kinds text[], OUT ordinal integer, OUT field text, OUT form text, OUT refers_to text, OUT patterns text[])
RETURNS SETOF record
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY VALUES
        ('{customer}'::text[], 1, 'customer_id', 'key', NULL, '{^id$,^(customer|client|user|trader|member)_?(id|no|number|uid|uuid)?$}'::text[]),
        ('{account}', 1, 'account_id', 'key', NULL, '{^id$,(^|_)account_?(id|no|number)?$,^login$}'),
        ('{click}', 1, 'click_id', 'text', NULL, '{^click_?id$,^click_(uuid|token|ref)$,^(uuid|token|public_id)$,^id$}'),
        ('{event}', 1, 'event_id', 'key', NULL, '{^id$,^event_?(id|no|uuid)$}'),
        ('{account}', 22, 'account_currency', 'currency', NULL, '{^(account_)?currency(_code)?$}'),
        ('{customer}', 8, 'signup_date', 'time', NULL, '{^(signed_up|registered|signup|joined)(_(at|on|date))?$,^created(_at|_on|_date)?$}'),
        ('{customer}', 9, 'last_modified_date', 'time', NULL, '{^(updated|modified|last_modified)(_at|_on|_date)?$}'),
        ('{customer}', 10, 'lang_id', 'language', NULL, '{^(lang|language|locale)(_id|_code)?$}'),
        ('{customer}', 11, 'country_code', 'country', NULL, '{^country_(code|iso)$,^country$}'),
        ('{customer}', 12, 'kyc_status_id', 'text', NULL, '{^kyc(_status|_state)?(_id)?$}'),
        ('{customer}', 13, 'sales_status_id', 'text', NULL, '{^sales_status(_id)?$}'),
        ('{customer}', 32, 'device_id', 'text', NULL, '{^device_(id|fingerprint)$}'),
        ('{account}', 18, 'challenge_id', 'id', NULL, '{^challenge(_id)?$}'),
        ('{event}', 18, 'challenge_id', 'id', NULL, '{^challenge(_id)?$}'),
        ('{account}', 23, 'previous_account_id', 'id', 'account', '{^(previous|prior|parent|original|source)_(challenge_|trading_)?account(_id)?$,^(reset_of|upgraded_from)(_id)?$}'),
        ('{account}', 24, 'previous_kind', 'previous kind', NULL, '{^previous_kind$,^(origin|created_by|opened_by|source|acquired_by)(_kind|_type)?$}'),
        ('{account}', 25, 'opened_at', 'time', NULL, '{^(opened|issued|started|activated)_(at|on|date)$,^created(_at|_on)?$}'),
        ('{click}', 2, 'link_id', 'id', NULL, '{^(link|tracking_link)(_id)?$}'),
        ('{click}', 3, 'clicked_at', 'time', NULL, '{^(clicked|visited)_(at|on)$,^created(_at|_on)?$,^(timestamp|time|ts|at|seen_at)$}'),
        ('{click}', 4, 'visitor_id', 'id', NULL, '{^visitor(_id)?$,^(cookie|anonymous|session)_id$}'),
        ('{click}', 6, 'sub1', 'text', NULL, '{^(sub_?1|subid|sub_id|aff_sub)$}'),
        ('{click}', 7, 'sub2', 'text', NULL, '{^(sub_?2|subid2|aff_sub2)$}'),
        ('{click}', 8, 'sub3', 'text', NULL, '{^(sub_?3|subid3|aff_sub3)$}'),
        ('{click}', 31, 'parameters', 'json', NULL, '{^(query_)?(params|parameters)$,^query$}'),
        ('{click}', 32, 'landing_url', 'text', NULL, '{^(landing|target|destination)_(url|page)$,^(url|page_url)$}'),
        ('{click}', 33, 'referrer', 'text', NULL, '{^(http_)?referr?er(_url)?$}'),
        ('{click}', 34, 'country', 'text', NULL, '{^country(_code)?$,^ip_country$}'),
        ('{click}', 35, 'device', 'text', NULL, '{^device(_type)?$}'),
        ('{event}', 3, 'event_type', 'event', NULL, '{^event(_type|_name|_kind)?$,^(type|name|kind)$}'),
        ('{event}', 4, 'occurred_at', 'time', NULL, '{^(occurred|happened)_(at|on)$,^event_(time|date|at)$,^created(_at|_on)?$,^(timestamp|ts|at)$}'),
        ('{event}', 22, 'reason', 'text', NULL, '{^(fail_|failure_|breach_)?reason$}'),
        ('{event}', 23, 'is_final', 'boolean', NULL, '{^is_final(_phase)?$}');
END
$$;
COMMENT ON FUNCTION affiliate._suggest_other_fields() IS 'The fields of customers, accounts, clicks and events that are theirs alone.';

CREATE FUNCTION affiliate._suggest_families(form text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE
        WHEN form IN ('key', 'id') THEN '{text,integer,uuid}'::text[]
        WHEN form = 'text' THEN '{text,enum,uuid,integer}'
        WHEN form IN ('money', 'number') THEN '{integer,number,text}'
        WHEN form = 'time' THEN '{instant,timestamp,date,integer,text}'
        WHEN form = 'status' THEN '{text,enum,bool,integer}'
        WHEN form IN ('refund status', 'outcome') THEN '{text,enum,integer}'
        WHEN form = 'phase' THEN '{text,enum,integer}'
        WHEN form = 'list' THEN '{text,texts}'
        WHEN form = 'boolean' THEN '{bool}'
        WHEN form = 'json' THEN '{jsonb}'
        ELSE '{text,enum}' END; -- words, currencies, countries, languages
END
$$;
COMMENT ON FUNCTION affiliate._suggest_families(text) IS 'The families of types from which a form can be written.';

-- Whole numbers are times only as seconds or milliseconds since 1970, texts numbers only where all are.
CREATE FUNCTION affiliate._suggest_fits(form text, c affiliate.known_column) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN NOT c.is_personal AND c.family = ANY (affiliate._suggest_families(form)) AND CASE
        WHEN form = 'time' AND c.family = 'integer' THEN coalesce(c.least >= 100000000 AND c.greatest < 5000000000000, true)
        WHEN form = 'time' AND c.family = 'text' THEN coalesce((SELECT bool_and(s ~ '^\d{4}-\d\d-\d\d([ T]|$)') FROM unnest(c.samples) AS s), c.origin = 'own')
        WHEN form IN ('money', 'number') AND c.family = 'text' THEN coalesce((SELECT bool_and(s ~ '^-?\d+(\.\d+)?$') FROM unnest(c.samples) AS s), false)
        WHEN form = 'currency' THEN coalesce((SELECT bool_and(s ~ '^\s*[A-Za-z]{3,5}\s*$') FROM unnest(coalesce(c.labels, c.samples)) AS s), true)
        -- some word must be one of ours
        WHEN form IN ('type', 'previous kind') THEN coalesce((SELECT bool_or(w.is_known) FROM affiliate._suggest_meanings(form, c, '{}') AS w), false)
        ELSE true END;
END
$$;
COMMENT ON FUNCTION affiliate._suggest_fits(text, affiliate.known_column) IS 'Whether a column can be written in a form, by its type and its values.';

CREATE FUNCTION affiliate._suggest_pick(kind text, wanted record, columns affiliate.known_column[], used text[]) RETURNS affiliate.known_column
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    best affiliate.known_column;
    from_others constant text[] := '{currency,account_id,product_id,challenge_type,account_size,coupon_codes,click_id,affiliate_id,campaign_id}';
BEGIN
    SELECT c.* INTO best
    FROM unnest(columns) AS c
    CROSS JOIN LATERAL (SELECT min(p.n) AS n FROM unnest(wanted.patterns) WITH ORDINALITY AS p (pattern, n) WHERE c.word ~ p.pattern) AS named
    WHERE c.expression <> ALL (used) AND affiliate._suggest_fits(wanted.form, c)
      AND (wanted.form <> 'id' OR NOT c.is_key)
      AND (named.n IS NOT NULL
           OR wanted.refers_to IS NOT NULL AND c.target_kind = wanted.refers_to AND NOT c.is_implied
           OR wanted.form = 'key' AND c.is_key)
      AND (c.origin <> 'lookup' OR kind = 'transaction' AND (wanted.field = 'customer_id' OR wanted.field = ANY (from_others) AND NOT c.is_implied))
    ORDER BY wanted.form = 'key' AND c.is_key DESC, array_position('{own,key,lookup}', c.origin),
             coalesce(named.n, 20) + CASE WHEN wanted.refers_to IS NULL OR c.target IS NULL OR c.target_kind IS NULL THEN 0
                                          WHEN c.target_kind = wanted.refers_to THEN 0 ELSE 10 END,
             c.is_implied, c.ordinal, c.name COLLATE "C"
    LIMIT 1;
    RETURN best;
END
$$;
COMMENT ON FUNCTION affiliate._suggest_pick(text, record, affiliate.known_column[], text[]) IS 'The column that fits a field best; null where none does.';
