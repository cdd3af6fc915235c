-- explain: everything about one transaction, line by line.

CREATE FUNCTION affiliate._filled_in(expression text, inputs jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    filled text;
BEGIN
    -- one pass over the words, so that nothing inside of a text or of a value that was filled in is taken for a name
    SELECT string_agg(CASE
        WHEN NOT inputs ? lower(t.word) OR t.before = '.' OR t.after = '(' THEN t.word
        WHEN jsonb_typeof(inputs -> lower(t.word)) IN ('number', 'boolean') THEN inputs ->> lower(t.word)
        WHEN jsonb_typeof(inputs -> lower(t.word)) = 'string' THEN quote_literal(inputs ->> lower(t.word))
        ELSE quote_literal(inputs ->> lower(t.word)) || '::jsonb' END || t.blank, '' ORDER BY t.n) INTO filled
    FROM (SELECT m.part[1] AS word, m.part[2] AS blank, m.n, lag(m.part[1]) OVER w AS before, lead(m.part[1]) OVER w AS after
          FROM regexp_matches(' ' || expression,
                   '(^ |''(?:[^'']|'''')*''|"(?:[^"]|"")*"|[[:alpha:]_][[:alnum:]_]*|[0-9.]+(?:[eE][+-]?[0-9]+)?|\S)(\s*)', 'g')
               WITH ORDINALITY AS m (part, n)
          WINDOW w AS (ORDER BY m.n)) AS t
    WHERE t.n > 1 OR t.word <> ' ';
    RETURN coalesce(filled, expression);
END
$$;
COMMENT ON FUNCTION affiliate._filled_in(text, jsonb) IS 'A rule text with the values of its inputs in place of their names.';

--| Explains one transaction line by line: what was sold and what was taken back, which touches competed and how each
--| fared, which rules were tried with which values, the arithmetic, hold, and every ledger entry. `topic` groups the
--| lines: sale, touch, decision, rule, commission, entry. Of a refund, chargeback or adjustment it names the sale that it
--| takes back, or why it takes back none. For operators: it names other affiliates.
--|
--| Errors: `AF017` unknown transaction.
CREATE FUNCTION affiliate.explain(transaction_id text) RETURNS TABLE (step integer, topic text, line text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    fact record;
    answer jsonb;
    sale jsonb;
    unit text;
BEGIN
    -- news that names no customer belongs to the customer of the sale it names
    SELECT t.customer_id, coalesce(a.canonical_id, o.customer_id, t.customer_id) AS canonical_id, p.program_no, p.currency,
           t.transaction_type, t.status, t.version, t.amount, t.currency AS own_currency, t.original_transaction_id, k.effect
    INTO fact
    FROM affiliate.transaction AS t
    LEFT JOIN affiliate.transaction AS o ON t.customer_id = '' AND o.transaction_id = t.original_transaction_id
    JOIN affiliate.program AS p ON p.program_id = coalesce(o.program_id, t.program_id)
    LEFT JOIN affiliate.customer_alias AS a ON a.customer_id = coalesce(o.customer_id, t.customer_id)
    LEFT JOIN affiliate.transaction_type AS k ON k.transaction_type = t.transaction_type OR t.transaction_type = ANY (k.words)
    WHERE t.transaction_id = explain.transaction_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'AF017', MESSAGE = format('transaction "%s" is not known', transaction_id),
            DETAIL = 'There is no row with this transaction_id.',
            HINT = 'explain() takes the transaction_id of a row of affiliate.transaction; find_conversion() finds one by other clues.';
    END IF;
    unit := fact.currency;
    answer := affiliate._explain(fact.canonical_id, fact.program_no, transaction_id, NULL);
    sale := answer -> 'sale';

    RETURN QUERY
    WITH line (topic, ord, line) AS (
        SELECT 'sale', 0, format('%s %s of customer %s, status %s, %s earlier report(s) of it',
            fact.transaction_type, transaction_id, coalesce(nullif(fact.customer_id, ''), 'unknown'), fact.status, fact.version)
        UNION ALL
        SELECT 'sale', 1, format('%s of %s; it names %s', fact.effect, coalesce(fact.amount || ' ' || fact.own_currency, 'everything that was left'),
            coalesce('the sale ' || fact.original_transaction_id, 'no sale'))
        WHERE sale IS NULL AND fact.effect IN ('refund', 'chargeback', 'correction')
        UNION ALL
        SELECT 'sale', 1, format('ordered %s, %s', sale ->> 'ordered_at',
            CASE WHEN sale ->> 'completed_at' IS NULL THEN 'not completed' ELSE 'completed ' || (sale ->> 'completed_at') END)
        WHERE sale IS NOT NULL
        UNION ALL
        SELECT 'sale', 2, format('charged %s %s, base %s; refunded %s, charged back %s, left for commission %s',
            sale ->> 'gross', sale ->> 'currency', sale ->> 'base', sale ->> 'refunded', sale ->> 'charged_back', sale ->> 'net')
        WHERE sale IS NOT NULL
        UNION ALL
        SELECT 'sale', 3, format('1 %s = %s %s (%s, rate of %s)', sale ->> 'currency', answer ->> 'fx_rate', unit,
            answer ->> 'fx_source', answer ->> 'fx_valid_from')
        WHERE answer ->> 'fx_rate' IS NOT NULL
        UNION ALL
        SELECT 'sale', 4, 'void: refunded in full within the cooling-off, as if it had never happened' WHERE (sale ->> 'is_void')::boolean
        UNION ALL
        SELECT 'sale', 5, 'a dispute is open' WHERE (sale ->> 'dispute_open')::boolean
        UNION ALL
        SELECT 'touch', n::integer, format('%s %s at %s for %s: %s', c ->> 'method', c ->> 'ref', c ->> 'at',
            coalesce((SELECT a.affiliate_id FROM affiliate.affiliate AS a WHERE a.affiliate_no = (c ->> 'affiliate_no')::integer), 'nobody'),
            c ->> 'code')
        FROM jsonb_array_elements(answer -> 'candidates') WITH ORDINALITY AS k (c, n)
        UNION ALL
        SELECT 'decision', 0, CASE WHEN answer ->> 'affiliate' IS NULL THEN format('earned by nobody: %s', answer ->> 'code')
            ELSE format('earned by %s through %s%s%s', answer ->> 'affiliate', answer ->> 'method',
                        CASE WHEN (answer ->> 'purchase_number')::integer > 0 THEN ', purchase number ' || (answer ->> 'purchase_number') ELSE '' END,
                        CASE WHEN answer ->> 'code' IS NOT NULL THEN ' (' || (answer ->> 'code') || ')' ELSE '' END) END
        WHERE sale IS NOT NULL
        UNION ALL
        SELECT 'decision', 1, format('state %s%s', answer ->> 'state', CASE WHEN (answer ->> 'conflict')::boolean THEN '; several affiliates competed' ELSE '' END)
        WHERE sale IS NOT NULL
        UNION ALL
        SELECT 'decision', 2, CASE
            WHEN answer ->> 'takes_back' IS NOT NULL THEN format('takes back sale %s%s; SELECT * FROM affiliate.explain(%L) shows what that does to its commissions',
                answer ->> 'takes_back',
                CASE WHEN (answer ->> 'may_change')::boolean THEN ', the only open one at its time; that may change within the program''s late_grace'
                     WHEN NOT (answer ->> 'by_reference')::boolean THEN ', the only open one at its time' ELSE '' END, answer ->> 'takes_back')
            WHEN fact.effect NOT IN ('refund', 'chargeback', 'correction') THEN format('nothing is decided: its type has the effect %s', fact.effect)
            WHEN fact.canonical_id = '' THEN format('takes back nothing yet: it waits for the sale %s', fact.original_transaction_id)
            ELSE 'takes back nothing' END
        WHERE sale IS NULL
        UNION ALL
        SELECT 'decision', 2 + n::integer, format('under review: %s (%s)%s', r ->> 'kind', r ->> 'detail',
            (SELECT ', closed with ' || c.action FROM affiliate.review_case AS c
             WHERE c.kind = r ->> 'kind' AND c.customer_id = fact.canonical_id AND c.subject_id = explain.transaction_id AND c.state = 'closed'))
        FROM jsonb_array_elements(answer -> 'reviews') WITH ORDINALITY AS k (r, n)
        UNION ALL
        SELECT 'rule', n::integer, format('rule %s%s for %s: when %s -> %s%s', r ->> 'rule_no', coalesce(' "' || (r ->> 'rule') || '"', ''),
            r ->> 'beneficiary', affiliate._filled_in(r ->> 'condition', r -> 'inputs'),
            CASE WHEN (r ->> 'matched')::boolean THEN 'matches' ELSE 'does not match' END,
            CASE WHEN (r ->> 'matched')::boolean
                 THEN format('; amount %s = %s', r ->> 'amount', affiliate._filled_in(r ->> 'amount', r -> 'inputs')) ||
                      CASE WHEN r ? 'inputs_after' THEN format(', after take-backs %s', affiliate._filled_in(r ->> 'amount', r -> 'inputs_after')) ELSE '' END
                 ELSE '' END)
        FROM jsonb_array_elements(answer -> 'rules') WITH ORDINALITY AS k (r, n)
        UNION ALL
        SELECT 'commission', n::integer, format('%s earns %s %s by rule %s (rounded %s)%s, %s%s%s%s', c ->> 'affiliate', c ->> 'accrued', unit, c ->> 'rule_no',
            (SELECT replace(p.rounding, '_', ' ') FROM affiliate.plan_rule AS p WHERE p.rule_no = (c ->> 'rule_no')::integer),
            CASE WHEN (c ->> 'level')::integer > 0 THEN ' as upline ' || (c ->> 'level') ELSE '' END,
            CASE WHEN c ->> 'net' = c ->> 'accrued' THEN 'nothing taken back' ELSE format('%s left after take-backs', c ->> 'net') END,
            CASE WHEN c ->> 'ladder_position' IS NOT NULL THEN format(', position %s on the ladder', c ->> 'ladder_position') ELSE '' END,
            CASE WHEN c ->> 'cap_room' IS NOT NULL THEN format(', room under the cap %s', c ->> 'cap_room') ELSE '' END,
            CASE WHEN (c ->> 'provisional')::boolean THEN ', provisional'
                 WHEN c ->> 'hold_reason' IS NOT NULL THEN ', held: ' || (c ->> 'hold_reason')
                 ELSE ', payable from ' || (c ->> 'eligible_at') END)
        FROM jsonb_array_elements(answer -> 'commissions') WITH ORDINALITY AS k (c, n)
        UNION ALL
        SELECT 'entry', row_number() OVER (ORDER BY e.affiliate_no, e.rule_no, e.level, e.version)::integer,
            format('%s  %s %s %s to %s (%s)', to_char(e.effective_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), e.kind,
                   CASE WHEN e.amount > 0 THEN '+' ELSE '' END || e.amount, e.currency, a.affiliate_id, e.cause)
        FROM affiliate.entry AS e JOIN affiliate.affiliate AS a USING (affiliate_no)
        WHERE e.customer_id = fact.canonical_id AND e.subject_id = transaction_id AND e.subject_kind = 'transaction'
    )
    SELECT row_number() OVER (ORDER BY array_position('{sale,touch,decision,rule,commission,entry}'::text[], l.topic), l.ord)::integer, l.topic, l.line
    FROM line AS l
    ORDER BY 1;
END
$$;
COMMENT ON FUNCTION affiliate.explain(text) IS 'Explains one transaction line by line: sale, touches, decision, rules with values, commissions, ledger entries.';
