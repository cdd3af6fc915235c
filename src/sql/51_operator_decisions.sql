-- Operator's calls on attribution and reviews, and on the money of suspended affiliates.

--| Decides who earned a customer's orders (W14). `affiliate` null = nobody. `effect` is `from_now` (default: orders from
--| this instant on) or `since` (orders from `since` on that are not stated). With a `transaction_id` it concerns that order
--| only. `paid_lines`: what was paid already is clawed back (`claw_back`, default) or left (`goodwill`). The customer is
--| settled at once. Returns the number of the override.
--|
--| Errors: `AF012`, `AF016` unknown program or affiliate; `AF033` bad effect, since, paid_lines or reason.
CREATE FUNCTION affiliate.reassign(customer text, program text, affiliate text, effect text DEFAULT 'from_now', since timestamptz DEFAULT NULL,
    paid_lines text DEFAULT 'claw_back', reason text DEFAULT NULL, transaction_id text DEFAULT NULL)
RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    of_program_no integer := affiliate._program_no(program);
    owner_no integer := CASE WHEN affiliate IS NOT NULL THEN affiliate._affiliate_no(affiliate) END;
    canonical text := coalesce((SELECT a.canonical_id FROM affiliate.customer_alias AS a WHERE a.customer_id = customer), customer);
    begins timestamptz;
    new_no integer;
BEGIN
    IF coalesce(customer, '') = '' OR octet_length(customer) > 500 THEN
        PERFORM affiliate._refuse_argument('customer', left(customer, 50), 'a customer id of 1 to 500 bytes');
    ELSIF effect IS NULL OR effect NOT IN ('from_now', 'since') THEN
        PERFORM affiliate._refuse_argument('effect', effect, 'from_now or since');
    ELSIF (effect = 'since') <> (since IS NOT NULL) THEN
        PERFORM affiliate._refuse_argument('since', since::text, 'since with effect since, and only with it');
    ELSIF paid_lines IS NULL OR paid_lines NOT IN ('claw_back', 'goodwill') THEN
        PERFORM affiliate._refuse_argument('paid_lines', paid_lines, 'claw_back or goodwill');
    ELSIF coalesce(btrim(reason), '') = '' THEN
        PERFORM affiliate._refuse_argument('reason', reason, 'the reason, for the audit');
    END IF;
    begins := CASE WHEN effect = 'since' THEN since WHEN transaction_id IS NOT NULL THEN '-infinity' ELSE affiliate._now() END;
    INSERT INTO affiliate.attribution_override AS o (program_no, customer_id, transaction_id, affiliate_no, valid_from, paid_lines, reason)
    VALUES (of_program_no, canonical, transaction_id, owner_no, begins, paid_lines, reason)
    RETURNING o.override_no INTO new_no;
    PERFORM affiliate._audit('reassign', customer, jsonb_build_object('program', program, 'affiliate', affiliate, 'effect', effect,
        'since', since, 'paid_lines', paid_lines, 'reason', reason, 'transaction_id', transaction_id, 'override_no', new_no));
    PERFORM affiliate.resettle(ARRAY[canonical]);
    RETURN new_no;
END
$$;
REVOKE ALL ON FUNCTION affiliate.reassign(text, text, text, text, timestamptz, text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION affiliate.reassign(text, text, text, text, timestamptz, text, text, text) IS 'Decides who earned a customer''s orders, from now or since a date, or one order; and settles the customer.';

--| Closes a review case with `approve`, `reject`, `reassign` or `ignore` and a note, and settles its customer.
--|
--| * `reassign` needs the affiliate, and decides the order of the case, or the customer from now on when the case names no
--|   order.
--| * `approve` of a case `self_referral` says that the referral is legitimate: an override for that order (or, of a
--|   registration, for the customer's orders from the registration on) and the affiliate who was stopped is written, so that
--|   its lines earn.
--| * `reject` leaves what was decided: of `self_referral` nobody earns.
--| * Of all other kinds (`declared_changed`, `unknown_click`, `unknown_coupon`, `unknown_affiliate`, `original_missing`,
--|   `refund_without_sale`, `chargeback_without_sale`, `adjustment_without_sale`, `refund_mismatch`, `refund_above_sale`)
--|   `approve` and `reject` are recorded only; what they say is written as a fact, a row of the rulebook, or with `reassign`.
--| * `ignore` is recorded only.
--|
--| Errors: `AF030` the case is closed, or nobody was stopped in it; `AF033` no such case, unknown action, or an affiliate
--| with another action than reassign; `AF016` unknown affiliate.
CREATE FUNCTION affiliate.review_close(case_id bigint, action text, note text, affiliate text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored record;
BEGIN
    -- The customer before the case: who settles him may come to the same case, and must not wait for us who wait for him.
    PERFORM affiliate._lock_customers(ARRAY(SELECT r.customer_id FROM affiliate.review_case AS r
                                            WHERE r.case_id = review_close.case_id AND r.customer_id <> ''));
    SELECT r.*, p.program_id INTO stored
    FROM affiliate.review_case AS r LEFT JOIN affiliate.program AS p USING (program_no)
    WHERE r.case_id = review_close.case_id FOR UPDATE OF r;
    IF NOT FOUND THEN
        PERFORM affiliate._refuse_argument('case_id', case_id::text, 'the number of a case in affiliate.review_open');
    ELSIF stored.state = 'closed' THEN
        RAISE EXCEPTION USING ERRCODE = 'AF030',
            MESSAGE = format('review case %s is already closed', case_id),
            DETAIL = format('By "%s" at %s: %s.', stored.closed_by, stored.closed_at, stored.action),
            HINT = 'A case is closed once; affiliate.reassign() decides anew who earned an order.';
    ELSIF action IS NULL OR action NOT IN ('approve', 'reject', 'reassign', 'ignore') THEN
        PERFORM affiliate._refuse_argument('action', action, 'approve, reject, reassign or ignore');
    ELSIF (action = 'reassign') <> (affiliate IS NOT NULL) THEN
        PERFORM affiliate._refuse_argument('affiliate', affiliate, 'the affiliate with action reassign, and only with it');
    ELSIF action = 'reassign' AND (stored.customer_id = '' OR stored.program_id IS NULL) THEN
        PERFORM affiliate._refuse_argument('action', action, 'another action: the case names no customer and program');
    END IF;

    UPDATE affiliate.review_case AS r
    SET state = 'closed', action = review_close.action, note = review_close.note, closed_at = affiliate._now(), closed_by = session_user
    WHERE r.case_id = review_close.case_id;
    PERFORM affiliate._audit('review_close', case_id::text, jsonb_build_object('kind', stored.kind, 'customer_id', stored.customer_id,
        'subject_id', stored.subject_id, 'action', action, 'note', note, 'affiliate', affiliate));
    IF action = 'reassign' THEN
        PERFORM affiliate.reassign(stored.customer_id, stored.program_id, affiliate, reason => format('review case %s: %s', case_id, note),
            transaction_id => (SELECT c.transaction_id FROM affiliate.conversion AS c
                               WHERE c.customer_id = stored.customer_id AND c.transaction_id = stored.subject_id AND c.kind = 'transaction'
                                 AND c.program_no = stored.program_no));
    ELSIF action = 'approve' AND stored.kind = 'self_referral' THEN
        PERFORM affiliate._approve_self_referral(stored.customer_id, stored.program_no, stored.subject_id, format('review case %s: %s', case_id, note));
    ELSIF stored.customer_id <> '' THEN
        PERFORM affiliate.resettle(ARRAY[stored.customer_id]);
    END IF;
END
$$;
REVOKE ALL ON FUNCTION affiliate.review_close(bigint, text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION affiliate.review_close(bigint, text, text, text) IS 'Closes a review case with an action and a note, and settles its customer. approve of self_referral lets its order earn, reassign decides it; approve and reject of other kinds are recorded only.';

-- The order (order_id, or transaction_id) that self-referral stopped; empty = the registration.
CREATE FUNCTION affiliate._approve_self_referral(customer text, of_program_no integer, stopped_order text, reason text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stopped record;
BEGIN
    SELECT c.transaction_id, c.kind, c.ordered_at, c.occurred_at, f.affiliate_id, p.program_id INTO stopped
    FROM affiliate.conversion AS c
    JOIN affiliate.program AS p USING (program_no)
    CROSS JOIN LATERAL jsonb_array_elements(c.candidates) AS k (candidate)
    JOIN affiliate.affiliate AS f ON f.affiliate_no = (candidate ->> 'affiliate_no')::integer
    WHERE c.customer_id = customer AND c.program_no = of_program_no AND candidate ->> 'code' = 'self_referral'
      AND CASE WHEN stopped_order = '' THEN c.kind = 'registration' ELSE c.kind = 'transaction' AND stopped_order IN (c.order_key, c.transaction_id) END
    ORDER BY c.transaction_id LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'AF030',
            MESSAGE = 'no affiliate is stopped by self-referral here any more',
            DETAIL = format('The %s of customer %s was decided anew since the case was opened.',
                            CASE WHEN stopped_order = '' THEN 'registration' ELSE 'order ' || affiliate._quoted(stopped_order) END, affiliate._quoted(customer)),
            HINT = 'Close it with ignore, or with reassign and the affiliate who is to earn.';
    END IF;
    IF stopped.kind = 'registration' THEN
        PERFORM affiliate.reassign(customer, stopped.program_id, stopped.affiliate_id, 'since', coalesce(stopped.ordered_at, stopped.occurred_at), reason => reason);
    ELSE
        PERFORM affiliate.reassign(customer, stopped.program_id, stopped.affiliate_id, reason => reason, transaction_id => stopped.transaction_id);
    END IF;
END
$$;
COMMENT ON FUNCTION affiliate._approve_self_referral(text, integer, text, text) IS 'Writes the override that lets an order earn which self-referral stopped, and settles the customer.';

CREATE FUNCTION affiliate._decide_suspension(affiliate text, program text, kind text, reason text) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    of_affiliate_no integer := affiliate._affiliate_no(affiliate);
    of_program_no integer := affiliate._program_no(program);
    lines bigint;
BEGIN
    IF coalesce(btrim(reason), '') = '' THEN
        PERFORM affiliate._refuse_argument('reason', reason, 'the reason, for the audit');
    ELSIF NOT EXISTS (SELECT FROM affiliate.affiliate AS f WHERE f.affiliate_no = of_affiliate_no AND f.initial_status = 'suspended'
                      UNION ALL
                      SELECT FROM affiliate.affiliate_status AS s WHERE s.affiliate_no = of_affiliate_no AND s.status = 'suspended') THEN
        RAISE EXCEPTION USING ERRCODE = 'AF030',
            MESSAGE = format('affiliate "%s" was never suspended', affiliate),
            DETAIL = 'Neither its initial_status nor a row of affiliate.affiliate_status says so.',
            HINT = 'Only the money of suspended affiliates is released or forfeited; use affiliate.adjust() otherwise.';
    END IF;
    SELECT count(*) INTO lines FROM affiliate.commission AS c
    WHERE c.affiliate_no = of_affiliate_no AND c.program_no = of_program_no AND c.hold_reason = 'suspended';
    INSERT INTO affiliate.suspension_decision (program_no, affiliate_no, up_to, kind, reason)
    VALUES (of_program_no, of_affiliate_no, affiliate._now(), kind, reason)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'AF030',
            MESSAGE = format('money of affiliate "%s" up to this instant is already decided', affiliate),
            DETAIL = (SELECT format('It was decided as %s by "%s" at %s: %s.', d.kind, d.decided_by, d.decided_at, d.reason) FROM affiliate.suspension_decision AS d
                      WHERE d.program_no = of_program_no AND d.affiliate_no = of_affiliate_no ORDER BY d.up_to DESC LIMIT 1),
            HINT = 'See affiliate.suspension_decision.';
    END IF;
    PERFORM affiliate._audit(kind, affiliate, jsonb_build_object('program', program, 'reason', reason, 'lines', lines));
    RETURN lines;
END
$$;
COMMENT ON FUNCTION affiliate._decide_suspension(text, text, text, text) IS 'Records what becomes of the money a suspended affiliate earned so far.';

--| Releases what a suspended affiliate earned with orders placed up to now: the lines get their normal hold. The customers
--| concerned are enqueued. Returns how many lines waited. Earlier decisions stand.
--|
--| Errors: `AF030` the affiliate was never suspended, or decided at this very instant; `AF012`, `AF016`, `AF033`.
CREATE FUNCTION affiliate.release(affiliate text, program text, reason text) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN affiliate._decide_suspension(affiliate, program, 'release', reason);
END
$$;
REVOKE ALL ON FUNCTION affiliate.release(text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION affiliate.release(text, text, text) IS 'Releases what a suspended affiliate earned with orders placed up to now.';

--| Forfeits what a suspended affiliate earned with orders placed up to now: the lines are reversed. The customers
--| concerned are enqueued. Returns how many lines waited. Earlier decisions stand.
--|
--| Errors: as `affiliate.release`.
CREATE FUNCTION affiliate.forfeit(affiliate text, program text, reason text) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN affiliate._decide_suspension(affiliate, program, 'forfeit', reason);
END
$$;
REVOKE ALL ON FUNCTION affiliate.forfeit(text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION affiliate.forfeit(text, text, text) IS 'Forfeits what a suspended affiliate earned with orders placed up to now.';
