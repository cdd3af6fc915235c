-- attach_suggest(): the expression that writes a column into a field, and a remark where that is a guess.
-- context: kind, table (its word), unique (columns), prefix (of ids), is_stripe, is_captured, is_split, has_refunded,
-- currency (an expression), currencies (words seen), without (words that are not these rows').

CREATE FUNCTION affiliate._suggest_text(c affiliate.known_column) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN c.expression || CASE WHEN c.family IN ('text', 'texts') THEN '' ELSE '::text' END;
END
$$;
COMMENT ON FUNCTION affiliate._suggest_text(affiliate.known_column) IS 'A column as text.';

CREATE FUNCTION affiliate._suggest_listed(words text[]) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT string_agg(quote_literal(w.word), ', ' ORDER BY w.ordinality) FROM unnest(words) WITH ORDINALITY AS w (word));
END
$$;
COMMENT ON FUNCTION affiliate._suggest_listed(text[]) IS 'Words as a list of literals.';

-- A firm's own words in our registries go first.
CREATE FUNCTION affiliate._suggest_meanings(form text, c affiliate.known_column, more text[], OUT word text, OUT meaning text, OUT is_known boolean)
RETURNS SETOF record
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT v.value, coalesce(own.meaning, listed.meaning), own.meaning IS NOT NULL OR listed.form IS NOT NULL
    FROM (SELECT DISTINCT ON (lower(d.value)) d.value, min(d.ordinality) OVER (PARTITION BY lower(d.value)) AS ordinal
          FROM unnest(coalesce(c.labels, c.samples, '{}') || more) WITH ORDINALITY AS d (value)
          WHERE btrim(d.value) <> '' AND length(d.value) <= 60 ORDER BY lower(d.value), d.ordinality) AS v
    LEFT JOIN LATERAL (
        SELECT s.effect AS meaning FROM affiliate.transaction_status AS s WHERE _suggest_meanings.form = 'status' AND s.status = lower(v.value)
        UNION ALL
        SELECT t.transaction_type FROM affiliate.transaction_type AS t WHERE _suggest_meanings.form = 'type' AND t.transaction_type = lower(v.value)
        UNION ALL
        SELECT e.event_type FROM affiliate.event_type AS e WHERE _suggest_meanings.form = 'event' AND e.event_type = lower(v.value)) AS own ON true
    LEFT JOIN LATERAL (
        SELECT l.form, l.meaning FROM affiliate._suggest_words() WITH ORDINALITY AS l (form, meaning, pattern, ordinality)
        WHERE l.form = _suggest_meanings.form AND affiliate._suggest_word(v.value) ~ format('^(%s)$', l.pattern) ORDER BY l.ordinality LIMIT 1) AS listed ON true
    ORDER BY v.ordinal;
END
$$;
COMMENT ON FUNCTION affiliate._suggest_meanings(text, affiliate.known_column, text[]) IS 'The words that a column holds, and what each means to us.';

CREATE FUNCTION affiliate._suggest_case(form text, c affiliate.known_column, context jsonb, OUT expression text, OUT remark text)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    more constant text[] := CASE WHEN (context ->> 'is_stripe')::boolean THEN affiliate._suggest_stripe_words(form, context ->> 'table') ELSE '{}' END;
    folds boolean; -- in a list that the catalog knows small letters stay small
    subject text;
    lines text;
    unknown text;
    changes boolean;
BEGIN
    IF c.family = 'bool' THEN
        expression := format($e$CASE WHEN %s THEN 'completed' ELSE 'pending' END$e$, c.expression);
        remark := 'unsure: pending while it is not true';
        RETURN;
    END IF;
    folds := NOT coalesce((SELECT bool_and(l = lower(l)) FROM unnest(c.labels) AS l), cardinality(more) > 0);
    subject := format(CASE WHEN folds THEN 'lower(%s)' ELSE '%s' END, affiliate._suggest_text(c));
    SELECT string_agg(format('    WHEN %L THEN %s', CASE WHEN folds THEN lower(m.word) ELSE m.word END, w.written), E'\n' ORDER BY m.ordinality) FILTER (WHERE m.is_known),
           string_agg(affiliate._quoted(m.word), ', ' ORDER BY m.ordinality) FILTER (WHERE NOT m.is_known),
           coalesce(bool_or(m.meaning IS DISTINCT FROM m.word AND m.is_known), false)
    INTO lines, unknown, changes
    FROM affiliate._suggest_meanings(form, c, more) WITH ORDINALITY AS m (word, meaning, is_known, ordinality)
    CROSS JOIN LATERAL (SELECT CASE
        WHEN m.meaning = 'partly refunded' THEN CASE WHEN (context ->> 'has_refunded')::boolean THEN '''refunded''' ELSE '''completed''' END
        WHEN form = 'status' AND m.meaning = 'completed' AND (context ->> 'is_captured')::boolean THEN 'CASE WHEN captured IS FALSE THEN ''pending'' ELSE ''completed'' END'
        ELSE quote_nullable(m.meaning) END AS written) AS w
    WHERE NOT m.word = ANY (ARRAY(SELECT jsonb_array_elements_text(context -> 'without')));
    expression := CASE WHEN lines IS NULL THEN subject
                       WHEN form IN ('phase', 'event', 'previous kind') AND NOT changes AND NOT folds THEN c.expression
                       ELSE format(E'CASE %s\n%s\n    ELSE %1$s END', subject, lines) END;
    remark := concat_ws('; ',
        CASE WHEN coalesce(c.labels, c.samples) IS NULL AND more = '{}' THEN 'unsure: no words were seen, they are taken as they are' END,
        'unsure about ' || unknown,
        CASE WHEN c.labels IS NULL AND c.samples IS NOT NULL AND more = '{}' THEN 'words of a sample, others stay as they are' END,
        CASE WHEN c.nulls > 0 AND form IN ('status', 'event', 'type') THEN format('unsure: %s of %s rows have none', c.nulls, c.seen + c.nulls) END);
END
$$;
COMMENT ON FUNCTION affiliate._suggest_case(text, affiliate.known_column, jsonb) IS 'A column of words: CASE over those that are known, others stay as they are.';

-- By how much whole numbers of a payment processor or of cents are divided.
CREATE FUNCTION affiliate._suggest_divisor(context jsonb, width integer, OUT expression text, OUT remark text)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    without_hundredths text[] := '{BIF,CLP,DJF,GNF,JPY,KMF,KRW,MGA,PYG,RWF,UGX,VND,VUV,XAF,XOF,XPF}'; -- as Stripe counts them
    thousandths text[] := '{BHD,JOD,KWD,OMR,TND}';
    seen constant text[] := ARRAY(SELECT DISTINCT upper(btrim(s)) COLLATE "C" AS s FROM jsonb_array_elements_text(context -> 'currencies') AS s ORDER BY s);
BEGIN
    expression := '100.0';
    IF context ->> 'currency' IS NULL THEN
        remark := CASE WHEN (context ->> 'is_stripe')::boolean THEN 'unsure: hundredths, as no column names the currency' END;
        RETURN;
    ELSIF NOT (context ->> 'is_stripe')::boolean THEN
        without_hundredths := ARRAY(SELECT s FROM unnest(seen) AS s JOIN affiliate.currency AS k ON k.currency = s WHERE k.exponent = 0 ORDER BY s);
        thousandths := ARRAY(SELECT s FROM unnest(seen) AS s JOIN affiliate.currency AS k ON k.currency = s WHERE k.exponent = 3 ORDER BY s);
        remark := CASE WHEN without_hundredths || thousandths <> '{}' THEN format('unsure whether amounts in %s are whole units, thousandths or hundredths', array_to_string(without_hundredths || thousandths, ', '))
                       ELSE 'unsure where a currency has no hundredths, as JPY' END;
    END IF;
    IF without_hundredths || thousandths <> '{}' THEN
        expression := format('CASE %s ELSE 100.0 END', concat_ws(E'\n' || repeat(' ', width + 5),
            'WHEN ' || (context ->> 'currency') || ' IN (' || affiliate._suggest_listed(without_hundredths) || ') THEN 1',
            'WHEN ' || (context ->> 'currency') || ' IN (' || affiliate._suggest_listed(thousandths) || ') THEN 1000'));
    END IF;
END
$$;
COMMENT ON FUNCTION affiliate._suggest_divisor(jsonb, integer) IS 'Minor units in one unit, by currency where currencies differ.';

CREATE FUNCTION affiliate._suggest_money(c affiliate.known_column, context jsonb, OUT expression text, OUT remark text)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_minor boolean := c.word ~ '(^|_)(cents|minor|pence)(_|$)' OR coalesce(c.remark, '') ~* '\m(cents|minor units?|pence)\M'
                        OR c.family = 'integer' AND (context ->> 'is_stripe')::boolean;
    divisor text;
    doubt text;
    guess text;
BEGIN
    expression := c.expression;
    IF c.family = 'text' THEN
        expression := format(CASE c.origin WHEN 'key' THEN '(%s)::numeric' ELSE '%s::numeric' END, c.expression);
        guess := 'unsure: numbers as text';
    ELSIF c.family = 'integer' AND NOT is_minor THEN
        is_minor := coalesce(c.greatest >= 10000, false);
        guess := CASE WHEN c.greatest IS NULL THEN 'unsure: whole numbers, taken as units and not as hundredths'
                      ELSE format('unsure: whole numbers up to %s, taken as %s', c.greatest, CASE WHEN is_minor THEN 'hundredths' ELSE 'units' END) END;
    END IF;
    IF is_minor THEN
        SELECT d.expression, d.remark INTO divisor, doubt FROM affiliate._suggest_divisor(context, length(expression) + 3) AS d;
        expression := expression || ' / ' || divisor;
    END IF;
    remark := concat_ws('; ', guess, doubt);
END
$$;
COMMENT ON FUNCTION affiliate._suggest_money(affiliate.known_column, jsonb) IS 'An amount in units of its currency.';

CREATE FUNCTION affiliate._suggest_time(c affiliate.known_column, OUT expression text, OUT remark text)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    CASE c.family
        WHEN 'timestamp' THEN
            expression := c.expression || ' AT TIME ZONE ''UTC''';
            remark := 'unsure whether it is UTC';
        WHEN 'date' THEN
            expression := c.expression || '::timestamp AT TIME ZONE ''UTC''';
            remark := 'unsure: a date only, taken as midnight UTC';
        WHEN 'integer' THEN
            expression := format(CASE WHEN c.greatest > 5000000000 THEN 'to_timestamp(%s / 1000.0)' ELSE 'to_timestamp(%s)' END, c.expression);
            remark := CASE WHEN c.greatest IS NULL THEN 'unsure whether it counts seconds since 1970' END;
        WHEN 'text' THEN
            expression := format(CASE c.origin WHEN 'key' THEN '(%s)::timestamptz' ELSE '%s::timestamptz' END, c.expression);
            remark := 'unsure: a text; without a zone it is read in that of the session';
        ELSE expression := c.expression;
    END CASE;
END
$$;
COMMENT ON FUNCTION affiliate._suggest_time(affiliate.known_column) IS 'A point in time as timestamptz.';

CREATE FUNCTION affiliate._suggest_code(form text, c affiliate.known_column, OUT expression text, OUT remark text)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    words constant text[] := coalesce(c.labels, c.samples);
    unknown text;
BEGIN
    expression := c.expression;
    IF form = 'currency' THEN
        IF NOT coalesce((SELECT bool_and(l ~ '^[A-Z]+$') FROM unnest(c.labels) AS l), false) THEN
            expression := format('upper(%s)', affiliate._suggest_text(c));
        END IF;
        SELECT string_agg(affiliate._quoted(w.word), ', ' ORDER BY w.ordinality) INTO unknown
        FROM unnest(words) WITH ORDINALITY AS w (word) WHERE NOT EXISTS (SELECT FROM affiliate.currency AS k WHERE k.currency = upper(w.word));
        remark := concat_ws('; ', 'unsure: not in affiliate.currency: ' || unknown,
            CASE WHEN c.nulls > 0 THEN format('unsure: %s of %s rows have none', c.nulls, c.seen + c.nulls) END);
    ELSIF words IS NULL THEN
        remark := 'unsure whether it has two letters';
    ELSIF form = 'language' THEN
        expression := CASE WHEN EXISTS (SELECT FROM unnest(words) AS w WHERE w !~ '^[a-z]{2}$') THEN format('lower(left(%s, 2))', affiliate._suggest_text(c)) ELSE c.expression END;
    ELSE
        SELECT string_agg(affiliate._quoted(w.word), ', ' ORDER BY w.ordinality) INTO unknown FROM unnest(words) WITH ORDINALITY AS w (word) WHERE w.word !~ '^[A-Za-z]{2}$';
        IF unknown IS NULL AND EXISTS (SELECT FROM unnest(words) AS w WHERE w ~ '[a-z]') THEN
            expression := format('upper(%s)', affiliate._suggest_text(c));
        END IF;
        remark := 'unsure: not of two letters: ' || unknown;
    END IF;
END
$$;
COMMENT ON FUNCTION affiliate._suggest_code(text, affiliate.known_column) IS 'A currency, language or country as its ISO code.';

CREATE FUNCTION affiliate._suggest_id(field text, form text, c affiliate.known_column, context jsonb, OUT expression text, OUT remark text)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- refunds and payouts go to one table with sales, whose numbers are those of other rows
    prefix constant text := CASE WHEN field = 'transaction_id' AND NOT (context ->> 'is_split')::boolean THEN context ->> 'prefix' END;
BEGIN
    expression := CASE WHEN prefix IS NOT NULL AND c.family = 'integer' THEN format('%L || %s', prefix || '-', c.expression) ELSE c.expression END;
    remark := concat_ws('; ',
        CASE WHEN c.has_emails THEN 'unsure: these are e-mail addresses; ids are kept for ever and cannot be erased, take another column' END,
        CASE WHEN (form = 'key' OR field = 'click_id' AND context ->> 'kind' = 'click') AND NOT context -> 'unique' ? c.expression
             THEN 'unsure whether it is unique, no index says so' END,
        CASE WHEN prefix IS NOT NULL AND c.family = 'integer' THEN 'numbers of sales are ids already' END,
        CASE WHEN prefix IS NOT NULL AND c.family = 'text' AND NOT (context ->> 'is_stripe')::boolean THEN 'unsure: must differ from every id of a sale' END,
        CASE WHEN field = 'affiliate_id' AND c.target_kind = 'customer' THEN format('unsure: refers to %s, must be an id or alias of affiliate.affiliate', c.target::regclass)
             WHEN field = 'affiliate_id' THEN 'unsure: must be an id or alias of affiliate.affiliate' END,
        CASE WHEN field = 'customer_id' AND context ->> 'kind' IN ('transaction', 'account') AND c.nulls > 0 THEN format('unsure: %s of %s rows have none', c.nulls, c.seen + c.nulls) END);
END
$$;
COMMENT ON FUNCTION affiliate._suggest_id(text, text, affiliate.known_column, jsonb) IS 'An id as the firm has it; those of refunds and payouts apart from those of sales.';

CREATE FUNCTION affiliate._suggest_expression(field text, form text, c affiliate.known_column, context jsonb, OUT expression text, OUT remark text)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    expression := c.expression;
    CASE
        WHEN form IN ('key', 'id') OR field = 'click_id' THEN
            SELECT w.expression, w.remark INTO expression, remark FROM affiliate._suggest_id(field, form, c, context) AS w;
        WHEN form = 'money' THEN
            SELECT w.expression, w.remark INTO expression, remark FROM affiliate._suggest_money(c, context) AS w;
        WHEN form = 'time' THEN
            SELECT w.expression, w.remark INTO expression, remark FROM affiliate._suggest_time(c) AS w;
        WHEN form IN ('status', 'refund status', 'outcome', 'type', 'event', 'phase', 'previous kind') THEN
            SELECT w.expression, w.remark INTO expression, remark FROM affiliate._suggest_case(form, c, context) AS w;
        WHEN form IN ('currency', 'language', 'country') THEN
            SELECT w.expression, w.remark INTO expression, remark FROM affiliate._suggest_code(form, c) AS w;
        WHEN form = 'number' AND c.family = 'text' THEN
            expression := format(CASE c.origin WHEN 'key' THEN '(%s)::numeric' ELSE '%s::numeric' END, c.expression);
            remark := 'unsure: numbers as text';
        WHEN form = 'number' AND c.word ~ '_cents$' THEN expression := c.expression || ' / 100.0';
        WHEN form = 'list' AND c.family = 'text' THEN expression := format('string_to_array(%s, '','')', c.expression);
        WHEN field = 'is_test' THEN expression := c.expression || CASE WHEN c.word ~ '^live' THEN ' IS FALSE' ELSE ' IS TRUE' END; -- null is no test
        ELSE NULL;
    END CASE;
END
$$;
COMMENT ON FUNCTION affiliate._suggest_expression(text, text, affiliate.known_column, jsonb) IS 'How a column is written into a field, and what of that is a guess.';
