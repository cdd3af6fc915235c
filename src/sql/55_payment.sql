-- Payments to affiliates: exactly what is owed and eligible, once per reference.

--| Records that an affiliate was paid what a program owes it: every line that is eligible by `up_to` (and by now), less
--| everything the affiliate owes back, which never waits. Provisional lines and lines on hold are left. One entry of kind
--| `payment` is posted per line; from then on these lines are stated: their decisions stand, later take-backs become
--| negative lines. Returns how many lines were paid, the amount and its currency. The commit waits for the disk.
--|
--| Errors: `AF031` nothing, or less than nothing, is payable; `AF034` the reference was used before for this affiliate
--| and program; `AF036` a line was changed meanwhile (repeat the call); `AF012`, `AF016`, `AF033`.
CREATE FUNCTION affiliate.record_payment(affiliate text, program text, up_to timestamptz, reference text,
    OUT lines integer, OUT amount numeric, OUT currency text)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp ROWS 1
AS $$
DECLARE
    payee_no integer := affiliate._affiliate_no(affiliate);
    of_program_no integer := affiliate._program_no(program);
    at timestamptz := affiliate._now();
    customers text[];
    posted record;
BEGIN
    IF up_to IS NULL THEN
        PERFORM affiliate._refuse_argument('up_to', NULL, 'the cut-off, for example now()');
    ELSIF coalesce(btrim(reference), '') = '' OR octet_length(reference) > 500 THEN
        PERFORM affiliate._refuse_argument('reference', left(reference, 50), 'the reference of the payment, of 1 to 500 bytes');
    END IF;

    -- One payment of an affiliate at a time, and nobody settles these customers until we commit. What becomes due
    -- meanwhile waits for the next payment.
    PERFORM FROM affiliate.affiliate AS f WHERE f.affiliate_no = payee_no FOR NO KEY UPDATE;
    SELECT array_agg(DISTINCT d.customer_id) INTO customers FROM affiliate._due_lines(payee_no, of_program_no, least(up_to, at)) AS d;
    PERFORM affiliate._lock_customers(coalesce(customers, '{}'));

    SELECT count(*), coalesce(sum(d.owed), 0), p.currency INTO lines, amount, currency
    FROM affiliate.program AS p LEFT JOIN affiliate._due_lines(payee_no, of_program_no, least(up_to, at)) AS d ON d.customer_id IN (SELECT unnest(customers))
    WHERE p.program_no = of_program_no GROUP BY p.currency;
    IF amount <= 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'AF031',
            MESSAGE = format('nothing to pay to affiliate "%s"', affiliate),
            DETAIL = format('What is eligible by %s, less what is owed back, is %s %s.', least(up_to, at), amount, currency),
            HINT = 'Negative balances are carried forward. See affiliate.balance() for what is pending or held.';
    END IF;

    INSERT INTO affiliate.statement_payment (affiliate_no, program_no, reference, up_to, lines, amount, currency)
    VALUES (payee_no, of_program_no, reference, up_to, lines, amount, currency)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'AF034',
            MESSAGE = format('payment reference "%s" was used before', reference),
            DETAIL = (SELECT format('%s %s were paid at %s.', s.amount, s.currency, s.paid_at) FROM affiliate.statement_payment AS s
                      WHERE s.affiliate_no = payee_no AND s.program_no = of_program_no AND s.reference = record_payment.reference),
            HINT = 'If this is another payment give it a reference of its own.';
    END IF;

    WITH due AS (
        SELECT d.* FROM affiliate._due_lines(payee_no, of_program_no, least(up_to, at)) AS d WHERE d.customer_id IN (SELECT unnest(customers))
    ), paid AS (
        UPDATE affiliate.commission AS c
        SET paid = c.paid + d.owed, accrued_when_paid = c.accrued, stated_at = coalesce(c.stated_at, at), version = c.version + 1
        FROM due AS d
        WHERE (c.customer_id, c.subject_id, c.subject_kind, c.rule_no, c.affiliate_no, c.level)
            = (d.customer_id, d.subject_id, d.subject_kind, d.rule_no, payee_no, d.level)
          AND c.version = d.version
        RETURNING c.*, d.owed
    ), entry AS (
        INSERT INTO affiliate.entry (customer_id, subject_id, subject_kind, rule_no, affiliate_no, level, version, program_no, kind,
            currency, amount, cause, earned_at, effective_at, cluster)
        SELECT p.customer_id, p.subject_id, p.subject_kind, p.rule_no, p.affiliate_no, p.level, p.version, p.program_no, 'payment',
            p.currency, -p.owed, 'payment:' || reference, p.earned_at, at, affiliate._cluster()
        FROM paid AS p
    ), stated AS (
        UPDATE affiliate.conversion AS c SET stated_at = at
        FROM paid AS p
        WHERE (c.customer_id, c.transaction_id, c.kind, c.program_no) = (p.customer_id, p.subject_id, p.subject_kind, p.program_no)
          AND c.stated_at IS NULL
    )
    SELECT count(*) AS lines, coalesce(sum(p.owed), 0) AS amount INTO posted FROM paid AS p;
    IF (posted.lines, posted.amount) IS DISTINCT FROM (lines::bigint, amount) THEN
        RAISE EXCEPTION USING ERRCODE = 'AF036',
            MESSAGE = format('commissions of affiliate "%s" were changed meanwhile', affiliate),
            DETAIL = format('%s of %s lines could be paid; nothing was.', posted.lines, lines),
            HINT = 'Repeat the call.';
    END IF;
    PERFORM affiliate._audit('record_payment', affiliate, jsonb_build_object('program', program, 'up_to', up_to,
        'reference', reference, 'lines', lines, 'amount', amount, 'currency', currency));
    RETURN NEXT;
END
$$;
REVOKE ALL ON FUNCTION affiliate.record_payment(text, text, timestamptz, text) FROM PUBLIC;
COMMENT ON FUNCTION affiliate.record_payment(text, text, timestamptz, text) IS 'Pays an affiliate every line that is eligible, less what it owes back, under one reference.';

CREATE FUNCTION affiliate._due_lines(payee_no integer, of_program_no integer, cut_off timestamptz,
    OUT customer_id text, OUT subject_id text, OUT subject_kind text, OUT rule_no integer, OUT level smallint, OUT version integer, OUT owed numeric)
RETURNS SETOF record
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT c.customer_id, c.subject_id, c.subject_kind, c.rule_no, c.level, c.version, c.accrued - c.reversed - c.paid
    FROM affiliate.commission AS c
    WHERE c.affiliate_no = payee_no AND c.program_no = of_program_no AND NOT c.is_provisional
      AND (c.accrued - c.reversed - c.paid > 0 AND c.eligible_at <= cut_off OR c.accrued - c.reversed - c.paid < 0);
END
$$;
COMMENT ON FUNCTION affiliate._due_lines(integer, integer, timestamptz) IS 'Lines that a payment with this cut-off takes, and what each is owed (negative: owed back).';

--| What an affiliate has earned in a program, in its currency, at this instant:
--| pending (provisional) + held + eligible + negative = accrued - reversed - paid (M10). Without any line all are 0.
--|
--| Errors: `AF012`, `AF016` unknown program or affiliate.
CREATE FUNCTION affiliate.balance(affiliate text, program text,
    OUT pending numeric, OUT held numeric, OUT eligible numeric, OUT reversed numeric, OUT negative numeric, OUT paid numeric,
    OUT currency text, OUT accrued numeric)
RETURNS SETOF record
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp ROWS 1
AS $$
DECLARE
    payee_no integer := affiliate._affiliate_no(affiliate);
    of_program_no integer := affiliate._program_no(program);
    at timestamptz := affiliate._now();
BEGIN
    RETURN QUERY
    SELECT coalesce(sum(l.owed) FILTER (WHERE l.owed > 0 AND l.is_provisional), 0),
           coalesce(sum(l.owed) FILTER (WHERE l.owed > 0 AND NOT l.is_provisional AND l.eligible_at > at), 0),
           coalesce(sum(l.owed) FILTER (WHERE l.owed > 0 AND NOT l.is_provisional AND l.eligible_at <= at), 0),
           coalesce(sum(l.reversed), 0),
           coalesce(sum(l.owed) FILTER (WHERE l.owed < 0), 0),
           coalesce(sum(l.paid), 0),
           p.currency,
           coalesce(sum(l.accrued), 0)
    FROM affiliate.program AS p
    LEFT JOIN (SELECT c.*, c.accrued - c.reversed - c.paid AS owed FROM affiliate.commission AS c) AS l
      ON l.program_no = p.program_no AND l.affiliate_no = payee_no
    WHERE p.program_no = of_program_no
    GROUP BY p.currency;
END
$$;
COMMENT ON FUNCTION affiliate.balance(text, text) IS 'Balance of an affiliate in a program: pending + held + eligible + negative = accrued - reversed - paid.';
