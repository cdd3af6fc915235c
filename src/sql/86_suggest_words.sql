-- attach_suggest(): which names and words mean what. Patterns see names in small letters, words parted by underscores.

CREATE FUNCTION affiliate._suggest_word(name text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN btrim(regexp_replace(lower(regexp_replace(name, '([a-z0-9])([A-Z])', '\1_\2', 'g')), '[^a-z0-9]+', '_', 'g'), '_');
END
$$;
COMMENT ON FUNCTION affiliate._suggest_word(text) IS 'A name as the patterns of attach_suggest() see it: userId, "User ID" and user_id are one.';

-- Of several tables about the same sale the one with the lowest rank is nearest to the money.
CREATE FUNCTION affiliate._suggest_table_names(OUT rank integer, OUT kind text, OUT pattern text) RETURNS SETOF record
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY VALUES
        (1, 'refund', '(^|_)(refunds?|credit_notes?|reimbursements?)$'),
        (2, 'dispute', '(^|_)(disputes?|chargebacks?|charge_backs?)$'),
        (3, 'transaction', '(^|_)(payments?|charges?)$'),
        (4, 'transaction', '(^|_)(transactions?|sales?|purchases?)$'),
        (5, 'transaction', '(^|_)payment_intents?$'),
        (6, 'transaction', '(^|_)(invoices?|checkouts?|checkout_sessions?)$'),
        (7, 'transaction', '(^|_)orders?$'),
        (8, 'payout', '(^|_)(payouts?|withdrawals?)$'),
        (9, 'customer', '(^|_)(users?|customers?|clients?|traders?|members?|persons?|people)$'),
        (10, 'account', '(^|_)(accounts?|challenges?|evaluations?)$'),
        (11, 'click', '(^|_)(clicks?|visits?)$'),
        (12, 'event', '(^|_)events?$'),
        (13, 'none', '(^|_)(items?|lines?|details?|sessions?|logs?|audits?|products?|prices?|plans?|address(es)?|methods?|coupons?|tokens?|settings?|migrations?|carts?|tags?|roles?|permissions?|notes?|messages?|emails?)$');
END
$$;
COMMENT ON FUNCTION affiliate._suggest_table_names() IS 'What the name of a table says about its kind; payout is a transaction of that type, none is nothing that can be attached.';

CREATE FUNCTION affiliate._suggest_named_kind(table_name text, OUT rank integer, OUT kind text)
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    SELECT n.rank, n.kind INTO rank, kind
    FROM affiliate._suggest_table_names() AS n WHERE affiliate._suggest_word(table_name) ~ n.pattern ORDER BY n.rank LIMIT 1;
END
$$;
COMMENT ON FUNCTION affiliate._suggest_named_kind(text) IS 'The kind that the name of a table stands for, and its rank; null where it says nothing.';

-- A table is of a kind from 4 points on; its name gives 3, or takes 4.
CREATE FUNCTION affiliate._suggest_evidence(OUT kind text, OUT points integer, OUT pattern text, OUT target_kind text, OUT says text) RETURNS SETOF record
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY VALUES
        ('transaction', 2, '(^|_)(amount|total|price|paid|charged)(_|$)', NULL, 'an amount'),
        ('transaction', 1, '^currency|_currency$', NULL, 'a currency'),
        ('transaction', 1, '(^|_)(status|state)$', NULL, 'a status'),
        ('transaction', 1, '^(customer|client|user|trader|buyer|member)(_id)?$', 'customer', 'a customer'),
        ('transaction', 1, '^(paid|completed|captured|ordered)_(at|on)$', NULL, 'a date of payment'),
        ('transaction', -3, '^(quantity|qty|unit_price)$', NULL, 'quantities'),
        ('refund', 3, '^(refund|refunded)(_|$)', NULL, 'a refund'),
        ('refund', 1, '(^|_)amount(_|$)', NULL, 'an amount'),
        ('refund', 1, '(^|_)reason$', NULL, 'a reason'),
        ('refund', 1, '^(payment|charge|order|transaction)(_id)?$', 'transaction', 'what was paid'),
        ('dispute', 2, '^(dispute|evidence|chargeback|outcome|due_by|respond_by)', NULL, 'an outcome'),
        ('dispute', 1, '(^|_)amount(_|$)', NULL, 'an amount'),
        ('dispute', 1, '(^|_)reason(_code)?$', NULL, 'a reason'),
        ('dispute', 1, '^(payment|charge|order|transaction)(_id)?$', 'transaction', 'what was paid'),
        ('customer', 2, '(^|_)e?mail(_address)?$', NULL, 'an e-mail address'),
        ('customer', 1, '(^|_)(first|last|full|user)_?name$|^name$', NULL, 'a name'),
        ('customer', 1, '(^|_)(password|signed_up|signup|registered|verified|last_login|kyc)', NULL, 'a registration'),
        ('customer', 1, '^(country|country_code|locale|language|lang)$', NULL, 'a country or language'),
        ('account', 2, '(^|_)(account_size|size|starting_balance|initial_balance|balance)$', NULL, 'a size'),
        ('account', 2, '(^|_)(phase|stage|step)$', NULL, 'a phase'),
        ('account', 1, '(^|_)(login|server|platform|challenge)(_|$)', NULL, 'a challenge'),
        ('click', 2, '(^|_)click', NULL, 'a click'),
        ('click', 1, '(^|_)(landing|url|page)(_|$)', NULL, 'a page'),
        ('click', 1, '(^|_)referr?er', NULL, 'a referrer'),
        ('click', 1, '(^|_)(visitor|utm|sub[1-8])(_|$)', NULL, 'a visitor or campaign'),
        ('event', 2, '^event(_type|_name|_kind)?$', NULL, 'a type of event'),
        ('event', 1, '^(occurred|happened)_(at|on)$', NULL, 'when it happened'),
        ('event', 1, '^(account|user|customer|trader)(_id)?$', 'account', 'to whom it happened');
END
$$;
COMMENT ON FUNCTION affiliate._suggest_evidence() IS 'What the columns of a table say about its kind.';

CREATE FUNCTION affiliate._suggest_is_personal(word text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN word ~ '(^|_)(e_?mail|phone|mobile|telephone|address|street|city|zip|zip_?code|post_?code|postal_code|birth|birthday|birth_?date|dob|ssn|passport|iban|bic|ip|user_agent|password|secret|token|shipping|billing)(_|$)'
        OR word ~ '(^|_)(first|last|full|middle|nick|sur|maiden|display|company|holder|user|legal|given|family|customer|billing)_?name$' OR word = 'name';
END
$$;
COMMENT ON FUNCTION affiliate._suggest_is_personal(text) IS 'Whether a column of this name holds what identifies a person, or a secret: never mapped.';

-- The first pattern that fits counts. A null meaning is an open dispute.
CREATE FUNCTION affiliate._suggest_words(OUT form text, OUT meaning text, OUT pattern text) RETURNS SETOF record
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY VALUES
        ('status', 'completed', 'paid|complete|completed|success|successful|succeeded|settled|captured|approved|confirmed|fulfilled|shipped|delivered|processed|finished|done'),
        ('status', 'pending', 'pending|new|open|created|processing|in_progress|waiting|awaiting_.*|requires_.*|authori[sz]ed|on_?hold|draft|unpaid|initiated|submitted|incomplete'),
        ('status', 'failed', 'fail|failed|failure|declined|rejected|error|expired|denied|uncollectible'),
        ('status', 'cancelled', 'cancell?ed|void|voided|abandoned'),
        ('status', 'refunded', 'refunded|fully_refunded|refund'),
        ('status', 'partly refunded', 'partially_refunded|partial_refund|partly_refunded|partial_refunded'),
        ('status', 'refund_failed', 'refund_failed'),
        ('status', 'disputed', 'disputed|dispute|in_dispute|under_dispute|dispute_opened'),
        ('status', 'chargeback', 'charge_?back|charged_back|dispute_lost'),
        ('status', 'dispute_won', 'dispute_won|charge_?back_(won|reversed)'),
        ('status', 'reinstated', 'reinstated'),
        ('refund status', 'completed', 'succeeded|success|complete|completed|processed|paid|refunded|done|issued|settled'),
        ('refund status', 'pending', 'pending|new|open|requested|requires_.*|processing|waiting|in_progress|submitted'),
        ('refund status', 'failed', 'fail|failed|rejected|declined|denied|error'),
        ('refund status', 'cancelled', 'cancell?ed|void|voided'),
        ('outcome', NULL, 'open|opened|new|pending|needs_response|under_review|in_review|warning_needs_response|warning_under_review|submitted|evidence_.*|awaiting_.*|responded'),
        ('outcome', 'won', 'won|win|dispute_won|closed_won|resolved_won|reversed|warning_closed|prevented|withdrawn|dismissed'),
        ('outcome', 'lost', 'lost|loss|dispute_lost|closed_lost|resolved_lost|accepted|conceded'),
        ('outcome', 'partial', 'partial|partially_lost|partially_won|split'),
        ('type', 'challenge_fee', 'sale|payment|charge|purchase|order|challenge|challenge_(purchase|fee)|evaluation|new|new_challenge|new_purchase'),
        ('type', 'reset_fee', 'reset|reset_(fee|purchase)|retry|account_reset'),
        ('type', 'upgrade_fee', 'upgrade|upgrade_(fee|purchase)|account_upgrade'),
        ('type', 'activation_fee', 'activation|activation_fee'),
        ('type', 'addon_fee', 'add_?on|addon_fee|extra'),
        ('type', 'subscription_fee', 'subscription|subscription_fee|renewal|recurring'),
        ('type', 'payout', 'payout|withdrawal|profit_split|profit_payout'),
        ('type', 'refund', 'refund|partial_refund|full_refund|money_back'),
        ('type', 'chargeback', 'charge_?back|dispute_lost'),
        ('type', 'adjustment', 'adjustment|correction'),
        ('type', 'credit', 'credit|promo_credit|bonus'),
        ('event', 'challenge_purchased', 'challenge_purchased?|purchased?|account_purchased'),
        ('event', 'evaluation_started', '(evaluation|challenge|account|trading)_started|started|first_trade'),
        ('event', 'evaluation_failed', '(evaluation|challenge|account|phase)_failed|failed|breach|breached|account_breached|(rule|drawdown)_(breach|violation)'),
        ('event', 'reset_purchased', 'reset_purchased?|reset|account_reset'),
        ('event', 'evaluation_passed', '(evaluation|challenge|phase|step)(_[1-3])?_passed|passed'),
        ('event', 'funded', 'funded|account_funded|funded_account_activated|funded_activated'),
        ('event', 'chargeback_filed', 'charge_?back|charge_?back_filed|dispute_opened'),
        ('phase', 'phase_1', 'phase_?1|1|one|evaluation|evaluation_1|step_?1|challenge'),
        ('phase', 'phase_2', 'phase_?2|2|two|verification|evaluation_2|step_?2'),
        ('phase', 'funded', 'funded|live|master'),
        ('phase', 'failed', 'failed|fail|breach|breached|violated'),
        ('previous kind', 'purchase', 'purchase|new|initial|challenge|first'),
        ('previous kind', 'reset', 'reset|retry|restart'),
        ('previous kind', 'upgrade', 'upgrade|scale|scaling'),
        ('previous kind', 'phase_login', 'phase_?(login|change|up)|next_phase|phase_advance|advance|passed|promotion');
END
$$;
COMMENT ON FUNCTION affiliate._suggest_words() IS 'What the words in the columns of firms mean, by the form of the field they go to.';

CREATE FUNCTION affiliate._suggest_stripe_words(field_form text, table_word text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE
        WHEN field_form = 'outcome' THEN '{warning_needs_response,warning_under_review,warning_closed,needs_response,under_review,won,lost,prevented}'::text[]
        WHEN field_form = 'refund status' THEN '{pending,requires_action,succeeded,failed,canceled}'
        WHEN field_form = 'status' AND table_word ~ 'charges?$' THEN '{succeeded,pending,failed}'
        WHEN field_form = 'status' AND table_word ~ 'payment_intents?$'
            THEN '{requires_payment_method,requires_confirmation,requires_action,processing,requires_capture,canceled,succeeded}'
        ELSE '{}' END;
END
$$;
COMMENT ON FUNCTION affiliate._suggest_stripe_words(text, text) IS 'The words that Stripe documents for a status, also where no row has them yet.';
