-- Questions that are answered by the kernel without writing anything: a checkout can ask before it sells.

CREATE FUNCTION affiliate._explain(customer_id text, program_no integer, transaction_id text, hypothetical jsonb) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'affiliate_explain';
COMMENT ON FUNCTION affiliate._explain(text, integer, text, jsonb) IS
    'What the kernel makes of one transaction of a customer, stored or hypothetical: sale, candidates, rules tried, commissions.';

CREATE FUNCTION affiliate._owner_of(customer_id text, program_no integer, at timestamptz, account_id text) RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'affiliate_owner_of';
COMMENT ON FUNCTION affiliate._owner_of(text, integer, timestamptz, text) IS 'The affiliate_no that owns a customer at an instant.';

CREATE FUNCTION affiliate._known_program(program text) RETURNS affiliate.known_program
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found affiliate.known_program;
BEGIN
    SELECT p.program_no, p.currency INTO found FROM affiliate.program AS p
    WHERE p.program_no = affiliate._program_no(coalesce(program, affiliate._default_program()));
    RETURN found;
END
$$;
COMMENT ON FUNCTION affiliate._known_program(text) IS 'Number and currency of a program; without a name the only one there is.';

--| The affiliate a customer belongs to at an instant (the present unless given), or null; null too for a customer that is
--| null. Where ownership is per account, name the account. Writers may ask it too; it runs with the owner's rights.
--|
--| Errors: `AF012` unknown program.
CREATE FUNCTION affiliate.owner_of(customer text, at timestamptz DEFAULT NULL, program text DEFAULT NULL, account text DEFAULT NULL)
    RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner_no integer := affiliate._owner_of(customer, (affiliate._known_program(program)).program_no, coalesce(at, affiliate._now()), account);
BEGIN
    RETURN (SELECT a.affiliate_id FROM affiliate.affiliate AS a WHERE a.affiliate_no = owner_no);
END
$$;
REVOKE ALL ON FUNCTION affiliate.owner_of(text, timestamptz, text, text) FROM PUBLIC;
COMMENT ON FUNCTION affiliate.owner_of(text, timestamptz, text, text) IS 'The affiliate a customer belongs to at an instant, or null.';

-- A customer that is null is a guest: the database knows nothing of him.
CREATE FUNCTION affiliate._what_if(customer text, program_no integer, sale jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id text := 'quote:' || affiliate.new_click_id();
    customer_id text := coalesce(nullif(customer, ''), id);
BEGIN
    RETURN affiliate._explain(customer_id, program_no, id, sale || jsonb_build_object(
        'customer_id', customer_id, 'transaction_id', id, 'status', 'completed', 'version', 0,
        'program_id', (SELECT p.program_id FROM affiliate.program AS p WHERE p.program_no = _what_if.program_no),
        'recorded_at', affiliate._now(), 'is_test', false));
END
$$;
COMMENT ON FUNCTION affiliate._what_if(text, integer, jsonb) IS 'What the kernel would make of a sale that is not stored.';

--| Who would earn an order of this customer placed and paid at an instant (the present unless given), with these coupon
--| codes, click id and declared affiliate: affiliate (null = nobody), method, code (why nobody), and every touch that
--| competed. A customer the database does not know yet is fine, and null is a guest who has not told who he is. Writes
--| nothing. Writers may ask it too; it runs with the owner's rights.
--|
--| Errors: `AF012` unknown program; `AF033` an infinite time.
CREATE FUNCTION affiliate.attribute(customer text, at timestamptz DEFAULT NULL, coupons text[] DEFAULT NULL, click text DEFAULT NULL,
    declared text DEFAULT NULL, program text DEFAULT NULL,
    OUT affiliate text, OUT method text, OUT code text, OUT candidates jsonb)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known affiliate.known_program := affiliate._known_program(program);
    answer jsonb;
BEGIN
    IF NOT isfinite(at) THEN
        PERFORM affiliate._refuse_argument('at', at::text, 'a time that is finite');
    END IF;
    answer := affiliate._what_if(customer, known.program_no, jsonb_build_object(
        'transaction_type', 'challenge_fee', 'currency', known.currency, 'amount', 1,
        'ordered_at', coalesce(at, affiliate._now()), 'completed_at', coalesce(at, affiliate._now()),
        'coupon_codes', to_jsonb(coupons), 'click_id', click, 'affiliate_id', declared));
    affiliate := answer ->> 'affiliate';
    method := answer ->> 'method';
    code := CASE WHEN affiliate IS NULL OR answer ->> 'state' = 'waiting' THEN answer ->> 'code' END;
    candidates := answer -> 'candidates';
END
$$;
REVOKE ALL ON FUNCTION affiliate.attribute(text, timestamptz, text[], text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION affiliate.attribute(text, timestamptz, text[], text, text, text) IS
    'Who would earn an order of this customer with these touches; writes nothing.';

-- What the insert of such a sale would refuse, is refused here.
CREATE FUNCTION affiliate._check_quote(amount numeric, transaction_type text, currency text, at timestamptz, details jsonb) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unknown text;
BEGIN
    IF amount IS NULL OR NOT affiliate._is_amount(amount) THEN
        PERFORM affiliate._refuse_argument('amount', amount::text, 'what would be charged: zero or more, with at most 15 significant digits');
    ELSIF NOT isfinite(at) THEN
        PERFORM affiliate._refuse_argument('at', at::text, 'a time that is finite');
    ELSIF NOT EXISTS (SELECT FROM affiliate.transaction_type AS t
                      WHERE t.transaction_type = _check_quote.transaction_type OR _check_quote.transaction_type = ANY (t.words)) THEN
        RAISE EXCEPTION USING ERRCODE = 'AF014',
            MESSAGE = format('transaction type "%s" is not known', transaction_type),
            DETAIL = 'No commission was quoted.',
            HINT = 'Add it to affiliate.transaction_type, or as one of the words of a type that exists.';
    ELSIF NOT EXISTS (SELECT FROM affiliate.currency AS c WHERE c.currency = _check_quote.currency) THEN
        RAISE EXCEPTION USING ERRCODE = 'AF013',
            MESSAGE = format('currency "%s" is not known', currency),
            DETAIL = 'No commission was quoted.',
            HINT = 'Use an ISO 4217 code in capitals, or add the currency to affiliate.currency.';
    ELSIF jsonb_typeof(details) <> 'object' THEN
        PERFORM affiliate._refuse_argument('details', left(details::text, 50), 'an object: columns of affiliate.transaction and their values');
    END IF;
    SELECT k INTO unknown FROM jsonb_object_keys(details) AS k
    WHERE NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = 'affiliate.transaction'::regclass AND a.attnum > 0
                      AND NOT a.attisdropped AND a.attname = k)
    ORDER BY k LIMIT 1;
    IF FOUND THEN
        PERFORM affiliate._refuse_argument('details', left(unknown, 50), 'columns of affiliate.transaction and their values');
    END IF;
END
$$;
COMMENT ON FUNCTION affiliate._check_quote(numeric, text, text, timestamptz, jsonb) IS 'Refuses a quote for a sale that could not be stored.';

--| What a sale would earn if it were completed at an instant (the present unless given): one row per beneficiary and
--| rule. `amount` is what would be charged, in `currency` (the program's unless given); `details` are further columns of
--| affiliate.transaction, for example `{"account_size": 50000}`. A customer that is null is a guest. Amounts of rules of
--| the second stage are provisional. Writes nothing. Writers may ask it too; it runs with the owner's rights.
--|
--| Errors: `AF012` unknown program; `AF013`, `AF014` unknown currency or type; `AF033` an amount, time or detail that a
--| sale could not have.
CREATE FUNCTION affiliate.quote_commission(customer text, amount numeric, transaction_type text DEFAULT 'challenge_fee',
    product text DEFAULT NULL, coupons text[] DEFAULT NULL, click text DEFAULT NULL, declared text DEFAULT NULL,
    at timestamptz DEFAULT NULL, currency text DEFAULT NULL, program text DEFAULT NULL, details jsonb DEFAULT '{}')
    RETURNS TABLE (affiliate text, level integer, rule text, commission numeric, commission_currency text, provisional boolean, eligible_at timestamptz)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known affiliate.known_program := affiliate._known_program(program);
    answer jsonb;
BEGIN
    currency := coalesce(currency, known.currency);
    details := coalesce(details, '{}');
    PERFORM affiliate._check_quote(amount, transaction_type, currency, at, details);
    answer := affiliate._what_if(customer, known.program_no, details || jsonb_build_object(
        'transaction_type', transaction_type, 'currency', currency, 'amount', amount,
        'product_id', product, 'ordered_at', coalesce(at, affiliate._now()), 'completed_at', coalesce(at, affiliate._now()),
        'coupon_codes', to_jsonb(coupons), 'click_id', click, 'affiliate_id', declared));
    RETURN QUERY
    SELECT c ->> 'affiliate', (c ->> 'level')::integer, coalesce(c ->> 'rule', c ->> 'amount'), (c ->> 'accrued')::numeric,
           known.currency, (c ->> 'provisional')::boolean, (c ->> 'eligible_at')::timestamptz
    FROM jsonb_array_elements(answer -> 'commissions') AS c;
END
$$;
REVOKE ALL ON FUNCTION affiliate.quote_commission(text, numeric, text, text, text[], text, text, timestamptz, text, text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION affiliate.quote_commission(text, numeric, text, text, text[], text, text, timestamptz, text, text, jsonb) IS
    'What a sale would earn, per beneficiary and rule; writes nothing.';
