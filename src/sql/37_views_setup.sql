-- Views: decisions and ledger with names instead of numbers. Whoever reads them needs the right to read the tables.

CREATE FUNCTION affiliate._setup_views() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET client_min_messages = warning
AS $setup$
BEGIN
    CREATE OR REPLACE VIEW affiliate.conversions WITH (security_invoker = true) AS
    SELECT p.program_id AS program, c.customer_id, c.transaction_id, c.kind, c.order_key, c.state, f.affiliate_id AS affiliate,
           c.method, c.code, c.is_conflict, c.purchase_number, c.ordered_at, c.occurred_at, c.currency, c.gross, c.refunded,
           c.charged_back, c.gross - c.refunded - c.charged_back AS net, c.fx_rate, c.fx_source, c.fx_valid_from,
           l.plan_id AS plan, l.version AS plan_version, c.is_test, c.stated_at, c.version
    FROM affiliate.conversion AS c
    JOIN affiliate.program AS p USING (program_no)
    LEFT JOIN affiliate.affiliate AS f USING (affiliate_no)
    LEFT JOIN affiliate.plan AS l ON l.plan_no = c.plan_no;

    -- A negative line is due at once; a provisional one is not final; otherwise the hold decides.
    CREATE OR REPLACE VIEW affiliate.commissions WITH (security_invoker = true) AS
    SELECT p.program_id AS program, f.affiliate_id AS affiliate, c.customer_id, c.subject_id, c.subject_kind, o.order_key,
           l.plan_id AS plan, l.version AS plan_version, r.name AS rule, c.rule_no, c.level,
           CASE WHEN c.accrued - c.reversed - c.paid < 0 THEN 'negative'
                WHEN c.accrued - c.reversed - c.paid = 0 THEN
                    CASE WHEN c.is_void THEN 'void' WHEN c.paid <> 0 THEN 'paid' WHEN c.reversed <> 0 THEN 'reversed' ELSE 'replaced' END
                WHEN c.is_provisional THEN 'pending'
                WHEN c.eligible_at > affiliate._now() THEN 'held'
                ELSE 'eligible' END AS state,
           c.accrued, c.reversed, c.accrued - c.reversed AS net, c.paid, c.accrued - c.reversed - c.paid AS owed, c.currency,
           c.earned_at, c.eligible_at, c.hold_reason, c.stated_at, c.version
    FROM affiliate.commission AS c
    JOIN affiliate.program AS p USING (program_no)
    JOIN affiliate.affiliate AS f USING (affiliate_no)
    LEFT JOIN affiliate.plan_rule AS r USING (rule_no)
    LEFT JOIN affiliate.plan AS l USING (plan_no)
    LEFT JOIN affiliate.conversion AS o ON (o.customer_id, o.transaction_id, o.kind, o.program_no)
        = (c.customer_id, c.subject_id, c.subject_kind, c.program_no);

    CREATE OR REPLACE VIEW affiliate.entries WITH (security_invoker = true) AS
    SELECT p.program_id AS program, f.affiliate_id AS affiliate, e.customer_id, e.subject_id, e.subject_kind, r.name AS rule,
           e.rule_no, e.level, e.version, e.kind, e.amount, e.currency, e.cause, e.earned_at, e.effective_at, e.recorded_at, e.recorded_by
    FROM affiliate.entry AS e
    JOIN affiliate.program AS p USING (program_no)
    JOIN affiliate.affiliate AS f USING (affiliate_no)
    LEFT JOIN affiliate.plan_rule AS r USING (rule_no);

    CREATE OR REPLACE VIEW affiliate.candidates WITH (security_invoker = true) AS
    SELECT p.program_id AS program, c.customer_id, c.transaction_id, c.kind, t.candidate_no::integer AS candidate_no,
           t.candidate ->> 'method' AS method, f.affiliate_id AS affiliate, t.candidate ->> 'ref' AS ref,
           (t.candidate ->> 'at')::timestamptz AS touched_at, t.candidate ->> 'code' AS code, t.candidate AS detail
    FROM affiliate.conversion AS c
    JOIN affiliate.program AS p USING (program_no)
    CROSS JOIN LATERAL jsonb_array_elements(c.candidates) WITH ORDINALITY AS t (candidate, candidate_no)
    LEFT JOIN affiliate.affiliate AS f ON f.affiliate_no = (t.candidate ->> 'affiliate_no')::integer;

    CREATE OR REPLACE VIEW affiliate.affiliate_balance WITH (security_invoker = true) AS
    SELECT b.affiliate, b.program, b.currency, sum(b.accrued) AS accrued, sum(b.reversed) AS reversed, sum(b.paid) AS paid,
           coalesce(sum(b.owed) FILTER (WHERE b.state = 'pending'), 0) AS pending,
           coalesce(sum(b.owed) FILTER (WHERE b.state = 'held'), 0) AS held,
           coalesce(sum(b.owed) FILTER (WHERE b.state = 'eligible'), 0) AS eligible,
           coalesce(sum(b.owed) FILTER (WHERE b.state = 'negative'), 0) AS negative,
           sum(b.owed) AS owed, f.name AS affiliate_name
    FROM affiliate.commissions AS b
    JOIN affiliate.affiliate AS f ON f.affiliate_id = b.affiliate
    GROUP BY b.affiliate, b.program, b.currency, f.name;

    CREATE OR REPLACE VIEW affiliate.waiting WITH (security_invoker = true) AS
    SELECT 'conversion' AS what, p.program_id AS program, c.customer_id, c.transaction_id AS subject_id, c.code AS reason,
           c.ordered_at AS since, NULL::timestamptz AS due_at, NULL::integer AS attempts, NULL::text AS last_error
    FROM affiliate.conversion AS c JOIN affiliate.program AS p USING (program_no)
    WHERE c.state = 'waiting'
    UNION ALL
    SELECT 'queue', p.program_id, q.customer_id, coalesce(f.affiliate_id, q.transaction_id), q.reason, q.enqueued_at, q.due_at, q.attempts, q.last_error
    FROM affiliate.settle_queue AS q
    LEFT JOIN affiliate.program AS p USING (program_no)
    LEFT JOIN affiliate.affiliate AS f USING (affiliate_no)
    UNION ALL
    SELECT 'input', (i.payload ->> 'program_id') COLLATE "C", (i.payload ->> 'customer_id') COLLATE "C", i.input_key, i.reason, i.recorded_at,
           nullif(i.due_at, '-infinity'), CASE i.kind WHEN 'attached' THEN i.attempts END, NULL
    FROM affiliate.pending_input AS i
    WHERE i.state = 'waiting';

    CREATE OR REPLACE VIEW affiliate.review_open WITH (security_invoker = true) AS
    SELECT r.case_id, r.kind, p.program_id AS program, r.customer_id, r.subject_id, r.severity, r.money_at_stake, r.evidence,
           r.assignee, r.opened_at, r.due_at
    FROM affiliate.review_case AS r LEFT JOIN affiliate.program AS p USING (program_no)
    WHERE r.state = 'open';
END
$setup$;
COMMENT ON FUNCTION affiliate._setup_views() IS 'Part of setup(): creates or replaces the views.';
