-- Operator's calls: manual credits and debits, reassignment, reviews, money of suspended affiliates. Each is audited,
-- and each is on disk when it returns. They run with the rights of affiliate_owner, the recorded actor is session_user.

CREATE FUNCTION affiliate._audit(action text, object text, detail jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO affiliate.audit_log (action, object, detail) VALUES (action, object, detail);
    PERFORM affiliate._force_sync();
END
$$;
COMMENT ON FUNCTION affiliate._audit(text, text, jsonb) IS 'Writes audit_log, and makes the commit of this transaction wait for the disk.';

CREATE FUNCTION affiliate._quoted(value text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE WHEN value IS NULL THEN 'null' WHEN length(value) > 100 THEN format('"%s.."', left(value, 100)) ELSE format('"%s"', value) END;
END
$$;
COMMENT ON FUNCTION affiliate._quoted(text) IS 'A value as messages show it: in quotes, clipped, or null.';

CREATE FUNCTION affiliate._program_no(program text) RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_no integer := (SELECT p.program_no FROM affiliate.program AS p WHERE p.program_id = program);
BEGIN
    IF found_no IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'AF012',
            MESSAGE = format('program %s does not exist', affiliate._quoted(program)),
            DETAIL = coalesce((SELECT format('There is "%s".', p.program_id) FROM affiliate.program AS p
                               ORDER BY lower(p.program_id) = lower(btrim(program)) DESC NULLS LAST, p.program_id LIMIT 1), 'There is no program yet.'),
            HINT = 'Name a row of affiliate.program; ids are compared byte for byte.';
    END IF;
    RETURN found_no;
END
$$;
COMMENT ON FUNCTION affiliate._program_no(text) IS 'The number of a program; an error when there is none of this id.';

CREATE FUNCTION affiliate._affiliate_no(affiliate text) RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_no integer := (SELECT f.affiliate_no FROM affiliate.affiliate AS f WHERE f.affiliate_id = affiliate);
BEGIN
    IF found_no IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'AF016',
            MESSAGE = format('affiliate %s does not exist', affiliate._quoted(affiliate)),
            DETAIL = coalesce((SELECT format('There is "%s".', f.affiliate_id) FROM affiliate.affiliate AS f
                               WHERE lower(f.affiliate_id) = lower(btrim(affiliate)) ORDER BY f.affiliate_id LIMIT 1),
                              'No affiliate has this id, in capitals or small letters.'),
            HINT = 'Name a row of affiliate.affiliate; ids are compared byte for byte.';
    END IF;
    RETURN found_no;
END
$$;
COMMENT ON FUNCTION affiliate._affiliate_no(text) IS 'The number of an affiliate; an error when there is none of this id.';

CREATE FUNCTION affiliate._tables_version() RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF to_regclass('affiliate.schema_version') IS NOT NULL THEN
        RETURN (SELECT s.version FROM affiliate.schema_version AS s ORDER BY s.installed_at DESC LIMIT 1);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION affiliate._tables_version() IS 'Of which version the tables are that setup() made; null where it has not been run.';

CREATE FUNCTION affiliate._require_tables() RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found constant text := affiliate._tables_version();
BEGIN
    IF found IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'AF090',
            MESSAGE = 'pg_affiliate is not set up in this database',
            HINT = 'Run SELECT affiliate.setup() as a superuser.';
    ELSIF found <> affiliate.version() THEN
        RAISE EXCEPTION USING ERRCODE = 'AF091',
            MESSAGE = 'library and tables of pg_affiliate are of different versions',
            DETAIL = format('The library of this session is %s, the tables are %s.', affiliate.version(), found),
            HINT = 'Run ALTER EXTENSION pg_affiliate UPDATE, then SELECT affiliate.setup(), and reconnect.';
    END IF;
END
$$;
COMMENT ON FUNCTION affiliate._require_tables() IS 'Raises where setup() has not been run, or the tables are of another version than the library.';

CREATE FUNCTION affiliate._refuse_argument(name text, value text, expected text) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'AF033',
        MESSAGE = format('invalid value for argument "%s": %s', name, affiliate._quoted(value)),
        DETAIL = 'The call was refused and changed nothing.',
        HINT = format('Give %s.', expected);
END
$$;
COMMENT ON FUNCTION affiliate._refuse_argument(text, text, text) IS 'Raises the error for an argument that cannot be used.';

--| Gives an affiliate a manual credit or debit: goodwill, opening balance, write-off. `amount` is positive, in the
--| program's currency, with no more digits than it has; `kind` is `credit` or `debit`. Whether another person must
--| approve is the program's `adjust_approval`: always, above an amount, or never. Returns the id of the adjustment.
--| With an `adjustment_id` of your own the call may be repeated: equal content changes nothing.
--|
--| Errors: `AF012`, `AF016` unknown program or affiliate; `AF033` bad amount, kind or reason; `AF011` the id exists
--| with other content.
CREATE FUNCTION affiliate.adjust(affiliate text, program text, amount numeric, kind text, reason text, adjustment_id text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner_no integer := affiliate._affiliate_no(affiliate);
    of_program_no integer := affiliate._program_no(program);
    new_id text := coalesce(adjustment_id, 'adj_' || replace(gen_random_uuid()::text, '-', ''));
    digits smallint;
    policy record;
    stored record;
BEGIN
    SELECT p.adjust_approval, p.adjust_approval_above, p.currency INTO policy FROM affiliate.program AS p WHERE p.program_no = of_program_no;
    digits := coalesce((SELECT c.exponent FROM affiliate.currency AS c WHERE c.currency = policy.currency), 2);
    IF kind IS NULL OR kind NOT IN ('credit', 'debit') THEN
        PERFORM affiliate._refuse_argument('kind', kind, 'credit or debit');
    ELSIF amount IS NULL OR amount = 0 OR NOT affiliate._is_amount(amount) OR round(amount, digits) <> amount THEN
        PERFORM affiliate._refuse_argument('amount', amount::text,
            format('a positive amount of %s with at most %s digits after the point', policy.currency, digits));
    ELSIF coalesce(btrim(reason), '') = '' THEN
        PERFORM affiliate._refuse_argument('reason', reason, 'the reason, for the audit');
    ELSIF new_id = '' OR octet_length(new_id) > 500 THEN
        PERFORM affiliate._refuse_argument('adjustment_id', left(new_id, 50), 'an id of 1 to 500 bytes');
    END IF;

    INSERT INTO affiliate.adjustment (adjustment_id, program_no, affiliate_no, kind, amount, reason)
    VALUES (new_id, of_program_no, owner_no, kind, amount, reason)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        SELECT * INTO stored FROM affiliate.adjustment AS a WHERE a.adjustment_id = new_id;
        IF (stored.program_no, stored.affiliate_no, stored.kind, stored.amount, stored.reason)
           IS DISTINCT FROM (of_program_no, owner_no, kind, amount, reason) THEN
            RAISE EXCEPTION USING ERRCODE = 'AF011',
                MESSAGE = format('adjustment "%s" exists with other content', new_id),
                DETAIL = format('It is a %s of %s for "%s", requested by "%s" at %s: %s.', stored.kind, stored.amount,
                                (SELECT f.affiliate_id FROM affiliate.affiliate AS f WHERE f.affiliate_no = stored.affiliate_no),
                                stored.requested_by, stored.requested_at, stored.reason),
                HINT = 'Use another adjustment_id, or none.';
        END IF;
        RETURN new_id;
    END IF;
    PERFORM affiliate._audit('adjust', new_id, jsonb_build_object('affiliate', affiliate, 'program', program,
        'amount', amount, 'kind', kind, 'reason', reason));
    IF policy.adjust_approval = 'never' OR policy.adjust_approval = 'above' AND amount <= policy.adjust_approval_above THEN
        PERFORM affiliate._post_adjustment(new_id);
    END IF;
    RETURN new_id;
END
$$;
REVOKE ALL ON FUNCTION affiliate.adjust(text, text, numeric, text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION affiliate.adjust(text, text, numeric, text, text, text) IS 'Gives an affiliate a manual credit or debit, to be approved by another person where the program says so.';

CREATE FUNCTION affiliate._post_adjustment(adjustment_id text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    posted record;
    at timestamptz := affiliate._now();
BEGIN
    UPDATE affiliate.adjustment AS a SET state = 'approved', decided_at = at, decided_by = session_user
    FROM affiliate.program AS p
    WHERE a.adjustment_id = _post_adjustment.adjustment_id AND a.state = 'requested' AND p.program_no = a.program_no
    RETURNING a.*, p.currency, CASE a.kind WHEN 'debit' THEN -a.amount ELSE a.amount END AS signed_amount INTO STRICT posted;

    INSERT INTO affiliate.commission (customer_id, subject_id, subject_kind, rule_no, affiliate_no, level, program_no, currency,
        accrued, version, earned_at, eligible_at)
    VALUES ('', posted.adjustment_id, 'manual', 0, posted.affiliate_no, 0, posted.program_no, posted.currency,
        posted.signed_amount, 1, at, at);
    INSERT INTO affiliate.entry (customer_id, subject_id, subject_kind, rule_no, affiliate_no, level, version, program_no, kind,
        currency, amount, cause, earned_at, effective_at, cluster)
    VALUES ('', posted.adjustment_id, 'manual', 0, posted.affiliate_no, 0, 1, posted.program_no, 'manual',
        posted.currency, posted.signed_amount, 'adjustment:' || posted.adjustment_id, at, at, affiliate._cluster());
END
$$;
COMMENT ON FUNCTION affiliate._post_adjustment(text) IS 'Posts a requested adjustment: header and entry.';

CREATE FUNCTION affiliate._requested_adjustment(wanted_id text) RETURNS record
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored record;
BEGIN
    SELECT * INTO stored FROM affiliate.adjustment AS a WHERE a.adjustment_id = wanted_id FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM affiliate._refuse_argument('adjustment_id', wanted_id, 'the id of an adjustment');
    ELSIF stored.state <> 'requested' THEN
        RAISE EXCEPTION USING ERRCODE = 'AF030',
            MESSAGE = format('adjustment "%s" is already %s', wanted_id, stored.state),
            DETAIL = format('By "%s" at %s.', stored.decided_by, stored.decided_at),
            HINT = 'To undo what was approved request the opposite with affiliate.adjust().';
    END IF;
    RETURN stored;
END
$$;
COMMENT ON FUNCTION affiliate._requested_adjustment(text) IS 'Locks an adjustment that waits for its approval.';

--| Approves a requested adjustment and posts it. The approver must be another session user than the requester.
--|
--| Errors: `AF030` already decided, or requested by yourself; `AF033` no such adjustment.
CREATE FUNCTION affiliate.adjust_approve(adjustment_id text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored record := affiliate._requested_adjustment(adjustment_id);
BEGIN
    IF stored.requested_by = session_user THEN
        RAISE EXCEPTION USING ERRCODE = 'AF030',
            MESSAGE = format('adjustment "%s" must be approved by another person', adjustment_id),
            DETAIL = format('It was requested by "%s".', stored.requested_by),
            HINT = 'Ask another administrator, with a login of their own.';
    END IF;
    PERFORM affiliate._post_adjustment(adjustment_id);
    PERFORM affiliate._audit('adjust_approve', adjustment_id, jsonb_build_object('requested_by', stored.requested_by));
END
$$;
REVOKE ALL ON FUNCTION affiliate.adjust_approve(text) FROM PUBLIC;
COMMENT ON FUNCTION affiliate.adjust_approve(text) IS 'Approves an adjustment that another person requested, and posts it.';

--| Rejects a requested adjustment; nothing is posted. Who requested it may reject it too.
--|
--| Errors: `AF030` already decided; `AF033` no such adjustment.
CREATE FUNCTION affiliate.adjust_reject(adjustment_id text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stored record := affiliate._requested_adjustment(adjustment_id);
BEGIN
    UPDATE affiliate.adjustment AS a SET state = 'rejected', decided_at = affiliate._now(), decided_by = session_user
    WHERE a.adjustment_id = adjust_reject.adjustment_id;
    PERFORM affiliate._audit('adjust_reject', adjustment_id, jsonb_build_object('requested_by', stored.requested_by));
END
$$;
REVOKE ALL ON FUNCTION affiliate.adjust_reject(text) FROM PUBLIC;
COMMENT ON FUNCTION affiliate.adjust_reject(text) IS 'Rejects an adjustment that was requested; nothing is posted.';
