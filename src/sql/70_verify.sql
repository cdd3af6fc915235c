-- verify(): one row per violation of what must be true (docs/errors.md lists the codes). Set-based; reads the whole ledger once.

--| Checks what must always be true and returns one row per violation; no row = all is well. Run it after a restore, from
--| a job, and whenever in doubt. `code` names the invariant, `customer_id` and `subject` the row, `detail` says what is
--| wrong. Only committed and own changes are seen; a queue that is not empty is no violation.
CREATE FUNCTION affiliate.verify(OUT code text, OUT customer_id text, OUT subject text, OUT detail text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM affiliate._require_tables();
    RETURN QUERY SELECT * FROM affiliate._verify_ledger();
    RETURN QUERY SELECT * FROM affiliate._verify_counts();
    RETURN QUERY SELECT * FROM affiliate._verify_decisions();
    RETURN QUERY SELECT * FROM affiliate._verify_references();
    RETURN QUERY SELECT * FROM affiliate._verify_rollups();
    RETURN QUERY SELECT * FROM affiliate._verify_catalog();
END
$$;
COMMENT ON FUNCTION affiliate.verify() IS 'One row per violation of what must always be true; none when all is well.';

CREATE FUNCTION affiliate._verify_ledger(OUT code text, OUT customer_id text, OUT subject text, OUT detail text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    WITH line AS (
        SELECT c.*, c.accrued - c.reversed - c.paid AS owed, coalesce(e.total, 0) AS entry_total, coalesce(e.count, 0) AS entry_count,
               coalesce(e.last_version, 0) AS last_version, p.currency AS program_currency,
               format('%s %s rule %s affiliate %s level %s', c.subject_kind, c.subject_id, c.rule_no, c.affiliate_no, c.level) AS label
        FROM affiliate.commission AS c
        LEFT JOIN (SELECT n.customer_id, n.subject_id, n.subject_kind, n.rule_no, n.affiliate_no, n.level, sum(n.amount) AS total,
                          count(*) AS count, max(n.version) AS last_version
                   FROM affiliate.entry AS n GROUP BY 1, 2, 3, 4, 5, 6) AS e
          ON (e.customer_id, e.subject_id, e.subject_kind, e.rule_no, e.affiliate_no, e.level)
           = (c.customer_id, c.subject_id, c.subject_kind, c.rule_no, c.affiliate_no, c.level)
        LEFT JOIN affiliate.program AS p USING (program_no)
    )
    SELECT v.code, l.customer_id, l.label, v.detail
    FROM line AS l
    CROSS JOIN LATERAL (VALUES
        ('entry_sum', CASE WHEN l.entry_total <> l.owed THEN
            format('The sum of the entries is %s, accrued - reversed - paid is %s.', l.entry_total, l.owed) END),
        ('entry_versions', CASE WHEN l.entry_count <> l.last_version OR l.last_version <> l.version THEN
            format('%s entries up to version %s, the header has version %s.', l.entry_count, l.last_version, l.version) END),
        ('reversed_range', CASE WHEN l.subject_kind <> 'manual' AND NOT (0 <= l.reversed AND l.reversed <= l.accrued) THEN
            format('Reversed is %s, accrued is %s.', l.reversed, l.accrued) END),
        ('paid_range', CASE WHEN NOT (CASE WHEN l.accrued >= 0 THEN l.paid BETWEEN 0 AND l.accrued ELSE l.paid BETWEEN l.accrued AND 0 END) THEN
            format('Paid is %s, accrued is %s.', l.paid, l.accrued) END),
        ('currency', CASE WHEN l.currency IS DISTINCT FROM l.program_currency THEN
            format('The commission is in %s, the program in %s.', l.currency, l.program_currency) END),
        ('void_net', CASE WHEN l.is_void AND l.accrued <> l.reversed THEN
            format('The line is void, but %s of %s are reversed.', l.reversed, l.accrued) END),
        ('provisional_paid', CASE WHEN l.is_provisional AND (l.paid <> 0 OR l.stated_at IS NOT NULL) THEN
            format('The line is provisional, but %s are paid.', l.paid) END)) AS v (code, detail)
    WHERE v.detail IS NOT NULL;

    RETURN QUERY
    SELECT 'entry_header', e.customer_id, format('%s %s rule %s affiliate %s level %s version %s', e.subject_kind, e.subject_id, e.rule_no,
               e.affiliate_no, e.level, e.version), 'The entry has no commission of its program and currency.'
    FROM affiliate.entry AS e
    WHERE NOT EXISTS (
        SELECT FROM affiliate.commission AS c
        WHERE (c.customer_id, c.subject_id, c.subject_kind, c.rule_no, c.affiliate_no, c.level, c.currency, c.program_no)
            = (e.customer_id, e.subject_id, e.subject_kind, e.rule_no, e.affiliate_no, e.level, e.currency, e.program_no));

    RETURN QUERY
    SELECT 'payment_sum', ''::text, format('affiliate %s program %s reference %s', s.affiliate_no, s.program_no, s.reference),
           format('The payment is of %s %s in %s lines, its entries are %s in %s.', s.amount, s.currency, s.lines, coalesce(e.total, 0), coalesce(e.count, 0))
    FROM affiliate.statement_payment AS s
    FULL JOIN (SELECT n.affiliate_no, n.program_no, n.cause, -sum(n.amount) AS total, count(*) AS count
               FROM affiliate.entry AS n WHERE n.kind = 'payment' GROUP BY 1, 2, 3) AS e
      ON (e.affiliate_no, e.program_no, e.cause) = (s.affiliate_no, s.program_no, 'payment:' || s.reference)
    WHERE (e.total, e.count) IS DISTINCT FROM (s.amount, s.lines::bigint);

    RETURN QUERY
    SELECT 'adjustment', ''::text, coalesce(a.adjustment_id, c.subject_id),
           format('State %s, requested by "%s", decided by "%s"; posted %s.', a.state, a.requested_by, a.decided_by, coalesce(c.accrued, 0))
    FROM affiliate.adjustment AS a
    FULL JOIN (SELECT * FROM affiliate.commission AS m WHERE m.subject_kind = 'manual') AS c ON c.subject_id = a.adjustment_id
    WHERE CASE a.state WHEN 'approved' THEN CASE a.kind WHEN 'debit' THEN -a.amount ELSE a.amount END END IS DISTINCT FROM c.accrued;
END
$$;
COMMENT ON FUNCTION affiliate._verify_ledger() IS 'Part of verify(): headers, entries, payments and adjustments agree.';

CREATE FUNCTION affiliate._verify_counts(OUT code text, OUT customer_id text, OUT subject text, OUT detail text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT v.code, l.customer_id, format('%s %s', l.kind, l.transaction_id), v.detail
    FROM (
        SELECT coalesce(c.customer_id, e.customer_id) AS customer_id, coalesce(c.transaction_id, e.transaction_id) AS transaction_id,
               coalesce(c.kind, e.kind) AS kind, c.version, c.is_test, c.gross, c.refunded, c.charged_back, e.last_version,
               ARRAY[c.quantity, c.new_customers, c.gross, c.discount, c.refunded, c.refunded_count, c.charged_back, c.charged_back_count] AS header,
               coalesce(e.sums, '{0,0,0,0,0,0,0,0}') AS entries
        FROM affiliate.conversion AS c
        FULL JOIN (SELECT n.customer_id, n.transaction_id, n.kind, n.program_no, max(n.version) AS last_version,
                          ARRAY[sum(n.quantity), sum(n.new_customers), sum(n.gross), sum(n.discount), sum(n.refunded), sum(n.refunded_count),
                                sum(n.charged_back), sum(n.charged_back_count)] AS sums
                   FROM affiliate.conversion_entry AS n GROUP BY 1, 2, 3, 4) AS e
          ON (e.customer_id, e.transaction_id, e.kind, e.program_no) = (c.customer_id, c.transaction_id, c.kind, c.program_no)
    ) AS l
    CROSS JOIN LATERAL (VALUES
        -- test facts are decided, but not counted
        ('count_sum', CASE WHEN l.version IS NULL OR l.header <> l.entries AND NOT l.is_test THEN
            format('The sum of the entries (quantity, new customers, gross, discount, refunded, refunds, charged back, chargebacks) is %s, the conversion has %s.', l.entries, l.header) END),
        ('count_versions', CASE WHEN l.last_version > l.version THEN format('The last entry has version %s, the conversion %s.', l.last_version, l.version) END),
        ('taken_back_range', CASE WHEN l.refunded < 0 OR l.charged_back < 0 OR l.refunded + l.charged_back > abs(l.gross) THEN
            format('Refunded %s and charged back %s of %s.', l.refunded, l.charged_back, l.gross) END)) AS v (code, detail)
    WHERE v.detail IS NOT NULL;
END
$$;
COMMENT ON FUNCTION affiliate._verify_counts() IS 'Part of verify(): conversions are the sum of their entries.';

CREATE FUNCTION affiliate._verify_decisions(OUT code text, OUT customer_id text, OUT subject text, OUT detail text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT 'one_owner', c.customer_id, format('%s %s level %s', c.subject_kind, c.subject_id, c.level),
           format('Affiliates %s earn from it at the same level.', string_agg(DISTINCT c.affiliate_no::text, ', '))
    FROM affiliate.commission AS c
    WHERE c.subject_kind IN ('transaction', 'registration') AND c.accrued <> c.reversed
    GROUP BY c.customer_id, c.subject_id, c.subject_kind, c.program_no, c.level
    HAVING min(c.affiliate_no) <> max(c.affiliate_no);

    RETURN QUERY
    SELECT v.code, c.customer_id, format('%s %s rule %s affiliate %s level %s', c.subject_kind, c.subject_id, c.rule_no, c.affiliate_no, c.level), v.detail
    FROM affiliate.commission AS c
    LEFT JOIN affiliate.conversion AS d ON (d.customer_id, d.transaction_id, d.kind, d.program_no)
        = (c.customer_id, c.subject_id, c.subject_kind, c.program_no)
    CROSS JOIN LATERAL (VALUES
        ('commission_conversion', CASE WHEN d.state IS NULL THEN 'The commission has no conversion.' END),
        ('owner', CASE WHEN c.level = 0 AND c.paid = 0 AND d.state IS NOT NULL AND d.affiliate_no IS DISTINCT FROM c.affiliate_no THEN
            format('The conversion belongs to affiliate %s.', d.affiliate_no) END),
        ('void_xor_reversal', CASE WHEN c.stated_at IS NULL AND (d.state = 'void') <> c.is_void THEN
            format('The conversion is %s, the commission %s.', d.state, CASE WHEN c.is_void THEN 'void' ELSE 'not void' END) END)
    ) AS v (code, detail)
    WHERE c.subject_kind IN ('transaction', 'registration') AND c.accrued <> c.reversed AND v.detail IS NOT NULL;

    RETURN QUERY
    SELECT v.code, o.customer_id, format('program %s account "%s" ownership %s', o.program_no, o.account_id, o.ownership_no), v.detail
    FROM (SELECT n.*, lead(n.begins_at) OVER w AS next_begins_at, lead(n.ownership_no) OVER w AS next_no, row_number() OVER w AS position
          FROM affiliate.ownership AS n WINDOW w AS (PARTITION BY n.customer_id, n.program_no, n.account_id ORDER BY n.ownership_no)) AS o
    CROSS JOIN LATERAL (VALUES
        ('ownership_latest', CASE WHEN o.is_latest <> (o.next_no IS NULL) THEN CASE WHEN o.is_latest THEN 'A later one follows.' ELSE 'No later one follows.' END END),
        ('ownership_order', CASE WHEN o.next_begins_at < o.begins_at THEN format('It begins at %s, the next one at %s.', o.begins_at, o.next_begins_at) END),
        ('ownership_period', CASE WHEN o.ends_at < o.begins_at THEN format('It begins at %s and ends at %s.', o.begins_at, o.ends_at) END)) AS v (code, detail)
    WHERE v.detail IS NOT NULL;
END
$$;
COMMENT ON FUNCTION affiliate._verify_decisions() IS 'Part of verify(): one owner per conversion, commissions follow their conversion, ownerships are ordered.';

-- There are no foreign keys from facts and ledger to the rulebook (POSTGRES.md 15): this takes their place.
CREATE FUNCTION affiliate._verify_references(OUT code text, OUT customer_id text, OUT subject text, OUT detail text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT 'unknown_program', f.customer_id, f.subject, format('There is no program "%s".', f.program_id)
    FROM (
        SELECT t.customer_id, 'transaction ' || t.transaction_id, t.program_id FROM affiliate.transaction AS t
        UNION ALL SELECT c.customer_id, 'customer ' || c.customer_id, c.program_id FROM affiliate.customer AS c
        UNION ALL SELECT a.customer_id, 'account ' || a.account_id, a.program_id FROM affiliate.account AS a
        UNION ALL SELECT e.customer_id, 'event ' || e.event_id, e.program_id FROM affiliate.event AS e
        UNION ALL SELECT c.customer_id, 'click ' || c.click_id, c.program_id FROM affiliate.click AS c
    ) AS f (customer_id, subject, program_id)
    WHERE f.program_id NOT IN (SELECT p.program_id FROM affiliate.program AS p);

    RETURN QUERY
    SELECT v.code, c.customer_id, format('%s %s rule %s affiliate %s level %s', c.subject_kind, c.subject_id, c.rule_no, c.affiliate_no, c.level), v.detail
    FROM affiliate.commission AS c
    LEFT JOIN affiliate.program AS p USING (program_no)
    LEFT JOIN affiliate.affiliate AS f USING (affiliate_no)
    LEFT JOIN affiliate.plan_rule AS r USING (rule_no)
    CROSS JOIN LATERAL (VALUES
        ('unknown_program', CASE WHEN p.program_id IS NULL THEN format('There is no program %s.', c.program_no) END),
        ('unknown_affiliate', CASE WHEN f.affiliate_id IS NULL THEN format('There is no affiliate %s.', c.affiliate_no) END),
        ('unknown_rule', CASE WHEN r.amount IS NULL AND c.subject_kind <> 'manual' THEN format('There is no rule %s.', c.rule_no) END)) AS v (code, detail)
    WHERE v.detail IS NOT NULL;

    RETURN QUERY
    SELECT v.code, c.customer_id, format('%s %s', c.kind, c.transaction_id), v.detail
    FROM affiliate.conversion AS c
    LEFT JOIN affiliate.program AS p USING (program_no)
    LEFT JOIN affiliate.affiliate AS f USING (affiliate_no)
    LEFT JOIN affiliate.transaction AS t ON t.transaction_id = c.transaction_id AND c.kind = 'transaction'
    LEFT JOIN affiliate.event AS e ON e.event_id = c.transaction_id AND c.kind = 'event'
    CROSS JOIN LATERAL (SELECT coalesce(t.customer_id, e.customer_id) AS customer_id) AS o
    LEFT JOIN affiliate.customer_alias AS a ON a.customer_id = o.customer_id
    CROSS JOIN LATERAL (VALUES
        ('unknown_program', CASE WHEN p.program_id IS NULL THEN format('There is no program %s.', c.program_no) END),
        ('unknown_affiliate', CASE WHEN c.affiliate_no IS NOT NULL AND f.affiliate_id IS NULL THEN format('There is no affiliate %s.', c.affiliate_no) END),
        -- a fact that is gone is never silently a reversal (POSTGRES.md 27)
        ('fact_missing', CASE WHEN c.kind = 'transaction' AND t.transaction_id IS NULL THEN 'The transaction it came from is gone.'
                              WHEN c.kind = 'event' AND e.event_id IS NULL THEN 'The event it came from is gone.' END),
        ('fact_moved', CASE WHEN o.customer_id NOT IN ('', c.customer_id) AND a.canonical_id IS DISTINCT FROM c.customer_id THEN
            format('Its %s belongs to customer "%s".', c.kind, o.customer_id) END)) AS v (code, detail)
    WHERE v.detail IS NOT NULL;
END
$$;
COMMENT ON FUNCTION affiliate._verify_references() IS 'Part of verify(): programs, affiliates, rules and facts that the ledger names exist.';
