-- Guards of the rulebook: what money was posted by never changes (I14), a change is audited and settled (W10).

CREATE FUNCTION affiliate._refuse_used_row() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- columns that decide nothing about what was posted may change at any time
    free text[] := CASE TG_TABLE_NAME
        WHEN 'plan' THEN '{name,created_at}' WHEN 'plan_rule' THEN '{name}' ELSE '{}' END;
    before jsonb := CASE WHEN TG_OP = 'INSERT' THEN NULL ELSE to_jsonb(OLD) END;
    after jsonb := CASE WHEN TG_OP = 'DELETE' THEN NULL ELSE to_jsonb(NEW) END;
    key jsonb := coalesce(before, after);
    used boolean := false;
    hint text;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        CASE TG_TABLE_NAME
        WHEN 'program' THEN
            IF (OLD.program_no, OLD.program_id, OLD.currency) = (NEW.program_no, NEW.program_id, NEW.currency) THEN
                RETURN NEW;
            END IF;
        WHEN 'affiliate' THEN
            IF OLD.affiliate_no = NEW.affiliate_no THEN
                RETURN NEW;
            END IF;
        WHEN 'currency' THEN
            IF OLD.currency = NEW.currency THEN
                RETURN NEW;
            END IF;
        ELSE
            IF before - free = after - free THEN
                RETURN NEW;
            END IF;
        END CASE;
    END IF;

    CASE TG_TABLE_NAME
    WHEN 'program' THEN
        used := EXISTS (SELECT FROM affiliate.conversion AS c WHERE c.program_no = (key ->> 'program_no')::integer)
             OR EXISTS (SELECT FROM affiliate.commission AS c WHERE c.program_no = (key ->> 'program_no')::integer);
        hint := 'Make another program; its policies may be changed at any time, its id and currency may not.';
    WHEN 'affiliate' THEN
        used := EXISTS (SELECT FROM affiliate.program AS p JOIN affiliate.commission AS c USING (program_no)
                        WHERE c.affiliate_no = (key ->> 'affiliate_no')::integer)
             OR EXISTS (SELECT FROM affiliate.conversion AS c WHERE c.affiliate_no = (key ->> 'affiliate_no')::integer)
             OR EXISTS (SELECT FROM affiliate.ownership AS o WHERE o.affiliate_no = (key ->> 'affiliate_no')::integer)
             OR EXISTS (SELECT FROM affiliate.adjustment AS a WHERE a.affiliate_no = (key ->> 'affiliate_no')::integer);
        hint := 'Set the status of the affiliate to terminated in affiliate.affiliate_status.';
    WHEN 'currency' THEN
        used := EXISTS (SELECT FROM affiliate.program AS p WHERE p.currency = key ->> 'currency')
             OR EXISTS (SELECT FROM affiliate.conversion AS c WHERE c.currency = key ->> 'currency');
        hint := 'Leave it; currencies that nobody sells in do no harm.';
    WHEN 'plan', 'plan_rule' THEN
        -- also a rule that is added or moved changes the version it belongs to
        used := EXISTS (SELECT FROM affiliate.commission AS c JOIN affiliate.plan_rule AS r USING (rule_no)
                        WHERE r.plan_no IN ((before ->> 'plan_no')::integer, (after ->> 'plan_no')::integer));
        hint := 'Write a new version of the plan with its own rules and valid_from.';
    WHEN 'ladder', 'ladder_band' THEN
        used := EXISTS (SELECT FROM affiliate.commission AS c
                        WHERE c.ladder_no IN ((before ->> 'ladder_no')::integer, (after ->> 'ladder_no')::integer));
        hint := 'Make a new ladder and a new version of the plan that uses it.';
    WHEN 'fx_rate' THEN
        used := EXISTS (SELECT FROM affiliate.conversion AS c
                        WHERE c.fx_valid_from = (before ->> 'valid_from')::timestamptz
                          AND c.currency IN (before ->> 'from_currency', before ->> 'to_currency'));
        hint := 'Write another rate with a later valid_from.';
    END CASE;
    IF NOT used THEN
        RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'AF022',
        MESSAGE = format('row of "%s" is in use', TG_TABLE_NAME),
        DETAIL = format('%s of %s was refused: commissions or conversions were decided by it.', TG_OP,
                        coalesce(before, after) - '{created_at,name,manager}'::text[]),
        HINT = hint, SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
END
$$;
COMMENT ON FUNCTION affiliate._refuse_used_row() IS 'Trigger of the rulebook: refuses to change or delete what decided money that was posted.';

-- A program that cannot be computed with would stop the settling of every sale.
CREATE FUNCTION affiliate._check_currencies() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    code text;
BEGIN
    FOREACH code IN ARRAY CASE TG_TABLE_NAME WHEN 'program' THEN ARRAY[to_jsonb(NEW) ->> 'currency']
                          ELSE ARRAY[to_jsonb(NEW) ->> 'from_currency', to_jsonb(NEW) ->> 'to_currency'] END LOOP
        IF NOT EXISTS (SELECT FROM affiliate.currency AS c WHERE c.currency = code) THEN
            RAISE EXCEPTION USING ERRCODE = 'AF013',
                MESSAGE = format('currency "%s" is not known', code),
                DETAIL = CASE TG_TABLE_NAME WHEN 'program' THEN format('Program "%s" was not stored.', to_jsonb(NEW) ->> 'program_id')
                         ELSE format('The rate from "%s" to "%s" was not stored.', to_jsonb(NEW) ->> 'from_currency', to_jsonb(NEW) ->> 'to_currency') END,
                HINT = 'Use an ISO 4217 code in capitals, or add the currency to affiliate.currency.',
                SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
        END IF;
    END LOOP;
    IF TG_TABLE_NAME = 'program' THEN
        BEGIN
            PERFORM now() AT TIME ZONE NEW.time_zone;
        EXCEPTION WHEN invalid_parameter_value THEN
            RAISE EXCEPTION USING ERRCODE = '22023',
                MESSAGE = format('time zone "%s" is not known', NEW.time_zone),
                DETAIL = format('Program "%s" was not stored.', NEW.program_id),
                HINT = 'Use a name of pg_timezone_names, for example Europe/Prague.',
                SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, COLUMN = 'time_zone';
        END;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION affiliate._check_currencies() IS 'Trigger of program and fx_rate: currencies are known, and the time zone of a program is one.';

CREATE FUNCTION affiliate._check_plan_rule() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unknown text;
BEGIN
    PERFORM affiliate.check_rule_text('condition', NEW.condition);
    PERFORM affiliate.check_rule_text('amount', NEW.amount);
    SELECT word INTO unknown FROM unnest(NEW.transaction_types || NEW.hold_until_type) AS word
    WHERE word <> 'registration' AND NOT EXISTS (SELECT FROM affiliate.transaction_type AS t WHERE t.transaction_type = word);
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'AF014',
            MESSAGE = format('transaction type "%s" is not known', unknown),
            DETAIL = format('The rule %s would never see one.', coalesce(affiliate._quoted(NEW.name), 'without a name')),
            HINT = 'Name a row of affiliate.transaction_type, not one of its words, or add one.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
    END IF;
    IF 'registration' = ANY (NEW.transaction_types) AND (NEW.ladder_no IS NOT NULL OR NEW.monthly_cap IS NOT NULL) THEN
        RAISE EXCEPTION USING ERRCODE = 'AF027',
            MESSAGE = format('a rule for registrations cannot have a %s', CASE WHEN NEW.ladder_no IS NOT NULL THEN 'ladder' ELSE 'monthly cap' END),
            DETAIL = format('The rule %s is for %s.', coalesce(affiliate._quoted(NEW.name), 'without a name'), array_to_string(NEW.transaction_types, ', ')),
            HINT = 'Ladders and caps rank sales; give registrations a rule of their own without one.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION affiliate._check_plan_rule() IS 'Trigger of plan_rule: its texts may only use what rules may use, it names types that there are, and only sales have ladders and caps.';

-- Which programs a change of this row concerns; null = all of them.
CREATE FUNCTION affiliate._concerned_program(table_name text, rulebook_row jsonb) RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE
        WHEN rulebook_row ? 'program_no' THEN (rulebook_row ->> 'program_no')::integer
        WHEN table_name = 'plan_rule' THEN
            (SELECT p.program_no FROM affiliate.plan AS p WHERE p.plan_no = (rulebook_row ->> 'plan_no')::integer)
        WHEN table_name = 'ladder_band' THEN
            (SELECT l.program_no FROM affiliate.ladder AS l WHERE l.ladder_no = (rulebook_row ->> 'ladder_no')::integer)
        END;
END
$$;
COMMENT ON FUNCTION affiliate._concerned_program(text, jsonb) IS 'The program that a row of the rulebook belongs to, or null when it belongs to none.';

CREATE FUNCTION affiliate._log_rulebook() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before jsonb := CASE WHEN TG_OP = 'INSERT' THEN NULL ELSE to_jsonb(OLD) END;
    after jsonb := CASE WHEN TG_OP = 'DELETE' THEN NULL ELSE to_jsonb(NEW) END;
    decides_nothing text[] := '{name,manager,target_url,redemption_limit,description,created_at,created_by}';
    why text := format('rulebook: %s of %s', lower(TG_OP), TG_TABLE_NAME);
    concerned integer[];
BEGIN
    IF TG_OP = 'UPDATE' AND before = after
       -- levels above 1 follow from level 1, which is logged
       OR TG_TABLE_NAME = 'affiliate_upline' AND (coalesce(after, before) ->> 'level')::integer > 1 THEN
        RETURN NULL;
    END IF;
    INSERT INTO affiliate.audit_log (action, object, detail)
    VALUES (lower(TG_OP), TG_TABLE_NAME, CASE TG_OP
        WHEN 'INSERT' THEN jsonb_build_object('new', after)
        WHEN 'DELETE' THEN jsonb_build_object('old', before)
        ELSE (SELECT jsonb_build_object('old', before, 'changed', jsonb_object_agg(n.key, n.value))
              FROM jsonb_each(after) AS n WHERE n.value IS DISTINCT FROM before -> n.key) END);

    -- W10: what was decided and is not stated yet is decided again
    IF before - decides_nothing = after - decides_nothing THEN
        RETURN NULL;
    ELSIF TG_TABLE_NAME = 'attribution_override' THEN
        INSERT INTO affiliate.settle_queue (kind, program_no, customer_id, reason)
        SELECT DISTINCT 'customer', (r ->> 'program_no')::integer, r ->> 'customer_id', why
        FROM unnest(ARRAY[before, after]) AS r WHERE r IS NOT NULL;
        RETURN NULL;
    ELSIF TG_TABLE_NAME = 'suspension_decision' THEN
        INSERT INTO affiliate.settle_queue (kind, program_no, customer_id, reason)
        SELECT DISTINCT 'customer', c.program_no, c.customer_id, why
        FROM unnest(ARRAY[before, after]) AS r
        JOIN affiliate.commission AS c
          ON c.affiliate_no = (r ->> 'affiliate_no')::integer AND c.program_no = (r ->> 'program_no')::integer
        WHERE c.stated_at IS NULL AND c.subject_kind <> 'manual';
        RETURN NULL;
    END IF;
    -- a click may name the link of another program
    IF TG_TABLE_NAME <> 'link' THEN
        concerned := ARRAY[affiliate._concerned_program(TG_TABLE_NAME, before), affiliate._concerned_program(TG_TABLE_NAME, after)];
    END IF;
    INSERT INTO affiliate.settle_queue (kind, program_no, reason, scope)
    SELECT 'program', p.program_no, why,
           -- a load of very many names ends as a change for everybody
           CASE WHEN (SELECT count(*) FROM affiliate.settle_queue AS q
                      WHERE q.kind = 'program' AND q.program_no = p.program_no AND q.xmin = pg_current_xact_id()::xid) < 1000
                THEN affiliate._rulebook_scope(TG_OP, TG_TABLE_NAME, after) END
    FROM affiliate.program AS p
    WHERE CASE
            WHEN num_nonnulls(VARIADIC concerned) > 0 THEN p.program_no = ANY (concerned)
            WHEN TG_TABLE_NAME = 'fx_rate' THEN
                p.currency IN (before ->> 'from_currency', before ->> 'to_currency', after ->> 'from_currency', after ->> 'to_currency')
            ELSE TG_TABLE_NAME NOT IN ('plan_rule', 'ladder_band') END
      -- one row for all of a program is enough in one transaction
      AND NOT EXISTS (SELECT FROM affiliate.settle_queue AS q
                      WHERE q.kind = 'program' AND q.scope IS NULL AND q.program_no = p.program_no AND q.xmin = pg_current_xact_id()::xid);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION affiliate._log_rulebook() IS 'Trigger of the rulebook: writes the change to audit_log and enqueues what it concerns.';
