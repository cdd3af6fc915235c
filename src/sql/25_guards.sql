-- Guards: trigger functions that refuse what must not happen. src/sql/36_guards_setup.sql attaches them.

CREATE FUNCTION affiliate._refuse_change() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'AF020',
        MESSAGE = format('table "%s" is append-only', TG_TABLE_NAME),
        DETAIL = format('%s was refused.', TG_OP),
        HINT = 'The ledger follows: update the sale, or call affiliate.adjust() or affiliate.reassign(), and it posts the difference.',
        SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
END
$$;
COMMENT ON FUNCTION affiliate._refuse_change() IS 'Trigger of append-only tables: refuses UPDATE, DELETE and TRUNCATE.';

CREATE FUNCTION affiliate._refuse_delete() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'AF021',
        MESSAGE = format('rows of "%s" are never deleted', TG_TABLE_NAME),
        DETAIL = format('%s was refused.', TG_OP),
        HINT = CASE TG_TABLE_NAME
            WHEN 'customer' THEN 'To erase a person delete the row in affiliate.customer_pii.'
            WHEN 'transaction' THEN 'A sale ends by its status: cancelled, failed or refunded.'
            WHEN 'commission' THEN 'Money is taken back by entries.'
            ELSE 'What was said stays said; write what happened since.' END,
        SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
END
$$;
COMMENT ON FUNCTION affiliate._refuse_delete() IS 'Trigger of fact tables and of commission: refuses DELETE and TRUNCATE.';

CREATE FUNCTION affiliate._refuse_truncate() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'AF024',
        MESSAGE = format('rulebook table "%s" may not be truncated', TG_TABLE_NAME),
        DETAIL = 'TRUNCATE fires no row trigger, so that no session would notice that the rulebook changed.',
        HINT = 'Use DELETE; rows in use are refused.',
        SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
END
$$;
COMMENT ON FUNCTION affiliate._refuse_truncate() IS 'Trigger of rulebook tables: refuses TRUNCATE.';

CREATE FUNCTION affiliate._refuse_stated_change() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.fx_rate IS DISTINCT FROM OLD.fx_rate
        OR NEW.affiliate_no IS NOT DISTINCT FROM OLD.affiliate_no
        AND (NEW.plan_no IS DISTINCT FROM OLD.plan_no OR NEW.agreement_no IS DISTINCT FROM OLD.agreement_no) THEN
        RAISE EXCEPTION USING ERRCODE = 'AF028',
            MESSAGE = format('conversion "%s" was stated; its rate, plan and agreement stand', NEW.transaction_id),
            DETAIL = format('Stated at %s with rate %s, plan %s and agreement %s.', OLD.stated_at,
                            coalesce(OLD.fx_rate::text, 'none'), coalesce(OLD.plan_no::text, 'none'), coalesce(OLD.agreement_no::text, 'none')),
            HINT = 'Corrections of paid money are adjustments.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION affiliate._refuse_stated_change() IS 'Trigger of conversion: what a stated conversion was stated with never changes.';

CREATE FUNCTION affiliate._refuse_overpayment() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'AF032',
        MESSAGE = format('payment of commission "%s" goes beyond what is owed', NEW.subject_id),
        DETAIL = format('Paid would become %s; accrued less reversed is %s.', NEW.paid, NEW.accrued - NEW.reversed),
        HINT = 'Use affiliate.record_payment(), which pays exactly what is owed.',
        SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, COLUMN = 'paid';
END
$$;
COMMENT ON FUNCTION affiliate._refuse_overpayment() IS 'Trigger of commission: refuses a payment beyond accrued less reversed (I6).';

-- Merging of customers does not exist yet: an alias may only be given to an id that owns nothing, and to no other alias.
CREATE FUNCTION affiliate._refuse_other_click() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    told affiliate.click%ROWTYPE := NEW;
BEGIN
    -- who clicked may become known later, once; the clock of the recording stays, and reports count the click as it came
    told.visitor_id := coalesce(OLD.visitor_id, NEW.visitor_id);
    told.customer_id := coalesce(OLD.customer_id, NEW.customer_id);
    told.visitor_added := OLD.visitor_added OR OLD.visitor_id IS NULL AND NEW.visitor_id IS NOT NULL;
    told.inserted_xid := coalesce(OLD.inserted_xid, OLD.written_xid);
    NEW.recorded_at := OLD.recorded_at;
    NEW.cluster := OLD.cluster;
    NEW.visitor_added := told.visitor_added;
    NEW.inserted_xid := told.inserted_xid;
    OLD.visitor_id := told.visitor_id;
    OLD.customer_id := told.customer_id;
    OLD.visitor_added := told.visitor_added;
    OLD.inserted_xid := told.inserted_xid;
    OLD.written_xid := NEW.written_xid;
    IF NEW IS DISTINCT FROM OLD THEN
        RAISE EXCEPTION USING ERRCODE = 'AF011',
            MESSAGE = format('click "%s" is stored with other content', NEW.click_id),
            DETAIL = 'A click never changes; only a visitor or customer that was unknown may be added.',
            HINT = 'Use a click_id once; affiliate.new_click_id() makes them.', TABLE = 'click', SCHEMA = 'affiliate';
    END IF;
    NEW.written_xid := pg_current_xact_id(); -- the drain reads it anew
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION affiliate._refuse_other_click() IS 'Row trigger of click: a click_id re-sent with other content changes nothing.';

CREATE FUNCTION affiliate._refuse_other_event() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.recorded_at := OLD.recorded_at;
    NEW.recorded_by := OLD.recorded_by;
    IF NEW IS DISTINCT FROM OLD THEN
        RAISE EXCEPTION USING ERRCODE = 'AF011',
            MESSAGE = format('event "%s" is stored with other content', NEW.event_id),
            DETAIL = 'An event never changes.',
            HINT = 'Use an event_id once; what happened later is another event.', TABLE = 'event', SCHEMA = 'affiliate';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION affiliate._refuse_other_event() IS 'Row trigger of event: an event_id re-sent with other content changes nothing.';

CREATE FUNCTION affiliate._check_alias() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    problem text;
BEGIN
    IF TG_OP = 'UPDATE' AND (NEW.customer_id, NEW.canonical_id) = (OLD.customer_id, OLD.canonical_id) THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        problem := 'An alias is never moved to another customer.';
    ELSIF EXISTS (SELECT FROM affiliate.conversion AS c WHERE c.customer_id = NEW.customer_id) THEN
        problem := format('Customer "%s" has conversions of its own.', NEW.customer_id);
    ELSIF EXISTS (SELECT FROM affiliate.customer_alias AS a WHERE a.customer_id = NEW.canonical_id) THEN
        problem := format('Customer "%s" is itself an alias.', NEW.canonical_id);
    ELSIF EXISTS (SELECT FROM affiliate.customer_alias AS a WHERE a.canonical_id = NEW.customer_id) THEN
        problem := format('Customer "%s" has aliases of its own.', NEW.customer_id);
    ELSE
        RETURN NEW;
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'AF026',
        MESSAGE = format('customer "%s" cannot become an alias of "%s"', NEW.customer_id, NEW.canonical_id),
        DETAIL = problem,
        HINT = 'Write the alias before the first sale of the id, and let it name the canonical customer.',
        SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
END
$$;
COMMENT ON FUNCTION affiliate._check_alias() IS 'Trigger of customer_alias: refuses an alias for an id that owns conversions, and chains of aliases.';
