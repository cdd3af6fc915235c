-- Views: decisions and ledger with names instead of numbers. Whoever reads them needs the right to read the tables.

CREATE FUNCTION affiliate._setup_views() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET client_min_messages = warning
AS $setup$
DECLARE
    described record;
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
           sum(b.owed) AS owed
    FROM affiliate.commissions AS b
    GROUP BY b.affiliate, b.program, b.currency;

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
    SELECT 'input', (i.payload ->> 'program_id') COLLATE "C", (i.payload ->> 'customer_id') COLLATE "C", i.input_key, i.reason, i.recorded_at, NULL, NULL, NULL
    FROM affiliate.pending_input AS i
    WHERE i.state = 'waiting';

    CREATE OR REPLACE VIEW affiliate.review_open WITH (security_invoker = true) AS
    SELECT r.case_id, r.kind, p.program_id AS program, r.customer_id, r.subject_id, r.severity, r.money_at_stake, r.evidence,
           r.assignee, r.opened_at, r.due_at
    FROM affiliate.review_case AS r LEFT JOIN affiliate.program AS p USING (program_no)
    WHERE r.state = 'open';

    FOR described IN SELECT * FROM affiliate._view_comments() LOOP
        EXECUTE format('COMMENT ON %s IS %L', CASE WHEN described.column_name IS NULL
            THEN format('VIEW affiliate.%I', described.view_name)
            ELSE format('COLUMN affiliate.%I.%I', described.view_name, described.column_name) END, described.description);
    END LOOP;
END
$setup$;
COMMENT ON FUNCTION affiliate._setup_views() IS 'Part of setup(): creates or replaces the views.';

-- One text per column; a name that means the same everywhere is described once, under view *.
CREATE FUNCTION affiliate._view_comments()
RETURNS TABLE (view_name text, column_name text, description text)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    WITH text_of (view_name, column_name, description) AS (VALUES
        ('conversions', NULL, 'Facts that can earn: whose each is, why, and what of it was taken back.'),
        ('commissions', NULL, 'What each rule gives each beneficiary for each subject, with its state and what is owed.'),
        ('entries', NULL, 'The ledger: every posting to a commission, in the order in which they were written (version).'),
        ('candidates', NULL, 'The touches that competed for each conversion, and how each fared.'),
        ('affiliate_balance', NULL, 'Balance per affiliate, program and currency: pending + held + eligible + negative = accrued - reversed - paid.'),
        ('waiting', NULL, 'What is not settled yet, and why: waiting conversions, the queue, and input that cannot be placed.'),
        ('review_open', NULL, 'Unusual cases that wait for a person; close them with affiliate.review_close().'),
        ('*', 'program', 'Program (program_id).'),
        ('*', 'affiliate', 'Affiliate (affiliate_id), or null for nobody.'),
        ('*', 'customer_id', 'Canonical id of the customer; empty for what belongs to no customer.'),
        ('*', 'transaction_id', 'Transaction the conversion came from, or the event; empty for a registration.'),
        ('*', 'kind', 'transaction, registration or event.'),
        ('entries', 'kind', 'accrual, adjustment, reversal, void, reinstatement, payment or manual.'),
        ('review_open', 'kind', 'What is unusual.'),
        ('*', 'order_key', 'Order the line belongs to; the lines of an order are attributed once.'),
        ('conversions', 'state', 'pending (not completed), waiting, counted or void.'),
        ('commissions', 'state', 'pending (provisional), held, eligible, paid, reversed, replaced (decided anew: another rule, another affiliate), void or negative.'),
        ('*', 'method', 'How it was won: override, ownership, coupon, click, lead, declared or none.'),
        ('candidates', 'method', 'Kind of touch: override, ownership, coupon, click, lead or declared.'),
        ('conversions', 'code', 'Why it earns nothing, or null.'),
        ('candidates', 'code', 'won, outranked, or why the touch could not win.'),
        ('*', 'is_conflict', 'Whether two or more affiliates competed.'),
        ('*', 'purchase_number', 'Number of the order among the purchases of the customer.'),
        ('*', 'ordered_at', 'When it was ordered: decides touches, windows, plan and agreement.'),
        ('*', 'occurred_at', 'When it was completed: decides purchase number, ladders, rates and holds.'),
        ('*', 'currency', 'Currency of the amounts.'),
        ('*', 'gross', 'Amount of the sale, in its own currency.'),
        ('*', 'refunded', 'Refunded of it.'),
        ('*', 'charged_back', 'Lost of it in disputes.'),
        ('conversions', 'net', 'gross - refunded - charged_back.'),
        ('commissions', 'net', 'accrued - reversed.'),
        ('*', 'fx_rate', 'Rate from the currency of the sale to that of the program, or null.'),
        ('*', 'fx_source', 'Where the rate is from.'),
        ('*', 'fx_valid_from', 'Since when the rate was valid: its age.'),
        ('*', 'plan', 'Plan that decided (plan_id).'),
        ('*', 'plan_version', 'Version of the plan.'),
        ('*', 'rule', 'Name of the rule that pays.'),
        ('*', 'rule_no', 'Number of the rule; 0 for manual acts.'),
        ('*', 'level', '0 for the owner, 1 and more for uplines.'),
        ('*', 'is_test', 'Test facts reach no balance, ladder or statement.'),
        ('*', 'stated_at', 'When it was stated or paid; from then on the decision stands.'),
        ('*', 'version', 'Number of the entry within its commission.'),
        ('*', 'subject_id', 'Transaction, registration, period or manual act.'),
        ('waiting', 'subject_id', 'Transaction, affiliate or key of the input.'),
        ('*', 'subject_kind', 'transaction, registration, period or manual.'),
        ('*', 'accrued', 'Earned with nothing taken back.'),
        ('*', 'reversed', 'Taken back of it.'),
        ('*', 'paid', 'Paid of it.'),
        ('*', 'owed', 'accrued - reversed - paid; negative when more was paid than is earned.'),
        ('*', 'earned_at', 'When the conversion was earned.'),
        ('*', 'eligible_at', 'When the hold ends; infinity while an event is awaited.'),
        ('*', 'hold_reason', 'What is awaited beyond the time, or null.'),
        ('*', 'amount', 'Signed amount of the posting.'),
        ('*', 'cause', 'What led to it.'),
        ('*', 'effective_at', 'When its cause happened.'),
        ('*', 'recorded_at', 'When it was written.'),
        ('*', 'recorded_by', 'Session user who wrote it.'),
        ('*', 'candidate_no', 'Order in which the touches were weighed.'),
        ('*', 'ref', 'Click, coupon, declared id, or what the ownership began with.'),
        ('*', 'touched_at', 'When the touch happened.'),
        ('*', 'detail', 'All that was stored of the touch.'),
        ('*', 'pending', 'Owed, but provisional.'),
        ('*', 'held', 'Owed, the hold is not over.'),
        ('*', 'eligible', 'Owed and payable.'),
        ('*', 'negative', 'Owed by the affiliate: taken back after payment, and debits.'),
        ('*', 'what', 'conversion, queue or input.'),
        ('*', 'reason', 'Why it waits.'),
        ('*', 'since', 'Since when.'),
        ('*', 'due_at', 'When it is to be looked at.'),
        ('*', 'attempts', 'How often settling it failed.'),
        ('*', 'last_error', 'How it failed last.'),
        ('*', 'case_id', 'Number of the case.'),
        ('*', 'severity', 'low, normal or high.'),
        ('*', 'money_at_stake', 'Commission that depends on it, in the program''s currency.'),
        ('*', 'evidence', 'What was seen.'),
        ('*', 'assignee', 'Who looks at it.'),
        ('*', 'opened_at', 'When it was noticed.')
    )
    SELECT v.view_name, NULL::text, v.description FROM text_of AS v WHERE v.column_name IS NULL
    UNION ALL
    (SELECT DISTINCT ON (c.relname, a.attnum) c.relname::text, a.attname::text, t.description
    FROM pg_class AS c
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN text_of AS t ON t.column_name = a.attname AND t.view_name IN (c.relname, '*')
    WHERE c.relnamespace = 'affiliate'::regnamespace AND c.relkind = 'v'
      AND EXISTS (SELECT FROM text_of AS v WHERE v.view_name = c.relname AND v.column_name IS NULL)
    ORDER BY c.relname, a.attnum, t.view_name = '*');
END
$$;
COMMENT ON FUNCTION affiliate._view_comments() IS 'What the views and their columns mean.';
