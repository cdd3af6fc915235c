-- attach_suggest(): the kind of a table, and the fields of a kind with their expressions.

CREATE FUNCTION affiliate._suggest_is_stripe(relid oid, columns affiliate.known_column[]) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT affiliate._suggest_word(n.nspname) ~ '(^|_)stripe(_|$)' OR affiliate._suggest_word(c.relname) ~ '(^|_)stripe(_|$)'
            FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = relid)
        OR (SELECT count(*) = 2 FROM unnest(columns) AS k WHERE k.word IN ('object', 'livemode'));
END
$$;
COMMENT ON FUNCTION affiliate._suggest_is_stripe(oid, affiliate.known_column[]) IS 'Whether a table is a copy of Stripe''s objects, by its name or the columns that all of them have.';

CREATE FUNCTION affiliate._suggest_kinds(relid oid, columns affiliate.known_column[], OUT kind text, OUT points bigint, OUT speaking bigint, OUT says text) RETURNS SETOF record
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    named record;
BEGIN
    SELECT n.kind INTO named FROM pg_class AS c CROSS JOIN LATERAL affiliate._suggest_named_kind(c.relname) AS n WHERE c.oid = relid;
    RETURN QUERY
    SELECT e.kind, sum(e.points), coalesce(sum(e.points) FILTER (WHERE e.points > 0), 0), string_agg(e.says, ', ' ORDER BY e.points DESC, e.ordinality) FILTER (WHERE e.points > 0)
    FROM (
        SELECT s.* FROM affiliate._suggest_evidence() WITH ORDINALITY AS s (kind, points, pattern, target_kind, says, ordinality)
        WHERE EXISTS (SELECT FROM unnest(columns) AS c WHERE c.origin = 'own' AND (c.word ~ s.pattern OR c.target_kind = s.target_kind AND NOT c.is_implied))
        UNION ALL
        SELECT k.kind, CASE named.kind WHEN 'none' THEN -4 ELSE 3 END, NULL, NULL, 'its name', 0
        FROM unnest('{transaction,refund,dispute,customer,account,click,event}'::text[]) AS k (kind)
        WHERE k.kind = named.kind OR named.kind = 'none' OR named.kind = 'payout' AND k.kind = 'transaction') AS e
    GROUP BY e.kind ORDER BY 2 DESC, min(e.ordinality), 1;
END
$$;
COMMENT ON FUNCTION affiliate._suggest_kinds(oid, affiliate.known_column[]) IS 'Which kinds a table could be, the likeliest first, and what speaks for it.';

-- Two tables about one sale: payments of orders, charges of payment intents. Only one of them may be attached.
CREATE FUNCTION affiliate._suggest_rivals(relid oid, OUT rival oid, OUT is_nearer boolean) RETURNS SETOF record
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT other.oid, other_name.rank < own_name.rank
    FROM pg_class AS own
    CROSS JOIN LATERAL affiliate._suggest_named_kind(own.relname) AS own_name
    JOIN pg_class AS other ON other.oid <> own.oid AND other.relkind IN ('r', 'p') AND NOT other.relispartition
    CROSS JOIN LATERAL affiliate._suggest_named_kind(other.relname) AS other_name
    WHERE own.oid = relid AND own_name.kind = 'transaction' AND other_name.kind = 'transaction'
      AND (EXISTS (SELECT FROM pg_constraint AS k WHERE k.contype = 'f' AND (k.conrelid, k.confrelid) IN ((own.oid, other.oid), (other.oid, own.oid)))
           OR other.relnamespace = own.relnamespace AND EXISTS (
                SELECT FROM (VALUES (own.oid, other.oid), (other.oid, own.oid)) AS pair (referrer, referred)
                CROSS JOIN LATERAL unnest(affiliate._suggest_catalog(pair.referrer)) AS c WHERE c.target = pair.referred))
    ORDER BY other_name.rank, other.oid::regclass::text;
END
$$;
COMMENT ON FUNCTION affiliate._suggest_rivals(oid) IS 'Other tables about the same sales, and whether they are nearer to the money.';

CREATE FUNCTION affiliate._suggest_context(relid oid, kind text, columns affiliate.known_column[], without text[]) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    table_name constant text := (SELECT c.relname FROM pg_class AS c WHERE c.oid = relid);
    named_kind constant text := (SELECT n.kind FROM affiliate._suggest_named_kind(table_name) AS n);
    is_stripe constant boolean := affiliate._suggest_is_stripe(relid, columns);
    wanted record;
    currency affiliate.known_column;
    written record;
BEGIN
    SELECT f.* INTO wanted FROM affiliate._suggest_money_fields() AS f WHERE f.field = 'currency';
    currency := affiliate._suggest_pick('transaction', wanted, columns, '{}'); -- that of the sale, for refunds and disputes too
    SELECT w.* INTO written FROM affiliate._suggest_code('currency', currency) AS w WHERE currency.expression IS NOT NULL;
    RETURN jsonb_build_object('kind', kind, 'table', affiliate._suggest_word(table_name), 'is_stripe', is_stripe, 'without', to_jsonb(without), 'is_split', without <> '{}',
        'is_captured', is_stripe AND EXISTS (SELECT FROM unnest(columns) AS c WHERE c.expression = 'captured' AND c.family = 'bool'),
        'has_refunded', EXISTS (SELECT FROM unnest(columns) AS c CROSS JOIN affiliate._suggest_money_fields() AS f
                                WHERE f.field = 'refunded_amount' AND c.origin = 'own' AND c.word ~ f.patterns[1] AND affiliate._suggest_fits('money', c)),
        'unique', (SELECT coalesce(jsonb_agg(quote_ident(a.attname)), '[]') FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = relid AND a.attnum = i.indkey[0]
                   WHERE i.indrelid = relid AND i.indisunique AND i.indnkeyatts = 1 AND i.indpred IS NULL),
        'prefix', CASE WHEN kind = 'refund' THEN 'refund' WHEN named_kind = 'payout' THEN 'payout' END,
        'currency', CASE WHEN currency.expression IS NOT NULL THEN written.expression END, 'currencies', to_jsonb(coalesce(currency.labels, currency.samples, '{}')));
END
$$;
COMMENT ON FUNCTION affiliate._suggest_context(oid, text, affiliate.known_column[], text[]) IS 'What the expressions of a table have in common.';

-- What no single column gives.
CREATE FUNCTION affiliate._suggest_constant(relid oid, kind text, field text, mapped text[], columns affiliate.known_column[], OUT expression text, OUT remark text)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    table_word constant text := (SELECT affiliate._suggest_word(c.relname) FROM pg_class AS c WHERE c.oid = relid);
    code text;
    paid_at text;
BEGIN
    IF kind = 'transaction' AND field = 'transaction_type' THEN
        expression := CASE WHEN table_word ~ 'payouts?$|withdrawals?$' THEN '''payout''' WHEN table_word ~ 'resets?$' THEN '''reset_fee'''
                           WHEN table_word ~ 'subscription' THEN '''subscription_fee''' END;
        remark := CASE WHEN expression IS NOT NULL THEN 'unsure: by the name of the table' END;
    ELSIF kind = 'transaction' AND field = 'status' THEN
        SELECT c.expression INTO paid_at FROM unnest(columns) AS c
        WHERE c.origin = 'own' AND c.word ~ '^(paid|completed|captured|settled|confirmed)_(at|on|date)$' ORDER BY c.ordinal LIMIT 1;
        expression := coalesce('CASE WHEN ' || paid_at || ' IS NULL THEN ''pending'' ELSE ''completed'' END', '''completed''');
        remark := CASE WHEN paid_at IS NULL THEN 'unsure: no column says whether it was paid' ELSE 'unsure: there is no status' END;
    ELSIF kind IN ('transaction', 'refund') AND field = 'currency' THEN
        SELECT substring(c.word FROM '_([a-z]{3})$') INTO code FROM unnest(columns) AS c
        JOIN affiliate.currency AS k ON k.currency = upper(substring(c.word FROM '_([a-z]{3})$'))
        WHERE c.origin = 'own' AND c.word ~ '^(amount|total|price|charged)_' ORDER BY c.ordinal LIMIT 1;
        expression := quote_literal(upper(code));
        remark := CASE WHEN code IS NOT NULL THEN 'by the name of the amount' END;
    ELSIF kind = 'dispute' AND 'ref_external_id' = ANY (mapped) AND field IN ('ref_source', 'ref_kind') THEN
        expression := CASE WHEN field = 'ref_source' THEN '''stripe''' WHEN EXISTS (SELECT FROM unnest(columns) AS c WHERE c.word ~ 'payment_intent') THEN '''payment_intent''' ELSE '''charge''' END;
        remark := 'unsure: as affiliate.transaction_ref names it';
    END IF;
END
$$;
COMMENT ON FUNCTION affiliate._suggest_constant(oid, text, text, text[], affiliate.known_column[]) IS 'A value for a field that no column fits; null where it is left out.';

CREATE FUNCTION affiliate._suggest_reference_remark(relid oid, kind text, field text, c affiliate.known_column, columns affiliate.known_column[]) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    nearer oid;
    others text;
BEGIN
    IF field = 'customer_id' AND kind = 'transaction' THEN
        SELECT string_agg(format('%s (%s of %s rows)', o.expression, o.seen, o.seen + o.nulls), ', ' ORDER BY o.ordinal, o.name COLLATE "C") INTO others
        FROM unnest(columns) AS o WHERE o.origin = 'key' AND o.word ~ '^(customer|client|user|trader|member)_?(id|uuid)$' AND NOT o.is_personal AND o.expression <> c.expression;
        RETURN concat_ws('; ', CASE WHEN c.origin = 'lookup' THEN c.name || ': this table names no customer' || CASE WHEN c.is_implied THEN '; unsure, as no foreign key says so' ELSE '' END END,
                         'unsure: or ' || others || ', if your other tables know customers by it');
    ELSIF c.origin = 'lookup' THEN
        RETURN c.name;
    ELSIF field IN ('original_transaction_id', 'transaction_id') AND kind <> 'transaction' AND c.target IS NOT NULL AND c.target <> relid THEN
        SELECT r.rival INTO nearer FROM affiliate._suggest_rivals(c.target) AS r WHERE r.is_nearer LIMIT 1;
        RETURN CASE WHEN nearer IS NOT NULL THEN format('unsure: right where %s is attached and not %s', c.target::regclass, nearer::regclass)
                    ELSE format('the id under which %s is attached', c.target::regclass) END;
    ELSIF kind IN ('refund', 'dispute') AND field IN ('original_transaction_id', 'transaction_id') AND NOT c.is_key AND c.target IS NULL THEN
        RETURN 'unsure whether the sale is attached under this id';
    ELSIF field = 'status_at' AND c.word ~ '^(updated|modified|last_modified)' THEN
        RETURN 'unsure whether every edit changes it';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION affiliate._suggest_reference_remark(oid, text, text, affiliate.known_column, affiliate.known_column[]) IS 'What is to be known of where a value comes from.';

CREATE FUNCTION affiliate._suggest_mapping(relid oid, kind text, columns affiliate.known_column[], without text[] DEFAULT '{}',
    OUT field text, OUT expression text, OUT remark text, OUT source text) RETURNS SETOF record
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    context constant jsonb := affiliate._suggest_context(relid, kind, columns, without);
    wanted record;
    best affiliate.known_column;
    used text[] := '{}';
    mapped text[] := '{}';
BEGIN
    FOR wanted IN
        SELECT f.* FROM (SELECT * FROM affiliate._suggest_money_fields() UNION ALL SELECT * FROM affiliate._suggest_other_fields()
                         UNION ALL VALUES ('{dispute}'::text[], 3, 'ref_source', 'constant', NULL, '{}'::text[]), ('{dispute}', 3, 'ref_kind', 'constant', NULL, '{}')) AS f
        WHERE kind = ANY (f.kinds)
          -- in copies of Stripe's objects these are times of the copying
          AND NOT ((context ->> 'is_stripe')::boolean AND f.field IN ('status_at', 'last_modified_date'))
        ORDER BY f.ordinal, f.field
    LOOP
        field := wanted.field;
        CONTINUE WHEN field LIKE 'ref\_%' AND 'transaction_id' = ANY (mapped);
        best := affiliate._suggest_pick(kind, wanted, columns, used);
        source := best.name;
        IF best.expression IS NULL THEN
            SELECT w.expression, w.remark INTO expression, remark FROM affiliate._suggest_constant(relid, kind, field, mapped, columns) AS w;
            CONTINUE WHEN expression IS NULL;
        ELSE
            SELECT w.expression, concat_ws('; ', nullif(affiliate._suggest_reference_remark(relid, kind, field, best, columns), ''), nullif(w.remark, ''))
            INTO expression, remark FROM affiliate._suggest_expression(field, wanted.form, best, context) AS w;
            used := used || best.expression;
        END IF;
        mapped := mapped || field;
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION affiliate._suggest_mapping(oid, text, affiliate.known_column[], text[]) IS 'The fields of a kind that a table can fill.';
