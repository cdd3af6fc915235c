\echo Use "CREATE EXTENSION pg_affiliate" to load this file. \quit
-- SPDX-License-Identifier: PostgreSQL
-- pg_affiliate owns code only: affiliate.setup() creates the tables (docs/adr/0001-code-only-extension.md).
-- The library itself: its version, and the clock of all decisions.

--| Version of the loaded library.
CREATE FUNCTION affiliate.version() RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'affiliate_version';
COMMENT ON FUNCTION affiliate.version() IS 'Version of the loaded library.';

CREATE FUNCTION affiliate._now() RETURNS timestamptz
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'affiliate_now';
COMMENT ON FUNCTION affiliate._now() IS
    'The clock of decisions: start of the statement (in a procedure that commits, of the current transaction), or the test clock pg_affiliate.now.';
-- rule_input: the one row type that conditions and amounts of plan rules see.

CREATE TYPE affiliate.rule_input AS (
    -- what was sold
    transaction_type         text,
    sale_kind                text,
    product                  text,
    product_family           text,
    challenge_type           text,
    phase                    text,
    account_size             numeric,
    account_currency         text,
    -- money, in the program's currency, unrounded
    list_price               numeric,
    discount                 numeric,
    tax                      numeric,
    fee                      numeric,
    wallet_credit            numeric,
    gross                    numeric,
    base                     numeric,
    refunded                 numeric,
    net                      numeric,
    collected                numeric,
    -- the same in the currency of the sale
    currency                 text,
    original_gross           numeric,
    original_net             numeric,
    fx_rate                  numeric,
    -- the customer's history
    purchase_number          integer,
    is_first_purchase        boolean,
    days_since_first_purchase   integer,
    months_since_first_purchase integer,
    days_since_signup        integer,
    days_since_original      integer,
    -- the customer
    customer_country         text,
    customer_language        text,
    kyc_status               text,
    sales_status             text,
    -- how the customer came
    method                   text,
    days_since_touch         integer,
    coupon_code              text,
    coupon_kind              text,
    coupon_discount          numeric,
    campaign                 text,
    traffic_source           text,
    -- who earns
    affiliate                text,
    affiliate_group          text,
    partner_type             text,
    affiliate_country        text,
    beneficiary              text,
    level                    integer,
    -- the ladder of the rule, where it has one
    ladder_position          integer,
    band                     integer,
    band_rate                numeric,
    band_amount              numeric,
    band_label               text,
    -- when
    ordered_at               timestamptz,
    completed_at             timestamptz,
    metadata                 jsonb
);

COMMENT ON TYPE affiliate.rule_input IS
    'What the condition and the amount of a plan rule may name: one sale as one beneficiary sees it. Money is in the program''s currency, unrounded, unless the name says original.';
-- Row types of internal functions.

CREATE TYPE affiliate.known_program AS (program_no integer, currency text);
COMMENT ON TYPE affiliate.known_program IS 'Number and currency of a program.';
-- Rule texts: conditions and amounts of plan rules (docs/rule-expressions.md).

--| Checks the text of a rule: `kind` is `condition` (true or false) or `amount` (a number). Returns when
--| the text may be used; otherwise raises `AF001` for what rules may not use and `AF002` for what does
--| not parse, names an unknown column or has the wrong type, with the character and a hint.
CREATE FUNCTION affiliate.check_rule_text(kind text, expression text) RETURNS void
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'affiliate_check_rule_text';
COMMENT ON FUNCTION affiliate.check_rule_text(text, text) IS
    'Raises an error with position and hint unless the text can be the condition or the amount of a rule.';

--| Checks the text as `check_rule_text` does and evaluates it for one row; the result as text: `true`,
--| `false` or a number, null where the expression is null. Reads no table.
CREATE FUNCTION affiliate.evaluate_rule_text(
    kind text, expression text, input affiliate.rule_input) RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'affiliate_evaluate_rule_text';
COMMENT ON FUNCTION affiliate.evaluate_rule_text(text, text, affiliate.rule_input) IS
    'What the condition or the amount of a rule gives for one row.';

--| Signatures of the functions that rules may call, all in `pg_catalog`.
CREATE FUNCTION affiliate.rule_functions() RETURNS text[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'affiliate_rule_functions';
COMMENT ON FUNCTION affiliate.rule_functions() IS 'Signatures of the functions that rules may call.';

--| Signatures of the operators that rules may use, all in `pg_catalog`.
CREATE FUNCTION affiliate.rule_operators() RETURNS text[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'affiliate_rule_operators';
COMMENT ON FUNCTION affiliate.rule_operators() IS 'Signatures of the operators that rules may use.';

CREATE FUNCTION affiliate._number_text(value text) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'affiliate_number_text';
COMMENT ON FUNCTION affiliate._number_text(text) IS
    'The text itself, if rules may read it as a number; they call this before each cast of a text to numeric.';
-- Settling: triggers of the fact tables, the queue, and what settles on request.

CREATE FUNCTION affiliate._default_program() RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'affiliate_default_program';
COMMENT ON FUNCTION affiliate._default_program() IS 'Default of program_id: the one program there is; an error where there are several.';

--| A new click id: a UUID of version 7, ordered by time (milliseconds), 74 of its bits random.
CREATE FUNCTION affiliate.new_click_id() RETURNS text
    LANGUAGE c VOLATILE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'affiliate_new_click_id';
COMMENT ON FUNCTION affiliate.new_click_id() IS 'A new click id: a UUID of version 7, ordered by time, not guessable.';

CREATE FUNCTION affiliate._force_sync() RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'affiliate_force_sync';
COMMENT ON FUNCTION affiliate._force_sync() IS 'The commit of this transaction waits for the disk, whatever synchronous_commit says.';

CREATE FUNCTION affiliate._is_id(value text, what text, may_be_empty boolean) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'affiliate_is_id';
COMMENT ON FUNCTION affiliate._is_id(text, text, boolean) IS 'True for 1 to 500 bytes, or none where that is allowed; else an error with what is wrong. For CHECKs, which could give no hint.';

CREATE FUNCTION affiliate._fact_before_update() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'affiliate_fact_before_update';
COMMENT ON FUNCTION affiliate._fact_before_update() IS 'Row trigger of fact tables: refuses changed keys, numbers the state and stamps its arrival.';

CREATE FUNCTION affiliate._settle_after() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'affiliate_settle_after';
COMMENT ON FUNCTION affiliate._settle_after() IS 'Statement trigger of fact tables: checks the rows, keeps earlier states, settles the customers they concern.';

CREATE FUNCTION affiliate._rulebook_changed() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'affiliate_rulebook_changed';
COMMENT ON FUNCTION affiliate._rulebook_changed() IS 'Row trigger of rulebook tables: all backends read the rulebook anew once this commits.';

CREATE FUNCTION affiliate._lock_customers(customer_ids text[]) RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'affiliate_lock_customers';
COMMENT ON FUNCTION affiliate._lock_customers(text[]) IS 'Takes the lock slots of customers until the end of the transaction, waiting for those that are taken.';

--| Settles customers now: brings the ledger to what facts and rulebook say, with the code of triggers and drain.
--| Waits for customers that another transaction is settling. Returns the number of ledger entries posted: 0 where
--| everything was settled already. A customer who cannot be settled harms no other one: he is queued with the error
--| (`affiliate.waiting`), and a warning says how many there are.
--|
--| Errors: `AF091` library and tables are of different versions.
CREATE FUNCTION affiliate.resettle(customer_ids text[]) RETURNS bigint
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'affiliate_resettle';
COMMENT ON FUNCTION affiliate.resettle(text[]) IS 'Settles customers now; returns the number of ledger entries posted.';

--| Enqueues every customer of a program who has a transaction ordered or completed from from_at to before to_at. The
--| drain settles them in batches, each committed on its own, after the sales that are queued. Returns the number of
--| customers enqueued.
CREATE FUNCTION affiliate.resettle_program(program text, from_at timestamptz DEFAULT '-infinity', to_at timestamptz DEFAULT 'infinity')
    RETURNS bigint
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    of_program_no integer := affiliate._program_no(program);
    enqueued bigint;
BEGIN
    INSERT INTO affiliate.settle_queue (kind, program_no, customer_id, reason, due_at)
    SELECT DISTINCT 'customer', of_program_no, coalesce(a.canonical_id, t.customer_id), 'resettle', affiliate._now()
    FROM affiliate.transaction AS t
    LEFT JOIN affiliate.customer_alias AS a USING (customer_id)
    WHERE t.program_id = program AND t.customer_id <> ''
      AND coalesce(t.completed_at, t.ordered_at, t.recorded_at) >= from_at
      AND coalesce(t.ordered_at, t.completed_at, t.recorded_at) < to_at;
    GET DIAGNOSTICS enqueued = ROW_COUNT;
    RETURN enqueued;
END
$$;
COMMENT ON FUNCTION affiliate.resettle_program(text, timestamptz, timestamptz) IS
    'Enqueues every customer of a program with a transaction in a period, for the drain to settle; returns how many.';

--| Does one batch of queued work: new clicks, rulebook changes, up to batch customers, and the second stage of
--| affiliates. Returns the number of queue rows done: call it until it returns 0. Needs READ COMMITTED. What another
--| transaction is settling stays queued.
--|
--| Errors: `AF091` library and tables are of different versions.
CREATE FUNCTION affiliate.drain(batch integer DEFAULT 1000) RETURNS bigint
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'affiliate_drain';
COMMENT ON FUNCTION affiliate.drain(integer) IS 'Does one batch of queued work and returns how much; 0 = nothing was due.';
-- Guards: trigger functions that refuse what must not happen. src/sql/36_guards_setup.sql attaches them.

CREATE FUNCTION affiliate._refuse_change() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'AF020',
        MESSAGE = format('table "%s" is append-only', TG_TABLE_NAME),
        DETAIL = format('%s was refused.', TG_OP),
        HINT = 'Corrections are new rows; what is written is never rewritten.',
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
    -- who clicked may become known later, once; the clock of the recording stays
    told.visitor_id := coalesce(OLD.visitor_id, NEW.visitor_id);
    told.customer_id := coalesce(OLD.customer_id, NEW.customer_id);
    NEW.recorded_at := OLD.recorded_at;
    NEW.cluster_no := OLD.cluster_no;
    OLD.visitor_id := told.visitor_id;
    OLD.customer_id := told.customer_id;
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
-- affiliate_upline: people write who is directly above whom (level 1); the deeper levels follow.

CREATE FUNCTION affiliate._lock_upline() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF pg_trigger_depth() = 1 THEN
        -- An older snapshot would not see what the one before us in the queue wrote.
        IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
            RAISE EXCEPTION USING ERRCODE = 'AF025',
                MESSAGE = 'uplines are written at READ COMMITTED only',
                DETAIL = format('The transaction runs at %s.', upper(current_setting('transaction_isolation'))),
                HINT = 'Start the transaction with ISOLATION LEVEL READ COMMITTED.',
                SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
        END IF;
        -- One writer at a time: two half cycles would not see each other.
        PERFORM pg_advisory_xact_lock(hashtextextended('affiliate.affiliate_upline', 0));
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION affiliate._lock_upline() IS 'Trigger of affiliate_upline: one transaction at a time writes it.';

CREATE FUNCTION affiliate._close_upline() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    cycle integer[];
    changed integer[];
BEGIN
    IF coalesce(NEW.level, OLD.level) > 1 OR coalesce(OLD.level, 1) > 1 THEN
        IF pg_trigger_depth() > 1 THEN
            RETURN NULL;
        END IF;
        RAISE EXCEPTION USING ERRCODE = 'AF025',
            MESSAGE = 'only level 1 of "affiliate_upline" is written',
            DETAIL = format('%s of a row with level %s was refused.', TG_OP, coalesce(NEW.level, OLD.level)),
            HINT = 'Write who is directly above whom; the deeper levels follow.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, COLUMN = 'level';
    END IF;

    IF TG_OP <> 'DELETE' THEN
        WITH RECURSIVE above (affiliate_no, valid_from, valid_until, path) AS (
            SELECT NEW.upline_no, NEW.valid_from, NEW.valid_until, ARRAY[NEW.affiliate_no, NEW.upline_no]
            UNION ALL
            SELECT u.upline_no, greatest(a.valid_from, u.valid_from), least(a.valid_until, u.valid_until), a.path || u.upline_no
            FROM above AS a
            JOIN affiliate.affiliate_upline AS u
              ON u.affiliate_no = a.affiliate_no AND u.level = 1 AND u.valid_from < a.valid_until AND a.valid_from < u.valid_until
            WHERE a.affiliate_no <> NEW.affiliate_no AND u.upline_no <> ALL (a.path[2:])
        )
        SELECT a.path INTO cycle FROM above AS a WHERE a.affiliate_no = NEW.affiliate_no LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'AF023',
                MESSAGE = 'upline would be a cycle',
                DETAIL = (SELECT format('Each of these is above the one before: %s.', string_agg(format('"%s"', f.affiliate_id), ', ' ORDER BY n))
                          FROM unnest(cycle) WITH ORDINALITY AS c (affiliate_no, n)
                          JOIN affiliate.affiliate AS f USING (affiliate_no)),
                HINT = 'End the period of one of these rows (valid_until) before this one begins.',
                SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
        END IF;
    END IF;

    -- the affiliate itself and everyone below it
    WITH RECURSIVE below (affiliate_no) AS (
        SELECT v FROM unnest(ARRAY[NEW.affiliate_no, OLD.affiliate_no]) AS v WHERE v IS NOT NULL
        UNION
        SELECT u.affiliate_no FROM below AS b JOIN affiliate.affiliate_upline AS u ON u.upline_no = b.affiliate_no AND u.level = 1
    )
    SELECT array_agg(b.affiliate_no) INTO changed FROM below AS b;
    PERFORM affiliate._rebuild_upline(changed);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION affiliate._close_upline() IS 'Trigger of affiliate_upline: refuses cycles, and derives the levels above 1.';

CREATE FUNCTION affiliate._rebuild_upline(affiliate_nos integer[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target jsonb;
BEGIN
    WITH RECURSIVE chain (affiliate_no, upline_no, level, valid_from, valid_until) AS (
        SELECT u.affiliate_no, u.upline_no, 1, u.valid_from, u.valid_until
        FROM affiliate.affiliate_upline AS u WHERE u.affiliate_no = ANY (affiliate_nos) AND u.level = 1
        UNION ALL
        SELECT c.affiliate_no, u.upline_no, c.level + 1, greatest(c.valid_from, u.valid_from), least(c.valid_until, u.valid_until)
        FROM chain AS c
        JOIN affiliate.affiliate_upline AS u
          ON u.affiliate_no = c.upline_no AND u.level = 1 AND u.valid_from < c.valid_until AND c.valid_from < u.valid_until
        WHERE c.level < 20
    )
    SELECT coalesce(jsonb_agg(to_jsonb(c)), '[]') INTO target FROM chain AS c WHERE c.level > 1;

    DELETE FROM affiliate.affiliate_upline AS u
    WHERE u.affiliate_no = ANY (affiliate_nos) AND u.level > 1
      AND NOT EXISTS (
        SELECT FROM jsonb_to_recordset(target) AS t (affiliate_no integer, upline_no integer, level smallint, valid_from timestamptz, valid_until timestamptz)
        WHERE (t.affiliate_no, t.upline_no, t.level, t.valid_from, t.valid_until)
            = (u.affiliate_no, u.upline_no, u.level, u.valid_from, u.valid_until));
    INSERT INTO affiliate.affiliate_upline (affiliate_no, upline_no, level, valid_from, valid_until)
    SELECT t.affiliate_no, t.upline_no, t.level, t.valid_from, t.valid_until
    FROM jsonb_to_recordset(target) AS t (affiliate_no integer, upline_no integer, level smallint, valid_from timestamptz, valid_until timestamptz)
    WHERE NOT EXISTS (
        SELECT FROM affiliate.affiliate_upline AS u
        WHERE (u.affiliate_no, u.upline_no, u.level, u.valid_from, u.valid_until)
            = (t.affiliate_no, t.upline_no, t.level, t.valid_from, t.valid_until));
END
$$;
COMMENT ON FUNCTION affiliate._rebuild_upline(integer[]) IS 'Derives the levels above 1 of these affiliates from level 1, and writes what differs.';
-- What a change of the rulebook concerns (W10): queue rows of kind program, expanded into customers in batches.
-- scope null: all of the program; {"coupon": ["X"], ...}: whoever named one of these; its key "after" is how far the
-- customers, in the order of their ids, have been looked through.

CREATE FUNCTION affiliate._rulebook_scope(operation text, table_name text, rulebook_row jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- a new name concerns who named it before; what changes or goes has decided already
    RETURN CASE WHEN operation = 'INSERT' THEN
        CASE table_name
        WHEN 'affiliate' THEN jsonb_build_object('affiliate', jsonb_build_array(rulebook_row -> 'affiliate_id'))
        WHEN 'affiliate_alias' THEN jsonb_build_object('affiliate', jsonb_build_array(rulebook_row -> 'external_id'))
        WHEN 'link' THEN jsonb_build_object('link', jsonb_build_array(rulebook_row -> 'link_id'))
        WHEN 'campaign' THEN jsonb_build_object('campaign', jsonb_build_array(rulebook_row -> 'campaign_id'))
        WHEN 'coupon' THEN jsonb_build_object('coupon', jsonb_build_array(rulebook_row -> 'code_normalised'))
        WHEN 'fx_rate' THEN jsonb_build_object('fx_rate', jsonb_build_array(rulebook_row - '{rate,source}'::text[]))
        END END;
END
$$;
COMMENT ON FUNCTION affiliate._rulebook_scope(text, text, jsonb) IS 'Whom in a program a change of this row can concern: who named this, or null = everybody.';

CREATE FUNCTION affiliate._who_named(customers text[], in_program_no integer, scope jsonb) RETURNS text[]
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    affiliates text[] := ARRAY(SELECT jsonb_array_elements_text(scope -> 'affiliate'));
    links text[] := ARRAY(SELECT jsonb_array_elements_text(scope -> 'link'));
    campaigns text[] := ARRAY(SELECT jsonb_array_elements_text(scope -> 'campaign'));
    coupons text[] := ARRAY(SELECT jsonb_array_elements_text(scope -> 'coupon'));
BEGIN
    RETURN ARRAY(
        WITH known AS MATERIALIZED (
            SELECT k.id COLLATE "C" AS customer_id, k.id COLLATE "C" AS id FROM unnest(customers) AS k (id)
            UNION ALL
            SELECT a.canonical_id, a.customer_id FROM affiliate.customer_alias AS a WHERE a.canonical_id = ANY (customers)
        ), said AS MATERIALIZED (
            SELECT k.customer_id, t.coupon_codes, t.affiliate_id, t.campaign_id, t.click_id
            FROM known AS k JOIN affiliate.transaction AS t ON t.customer_id = k.id
            UNION ALL
            SELECT k.customer_id, t.coupon_codes, t.affiliate_id, t.campaign_id, t.click_id
            FROM known AS k JOIN affiliate.transaction_report AS t ON t.customer_id = k.id
            UNION ALL
            SELECT k.customer_id, c.coupon_codes, c.affiliate_id, c.campaign_id, c.click_id
            FROM known AS k JOIN affiliate.customer AS c ON c.customer_id = k.id
            UNION ALL
            SELECT k.customer_id, c.coupon_codes, c.affiliate_id, c.campaign_id, c.click_id
            FROM known AS k JOIN affiliate.customer_report AS c ON c.customer_id = k.id
        ), clicked AS (
            SELECT k.customer_id, c.link_id, c.affiliate_id, c.campaign_id
            FROM known AS k JOIN affiliate.click AS c ON c.customer_id = k.id
            UNION ALL
            SELECT k.customer_id, c.link_id, c.affiliate_id, c.campaign_id
            FROM known AS k JOIN affiliate.visitor_customer AS v ON v.customer_id = k.id JOIN affiliate.click AS c ON c.visitor_id = v.visitor_id
            UNION ALL
            SELECT s.customer_id, c.link_id, c.affiliate_id, c.campaign_id
            FROM said AS s JOIN affiliate.click AS c ON c.click_id = s.click_id
        )
        SELECT s.customer_id FROM said AS s
        WHERE s.affiliate_id = ANY (affiliates) OR s.campaign_id = ANY (campaigns)
           OR EXISTS (SELECT FROM unnest(s.coupon_codes) AS code WHERE upper(btrim(code) COLLATE "C") = ANY (coupons))
        UNION
        SELECT c.customer_id FROM clicked AS c
        WHERE c.link_id = ANY (links) OR c.affiliate_id = ANY (affiliates) OR c.campaign_id = ANY (campaigns)
        UNION
        SELECT c.customer_id
        FROM jsonb_to_recordset(scope -> 'fx_rate') AS r (from_currency text, to_currency text, valid_from timestamptz)
        JOIN affiliate.program AS p ON p.program_no = in_program_no AND p.currency IN (r.from_currency, r.to_currency)
        JOIN affiliate.conversion AS c ON c.program_no = p.program_no AND c.currency IN (r.from_currency, r.to_currency)
        WHERE c.customer_id = ANY (customers) AND c.stated_at IS NULL
          AND c.currency <> p.currency AND coalesce(c.occurred_at >= r.valid_from, true));
END
$$;
COMMENT ON FUNCTION affiliate._who_named(text[], integer, jsonb) IS 'Which of these customers named, in facts that are stored, what a change of the rulebook is about.';

CREATE FUNCTION affiliate._gather_changes(change_id bigint, in_program_no integer, INOUT scope jsonb, at timestamptz, oldest xid8)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    WITH other AS (
        DELETE FROM affiliate.settle_queue AS q
        WHERE q.queue_id IN (SELECT o.queue_id FROM affiliate.settle_queue AS o
                             WHERE o.kind = 'program' AND o.program_no = in_program_no AND o.queue_id <> change_id
                               AND o.due_at <= at AND o.ready_xid <= oldest AND NOT coalesce(o.scope ? 'after', false)
                             LIMIT 10000 FOR UPDATE SKIP LOCKED)
        RETURNING q.scope
    ), part AS (
        SELECT _gather_changes.scope AS scope UNION ALL SELECT o.scope FROM other AS o
    )
    SELECT CASE WHEN bool_or(p.scope IS NULL) THEN '{}' ELSE (
        SELECT jsonb_object_agg(k.key, k.names)
        FROM (SELECT e.key, jsonb_agg(DISTINCT n.name) AS names
              FROM part AS s, jsonb_each(s.scope) AS e, jsonb_array_elements(e.value) AS n (name) GROUP BY e.key) AS k) END
    INTO scope FROM part AS p;
END
$$;
COMMENT ON FUNCTION affiliate._gather_changes(bigint, integer, jsonb, timestamptz, xid8) IS 'The scope of a change and of all that can be looked through together with it; the others leave the queue.';

-- Looks through so many conversions, and enqueues no more customers than a batch has room for, so that rulebook work
-- never piles up before sales. Returns the number of steps done.
CREATE FUNCTION affiliate._expand_rulebook(at timestamptz, oldest xid8, batch integer) RETURNS bigint
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    change record;
    room integer := batch - (SELECT count(*) FROM (SELECT FROM affiliate.settle_queue AS q
                                                   WHERE q.kind = 'customer' AND q.due_at <= at LIMIT batch) AS k);
    to_examine integer := 10 * batch;
    limited integer;
    seen integer;
    last_seen text;
    customers text[];
    steps bigint := 0;
BEGIN
    WHILE room > 0 AND to_examine > 0 LOOP
        SELECT q.queue_id, q.program_no, q.scope, q.scope ->> 'after' AS after INTO change
        FROM affiliate.settle_queue AS q
        WHERE q.kind = 'program' AND q.due_at <= at AND q.ready_xid <= oldest
        ORDER BY coalesce(q.scope ? 'after', false) DESC, q.queue_id LIMIT 1 FOR UPDATE SKIP LOCKED;
        EXIT WHEN NOT FOUND;
        IF change.after IS NULL THEN
            change.scope := affiliate._gather_changes(change.queue_id, change.program_no, change.scope, at, oldest);
            change.after := '';
        END IF;

        SELECT max(k.customer_id), count(*) INTO last_seen, seen
        FROM (SELECT c.customer_id FROM affiliate.conversion AS c WHERE c.customer_id > change.after
              ORDER BY c.customer_id LIMIT to_examine) AS k;
        limited := CASE WHEN change.scope - 'after' = '{}' THEN room ELSE to_examine END;
        customers := ARRAY(
            SELECT DISTINCT c.customer_id FROM affiliate.conversion AS c
            WHERE c.customer_id > change.after AND c.customer_id <= last_seen AND c.program_no = change.program_no AND c.stated_at IS NULL
            ORDER BY c.customer_id LIMIT limited);
        IF cardinality(customers) = limited THEN
            last_seen := customers[limited];
        ELSIF seen < to_examine THEN
            last_seen := NULL; -- that was the end
        END IF;
        IF last_seen IS NULL THEN
            DELETE FROM affiliate.settle_queue AS q WHERE q.queue_id = change.queue_id;
        ELSE
            UPDATE affiliate.settle_queue AS q SET scope = change.scope || jsonb_build_object('after', last_seen)
            WHERE q.queue_id = change.queue_id;
        END IF;

        IF change.scope - 'after' <> '{}' THEN
            customers := affiliate._who_named(customers, change.program_no, change.scope);
        END IF;
        INSERT INTO affiliate.settle_queue (kind, program_no, customer_id, reason, due_at)
        SELECT 'customer', change.program_no, c, 'rulebook', at FROM unnest(customers) AS c;
        room := room - cardinality(customers);
        to_examine := to_examine - seen;
        steps := steps + 1;
    END LOOP;
    RETURN steps;
END
$$;
COMMENT ON FUNCTION affiliate._expand_rulebook(timestamptz, xid8, integer) IS 'Enqueues customers whom changes of the rulebook concern, as many as the drain''s batch has room for; returns the number of steps.';
-- Values of rulebook rows: what the constraints would refuse with a name only is refused here with the value and what to
-- do. The constraints stay as the net, also for writers that run at the same time.

-- The columns of a rulebook table that hold ids.
CREATE FUNCTION affiliate._id_columns(table_name text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE
        WHEN table_name = 'affiliate_alias' THEN '{source,external_id}'::text[]
        WHEN table_name = 'coupon' THEN '{code}'
        WHEN table_name = 'agreement' THEN '{plan_id,affiliate_group}'
        WHEN table_name = 'attribution_override' THEN '{customer_id,transaction_id}'
        WHEN table_name = 'traffic_source' THEN '{traffic_source}'
        WHEN table_name IN ('plan_rule', 'ladder_band') THEN '{}'
        ELSE ARRAY[table_name || '_id'] END;
END
$$;
COMMENT ON FUNCTION affiliate._id_columns(text) IS 'The columns of a rulebook table that hold ids of 1 to 500 bytes.';

CREATE FUNCTION affiliate._is_amount(value numeric) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN value >= 0 AND value < 1e15 AND length(ltrim(replace(trim_scale(value)::text, '.', ''), '0')) <= 15;
END
$$;
COMMENT ON FUNCTION affiliate._is_amount(numeric) IS 'Is it zero or more, finite, with at most 15 significant digits? Null for null.';

CREATE FUNCTION affiliate._check_rulebook_values() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    new_row jsonb := to_jsonb(NEW);
    windows constant text[] := '{click_window,lead_window,ownership_window,late_grace,cooling_off,hold,termination_tail}';
    amounts constant text[] := '{account_size,list_price,discount_value,monthly_cap,adjust_approval_above}'
        || CASE WHEN TG_TABLE_NAME = 'ladder_band' THEN '{rate,amount}'::text[] END;
    name text;
    value text;
    span interval;
BEGIN
    FOREACH name IN ARRAY affiliate._id_columns(TG_TABLE_NAME) LOOP
        value := new_row ->> name;
        IF btrim(value) = '' OR octet_length(value) > 500 THEN
            RAISE EXCEPTION USING ERRCODE = 'AF018',
                MESSAGE = format('%s of "%s" is %s', name, TG_TABLE_NAME, CASE WHEN btrim(value) = '' THEN 'empty' ELSE 'too long' END),
                DETAIL = CASE WHEN btrim(value) = '' THEN 'It has no character but blanks.'
                              ELSE format('%s has %s bytes.', affiliate._quoted(left(value, 40) || '..'), octet_length(value)) END,
                HINT = 'Ids and codes have 1 to 500 bytes.',
                SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, COLUMN = name;
        END IF;
    END LOOP;
    FOREACH name IN ARRAY windows LOOP
        span := new_row ->> name;
        IF span < interval '0' OR date_part('year', span) <> 0 OR date_part('month', span) <> 0 THEN
            RAISE EXCEPTION USING ERRCODE = 'AF019',
                MESSAGE = format('%s of "%s" %s', name, TG_TABLE_NAME, CASE WHEN span < interval '0' THEN 'is negative' ELSE 'has months or years' END),
                DETAIL = format('It is %s.', affiliate._quoted(span::text)),
                HINT = 'Give zero or more days, hours, minutes and seconds: months and years have no fixed length.',
                SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, COLUMN = name;
        END IF;
    END LOOP;
    FOREACH name IN ARRAY amounts LOOP
        IF NOT affiliate._is_amount((new_row ->> name)::numeric) THEN
            RAISE EXCEPTION USING ERRCODE = 'AF037',
                MESSAGE = format('%s of "%s" is no amount', name, TG_TABLE_NAME),
                DETAIL = format('It is %s.', affiliate._quoted(left(new_row ->> name, 50))),
                HINT = 'Give zero or more, with at most 15 significant digits.',
                SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, COLUMN = name;
        END IF;
    END LOOP;
    IF (new_row ->> 'valid_from')::timestamptz >= (new_row ->> 'valid_until')::timestamptz THEN
        RAISE EXCEPTION USING ERRCODE = 'AF029',
            MESSAGE = format('period of "%s" ends before it begins', TG_TABLE_NAME),
            DETAIL = format('It would be from %s until %s, and the end does not belong to it.', new_row ->> 'valid_from', new_row ->> 'valid_until'),
            HINT = 'Give a valid_until that is later than valid_from.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, COLUMN = 'valid_until';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION affiliate._check_rulebook_values() IS 'Row trigger of rulebook tables: ids have 1 to 500 bytes, windows are no negative spans and have no months, amounts are finite and not negative, periods are not empty.';

CREATE FUNCTION affiliate._check_coupon_overlap() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    other record;
BEGIN
    SELECT c.coupon_no, c.code, c.valid_from, c.valid_until, f.affiliate_id INTO other
    FROM affiliate.coupon AS c LEFT JOIN affiliate.affiliate AS f USING (affiliate_no)
    WHERE c.program_no = NEW.program_no AND c.code_normalised = upper(btrim(NEW.code) COLLATE "C")
      AND tstzrange(c.valid_from, c.valid_until) && tstzrange(NEW.valid_from, NEW.valid_until)
      AND NOT (TG_OP = 'UPDATE' AND c.coupon_no = (to_jsonb(OLD) ->> 'coupon_no')::integer)
    ORDER BY c.valid_from LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'AF035',
            MESSAGE = format('coupon "%s" overlaps another one', NEW.code),
            DETAIL = format('Coupon "%s" of %s is valid from %s until %s.', other.code,
                            coalesce('affiliate "' || other.affiliate_id || '"', 'the house'), other.valid_from, other.valid_until),
            HINT = 'A code belongs to one affiliate at a time, in capitals or small letters: end that row (valid_until) where the new one begins.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = 'coupon_overlap_excl';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION affiliate._check_coupon_overlap() IS 'Row trigger of coupon: names the row that a code would overlap.';

CREATE FUNCTION affiliate._check_agreement_overlap() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    other record;
BEGIN
    -- the first condition of each is that of the index behind the constraint
    SELECT a.plan_id, a.valid_from, a.valid_until, coalesce('affiliate "' || f.affiliate_id, 'group "' || a.affiliate_group) || '"' AS whose
    INTO other
    FROM affiliate.agreement AS a LEFT JOIN affiliate.affiliate AS f USING (affiliate_no)
    WHERE int4range(a.program_no, a.program_no, '[]') && int4range(NEW.program_no, NEW.program_no, '[]')
      AND tstzrange(a.valid_from, a.valid_until) && tstzrange(NEW.valid_from, NEW.valid_until)
      AND (a.affiliate_no IS NOT NULL AND NEW.affiliate_no IS NOT NULL AND int4range(a.affiliate_no, a.affiliate_no, '[]') && int4range(NEW.affiliate_no, NEW.affiliate_no, '[]')
           OR a.affiliate_group IS NOT NULL AND a.affiliate_group = NEW.affiliate_group)
      AND NOT (TG_OP = 'UPDATE' AND a.agreement_no = (to_jsonb(OLD) ->> 'agreement_no')::integer)
    ORDER BY a.valid_from LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'AF035',
            MESSAGE = format('agreement of %s overlaps another one', other.whose),
            DETAIL = format('The one on plan "%s" is in force from %s until %s.', other.plan_id, other.valid_from, other.valid_until),
            HINT = 'There is one agreement at a time: end that row (valid_until) where the new one begins.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION affiliate._check_agreement_overlap() IS 'Row trigger of agreement: names the row that an agreement would overlap.';
-- Creating without locking what is there already: setup() runs beside sales.

CREATE FUNCTION affiliate._create_index(index_name text, statement text) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF to_regclass(format('affiliate.%I', index_name)) IS NULL THEN
        EXECUTE statement;
    END IF;
END
$$;
COMMENT ON FUNCTION affiliate._create_index(text, text) IS 'Part of setup(): creates an index that is missing; takes no lock where it is there.';

CREATE FUNCTION affiliate._create_trigger(trigger_name text, table_name text, definition text) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted text := format('CREATE TRIGGER %I %s', trigger_name, definition);
    present record;
BEGIN
    SELECT pg_get_triggerdef(t.oid) AS definition, t.tgenabled INTO present FROM pg_trigger AS t
    WHERE t.tgrelid = format('affiliate.%I', table_name)::regclass AND t.tgname = trigger_name;
    IF present.definition IS DISTINCT FROM wanted THEN
        EXECUTE format('CREATE OR REPLACE TRIGGER %I %s', trigger_name, definition);
    ELSIF present.tgenabled <> 'O' THEN -- its definition does not show that a restore which broke off left it disabled
        EXECUTE format('ALTER TABLE affiliate.%I ENABLE TRIGGER %I', table_name, trigger_name);
    END IF;
END
$$;
COMMENT ON FUNCTION affiliate._create_trigger(text, text, text) IS 'Part of setup(): creates, replaces or enables a trigger that is not as wanted; takes no lock where it is.';
-- Roles: one owner without login, and three group roles to grant to people and programs.

CREATE FUNCTION affiliate._setup_roles() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET client_min_messages = warning
AS $setup$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES
            ('affiliate_owner', 'pg_affiliate: owns every table of schema affiliate; no one logs in as this role'),
            ('affiliate_reader', 'pg_affiliate: reads everything but personal data'),
            ('affiliate_writer', 'pg_affiliate: writes facts (clicks, customers, transactions, disputes), and asks what a checkout asks'),
            ('affiliate_admin', 'pg_affiliate: writes the rulebook and makes the operator''s calls')) AS v (role_name, description)
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.role_name) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted.role_name);
            EXECUTE format('COMMENT ON ROLE %I IS %L', wanted.role_name, wanted.description);
        END IF;
    END LOOP;

    -- Functions with the owner's rights must never have more rights than the tables need.
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'affiliate_owner' AND (rolcanlogin OR rolsuper OR rolcreaterole OR rolcreatedb)) THEN
        ALTER ROLE affiliate_owner NOLOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB;
    END IF;
    IF NOT pg_has_role('affiliate_admin', 'affiliate_reader', 'MEMBER') THEN
        GRANT affiliate_reader TO affiliate_admin;
    END IF;
END
$setup$;
COMMENT ON FUNCTION affiliate._setup_roles() IS 'Part of setup(): creates the roles that are missing.';
-- Rulebook: who may earn what, and every policy that decides money (SEMANTICS W1-W14, M1-M11).
-- Windows are spans of N x 24 hours: months and years have no fixed length and are refused.

CREATE FUNCTION affiliate._setup_rulebook() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET client_min_messages = warning
AS $setup$
BEGIN
    CREATE TABLE IF NOT EXISTS affiliate.currency (
        currency text COLLATE "C" NOT NULL CONSTRAINT currency_pkey PRIMARY KEY,
        exponent smallint NOT NULL DEFAULT 2,
        CONSTRAINT currency_code_check CHECK (currency ~ '^[A-Z0-9]{3,10}$'),
        CONSTRAINT currency_exponent_check CHECK (exponent BETWEEN 0 AND 12)
    );
    COMMENT ON TABLE affiliate.currency IS 'Currencies that amounts may be in; exponent is the number of digits after the point.';

    CREATE TABLE IF NOT EXISTS affiliate.fx_rate (
        from_currency text COLLATE "C" NOT NULL,
        to_currency text COLLATE "C" NOT NULL,
        valid_from timestamptz NOT NULL,
        rate numeric NOT NULL,
        source text NOT NULL DEFAULT 'manual',
        CONSTRAINT fx_rate_pkey PRIMARY KEY (from_currency, to_currency, valid_from),
        CONSTRAINT fx_rate_rate_check CHECK (rate > 0 AND rate < 1e15 AND scale(rate) <= 15),
        CONSTRAINT fx_rate_pair_check CHECK (from_currency <> to_currency)
    );
    COMMENT ON TABLE affiliate.fx_rate IS 'One unit of from_currency is rate units of to_currency from valid_from on; a commission uses the rate in force at completed_at (M9).';

    CREATE TABLE IF NOT EXISTS affiliate.program (
        program_no integer GENERATED BY DEFAULT AS IDENTITY CONSTRAINT program_pkey PRIMARY KEY,
        program_id text COLLATE "C" NOT NULL CONSTRAINT program_program_id_key UNIQUE,
        name text,
        currency text COLLATE "C" NOT NULL,
        time_zone text NOT NULL DEFAULT 'UTC',
        default_plan_id text COLLATE "C",
        -- W4
        precedence text[] NOT NULL DEFAULT '{override,ownership,coupon,click,lead,declared}',
        click_choice text NOT NULL DEFAULT 'last',
        -- W5
        later_coupon text NOT NULL DEFAULT 'keep',
        later_click text NOT NULL DEFAULT 'keep',
        -- W6
        click_window interval NOT NULL DEFAULT '72 hours',
        lead_window interval NOT NULL DEFAULT '90 days',
        window_end text NOT NULL DEFAULT 'instant_exclusive',
        -- W7
        bind_at text NOT NULL DEFAULT 'first_purchase',
        bind_purchase text NOT NULL DEFAULT 'first_attributed',
        ownership_kind text NOT NULL DEFAULT 'fixed',
        ownership_window interval NOT NULL DEFAULT '90 days',
        ownership_rebind boolean NOT NULL DEFAULT true,
        ownership_restart_rule integer,
        -- W9
        count_ladder_unit text NOT NULL DEFAULT 'lines',
        -- W11
        plan_change text NOT NULL DEFAULT 'orders',
        -- W12
        late_grace interval NOT NULL DEFAULT '24 hours',
        -- W14
        commission_from timestamptz,
        -- M3, M6
        on_dispute_opened text NOT NULL DEFAULT 'hold',
        cooling_off interval NOT NULL DEFAULT '48 hours',
        chargeback_reasons text[] NOT NULL DEFAULT '{}',
        success_bonus_reasons text[] NOT NULL DEFAULT '{success_bonus}',
        success_bonus_refund text NOT NULL DEFAULT 'keep',
        -- M7
        ladder_reversal text NOT NULL DEFAULT 'own_time',
        -- M8
        zero_amount_counts boolean NOT NULL DEFAULT false,
        upgrade_counts text NOT NULL DEFAULT 'delta',
        -- adjust()
        adjust_approval text NOT NULL DEFAULT 'always',
        adjust_approval_above numeric NOT NULL DEFAULT 0,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT program_id_check CHECK (program_id <> '' AND octet_length(program_id) <= 500),
        CONSTRAINT program_precedence_check CHECK (
            precedence <@ '{override,ownership,coupon,click,lead,declared}'::text[] AND cardinality(precedence) >= 1
            AND cardinality(precedence) = ('override' = ANY (precedence))::integer + ('ownership' = ANY (precedence))::integer
                + ('coupon' = ANY (precedence))::integer + ('click' = ANY (precedence))::integer
                + ('lead' = ANY (precedence))::integer + ('declared' = ANY (precedence))::integer),
        CONSTRAINT program_reasons_check CHECK (
            array_position(chargeback_reasons, NULL) IS NULL AND array_position(chargeback_reasons, '') IS NULL
            AND array_position(success_bonus_reasons, NULL) IS NULL AND array_position(success_bonus_reasons, '') IS NULL),
        CONSTRAINT program_click_choice_check CHECK (click_choice IN ('last', 'first')),
        CONSTRAINT program_later_coupon_check CHECK (later_coupon IN ('keep', 'this_order', 'move', 'nobody')),
        CONSTRAINT program_later_click_check CHECK (later_click IN ('keep', 'this_order', 'move', 'nobody')),
        CONSTRAINT program_window_end_check CHECK (window_end IN ('instant_exclusive', 'instant_inclusive', 'end_of_day')),
        CONSTRAINT program_bind_at_check CHECK (bind_at IN ('registration', 'first_purchase')),
        CONSTRAINT program_bind_purchase_check CHECK (bind_purchase IN ('first_attributed', 'number_one')),
        CONSTRAINT program_ownership_kind_check CHECK (ownership_kind IN ('fixed', 'rolling', 'lifetime', 'per_account')),
        CONSTRAINT program_count_ladder_unit_check CHECK (count_ladder_unit IN ('lines', 'orders')),
        CONSTRAINT program_plan_change_check CHECK (plan_change IN ('orders', 'new_customers')),
        CONSTRAINT program_on_dispute_opened_check CHECK (on_dispute_opened IN ('hold', 'reverse')),
        CONSTRAINT program_success_bonus_refund_check CHECK (success_bonus_refund IN ('keep', 'reverse')),
        CONSTRAINT program_ladder_reversal_check CHECK (ladder_reversal IN ('own_time', 'ignore')),
        CONSTRAINT program_upgrade_counts_check CHECK (upgrade_counts IN ('delta', 'new_purchase', 'none')),
        CONSTRAINT program_adjust_approval_check CHECK (adjust_approval IN ('always', 'above', 'never')),
        CONSTRAINT program_adjust_approval_above_check CHECK (adjust_approval_above >= 0 AND adjust_approval_above < 1e15),
        CONSTRAINT program_click_window_check CHECK (
            click_window >= interval '0' AND date_part('year', click_window) = 0 AND date_part('month', click_window) = 0),
        CONSTRAINT program_lead_window_check CHECK (
            lead_window >= interval '0' AND date_part('year', lead_window) = 0 AND date_part('month', lead_window) = 0),
        CONSTRAINT program_ownership_window_check CHECK (
            ownership_window >= interval '0' AND date_part('year', ownership_window) = 0 AND date_part('month', ownership_window) = 0),
        CONSTRAINT program_late_grace_check CHECK (
            late_grace >= interval '0' AND date_part('year', late_grace) = 0 AND date_part('month', late_grace) = 0),
        CONSTRAINT program_cooling_off_check CHECK (
            cooling_off >= interval '0' AND date_part('year', cooling_off) = 0 AND date_part('month', cooling_off) = 0)
    );
    COMMENT ON TABLE affiliate.program IS 'One commercial offer with its own policies and base currency; each policy column names the rule of docs/semantics.md it sets.';

    CREATE TABLE IF NOT EXISTS affiliate.affiliate (
        affiliate_no integer GENERATED BY DEFAULT AS IDENTITY CONSTRAINT affiliate_pkey PRIMARY KEY,
        affiliate_id text COLLATE "C" NOT NULL CONSTRAINT affiliate_affiliate_id_key UNIQUE,
        name text,
        affiliate_group text COLLATE "C",
        manager text,
        partner_type text,
        country text,
        initial_status text NOT NULL DEFAULT 'active',
        own_customer_ids text[] NOT NULL DEFAULT '{}',
        payment_fingerprints text[] NOT NULL DEFAULT '{}',
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT affiliate_id_check CHECK (affiliate_id <> '' AND octet_length(affiliate_id) <= 500),
        CONSTRAINT affiliate_initial_status_check CHECK (initial_status IN ('pending', 'active', 'suspended', 'terminated'))
    );
    COMMENT ON TABLE affiliate.affiliate IS 'A partner who refers customers. own_customer_ids and payment_fingerprints are the evidence for self-referral (W3).';

    CREATE TABLE IF NOT EXISTS affiliate.affiliate_status (
        affiliate_no integer NOT NULL CONSTRAINT affiliate_status_affiliate_fkey REFERENCES affiliate.affiliate,
        valid_from timestamptz NOT NULL DEFAULT now(),
        status text NOT NULL,
        reason text,
        CONSTRAINT affiliate_status_pkey PRIMARY KEY (affiliate_no, valid_from),
        CONSTRAINT affiliate_status_status_check CHECK (status IN ('pending', 'active', 'suspended', 'terminated'))
    );
    COMMENT ON TABLE affiliate.affiliate_status IS 'The status of an affiliate from an instant on; before the first row it has its initial_status.';

    CREATE TABLE IF NOT EXISTS affiliate.affiliate_upline (
        affiliate_no integer NOT NULL CONSTRAINT affiliate_upline_affiliate_fkey REFERENCES affiliate.affiliate,
        upline_no integer NOT NULL CONSTRAINT affiliate_upline_upline_fkey REFERENCES affiliate.affiliate (affiliate_no),
        level smallint NOT NULL DEFAULT 1,
        valid_from timestamptz NOT NULL DEFAULT '-infinity',
        valid_until timestamptz NOT NULL DEFAULT 'infinity',
        CONSTRAINT affiliate_upline_pkey PRIMARY KEY (affiliate_no, level, valid_from, upline_no),
        CONSTRAINT affiliate_upline_level_check CHECK (level BETWEEN 1 AND 20),
        CONSTRAINT affiliate_upline_self_check CHECK (affiliate_no <> upline_no),
        CONSTRAINT affiliate_upline_period_check CHECK (valid_from < valid_until),
        CONSTRAINT affiliate_upline_overlap_excl EXCLUDE USING gist (
            int4range(affiliate_no, affiliate_no, '[]') WITH &&, int4range(level, level, '[]') WITH &&,
            tstzrange(valid_from, valid_until) WITH &&)
    );
    COMMENT ON TABLE affiliate.affiliate_upline IS 'Who is above whom. Write level 1 (the direct parent); the deeper levels of the closure follow by trigger. A cycle is refused.';

    CREATE TABLE IF NOT EXISTS affiliate.affiliate_alias (
        source text COLLATE "C" NOT NULL,
        external_id text COLLATE "C" NOT NULL,
        affiliate_no integer NOT NULL CONSTRAINT affiliate_alias_affiliate_fkey REFERENCES affiliate.affiliate,
        CONSTRAINT affiliate_alias_pkey PRIMARY KEY (source, external_id),
        CONSTRAINT affiliate_alias_id_check CHECK (external_id <> '' AND octet_length(external_id) <= 500 AND octet_length(source) <= 500)
    );
    COMMENT ON TABLE affiliate.affiliate_alias IS 'Other names under which an affiliate is declared by a source.';

    CREATE TABLE IF NOT EXISTS affiliate.campaign (
        campaign_no integer GENERATED BY DEFAULT AS IDENTITY CONSTRAINT campaign_pkey PRIMARY KEY,
        program_no integer NOT NULL CONSTRAINT campaign_program_fkey REFERENCES affiliate.program,
        campaign_id text COLLATE "C" NOT NULL,
        name text,
        click_window interval,
        lead_window interval,
        ownership_window interval,
        CONSTRAINT campaign_campaign_id_key UNIQUE (program_no, campaign_id),
        CONSTRAINT campaign_id_check CHECK (campaign_id <> '' AND octet_length(campaign_id) <= 500),
        CONSTRAINT campaign_windows_check CHECK (
            (click_window IS NULL OR click_window >= interval '0' AND date_part('year', click_window) = 0 AND date_part('month', click_window) = 0)
            AND (lead_window IS NULL OR lead_window >= interval '0' AND date_part('year', lead_window) = 0 AND date_part('month', lead_window) = 0)
            AND (ownership_window IS NULL OR ownership_window >= interval '0' AND date_part('year', ownership_window) = 0 AND date_part('month', ownership_window) = 0))
    );
    COMMENT ON TABLE affiliate.campaign IS 'A campaign of a program; its windows override those of traffic source and program (W6).';

    CREATE TABLE IF NOT EXISTS affiliate.traffic_source (
        program_no integer NOT NULL CONSTRAINT traffic_source_program_fkey REFERENCES affiliate.program,
        traffic_source text COLLATE "C" NOT NULL,
        click_window interval,
        lead_window interval,
        ownership_window interval,
        CONSTRAINT traffic_source_pkey PRIMARY KEY (program_no, traffic_source),
        CONSTRAINT traffic_source_windows_check CHECK (
            (click_window IS NULL OR click_window >= interval '0' AND date_part('year', click_window) = 0 AND date_part('month', click_window) = 0)
            AND (lead_window IS NULL OR lead_window >= interval '0' AND date_part('year', lead_window) = 0 AND date_part('month', lead_window) = 0)
            AND (ownership_window IS NULL OR ownership_window >= interval '0' AND date_part('year', ownership_window) = 0 AND date_part('month', ownership_window) = 0))
    );
    COMMENT ON TABLE affiliate.traffic_source IS 'Windows by kind of traffic (W6); a link names its traffic source.';

    CREATE TABLE IF NOT EXISTS affiliate.link (
        link_no integer GENERATED BY DEFAULT AS IDENTITY CONSTRAINT link_pkey PRIMARY KEY,
        link_id text COLLATE "C" NOT NULL CONSTRAINT link_link_id_key UNIQUE,
        program_no integer NOT NULL CONSTRAINT link_program_fkey REFERENCES affiliate.program,
        affiliate_no integer NOT NULL CONSTRAINT link_affiliate_fkey REFERENCES affiliate.affiliate,
        campaign_no integer CONSTRAINT link_campaign_fkey REFERENCES affiliate.campaign,
        traffic_source text COLLATE "C",
        target_url text,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT link_id_check CHECK (link_id <> '' AND octet_length(link_id) <= 500)
    );
    COMMENT ON TABLE affiliate.link IS 'A tracking link: which affiliate and campaign a click on it speaks for.';

    CREATE TABLE IF NOT EXISTS affiliate.coupon (
        coupon_no integer GENERATED BY DEFAULT AS IDENTITY CONSTRAINT coupon_pkey PRIMARY KEY,
        program_no integer NOT NULL CONSTRAINT coupon_program_fkey REFERENCES affiliate.program,
        code text NOT NULL,
        code_normalised text COLLATE "C" GENERATED ALWAYS AS (upper(btrim(code) COLLATE "C")) STORED,
        affiliate_no integer CONSTRAINT coupon_affiliate_fkey REFERENCES affiliate.affiliate,
        campaign_no integer CONSTRAINT coupon_campaign_fkey REFERENCES affiliate.campaign,
        discount_kind text NOT NULL DEFAULT 'none',
        discount_value numeric NOT NULL DEFAULT 0,
        valid_from timestamptz NOT NULL DEFAULT '-infinity',
        valid_until timestamptz NOT NULL DEFAULT 'infinity',
        products text[],
        countries text[],
        redemption_limit integer,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT coupon_code_check CHECK (btrim(code) <> '' AND octet_length(code) <= 500),
        CONSTRAINT coupon_discount_kind_check CHECK (discount_kind IN ('none', 'percent', 'amount')),
        CONSTRAINT coupon_discount_value_check CHECK (discount_value >= 0 AND discount_value < 1e15 AND (discount_kind <> 'percent' OR discount_value <= 100)),
        CONSTRAINT coupon_redemption_limit_check CHECK (redemption_limit > 0),
        CONSTRAINT coupon_period_check CHECK (valid_from < valid_until),
        -- code_normalised has no gist operator class; its 64 bit hash has one
        CONSTRAINT coupon_overlap_excl EXCLUDE USING gist (
            int4range(program_no, program_no, '[]') WITH &&,
            int8range(hashtextextended(upper(btrim(code) COLLATE "C"), 0), hashtextextended(upper(btrim(code) COLLATE "C"), 0), '[]') WITH &&,
            tstzrange(valid_from, valid_until) WITH &&)
    );
    PERFORM affiliate._create_index('coupon_code_idx', $index$CREATE INDEX coupon_code_idx ON affiliate.coupon (program_no, code_normalised)$index$);
    COMMENT ON TABLE affiliate.coupon IS 'A coupon code and whose it is from when until when. No affiliate = house coupon, which is no signal (W3). redemption_limit is what the shop enforces; it is kept for reports.';

    CREATE TABLE IF NOT EXISTS affiliate.product (
        program_no integer NOT NULL CONSTRAINT product_program_fkey REFERENCES affiliate.program,
        product_id text COLLATE "C" NOT NULL,
        name text,
        family text,
        account_size numeric,
        list_price numeric,
        CONSTRAINT product_pkey PRIMARY KEY (program_no, product_id),
        CONSTRAINT product_id_check CHECK (product_id <> '' AND octet_length(product_id) <= 500)
    );
    COMMENT ON TABLE affiliate.product IS 'What is sold; a sale may name products that are not listed here.';

    CREATE TABLE IF NOT EXISTS affiliate.transaction_type (
        transaction_type text COLLATE "C" NOT NULL CONSTRAINT transaction_type_pkey PRIMARY KEY,
        effect text NOT NULL,
        sale_kind text NOT NULL DEFAULT 'purchase',
        words text[] NOT NULL DEFAULT '{}',
        description text,
        CONSTRAINT transaction_type_effect_check CHECK (effect IN ('sale', 'refund', 'chargeback', 'credit', 'correction', 'cost')),
        CONSTRAINT transaction_type_sale_kind_check CHECK (sale_kind IN ('purchase', 'reset', 'upgrade', 'activation', 'addon', 'subscription', 'other'))
    );
    COMMENT ON TABLE affiliate.transaction_type IS 'The types a transaction may have and what each does (M3); words are the firm''s own names for it.';

    CREATE TABLE IF NOT EXISTS affiliate.transaction_status (
        status text COLLATE "C" NOT NULL CONSTRAINT transaction_status_pkey PRIMARY KEY,
        effect text NOT NULL,
        CONSTRAINT transaction_status_effect_check CHECK (effect IN ('pending', 'completed', 'failed', 'cancelled', 'refunded',
            'refund_failed', 'disputed', 'chargeback', 'dispute_won', 'reinstated'))
    );
    COMMENT ON TABLE affiliate.transaction_status IS 'The status words a transaction may have, a firm''s own among them, and what each means (M2, M3).';

    CREATE TABLE IF NOT EXISTS affiliate.plan (
        plan_no integer GENERATED BY DEFAULT AS IDENTITY CONSTRAINT plan_pkey PRIMARY KEY,
        program_no integer NOT NULL CONSTRAINT plan_program_fkey REFERENCES affiliate.program,
        plan_id text COLLATE "C" NOT NULL,
        version integer NOT NULL DEFAULT 1,
        name text,
        valid_from timestamptz NOT NULL DEFAULT now(),
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT plan_version_key UNIQUE (program_no, plan_id, version),
        CONSTRAINT plan_valid_from_key UNIQUE (program_no, plan_id, valid_from),
        CONSTRAINT plan_id_check CHECK (plan_id <> '' AND octet_length(plan_id) <= 500)
    );
    COMMENT ON TABLE affiliate.plan IS 'A version of a plan: in force for orders from valid_from until the next version''s (W8, W11).';

    CREATE TABLE IF NOT EXISTS affiliate.ladder (
        ladder_no integer GENERATED BY DEFAULT AS IDENTITY CONSTRAINT ladder_pkey PRIMARY KEY,
        program_no integer NOT NULL CONSTRAINT ladder_program_fkey REFERENCES affiliate.program,
        ladder_id text COLLATE "C" NOT NULL,
        metric text NOT NULL DEFAULT 'count_first_purchases',
        ladder_window text NOT NULL DEFAULT 'calendar_month',
        mode text NOT NULL DEFAULT 'marginal',
        CONSTRAINT ladder_ladder_id_key UNIQUE (program_no, ladder_id),
        CONSTRAINT ladder_metric_check CHECK (metric IN ('count_first_purchases')),
        CONSTRAINT ladder_window_check CHECK (ladder_window IN ('calendar_month')),
        CONSTRAINT ladder_mode_check CHECK (mode IN ('marginal', 'retroactive'))
    );
    COMMENT ON TABLE affiliate.ladder IS 'A tier table with a metric and a window (M7). marginal: each line has the band of its own position; retroactive: all lines of the window have the band of its total.';

    CREATE TABLE IF NOT EXISTS affiliate.ladder_band (
        ladder_no integer NOT NULL CONSTRAINT ladder_band_ladder_fkey REFERENCES affiliate.ladder,
        band smallint NOT NULL,
        from_position integer NOT NULL,
        rate numeric,
        amount numeric,
        label text,
        ownership_window interval,
        CONSTRAINT ladder_band_pkey PRIMARY KEY (ladder_no, band),
        CONSTRAINT ladder_band_from_position_key UNIQUE (ladder_no, from_position),
        CONSTRAINT ladder_band_from_position_check CHECK (from_position >= 1 AND band >= 1),
        CONSTRAINT ladder_band_values_check CHECK (abs(rate) < 1e15 AND scale(rate) <= 15 AND abs(amount) < 1e15 AND scale(amount) <= 15),
        CONSTRAINT ladder_band_ownership_window_check CHECK (
            ownership_window >= interval '0' AND date_part('year', ownership_window) = 0 AND date_part('month', ownership_window) = 0)
    );
    COMMENT ON TABLE affiliate.ladder_band IS 'A band begins at the from_position-th counted conversion of the window; its rate, amount and label are band_rate, band_amount and band_label of rule_input. ownership_window: how long customers stay an affiliate''s who was in this band in his last locked month when they came.';

    CREATE TABLE IF NOT EXISTS affiliate.plan_rule (
        rule_no integer GENERATED BY DEFAULT AS IDENTITY CONSTRAINT plan_rule_pkey PRIMARY KEY,
        plan_no integer NOT NULL CONSTRAINT plan_rule_plan_fkey REFERENCES affiliate.plan,
        sequence_no integer NOT NULL,
        rule_group text,
        name text,
        transaction_types text[],
        condition text NOT NULL DEFAULT 'true',
        amount text NOT NULL,
        beneficiary text NOT NULL DEFAULT 'owner',
        level smallint NOT NULL DEFAULT 0,
        rounding text NOT NULL DEFAULT 'half_up',
        scale smallint,
        take_back text NOT NULL DEFAULT 'recompute',
        hold_kind text NOT NULL DEFAULT 'time',
        hold interval NOT NULL DEFAULT '0',
        hold_until_type text COLLATE "C",
        hold_until_kyc text,
        ladder_no integer CONSTRAINT plan_rule_ladder_fkey REFERENCES affiliate.ladder,
        monthly_cap numeric,
        live_inputs text[] NOT NULL DEFAULT '{}',
        CONSTRAINT plan_rule_sequence_key UNIQUE (plan_no, sequence_no),
        CONSTRAINT plan_rule_beneficiary_check CHECK (beneficiary = 'owner' AND level = 0 OR beneficiary = 'upline' AND level BETWEEN 1 AND 20),
        CONSTRAINT plan_rule_rounding_check CHECK (rounding IN ('half_up', 'half_even', 'down', 'up')),
        CONSTRAINT plan_rule_scale_check CHECK (scale BETWEEN 0 AND 12),
        CONSTRAINT plan_rule_take_back_check CHECK (take_back IN ('recompute', 'proportional', 'keep')),
        CONSTRAINT plan_rule_hold_kind_check CHECK (hold_kind IN ('time', 'event', 'earlier')),
        CONSTRAINT plan_rule_hold_event_check CHECK (hold_kind = 'time' OR (hold_until_type IS NULL) <> (hold_until_kyc IS NULL)),
        CONSTRAINT plan_rule_hold_check CHECK (hold >= interval '0' AND date_part('year', hold) = 0 AND date_part('month', hold) = 0),
        CONSTRAINT plan_rule_monthly_cap_check CHECK (monthly_cap >= 0 AND monthly_cap < 1e15),
        CONSTRAINT plan_rule_live_inputs_check CHECK (live_inputs <@ '{kyc_status,sales_status}'::text[])
    );
    COMMENT ON TABLE affiliate.plan_rule IS 'When a rule applies, who gets it, how much, rounding, hold and limits. Rules of one rule_group exclude each other, the first match in sequence_no wins; different groups add up.';

    CREATE TABLE IF NOT EXISTS affiliate.agreement (
        agreement_no integer GENERATED BY DEFAULT AS IDENTITY CONSTRAINT agreement_pkey PRIMARY KEY,
        program_no integer NOT NULL CONSTRAINT agreement_program_fkey REFERENCES affiliate.program,
        affiliate_no integer CONSTRAINT agreement_affiliate_fkey REFERENCES affiliate.affiliate,
        affiliate_group text COLLATE "C",
        plan_id text COLLATE "C" NOT NULL,
        valid_from timestamptz NOT NULL DEFAULT now(),
        valid_until timestamptz NOT NULL DEFAULT 'infinity',
        click_window interval,
        lead_window interval,
        ownership_window interval,
        termination_tail interval NOT NULL DEFAULT '0',
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT agreement_scope_check CHECK ((affiliate_no IS NULL) <> (affiliate_group IS NULL)),
        CONSTRAINT agreement_period_check CHECK (valid_from < valid_until),
        CONSTRAINT agreement_windows_check CHECK (
            (click_window IS NULL OR click_window >= interval '0' AND date_part('year', click_window) = 0 AND date_part('month', click_window) = 0)
            AND (lead_window IS NULL OR lead_window >= interval '0' AND date_part('year', lead_window) = 0 AND date_part('month', lead_window) = 0)
            AND (ownership_window IS NULL OR ownership_window >= interval '0' AND date_part('year', ownership_window) = 0 AND date_part('month', ownership_window) = 0)
            AND termination_tail >= interval '0' AND date_part('year', termination_tail) = 0 AND date_part('month', termination_tail) = 0),
        CONSTRAINT agreement_affiliate_overlap_excl EXCLUDE USING gist (
            int4range(program_no, program_no, '[]') WITH &&, int4range(affiliate_no, affiliate_no, '[]') WITH &&,
            tstzrange(valid_from, valid_until) WITH &&) WHERE (affiliate_no IS NOT NULL),
        CONSTRAINT agreement_group_overlap_excl EXCLUDE USING gist (
            int4range(program_no, program_no, '[]') WITH &&,
            int8range(hashtextextended(affiliate_group, 0), hashtextextended(affiliate_group, 0), '[]') WITH &&,
            tstzrange(valid_from, valid_until) WITH &&) WHERE (affiliate_group IS NOT NULL)
    );
    COMMENT ON TABLE affiliate.agreement IS 'Which plan an affiliate (or a group of affiliates) has in a program, from when until when; an affiliate''s own agreement wins over its group''s, that over program.default_plan_id.';

    CREATE TABLE IF NOT EXISTS affiliate.attribution_override (
        override_no integer GENERATED BY DEFAULT AS IDENTITY CONSTRAINT attribution_override_pkey PRIMARY KEY,
        program_no integer NOT NULL CONSTRAINT attribution_override_program_fkey REFERENCES affiliate.program,
        customer_id text COLLATE "C" NOT NULL,
        transaction_id text COLLATE "C",
        affiliate_no integer CONSTRAINT attribution_override_affiliate_fkey REFERENCES affiliate.affiliate,
        valid_from timestamptz NOT NULL DEFAULT now(),
        valid_until timestamptz NOT NULL DEFAULT 'infinity',
        paid_lines text NOT NULL DEFAULT 'claw_back',
        reason text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        created_by text NOT NULL DEFAULT session_user,
        CONSTRAINT attribution_override_period_check CHECK (valid_from < valid_until),
        CONSTRAINT attribution_override_paid_lines_check CHECK (paid_lines IN ('claw_back', 'goodwill')),
        CONSTRAINT attribution_override_reason_check CHECK (btrim(reason) <> '')
    );
    PERFORM affiliate._create_index('attribution_override_customer_idx', $index$CREATE INDEX attribution_override_customer_idx ON affiliate.attribution_override (customer_id)$index$);
    COMMENT ON TABLE affiliate.attribution_override IS 'An operator''s decision who earned a customer''s orders in a period, or one order (W4, W14); no affiliate = nobody. Of several that fit the newest counts.';
END
$setup$;
COMMENT ON FUNCTION affiliate._setup_rulebook() IS 'Part of setup(): creates the rulebook tables that are missing.';
-- Facts: what the firm said. Rows are written by plain SQL; every earlier state of a row is kept in <table>_report.

CREATE FUNCTION affiliate._setup_facts() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET client_min_messages = warning
AS $setup$
BEGIN
    CREATE TABLE IF NOT EXISTS affiliate.click (
        click_id text COLLATE "C" NOT NULL CONSTRAINT click_pkey PRIMARY KEY,
        program_id text COLLATE "C" NOT NULL DEFAULT affiliate._default_program(),
        link_id text COLLATE "C",
        affiliate_id text COLLATE "C",
        campaign_id text COLLATE "C",
        clicked_at timestamptz NOT NULL DEFAULT affiliate._now(),
        visitor_id text COLLATE "C",
        customer_id text COLLATE "C",
        sub1 text, sub2 text, sub3 text, sub4 text, sub5 text, sub6 text, sub7 text, sub8 text,
        parameters jsonb,
        landing_url text,
        referrer text,
        country text,
        device text,
        is_test boolean NOT NULL DEFAULT false,
        recorded_at timestamptz NOT NULL DEFAULT affiliate._now(),
        recorded_by text NOT NULL DEFAULT session_user,
        cluster_no smallint NOT NULL DEFAULT 0,
        written_xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
        CONSTRAINT click_clicked_at_check CHECK (isfinite(clicked_at))
    );
    PERFORM affiliate._create_index('click_visitor_idx', $index$CREATE INDEX click_visitor_idx ON affiliate.click (visitor_id) WHERE visitor_id IS NOT NULL$index$);
    PERFORM affiliate._create_index('click_customer_idx', $index$CREATE INDEX click_customer_idx ON affiliate.click (customer_id) WHERE customer_id IS NOT NULL$index$);
    PERFORM affiliate._create_index('click_written_idx', $index$CREATE INDEX click_written_idx ON affiliate.click USING btree (written_xid)$index$);
    COMMENT ON TABLE affiliate.click IS 'A click on a tracking link; click_id is kept byte for byte, for ever.';

    CREATE TABLE IF NOT EXISTS affiliate.visitor_customer (
        visitor_id text COLLATE "C" NOT NULL,
        customer_id text COLLATE "C" NOT NULL,
        seen_at timestamptz NOT NULL DEFAULT affiliate._now(),
        recorded_at timestamptz NOT NULL DEFAULT affiliate._now(),
        recorded_by text NOT NULL DEFAULT session_user,
        CONSTRAINT visitor_customer_pkey PRIMARY KEY (customer_id, visitor_id)
    );
    PERFORM affiliate._create_index('visitor_customer_visitor_idx', $index$CREATE INDEX visitor_customer_visitor_idx ON affiliate.visitor_customer (visitor_id)$index$);
    COMMENT ON TABLE affiliate.visitor_customer IS 'Stitching: this visitor turned out to be this customer; all clicks of the visitor become touches of the customer.';

    CREATE TABLE IF NOT EXISTS affiliate.customer (
        customer_id text COLLATE "C" NOT NULL CONSTRAINT customer_pkey PRIMARY KEY,
        program_id text COLLATE "C" NOT NULL DEFAULT affiliate._default_program(),
        signup_date timestamptz,
        affiliate_id text,
        last_modified_date timestamptz,
        campaign_id text,
        click_id text,
        coupon_codes text[],
        lang_id text,
        country_code text,
        kyc_status_id text,
        sales_status_id text,
        challenge_type text,
        phase text,
        account_size numeric,
        payment_fingerprint text,
        device_id text,
        metadata jsonb,
        is_test boolean NOT NULL DEFAULT false,
        source text,
        version integer NOT NULL DEFAULT 0,
        recorded_at timestamptz NOT NULL DEFAULT affiliate._now(),
        recorded_by text NOT NULL DEFAULT session_user,
        CONSTRAINT customer_times_check CHECK (isfinite(signup_date) AND isfinite(last_modified_date))
    );
    COMMENT ON TABLE affiliate.customer IS 'A customer as the firm knows him; names and e-mail belong into customer_pii.';

    CREATE TABLE IF NOT EXISTS affiliate.customer_report (
        LIKE affiliate.customer INCLUDING COMMENTS,
        CONSTRAINT customer_report_pkey PRIMARY KEY (customer_id, version)
    );
    COMMENT ON TABLE affiliate.customer_report IS 'Append-only: earlier states of customer rows, so that an attribute can be read as of an instant (W2, W11).';

    CREATE TABLE IF NOT EXISTS affiliate.customer_pii (
        customer_id text COLLATE "C" NOT NULL CONSTRAINT customer_pii_pkey PRIMARY KEY,
        first_name text,
        last_name text,
        email text,
        phone text,
        address jsonb,
        recorded_at timestamptz NOT NULL DEFAULT affiliate._now(),
        recorded_by text NOT NULL DEFAULT session_user
    );
    COMMENT ON TABLE affiliate.customer_pii IS 'Personal data of a customer: one row to erase, and the only one.';

    CREATE TABLE IF NOT EXISTS affiliate.customer_alias (
        customer_id text COLLATE "C" NOT NULL CONSTRAINT customer_alias_pkey PRIMARY KEY,
        canonical_id text COLLATE "C" NOT NULL,
        reason text,
        recorded_at timestamptz NOT NULL DEFAULT affiliate._now(),
        recorded_by text NOT NULL DEFAULT session_user,
        CONSTRAINT customer_alias_other_check CHECK (customer_id <> canonical_id)
    );
    PERFORM affiliate._create_index('customer_alias_canonical_idx', $index$CREATE INDEX customer_alias_canonical_idx ON affiliate.customer_alias (canonical_id)$index$);
    COMMENT ON TABLE affiliate.customer_alias IS 'This customer id is another id of that canonical customer; case file, ownership and lock go by the canonical id.';

    CREATE TABLE IF NOT EXISTS affiliate.account (
        customer_id text COLLATE "C" NOT NULL,
        account_id text COLLATE "C" NOT NULL,
        program_id text COLLATE "C" NOT NULL DEFAULT affiliate._default_program(),
        challenge_id text COLLATE "C",
        challenge_type text,
        account_size numeric,
        account_currency text DEFAULT 'USD',
        phase text,
        previous_account_id text COLLATE "C",
        previous_kind text,
        opened_at timestamptz,
        is_test boolean NOT NULL DEFAULT false,
        metadata jsonb,
        recorded_at timestamptz NOT NULL DEFAULT affiliate._now(),
        recorded_by text NOT NULL DEFAULT session_user,
        CONSTRAINT account_pkey PRIMARY KEY (customer_id, account_id),
        CONSTRAINT account_previous_kind_check CHECK (previous_kind IN ('purchase', 'reset', 'upgrade', 'phase_login'))
    );
    COMMENT ON TABLE affiliate.account IS 'One challenge account; previous_account_id and previous_kind give its lineage.';

    CREATE TABLE IF NOT EXISTS affiliate.transaction (
        customer_id text COLLATE "C" NOT NULL DEFAULT '',
        transaction_id text COLLATE "C" NOT NULL,
        program_id text COLLATE "C" NOT NULL DEFAULT affiliate._default_program(),
        transaction_type text COLLATE "C" NOT NULL,
        status text COLLATE "C" NOT NULL,
        currency text COLLATE "C" NOT NULL,
        amount numeric,
        ordered_at timestamptz,
        completed_at timestamptz,
        refunded_at timestamptz,
        status_at timestamptz,
        refunded_amount numeric,
        refund_reason text,
        order_id text COLLATE "C",
        line_no integer,
        account_id text COLLATE "C",
        original_transaction_id text COLLATE "C",
        original_account_id text COLLATE "C",
        original_challenge_id text COLLATE "C",
        product_id text,
        challenge_type text,
        phase text,
        account_size numeric,
        list_price numeric,
        discount numeric,
        tax numeric,
        fee numeric,
        wallet_credit numeric,
        collected numeric,
        coupon_codes text[],
        click_id text,
        affiliate_id text,
        campaign_id text,
        payment_fingerprint text,
        metadata jsonb,
        is_test boolean NOT NULL DEFAULT false,
        source text,
        version integer NOT NULL DEFAULT 0,
        recorded_at timestamptz NOT NULL DEFAULT affiliate._now(),
        recorded_by text NOT NULL DEFAULT session_user,
        -- the only unique key: beside a second one, concurrent upserts of one sale fail or deadlock (docs/adr/0009)
        CONSTRAINT transaction_pkey PRIMARY KEY (transaction_id)
    );
    PERFORM affiliate._create_index('transaction_customer_idx', $index$CREATE INDEX transaction_customer_idx
        ON affiliate.transaction (customer_id, transaction_id)$index$);
    PERFORM affiliate._create_index('transaction_original_idx', $index$CREATE INDEX transaction_original_idx ON affiliate.transaction (original_transaction_id)
        WHERE customer_id = '' AND original_transaction_id IS NOT NULL$index$);
    COMMENT ON TABLE affiliate.transaction IS 'What was charged, refunded or paid out, as the firm says it. Re-sending a transaction_id is an UPDATE of its row; customer, program, type, currency and a given ordered_at never change.';

    CREATE TABLE IF NOT EXISTS affiliate.transaction_report (
        LIKE affiliate.transaction INCLUDING COMMENTS,
        CONSTRAINT transaction_report_pkey PRIMARY KEY (customer_id, transaction_id, version)
    );
    PERFORM affiliate._create_index('transaction_report_transaction_idx', $index$CREATE INDEX transaction_report_transaction_idx ON affiliate.transaction_report (transaction_id) WHERE customer_id = ''$index$);
    COMMENT ON TABLE affiliate.transaction_report IS 'Append-only: earlier states of transaction rows. The row and its reports together are the set of news that decides a sale (M1, M2).';

    CREATE TABLE IF NOT EXISTS affiliate.transaction_ref (
        source text COLLATE "C" NOT NULL,
        kind text COLLATE "C" NOT NULL,
        external_id text COLLATE "C" NOT NULL,
        transaction_id text COLLATE "C" NOT NULL,
        customer_id text COLLATE "C",
        recorded_at timestamptz NOT NULL DEFAULT affiliate._now(),
        recorded_by text NOT NULL DEFAULT session_user,
        CONSTRAINT transaction_ref_pkey PRIMARY KEY (source, kind, external_id)
    );
    PERFORM affiliate._create_index('transaction_ref_transaction_idx', $index$CREATE INDEX transaction_ref_transaction_idx ON affiliate.transaction_ref (transaction_id)$index$);
    COMMENT ON TABLE affiliate.transaction_ref IS 'Names under which a payment processor knows a transaction (charge, intent, invoice); disputes arrive by them.';

    CREATE TABLE IF NOT EXISTS affiliate.dispute (
        dispute_id text COLLATE "C" NOT NULL CONSTRAINT dispute_pkey PRIMARY KEY,
        customer_id text COLLATE "C",
        transaction_id text COLLATE "C",
        ref_source text COLLATE "C",
        ref_kind text COLLATE "C",
        ref_external_id text COLLATE "C",
        amount numeric,
        reason text,
        opened_at timestamptz,
        closed_at timestamptz,
        outcome text,
        lost_amount numeric,
        source text,
        version integer NOT NULL DEFAULT 0,
        recorded_at timestamptz NOT NULL DEFAULT affiliate._now(),
        recorded_by text NOT NULL DEFAULT session_user,
        CONSTRAINT dispute_target_check CHECK (transaction_id IS NOT NULL OR ref_external_id IS NOT NULL AND ref_source IS NOT NULL AND ref_kind IS NOT NULL),
        CONSTRAINT dispute_outcome_check CHECK (outcome IN ('won', 'lost', 'partial')),
        CONSTRAINT dispute_lost_amount_check CHECK ((outcome IS NOT DISTINCT FROM 'partial') = (lost_amount IS NOT NULL)),
        CONSTRAINT dispute_times_check CHECK (isfinite(opened_at) AND isfinite(closed_at))
    );
    PERFORM affiliate._create_index('dispute_transaction_idx', $index$CREATE INDEX dispute_transaction_idx ON affiliate.dispute (transaction_id) WHERE transaction_id IS NOT NULL$index$);
    PERFORM affiliate._create_index('dispute_ref_idx', $index$CREATE INDEX dispute_ref_idx ON affiliate.dispute (ref_external_id, ref_source, ref_kind) WHERE transaction_id IS NULL$index$);
    COMMENT ON TABLE affiliate.dispute IS 'A chargeback or inquiry on a transaction, named directly or by a transaction_ref. Without outcome it is open; partial loses lost_amount.';

    CREATE TABLE IF NOT EXISTS affiliate.dispute_report (
        LIKE affiliate.dispute INCLUDING COMMENTS,
        CONSTRAINT dispute_report_pkey PRIMARY KEY (dispute_id, version)
    );
    COMMENT ON TABLE affiliate.dispute_report IS 'Append-only: earlier states of dispute rows.';
    PERFORM affiliate._setup_id_checks();
END
$setup$;
COMMENT ON FUNCTION affiliate._setup_facts() IS 'Part of setup(): creates the fact tables that are missing.';

-- Not part of the tables: uninstall() drops what uses a function of ours, and setup() puts it back.
CREATE FUNCTION affiliate._setup_id_checks() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $setup$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT w.table_name, w.table_name || '_ids_check' AS constraint_name,
               string_agg(format('affiliate._is_id(%I, %L, %s)', c.name, format('%s of "%s"', c.name, w.table_name), (c.name = ANY (w.may_be_empty))::text),
                          ' AND ' ORDER BY c.ordinality) AS condition
        FROM (VALUES
            ('click', '{click_id,visitor_id,customer_id}'::text[], '{visitor_id,customer_id}'::text[]),
            ('visitor_customer', '{visitor_id,customer_id}', '{}'),
            ('customer', '{customer_id}', '{}'),
            ('customer_pii', '{customer_id}', '{}'),
            ('customer_alias', '{customer_id,canonical_id}', '{}'),
            ('account', '{customer_id,account_id,challenge_id,previous_account_id}', '{challenge_id,previous_account_id}'),
            -- news that names its original only has no customer
            ('transaction', '{transaction_id,customer_id,order_id,account_id,original_transaction_id,original_account_id,original_challenge_id}',
             '{customer_id,order_id,account_id,original_transaction_id,original_account_id,original_challenge_id}'),
            ('transaction_ref', '{external_id,transaction_id,source,kind}', '{source,kind}'),
            ('dispute', '{dispute_id,transaction_id,customer_id,ref_external_id,ref_source,ref_kind}', '{transaction_id,customer_id,ref_external_id,ref_source,ref_kind}')
            ) AS w (table_name, columns, may_be_empty)
        CROSS JOIN unnest(w.columns) WITH ORDINALITY AS c (name)
        WHERE NOT EXISTS (SELECT FROM pg_constraint AS k
                          WHERE k.conrelid = format('affiliate.%I', w.table_name)::regclass AND k.conname = w.table_name || '_ids_check')
        GROUP BY w.table_name
    LOOP
        EXECUTE format('ALTER TABLE affiliate.%I ADD CONSTRAINT %I CHECK (%s)', wanted.table_name, wanted.constraint_name, wanted.condition);
    END LOOP;
END
$setup$;
COMMENT ON FUNCTION affiliate._setup_id_checks() IS 'Part of setup(): the CHECKs of the ids of facts.';
-- Decisions: what the kernel made of the facts. They follow the facts until a line is stated (W10).

CREATE FUNCTION affiliate._setup_decisions() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET client_min_messages = warning
AS $setup$
BEGIN
    CREATE TABLE IF NOT EXISTS affiliate.ownership (
        customer_id text COLLATE "C" NOT NULL,
        program_no integer NOT NULL,
        account_id text COLLATE "C" NOT NULL DEFAULT '',
        ownership_no integer NOT NULL,
        affiliate_no integer NOT NULL,
        begins_at timestamptz NOT NULL,
        runs_from timestamptz NOT NULL,
        ends_at timestamptz NOT NULL,
        is_latest boolean NOT NULL,
        cause text COLLATE "C" NOT NULL,
        band smallint,
        CONSTRAINT ownership_pkey PRIMARY KEY (customer_id, program_no, account_id, ownership_no)
    );
    PERFORM affiliate._create_index('ownership_latest_key', $index$CREATE UNIQUE INDEX ownership_latest_key ON affiliate.ownership (customer_id, program_no, account_id) WHERE is_latest$index$);
    COMMENT ON TABLE affiliate.ownership IS 'This customer (or account) belongs to this affiliate for orders from begins_at until ends_at (infinity = for life); a later one ends an earlier one. cause is the transaction, click or registration it began with; band, pinned then, is that of the affiliate''s last locked month where bands say how long ownership lasts.';

    CREATE TABLE IF NOT EXISTS affiliate.conversion (
        customer_id text COLLATE "C" NOT NULL,
        transaction_id text COLLATE "C" NOT NULL,
        kind text COLLATE "C" NOT NULL,
        program_no integer NOT NULL,
        state text NOT NULL,
        affiliate_no integer,
        method text,
        code text,
        is_conflict boolean NOT NULL DEFAULT false,
        candidates jsonb NOT NULL DEFAULT '[]',
        candidates_digest bigint NOT NULL DEFAULT 0,
        order_key text COLLATE "C",
        purchase_number integer,
        ordered_at timestamptz,
        occurred_at timestamptz,
        agreement_no integer,
        plan_no integer,
        currency text COLLATE "C",
        fx_rate numeric,
        fx_source text,
        fx_valid_from timestamptz,
        ladder_counts boolean NOT NULL DEFAULT false,
        taken_back_at timestamptz,
        ladder_reversed_at timestamptz,
        is_test boolean NOT NULL DEFAULT false,
        quantity smallint NOT NULL DEFAULT 0,
        gross numeric NOT NULL DEFAULT 0,
        refunded numeric NOT NULL DEFAULT 0,
        charged_back numeric NOT NULL DEFAULT 0,
        charged_back_count smallint NOT NULL DEFAULT 0,
        stated_at timestamptz,
        version integer NOT NULL DEFAULT 0,
        CONSTRAINT conversion_pkey PRIMARY KEY (customer_id, transaction_id, kind, program_no),
        CONSTRAINT conversion_taken_back_check CHECK (refunded >= 0 AND charged_back >= 0 AND refunded + charged_back <= abs(gross))
    );
    PERFORM affiliate._create_index('conversion_affiliate_idx', $index$CREATE INDEX conversion_affiliate_idx ON affiliate.conversion (affiliate_no, occurred_at) WHERE ladder_counts$index$);
    PERFORM affiliate._create_index('conversion_ladder_reversed_idx', $index$CREATE INDEX conversion_ladder_reversed_idx ON affiliate.conversion (affiliate_no, ladder_reversed_at)
        WHERE ladder_counts AND ladder_reversed_at IS NOT NULL$index$);
    COMMENT ON TABLE affiliate.conversion IS 'A fact that can earn and the affiliate it was attributed to, or none and why (code). Its totals are the sum of its conversion_entries.';

    CREATE TABLE IF NOT EXISTS affiliate.refund_match (
        customer_id text COLLATE "C" NOT NULL,
        transaction_id text COLLATE "C" NOT NULL,
        matched_transaction_id text COLLATE "C" NOT NULL,
        matched_at timestamptz NOT NULL DEFAULT affiliate._now(),
        CONSTRAINT refund_match_pkey PRIMARY KEY (customer_id, transaction_id)
    );
    COMMENT ON TABLE affiliate.refund_match IS 'A refund without reference, pinned to the sale it was found to take back once late_grace had passed (W12); empty where none fitted.';
END
$setup$;
COMMENT ON FUNCTION affiliate._setup_decisions() IS 'Part of setup(): creates the decision tables that are missing.';
-- Ledger: what follows in money and counts. entry and conversion_entry are append-only.

CREATE FUNCTION affiliate._setup_ledger() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET client_min_messages = warning
AS $setup$
BEGIN
    CREATE TABLE IF NOT EXISTS affiliate.commission (
        customer_id text COLLATE "C" NOT NULL,
        subject_id text COLLATE "C" NOT NULL,
        subject_kind text COLLATE "C" NOT NULL,
        rule_no integer NOT NULL,
        affiliate_no integer NOT NULL,
        level smallint NOT NULL,
        program_no integer NOT NULL,
        currency text COLLATE "C" NOT NULL,
        accrued numeric NOT NULL DEFAULT 0,
        reversed numeric NOT NULL DEFAULT 0,
        paid numeric NOT NULL DEFAULT 0,
        accrued_when_paid numeric NOT NULL DEFAULT 0,
        version integer NOT NULL,
        earned_at timestamptz NOT NULL,
        eligible_at timestamptz NOT NULL,
        hold_reason text,
        is_void boolean NOT NULL DEFAULT false,
        is_provisional boolean NOT NULL DEFAULT false,
        ladder_no integer,
        ladder_position integer,
        cap_room numeric,
        uncapped_accrued numeric,
        uncapped_net numeric,
        stated_at timestamptz,
        -- currency is the program's, which never changes once used: it is here for the foreign key of entry
        CONSTRAINT commission_pkey PRIMARY KEY (customer_id, subject_id, subject_kind, rule_no, affiliate_no, level, currency),
        CONSTRAINT commission_reversed_check CHECK (reversed BETWEEN 0 AND accrued OR reversed = 0 AND subject_kind = 'manual'),
        CONSTRAINT commission_paid_check CHECK (paid BETWEEN 0 AND accrued OR paid BETWEEN accrued AND 0)
    );
    -- program_no first: the foreign key of entry, which knows no program, must not find a use for this index
    PERFORM affiliate._create_index('commission_affiliate_idx', $index$CREATE INDEX commission_affiliate_idx ON affiliate.commission (program_no, affiliate_no, eligible_at)$index$);
    PERFORM affiliate._create_index('commission_stage_idx', $index$CREATE INDEX commission_stage_idx ON affiliate.commission (affiliate_no, program_no, earned_at)
        WHERE ladder_no IS NOT NULL OR cap_room IS NOT NULL$index$);
    COMMENT ON TABLE affiliate.commission IS 'What one rule gives one beneficiary for one subject: header row with running totals; net = accrued - reversed, owed = net - paid. Money in the program''s currency.';

    CREATE TABLE IF NOT EXISTS affiliate.entry (
        customer_id text COLLATE "C" NOT NULL,
        subject_id text COLLATE "C" NOT NULL,
        subject_kind text COLLATE "C" NOT NULL,
        rule_no integer NOT NULL,
        affiliate_no integer NOT NULL,
        level smallint NOT NULL,
        version integer NOT NULL,
        program_no integer NOT NULL,
        kind text COLLATE "C" NOT NULL,
        currency text COLLATE "C" NOT NULL,
        amount numeric NOT NULL,
        cause text COLLATE "C" NOT NULL,
        earned_at timestamptz NOT NULL,
        effective_at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        recorded_by text NOT NULL DEFAULT session_user,
        cluster_no smallint NOT NULL DEFAULT 0,
        written_xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
        CONSTRAINT entry_pkey PRIMARY KEY (customer_id, subject_id, subject_kind, rule_no, affiliate_no, level, version),
        CONSTRAINT entry_commission_fkey FOREIGN KEY (customer_id, subject_id, subject_kind, rule_no, affiliate_no, level, currency)
            REFERENCES affiliate.commission (customer_id, subject_id, subject_kind, rule_no, affiliate_no, level, currency),
        CONSTRAINT entry_amount_check CHECK (amount <> 0)
    );
    COMMENT ON TABLE affiliate.entry IS 'Append-only ledger: one signed, immutable posting to a commission. Their sum is accrued - reversed - paid of the header.';

    CREATE TABLE IF NOT EXISTS affiliate.conversion_entry (
        customer_id text COLLATE "C" NOT NULL,
        transaction_id text COLLATE "C" NOT NULL,
        kind text COLLATE "C" NOT NULL,
        program_no integer NOT NULL,
        version integer NOT NULL,
        affiliate_no integer,
        currency text COLLATE "C",
        quantity smallint NOT NULL,
        gross numeric NOT NULL,
        refunded numeric NOT NULL,
        charged_back numeric NOT NULL,
        charged_back_count smallint NOT NULL,
        cause text COLLATE "C" NOT NULL,
        earned_at timestamptz NOT NULL,
        effective_at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        recorded_by text NOT NULL DEFAULT session_user,
        cluster_no smallint NOT NULL DEFAULT 0,
        written_xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
        CONSTRAINT conversion_entry_pkey PRIMARY KEY (customer_id, transaction_id, kind, program_no, version)
    );
    COMMENT ON TABLE affiliate.conversion_entry IS 'Append-only stream of counts: what a conversion added to or took from conversions, revenue, refunds and chargebacks of an affiliate. Amounts in the currency of the sale.';

    CREATE TABLE IF NOT EXISTS affiliate.affiliate_position (
        program_no integer NOT NULL,
        affiliate_no integer NOT NULL,
        kind text COLLATE "C" NOT NULL,
        scope_no integer NOT NULL,
        window_start timestamptz NOT NULL,
        counted integer NOT NULL DEFAULT 0,
        used numeric NOT NULL DEFAULT 0,
        settled_at timestamptz NOT NULL DEFAULT affiliate._now(),
        CONSTRAINT affiliate_position_pkey PRIMARY KEY (program_no, affiliate_no, kind, scope_no, window_start),
        CONSTRAINT affiliate_position_kind_check CHECK (kind IN ('ladder', 'cap'))
    );
    COMMENT ON TABLE affiliate.affiliate_position IS 'Where the affiliate stage left an affiliate: counted purchases of a ladder (scope_no = ladder_no) or money used of a monthly cap (scope_no = rule_no) in a window (M7).';

    CREATE TABLE IF NOT EXISTS affiliate.adjustment (
        adjustment_id text COLLATE "C" NOT NULL CONSTRAINT adjustment_pkey PRIMARY KEY,
        program_no integer NOT NULL,
        affiliate_no integer NOT NULL,
        kind text NOT NULL,
        amount numeric NOT NULL,
        reason text NOT NULL,
        state text NOT NULL DEFAULT 'requested',
        requested_at timestamptz NOT NULL DEFAULT affiliate._now(),
        requested_by text NOT NULL DEFAULT session_user,
        decided_at timestamptz,
        decided_by text,
        CONSTRAINT adjustment_kind_check CHECK (kind IN ('credit', 'debit')),
        CONSTRAINT adjustment_amount_check CHECK (amount > 0 AND amount < 1e15),
        CONSTRAINT adjustment_reason_check CHECK (btrim(reason) <> ''),
        CONSTRAINT adjustment_state_check CHECK (state IN ('requested', 'approved', 'rejected')),
        CONSTRAINT adjustment_decided_check CHECK ((state = 'requested') = (decided_at IS NULL) AND (state = 'requested') = (decided_by IS NULL))
    );
    COMMENT ON TABLE affiliate.adjustment IS 'A manual credit or debit with its reason, who asked for it and who approved it; posted when approved.';

    CREATE TABLE IF NOT EXISTS affiliate.pending_input (
        input_id bigint GENERATED BY DEFAULT AS IDENTITY CONSTRAINT pending_input_pkey PRIMARY KEY,
        kind text NOT NULL,
        state text NOT NULL,
        input_key text COLLATE "C" NOT NULL,
        payload jsonb NOT NULL,
        reason text NOT NULL,
        recorded_at timestamptz NOT NULL DEFAULT affiliate._now(),
        recorded_by text NOT NULL DEFAULT session_user,
        CONSTRAINT pending_input_state_check CHECK (state IN ('waiting', 'rejected'))
    );
    PERFORM affiliate._create_index('pending_input_key_idx', $index$CREATE INDEX pending_input_key_idx ON affiliate.pending_input (kind, input_key)$index$);
    COMMENT ON TABLE affiliate.pending_input IS 'News that cannot be understood or placed yet, kept in plain sight with the reason.';

    CREATE TABLE IF NOT EXISTS affiliate.settle_queue (
        queue_id bigint GENERATED BY DEFAULT AS IDENTITY CONSTRAINT settle_queue_pkey PRIMARY KEY,
        kind text COLLATE "C" NOT NULL DEFAULT 'customer',
        program_no integer,
        customer_id text COLLATE "C",
        transaction_id text COLLATE "C",
        affiliate_no integer,
        due_at timestamptz NOT NULL DEFAULT '-infinity',
        reason text NOT NULL,
        attempts integer NOT NULL DEFAULT 0,
        last_error text,
        ready_xid xid8,
        scope jsonb,
        enqueued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        CONSTRAINT settle_queue_kind_check CHECK (kind IN ('customer', 'transaction', 'affiliate', 'program'))
    );
    PERFORM affiliate._create_index('settle_queue_due_idx', $index$CREATE INDEX settle_queue_due_idx ON affiliate.settle_queue (kind, due_at, queue_id)$index$);
    PERFORM affiliate._create_index('settle_queue_program_idx', $index$CREATE INDEX settle_queue_program_idx ON affiliate.settle_queue (program_no)
        WHERE kind = 'program' AND scope IS NULL$index$);
    COMMENT ON TABLE affiliate.settle_queue IS 'Insert-only queue of what the drain has to settle: a customer, the customer of a transaction, the second stage of an affiliate, or the unstated conversions of a program that a change of the rulebook concerns (scope: those that named something; null: all).';

    CREATE TABLE IF NOT EXISTS affiliate.drain_progress (
        name text COLLATE "C" NOT NULL CONSTRAINT drain_progress_pkey PRIMARY KEY,
        click_xid xid8,
        system_identifier bigint,
        last_run_at timestamptz,
        last_error text,
        settled bigint NOT NULL DEFAULT 0
    );
    COMMENT ON TABLE affiliate.drain_progress IS 'How far the drain has read the clicks (transaction id watermark, and the cluster whose ids these are) and when it last ran.';

    CREATE TABLE IF NOT EXISTS affiliate.review_case (
        case_id bigint GENERATED BY DEFAULT AS IDENTITY CONSTRAINT review_case_pkey PRIMARY KEY,
        kind text COLLATE "C" NOT NULL,
        program_no integer,
        customer_id text COLLATE "C" NOT NULL DEFAULT '',
        subject_id text COLLATE "C" NOT NULL DEFAULT '',
        evidence jsonb NOT NULL DEFAULT '{}',
        severity text NOT NULL DEFAULT 'normal',
        money_at_stake numeric,
        state text NOT NULL DEFAULT 'open',
        assignee text,
        due_at timestamptz,
        action text,
        note text,
        opened_at timestamptz NOT NULL DEFAULT affiliate._now(),
        closed_at timestamptz,
        closed_by text,
        CONSTRAINT review_case_state_check CHECK (state IN ('open', 'closed')),
        CONSTRAINT review_case_severity_check CHECK (severity IN ('low', 'normal', 'high')),
        CONSTRAINT review_case_action_check CHECK (action IN ('approve', 'reject', 'reassign', 'ignore')),
        CONSTRAINT review_case_closed_check CHECK ((state = 'closed') = (closed_at IS NOT NULL AND closed_by IS NOT NULL AND action IS NOT NULL))
    );
    PERFORM affiliate._create_index('review_case_subject_key', $index$CREATE UNIQUE INDEX review_case_subject_key ON affiliate.review_case (kind, customer_id, subject_id)$index$);
    COMMENT ON TABLE affiliate.review_case IS 'An unusual case for a person to look at; one per kind and subject, ever.';

    CREATE TABLE IF NOT EXISTS affiliate.audit_log (
        audit_id bigint GENERATED BY DEFAULT AS IDENTITY CONSTRAINT audit_log_pkey PRIMARY KEY,
        recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        actor text NOT NULL DEFAULT session_user,
        -- within a function with the owner's rights current_user is the owner
        acting_role text NOT NULL DEFAULT coalesce(nullif(current_setting('role'), 'none'), session_user),
        action text NOT NULL,
        object text,
        detail jsonb NOT NULL DEFAULT '{}'
    );
    COMMENT ON TABLE affiliate.audit_log IS 'Append-only: what operators did, and changes of the rulebook.';
END
$setup$;
COMMENT ON FUNCTION affiliate._setup_ledger() IS 'Part of setup(): creates the ledger, queue, review and audit tables that are missing.';
-- What operators decide and pay: kept beside the ledger, read by the kernel.

CREATE FUNCTION affiliate._setup_operator() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET client_min_messages = warning
AS $setup$
BEGIN
    CREATE TABLE IF NOT EXISTS affiliate.schema_version (
        version text NOT NULL CONSTRAINT schema_version_pkey PRIMARY KEY,
        installed_at timestamptz NOT NULL DEFAULT clock_timestamp()
    );
    COMMENT ON TABLE affiliate.schema_version IS 'Which versions of the tables setup() has made here; the newest row is the present one.';

    CREATE TABLE IF NOT EXISTS affiliate.suspension_decision (
        program_no integer NOT NULL CONSTRAINT suspension_decision_program_fkey REFERENCES affiliate.program,
        affiliate_no integer NOT NULL CONSTRAINT suspension_decision_affiliate_fkey REFERENCES affiliate.affiliate,
        up_to timestamptz NOT NULL,
        kind text NOT NULL,
        reason text NOT NULL,
        decided_at timestamptz NOT NULL DEFAULT affiliate._now(),
        decided_by text NOT NULL DEFAULT session_user,
        CONSTRAINT suspension_decision_pkey PRIMARY KEY (affiliate_no, program_no, up_to),
        CONSTRAINT suspension_decision_kind_check CHECK (kind IN ('release', 'forfeit')),
        CONSTRAINT suspension_decision_reason_check CHECK (btrim(reason) <> '')
    );
    COMMENT ON TABLE affiliate.suspension_decision IS 'What becomes of the money a suspended affiliate earned with orders placed up to up_to: released (normal hold) or forfeited (net zero). Of several that cover an order the one with the earliest up_to counts.';

    CREATE TABLE IF NOT EXISTS affiliate.statement_payment (
        affiliate_no integer NOT NULL,
        program_no integer NOT NULL,
        reference text COLLATE "C" NOT NULL,
        up_to timestamptz NOT NULL,
        lines integer NOT NULL,
        amount numeric NOT NULL,
        currency text COLLATE "C" NOT NULL,
        paid_at timestamptz NOT NULL DEFAULT affiliate._now(),
        recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        recorded_by text NOT NULL DEFAULT session_user,
        CONSTRAINT statement_payment_pkey PRIMARY KEY (affiliate_no, program_no, reference),
        CONSTRAINT statement_payment_reference_check CHECK (btrim(reference) <> '' AND octet_length(reference) <= 500),
        CONSTRAINT statement_payment_amount_check CHECK (amount > 0 AND lines > 0)
    );
    COMMENT ON TABLE affiliate.statement_payment IS 'Append-only: a payment to an affiliate; its entries have the cause payment:<reference>.';
END
$setup$;
COMMENT ON FUNCTION affiliate._setup_operator() IS 'Part of setup(): creates the tables of versions, suspension decisions and payments that are missing.';
-- Reference rows: currencies, transaction types and status words. A firm adds its own and may change these.

CREATE FUNCTION affiliate._setup_reference() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $setup$
BEGIN
    -- ISO 4217, list one
    INSERT INTO affiliate.currency (currency, exponent)
    SELECT code, exponent
    FROM (VALUES
        (0, 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XAG XAU XBA XBB XBC XBD XDR XOF XPD XPF
             XPT XSU XTS XUA XXX'),
        (2, 'AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD
             CDF CHE CHF CHW CNY COP COU CRC CUC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP
             GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL
             MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN
             QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD
             TWD TZS UAH USD USN UYU UZS VED VES WST XCD YER ZAR ZMW'),
        (3, 'BHD IQD JOD KWD LYD OMR TND'),
        (4, 'CLF UYW')
    ) AS list (exponent, codes), regexp_split_to_table(codes, '\s+') AS code
    ON CONFLICT DO NOTHING;

    INSERT INTO affiliate.transaction_type (transaction_type, effect, sale_kind, description) VALUES
        ('challenge_fee', 'sale', 'purchase', 'A challenge is bought.'),
        ('reset_fee', 'sale', 'reset', 'A failed or running challenge is started anew.'),
        ('upgrade_fee', 'sale', 'upgrade', 'An account becomes larger; the difference is paid.'),
        ('activation_fee', 'sale', 'activation', 'A funded account is activated.'),
        ('addon_fee', 'sale', 'addon', 'An extra to a challenge or account.'),
        ('subscription_fee', 'sale', 'subscription', 'A period of a subscription.'),
        ('payout', 'cost', 'other', 'The trader''s profit split: a cost of the firm.'),
        ('refund', 'refund', 'other', 'Money given back for an earlier sale.'),
        ('chargeback', 'chargeback', 'other', 'A dispute that the firm lost.'),
        ('adjustment', 'correction', 'other', 'A signed correction of an earlier sale.'),
        ('credit', 'credit', 'other', 'Promotional credit: reported, earns nothing.')
    ON CONFLICT DO NOTHING;

    INSERT INTO affiliate.transaction_status (status, effect)
    SELECT effect, effect
    FROM unnest('{pending,completed,failed,cancelled,refunded,refund_failed,disputed,chargeback,dispute_won,reinstated}'::text[]) AS effect
    UNION ALL
    VALUES ('paid', 'completed'), ('approved', 'completed'), ('succeeded', 'completed'),
           ('canceled', 'cancelled'), ('voided', 'cancelled'), ('declined', 'failed')
    ON CONFLICT DO NOTHING;
END
$setup$;
COMMENT ON FUNCTION affiliate._setup_reference() IS 'Part of setup(): adds the reference rows that are missing.';
-- Guard triggers. Written the way pg_get_triggerdef() shows them, so that setup() changes nothing that is there
-- already and verify() notices what is not.

CREATE FUNCTION affiliate._guard_triggers()
RETURNS TABLE (table_name text, trigger_name text, definition text, enabled "char")
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    append_only constant text[] := '{transaction_report,customer_report,dispute_report,entry,conversion_entry,audit_log,statement_payment}';
    never_deleted constant text[] := '{click,visitor_customer,customer,customer_alias,account,transaction,transaction_ref,dispute,commission}';
    rulebook constant text[] := affiliate._rulebook_tables();
BEGIN
    -- A: also under session_replication_role = replica
    RETURN QUERY
    SELECT w.name, format(w.trigger_name, w.name), format(w.definition, w.name), w.enabled::"char"
    FROM (
        SELECT t, '%s_append_only', 'BEFORE DELETE OR UPDATE ON affiliate.%I FOR EACH ROW EXECUTE FUNCTION affiliate._refuse_change()', 'A'
        FROM unnest(append_only) AS t
        UNION ALL
        SELECT t, '%s_append_only_truncate', 'BEFORE TRUNCATE ON affiliate.%I FOR EACH STATEMENT EXECUTE FUNCTION affiliate._refuse_change()', 'A'
        FROM unnest(append_only) AS t
        UNION ALL
        SELECT t, '%s_never_deleted', 'BEFORE DELETE ON affiliate.%I FOR EACH ROW EXECUTE FUNCTION affiliate._refuse_delete()', 'A'
        FROM unnest(never_deleted) AS t
        UNION ALL
        SELECT t, '%s_never_truncated', 'BEFORE TRUNCATE ON affiliate.%I FOR EACH STATEMENT EXECUTE FUNCTION affiliate._refuse_delete()', 'A'
        FROM unnest(never_deleted) AS t
        UNION ALL
        SELECT 'click', '%s_unchanged', 'BEFORE UPDATE ON affiliate.%I FOR EACH ROW EXECUTE FUNCTION affiliate._refuse_other_click()', 'O'
        UNION ALL
        SELECT t, '%s_rulebook_changed', 'AFTER INSERT OR DELETE OR UPDATE ON affiliate.%I FOR EACH ROW EXECUTE FUNCTION affiliate._rulebook_changed()', 'A'
        FROM unnest(rulebook) AS t
        UNION ALL
        SELECT t, '%s_log', 'AFTER INSERT OR DELETE OR UPDATE ON affiliate.%I FOR EACH ROW EXECUTE FUNCTION affiliate._log_rulebook()', 'A'
        FROM unnest(rulebook) AS t
        UNION ALL
        SELECT t, '%s_never_truncated', 'BEFORE TRUNCATE ON affiliate.%I FOR EACH STATEMENT EXECUTE FUNCTION affiliate._refuse_truncate()', 'A'
        FROM unnest(rulebook) AS t
        UNION ALL
        SELECT t, '%s_in_use', 'BEFORE DELETE OR UPDATE ON affiliate.%I FOR EACH ROW EXECUTE FUNCTION affiliate._refuse_used_row()', 'O'
        FROM unnest('{program,affiliate,currency,plan,ladder,fx_rate}'::text[]) AS t
        UNION ALL
        SELECT t, '%s_in_use', 'BEFORE INSERT OR DELETE OR UPDATE ON affiliate.%I FOR EACH ROW EXECUTE FUNCTION affiliate._refuse_used_row()', 'O'
        FROM unnest('{plan_rule,ladder_band}'::text[]) AS t
        UNION ALL
        SELECT t, '%s_values', 'BEFORE INSERT OR UPDATE ON affiliate.%I FOR EACH ROW EXECUTE FUNCTION affiliate._check_rulebook_values()', 'O'
        FROM unnest('{program,affiliate,affiliate_alias,campaign,traffic_source,link,coupon,product,plan,ladder,ladder_band,plan_rule,agreement,attribution_override}'::text[]) AS t
        UNION ALL
        VALUES
            -- after the trigger above, in the order of their names
            ('coupon', '%s_values_overlap', 'BEFORE INSERT OR UPDATE ON affiliate.%I FOR EACH ROW EXECUTE FUNCTION affiliate._check_coupon_overlap()', 'O'),
            ('agreement', '%s_values_overlap', 'BEFORE INSERT OR UPDATE ON affiliate.%I FOR EACH ROW EXECUTE FUNCTION affiliate._check_agreement_overlap()', 'O'),
            ('schema_version', '%s_rulebook_changed', 'AFTER INSERT OR DELETE OR UPDATE ON affiliate.%I FOR EACH ROW EXECUTE FUNCTION affiliate._rulebook_changed()', 'A'),
            ('program', '%s_currency', 'BEFORE INSERT OR UPDATE ON affiliate.%I FOR EACH ROW EXECUTE FUNCTION affiliate._check_currencies()', 'O'),
            ('fx_rate', '%s_currency', 'BEFORE INSERT OR UPDATE ON affiliate.%I FOR EACH ROW EXECUTE FUNCTION affiliate._check_currencies()', 'O'),
            ('plan_rule', '%s_texts', 'BEFORE INSERT OR UPDATE ON affiliate.%I FOR EACH ROW EXECUTE FUNCTION affiliate._check_plan_rule()', 'O'),
            ('customer_alias', '%s_check', 'BEFORE INSERT OR UPDATE ON affiliate.%I FOR EACH ROW EXECUTE FUNCTION affiliate._check_alias()', 'O'),
            ('affiliate_upline', '%s_lock', 'BEFORE INSERT OR DELETE OR UPDATE ON affiliate.%I FOR EACH STATEMENT EXECUTE FUNCTION affiliate._lock_upline()', 'O'),
            ('affiliate_upline', '%s_close', 'AFTER INSERT OR DELETE OR UPDATE ON affiliate.%I FOR EACH ROW EXECUTE FUNCTION affiliate._close_upline()', 'O'),
            ('conversion', '%s_stated', 'BEFORE UPDATE ON affiliate.%I FOR EACH ROW WHEN ((old.stated_at IS NOT NULL)) EXECUTE FUNCTION affiliate._refuse_stated_change()', 'A'),
            ('commission', '%s_overpayment', 'BEFORE UPDATE OF paid ON affiliate.%I FOR EACH ROW WHEN ((((new.paid > old.paid) AND (new.paid > (new.accrued - new.reversed))) OR ((new.paid < old.paid) AND (new.paid < (new.accrued - new.reversed))))) EXECUTE FUNCTION affiliate._refuse_overpayment()', 'A')
    ) AS w (name, trigger_name, definition, enabled);
END
$$;
COMMENT ON FUNCTION affiliate._guard_triggers() IS 'Which guard triggers there are, as pg_get_triggerdef() shows them, and how they are enabled (pg_trigger.tgenabled).';

CREATE FUNCTION affiliate._rulebook_tables() RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN '{currency,fx_rate,program,affiliate,affiliate_status,affiliate_upline,affiliate_alias,campaign,traffic_source,link,coupon,
             product,transaction_type,transaction_status,plan,ladder,ladder_band,plan_rule,agreement,attribution_override,suspension_decision}';
END
$$;
COMMENT ON FUNCTION affiliate._rulebook_tables() IS 'The tables of the rulebook.';

CREATE FUNCTION affiliate._setup_guards() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET client_min_messages = warning
AS $setup$
DECLARE
    wanted record;
BEGIN
    PERFORM affiliate._create_index('affiliate_upline_below_idx', $index$CREATE INDEX affiliate_upline_below_idx ON affiliate.affiliate_upline (upline_no) WHERE level = 1$index$);

    FOR wanted IN
        SELECT g.*, t.tgenabled,
               pg_get_triggerdef(t.oid) IS NOT DISTINCT FROM format('CREATE TRIGGER %I %s', g.trigger_name, g.definition) AS is_there
        FROM affiliate._guard_triggers() AS g
        LEFT JOIN pg_trigger AS t ON t.tgrelid = format('affiliate.%I', g.table_name)::regclass AND t.tgname = g.trigger_name
    LOOP
        IF NOT wanted.is_there THEN
            EXECUTE format('CREATE OR REPLACE TRIGGER %I %s', wanted.trigger_name, wanted.definition);
        END IF;
        IF NOT wanted.is_there AND wanted.enabled <> 'O' OR wanted.is_there AND wanted.tgenabled <> wanted.enabled THEN
            EXECUTE format('ALTER TABLE affiliate.%I ENABLE %s TRIGGER %I', wanted.table_name,
                           CASE wanted.enabled WHEN 'A' THEN 'ALWAYS' ELSE '' END, wanted.trigger_name);
        END IF;
    END LOOP;
END
$setup$;
COMMENT ON FUNCTION affiliate._setup_guards() IS 'Part of setup(): creates the guard triggers that are missing and enables them as wanted.';
-- Triggers of the fact tables (POSTGRES.md 8): statement triggers settle, a row trigger guards what an UPDATE may change.

CREATE FUNCTION affiliate._setup_triggers() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET client_min_messages = warning
AS $setup$
DECLARE
    fact text;
    disabled record;
BEGIN
    FOREACH fact IN ARRAY '{transaction,dispute,customer,account,customer_alias,visitor_customer,transaction_ref}'::text[] LOOP
        PERFORM affiliate._create_trigger(fact || '_settle_insert', fact, format('AFTER INSERT ON affiliate.%I'
            ' REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION affiliate._settle_after()', fact));
        PERFORM affiliate._create_trigger(fact || '_settle_update', fact, format('AFTER UPDATE ON affiliate.%I'
            ' REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION affiliate._settle_after()', fact));
    END LOOP;
    FOREACH fact IN ARRAY '{transaction,dispute,customer,customer_pii,account,visitor_customer,transaction_ref}'::text[] LOOP
        PERFORM affiliate._create_trigger(fact || '_fact_update', fact, format('BEFORE UPDATE ON affiliate.%I'
            ' FOR EACH ROW EXECUTE FUNCTION affiliate._fact_before_update()', fact));
    END LOOP;
    -- DISABLE TRIGGER ALL switches foreign keys off as well
    FOR disabled IN
        SELECT t.tgrelid::regclass AS table_name, t.tgname AS trigger_name FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
        WHERE c.relnamespace = 'affiliate'::regnamespace AND t.tgisinternal AND t.tgenabled <> 'O'
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE TRIGGER %I', disabled.table_name, disabled.trigger_name);
    END LOOP;
END
$setup$;
COMMENT ON FUNCTION affiliate._setup_triggers() IS 'Part of setup(): creates or re-asserts the triggers of the fact tables, and enables the foreign keys.';
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
        ('*', 'transaction_id', 'Transaction the conversion came from; empty for a registration.'),
        ('*', 'kind', 'transaction or registration.'),
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
-- Owners and privileges. Everything is asserted anew on each run: restores lose the owners of functions.

CREATE FUNCTION affiliate._setup_owners() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $setup$
DECLARE
    wanted text;
BEGIN
    FOR wanted IN
        SELECT 'SCHEMA affiliate' FROM pg_namespace WHERE nspname = 'affiliate' AND nspowner <> 'affiliate_owner'::regrole
        UNION ALL
        SELECT format('%s %s', CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, c.oid::regclass)
        FROM pg_class AS c
        WHERE c.relnamespace = 'affiliate'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND c.relowner <> 'affiliate_owner'::regrole
        UNION ALL
        -- functions with the owner's rights, and those that setup() made
        SELECT format('ROUTINE %s', p.oid::regprocedure)
        FROM pg_proc AS p
        WHERE p.pronamespace = 'affiliate'::regnamespace AND p.proowner <> 'affiliate_owner'::regrole
          AND (p.prosecdef OR NOT EXISTS (SELECT FROM pg_depend AS d
                                          WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'))
    LOOP
        EXECUTE format('ALTER %s OWNER TO affiliate_owner', wanted);
    END LOOP;
END
$setup$;
COMMENT ON FUNCTION affiliate._setup_owners() IS 'Part of setup(): affiliate_owner owns the schema, its tables and views, and the functions that run with the owner''s rights.';

-- Columns that the database fills in and no caller may give.
CREATE FUNCTION affiliate._given_columns(table_name text, except_also text[] DEFAULT '{}') RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
        FROM pg_attribute AS a
        WHERE a.attrelid = format('affiliate.%I', table_name)::regclass AND a.attnum > 0 AND NOT a.attisdropped
          AND a.attgenerated = ''
          AND a.attname <> ALL ('{recorded_at,recorded_by,version,written_xid,cluster_no,created_at,created_by,requested_at,requested_by,actor,acting_role}'::text[]
                                || except_also));
END
$$;
COMMENT ON FUNCTION affiliate._given_columns(text, text[]) IS 'The columns of a table that a caller may give: not the stamps of time, actor, version and transaction.';

CREATE FUNCTION affiliate._setup_grants() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $setup$
DECLARE
    facts constant text[] := '{visitor_customer,customer,customer_alias,account,transaction,transaction_ref,dispute}';
    name text;
    granted record;
BEGIN
    REVOKE ALL ON SCHEMA affiliate FROM PUBLIC, affiliate_reader, affiliate_writer, affiliate_admin;
    GRANT USAGE ON SCHEMA affiliate TO affiliate_reader, affiliate_writer, affiliate_admin;

    REVOKE ALL ON ALL TABLES IN SCHEMA affiliate FROM PUBLIC, affiliate_reader, affiliate_writer, affiliate_admin;
    REVOKE ALL ON ALL SEQUENCES IN SCHEMA affiliate FROM PUBLIC, affiliate_reader, affiliate_writer, affiliate_admin;
    GRANT SELECT ON ALL TABLES IN SCHEMA affiliate TO affiliate_reader;
    REVOKE ALL ON affiliate.customer_pii FROM affiliate_reader;

    -- The firm's programs write facts. Upserts read what they compare.
    FOREACH name IN ARRAY facts LOOP
        EXECUTE format('GRANT SELECT, INSERT (%s), UPDATE (%1$s) ON affiliate.%I TO affiliate_writer', affiliate._given_columns(name), name);
    END LOOP;
    EXECUTE format('GRANT SELECT, INSERT (%s), UPDATE (customer_id) ON affiliate.click TO affiliate_writer', affiliate._given_columns('click'));
    EXECUTE format('GRANT SELECT (customer_id), INSERT (%s), UPDATE (%1$s), DELETE ON affiliate.customer_pii TO affiliate_writer',
                   affiliate._given_columns('customer_pii'));
    GRANT SELECT (customer_id) ON affiliate.conversion TO affiliate_writer;

    -- Administrators write the rulebook, and its triggers write what follows.
    FOREACH name IN ARRAY array_remove(affiliate._rulebook_tables(), 'suspension_decision') LOOP
        EXECUTE format('GRANT INSERT (%s), UPDATE (%1$s), DELETE ON affiliate.%I TO affiliate_admin', affiliate._given_columns(name), name);
    END LOOP;
    GRANT INSERT (version), UPDATE (version) ON affiliate.plan TO affiliate_admin;
    GRANT INSERT (action, object, detail) ON affiliate.audit_log TO affiliate_admin;
    GRANT INSERT (kind, program_no, customer_id, due_at, reason, scope) ON affiliate.settle_queue TO affiliate_admin;

    FOR granted IN
        SELECT p.oid::regprocedure AS signature, g.role_name
        FROM pg_proc AS p
        CROSS JOIN LATERAL affiliate._function_roles(p.proname, p.prorettype = 'trigger'::regtype) AS g (role_name)
        WHERE p.pronamespace = 'affiliate'::regnamespace
        ORDER BY p.oid::regprocedure::text, g.role_name
    LOOP
        EXECUTE format('REVOKE ALL ON ROUTINE %s FROM PUBLIC, affiliate_owner, affiliate_reader, affiliate_writer, affiliate_admin', granted.signature);
    END LOOP;
    FOR granted IN
        SELECT p.oid::regprocedure AS signature, g.role_name
        FROM pg_proc AS p
        CROSS JOIN LATERAL affiliate._function_roles(p.proname, p.prorettype = 'trigger'::regtype) AS g (role_name)
        WHERE p.pronamespace = 'affiliate'::regnamespace AND g.role_name IS NOT NULL
        ORDER BY p.oid::regprocedure::text, g.role_name
    LOOP
        EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %I', granted.signature, granted.role_name);
    END LOOP;
END
$setup$;
COMMENT ON FUNCTION affiliate._setup_grants() IS 'Part of setup(): who may read, write and call what; PUBLIC nothing.';

-- One row with null for a function that only the owner and superusers may call.
CREATE FUNCTION affiliate._function_roles(function_name name, is_trigger boolean) RETURNS SETOF text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    superusers_only constant text[] := '{setup,uninstall}';
    -- column defaults and CHECKs are evaluated with the rights of whoever inserts; a checkout may ask before it sells
    for_writers constant text[] := '{_now,_default_program,_is_id,new_click_id,version,owner_of,attribute,quote_commission}';
    -- what they ask, and what that calls in turn
    for_readers constant text[] := '{version,balance,find_conversion,explain,owner_of,attribute,quote_commission,health,verify,
        check_rule_text,evaluate_rule_text,rule_functions,rule_operators,new_click_id,
        _now,_default_program,_affiliate_no,_program_no,_refuse_argument,_quoted,_explain,_filled_in,
        _plain_reason,_find_by_key,_find_by_reading,_drain_job,_verify_ledger,_verify_counts,_verify_decisions,_verify_references,_verify_catalog,
        _guard_triggers,_rulebook_tables}';
    -- called by triggers with the rights of whoever writes the rulebook, and by what administrators call: the job of
    -- schedule_jobs() is the caller's own, and what _audit writes an administrator may write anyway
    for_admins constant text[] := '{_concerned_program,_rulebook_scope,_rebuild_upline,_id_columns,_is_amount,_audit,_force_sync,_drain_failed,_cron_hint}';
BEGIN
    RETURN QUERY
    SELECT r.role_name
    FROM (VALUES
        ('affiliate_owner', NOT is_trigger AND function_name <> ALL (superusers_only)),
        ('affiliate_reader', function_name = ANY (for_readers)),
        ('affiliate_writer', function_name = ANY (for_writers)),
        ('affiliate_admin', NOT is_trigger AND function_name <> ALL (superusers_only || for_readers)
            AND (function_name NOT LIKE '\_%' OR function_name = ANY (for_admins))),
        (NULL, true)) AS r (role_name, may)
    WHERE r.may;
END
$$;
COMMENT ON FUNCTION affiliate._function_roles(name, boolean) IS 'Which roles may call a function of the schema.';
-- setup() makes the tables, uninstall() lets go of them. The tables are ordinary objects: no DROP EXTENSION and no
-- restore touches their rows (docs/adr/0001-code-only-extension.md).

--| Creates what is missing in schema `affiliate`: roles, tables, reference rows, triggers, views; and asserts owners,
--| privileges and trigger states. Run it after `CREATE EXTENSION`, after `ALTER EXTENSION .. UPDATE` and after a restore.
--| Run again it changes nothing. Superusers only, since functions change their owner.
--|
--| Errors: `42501` when the caller is no superuser.
CREATE FUNCTION affiliate.setup() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
BEGIN
    PERFORM affiliate._require_superuser('affiliate.setup()');
    PERFORM pg_advisory_xact_lock(hashtextextended('affiliate.setup', 0));
    PERFORM affiliate._setup_roles();
    PERFORM affiliate._setup_rulebook();
    PERFORM affiliate._setup_facts();
    PERFORM affiliate._setup_decisions();
    PERFORM affiliate._setup_ledger();
    PERFORM affiliate._setup_operator();
    PERFORM affiliate._setup_defaults();
    PERFORM affiliate._setup_reference();
    PERFORM affiliate._setup_triggers();
    PERFORM affiliate._setup_views();
    PERFORM affiliate._setup_guards();
    PERFORM affiliate._setup_owners();
    PERFORM affiliate._setup_grants();

    INSERT INTO affiliate.schema_version (version)
    SELECT e.extversion FROM pg_extension AS e
    WHERE e.extname = 'pg_affiliate'
    ON CONFLICT DO NOTHING;
END
$$;
REVOKE ALL ON FUNCTION affiliate.setup() FROM PUBLIC;
COMMENT ON FUNCTION affiliate.setup() IS 'Creates what is missing in schema affiliate and asserts owners, privileges and trigger states. Run again it changes nothing.';

--| Lets go of the tables: drops the triggers, views and column defaults that use functions of the extension, and keeps
--| every table and row. After it `DROP EXTENSION pg_affiliate` works without `CASCADE`, and nothing is settled any more.
--| `affiliate.setup()` puts everything back. Roles stay.
--|
--| Errors: `42501` when the caller is no superuser.
CREATE FUNCTION affiliate.uninstall() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    statement text;
BEGIN
    PERFORM affiliate._require_superuser('affiliate.uninstall()');
    PERFORM pg_advisory_xact_lock(hashtextextended('affiliate.setup', 0));
    FOR statement IN
        WITH member AS (
            SELECT d.objid AS oid FROM pg_depend AS d
            JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND e.extname = 'pg_affiliate'
            WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
        ), own_view AS (
            SELECT format('affiliate.%I', v.view_name)::regclass AS oid FROM affiliate._view_comments() AS v
            WHERE v.column_name IS NULL AND to_regclass(format('affiliate.%I', v.view_name)) IS NOT NULL
        )
        SELECT format('DROP TRIGGER %I ON %s', t.tgname, t.tgrelid::regclass)
        FROM pg_trigger AS t JOIN member AS m ON m.oid = t.tgfoid
        WHERE NOT t.tgisinternal AND t.tgparentid = 0
        UNION ALL
        SELECT format('DROP VIEW %s', string_agg(v.oid::regclass::text, ', ')) FROM own_view AS v HAVING count(*) > 0
        UNION ALL
        SELECT DISTINCT format('ALTER TABLE %s ALTER COLUMN %I DROP DEFAULT', a.attrelid::regclass, a.attname)
        FROM pg_attrdef AS f
        JOIN pg_depend AS d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid AND d.refclassid = 'pg_proc'::regclass
        JOIN member AS m ON m.oid = d.refobjid
        JOIN pg_attribute AS a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
        WHERE a.attgenerated = ''
        UNION ALL
        SELECT DISTINCT format('ALTER TABLE %s DROP CONSTRAINT %I', k.conrelid::regclass, k.conname)
        FROM pg_constraint AS k
        JOIN pg_depend AS d ON d.classid = 'pg_constraint'::regclass AND d.objid = k.oid AND d.refclassid = 'pg_proc'::regclass
        JOIN member AS m ON m.oid = d.refobjid
        WHERE k.contype = 'c'
    LOOP
        EXECUTE statement;
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION affiliate.uninstall() FROM PUBLIC;
COMMENT ON FUNCTION affiliate.uninstall() IS 'Drops triggers, views, column defaults and CHECKs that use functions of the extension; keeps every table and row.';

CREATE FUNCTION affiliate._require_superuser(what text) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('permission denied for %s', what),
            DETAIL = format('Role "%s" is no superuser.', current_user),
            HINT = 'Run it as the superuser who created the extension: it makes roles, and gives functions to the role affiliate_owner.';
    END IF;
END
$$;
COMMENT ON FUNCTION affiliate._require_superuser(text) IS 'Raises an error unless the caller is a superuser.';

-- Defaults that uninstall() drops, and the present text of those that use functions of the extension.
CREATE FUNCTION affiliate._setup_defaults() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $setup$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT a.attrelid::regclass AS table_name, a.attname AS column_name, w.expression
        FROM (VALUES
            ('{click,customer,account,transaction}'::text[], 'program_id', 'affiliate._default_program()'),
            ('{click}', 'clicked_at', 'affiliate._now()'),
            ('{click,visitor_customer,customer,customer_pii,customer_alias,account,transaction,transaction_ref,dispute,pending_input}', 'recorded_at', 'affiliate._now()'),
            ('{visitor_customer}', 'seen_at', 'affiliate._now()'),
            ('{refund_match}', 'matched_at', 'affiliate._now()'),
            ('{affiliate_position}', 'settled_at', 'affiliate._now()'),
            ('{adjustment}', 'requested_at', 'affiliate._now()'),
            ('{review_case}', 'opened_at', 'affiliate._now()'),
            ('{suspension_decision}', 'decided_at', 'affiliate._now()'),
            ('{statement_payment}', 'paid_at', 'affiliate._now()')) AS w (table_names, column_name, expression)
        CROSS JOIN unnest(w.table_names) AS t (table_name)
        JOIN pg_attribute AS a ON a.attrelid = format('affiliate.%I', t.table_name)::regclass AND a.attname = w.column_name
        WHERE NOT EXISTS (SELECT FROM pg_attrdef AS f WHERE f.adrelid = a.attrelid AND f.adnum = a.attnum
                          AND pg_get_expr(f.adbin, f.adrelid) = w.expression)
    LOOP
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT %s', wanted.table_name, wanted.column_name, wanted.expression);
    END LOOP;
END
$setup$;
COMMENT ON FUNCTION affiliate._setup_defaults() IS 'Part of setup(): puts back the column defaults that uninstall() dropped.';
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
        currency, amount, cause, earned_at, effective_at)
    VALUES ('', posted.adjustment_id, 'manual', 0, posted.affiliate_no, 0, 1, posted.program_no, 'manual',
        posted.currency, posted.signed_amount, 'adjustment:' || posted.adjustment_id, at, at);
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
--|   `refund_without_sale`, `adjustment_without_sale`, `refund_mismatch`, `refund_above_sale`) `approve` and `reject` are
--|   recorded only; what they say is written as a fact, a row of the rulebook, or with `reassign`.
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
    FROM affiliate.program AS p LEFT JOIN affiliate._due_lines(payee_no, of_program_no, least(up_to, at)) AS d ON d.customer_id = ANY (customers)
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
        SELECT d.* FROM affiliate._due_lines(payee_no, of_program_no, least(up_to, at)) AS d WHERE d.customer_id = ANY (customers)
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
            currency, amount, cause, earned_at, effective_at)
        SELECT p.customer_id, p.subject_id, p.subject_kind, p.rule_no, p.affiliate_no, p.level, p.version, p.program_no, 'payment',
            p.currency, -p.owed, 'payment:' || reference, p.earned_at, at
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
-- find_conversion: the answer to "I sent you this customer, where is my commission?"

--| Finds conversions for an affiliate who asks, in words that may be shown to him. `clue` is an order id, a transaction
--| id, a click id, a coupon code, a customer id or a date (`2025-03-31`, in the program's time zone). By customer, coupon
--| and date only conversions are found that the affiliate competed for or earns from. Amounts are what the affiliate
--| earns, net of take-backs. Other affiliates are never named.
--|
--| Transaction, customer, and click ids of clicks that are stored with their customer or visitor, are found by their
--| indexes. Where these find nothing the clue is taken for an order id, then for a coupon code, another click id or a date:
--| for these `affiliate.transaction` and `affiliate.conversion` (for a date the latter only) are read as a whole, since
--| orders that the affiliate lost count too. Whoever is asked by order id often may add an index on
--| `affiliate.transaction (order_id)`, which is used then; it costs every sale the time of one more index entry.
--|
--| Errors: `AF016` unknown affiliate; `AF033` empty clue.
CREATE FUNCTION affiliate.find_conversion(affiliate text, clue text,
    OUT order_id text, OUT ordered_on date, OUT status text, OUT reason text, OUT amount numeric, OUT currency text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    asking_no integer := affiliate._affiliate_no(affiliate);
    day date;
BEGIN
    IF coalesce(btrim(clue), '') = '' THEN
        PERFORM affiliate._refuse_argument('clue', clue, 'an order, transaction, click or customer id, a coupon code, or a date');
    ELSIF clue ~ '^\d{4}-\d\d-\d\d$' THEN
        BEGIN
            day := clue::date;
        EXCEPTION WHEN datetime_field_overflow THEN
            day := NULL; -- looks like a date, but is an id
        END;
    END IF;

    RETURN QUERY
    WITH by_key AS MATERIALIZED (
        SELECT k.* FROM affiliate._find_by_key(clue) AS k
    ), found AS (
        SELECT coalesce(a.canonical_id, f.customer_id) AS customer_id, f.transaction_id, f.is_named
        FROM (SELECT * FROM by_key UNION ALL SELECT r.* FROM affiliate._find_by_reading(clue, day) AS r WHERE NOT EXISTS (SELECT FROM by_key)) AS f
        LEFT JOIN affiliate.customer_alias AS a ON a.customer_id = f.customer_id
    ), known AS (
        SELECT c.*, p.time_zone, p.currency AS program_currency, bool_or(f.is_named) OVER w AS is_named,
               EXISTS (SELECT FROM affiliate.commission AS k
                       WHERE k.customer_id = c.customer_id AND k.subject_id = c.transaction_id AND k.affiliate_no = asking_no) AS has_line,
               c.candidates @> jsonb_build_array(jsonb_build_object('affiliate_no', asking_no)) AS competed,
               row_number() OVER w AS n
        FROM found AS f
        JOIN affiliate.conversion AS c ON c.customer_id = f.customer_id AND c.transaction_id = f.transaction_id
        JOIN affiliate.program AS p USING (program_no)
        WHERE NOT c.is_test
        WINDOW w AS (PARTITION BY c.customer_id, c.transaction_id, c.kind, c.program_no)
    ), answer AS (
        SELECT k.*, (k.ordered_at AT TIME ZONE k.time_zone)::date AS local_day,
               (SELECT coalesce(sum(m.accrued - m.reversed), 0) FROM affiliate.commission AS m
                WHERE m.customer_id = k.customer_id AND m.subject_id = k.transaction_id AND m.subject_kind = k.kind
                  AND m.program_no = k.program_no AND m.affiliate_no = asking_no) AS net
        FROM known AS k
        WHERE k.n = 1 AND (k.is_named OR k.has_line OR k.competed OR k.affiliate_no IS NOT DISTINCT FROM asking_no)
    )
    SELECT coalesce((SELECT t.order_id FROM affiliate.transaction AS t WHERE t.transaction_id = a.transaction_id), a.transaction_id),
           a.local_day,
           CASE WHEN a.affiliate_no IS DISTINCT FROM asking_no AND a.net = 0 THEN 'not credited to you'
                WHEN a.state = 'counted' AND a.net = 0 THEN 'earns nothing'
                WHEN a.state = 'counted' THEN 'credited to you'
                WHEN a.state = 'void' THEN 'cancelled'
                ELSE a.state END,
           affiliate._plain_reason(a.affiliate_no, asking_no, a.state, a.code, a.net <> 0, a.has_line, a.refunded + a.charged_back > 0),
           a.net,
           a.program_currency
    FROM answer AS a
    WHERE a.is_named OR day IS NULL OR a.local_day = day
       OR a.customer_id = coalesce((SELECT c.canonical_id FROM affiliate.customer_alias AS c WHERE c.customer_id = clue), clue)
    ORDER BY a.ordered_at, a.transaction_id;
END
$$;
COMMENT ON FUNCTION affiliate.find_conversion(text, text) IS 'Finds conversions for an affiliate who asks, by order, transaction, click, coupon, customer or date, in words that may be shown to him.';

CREATE FUNCTION affiliate._find_by_key(clue text) RETURNS TABLE (customer_id text, transaction_id text, is_named boolean)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    customer text := coalesce((SELECT a.canonical_id FROM affiliate.customer_alias AS a WHERE a.customer_id = clue), clue);
    clicked text[]; -- the customers of the click, with their other ids
BEGIN
    SELECT array_agg(DISTINCT i.id) INTO clicked
    FROM affiliate.click AS k
    CROSS JOIN LATERAL (SELECT k.customer_id UNION ALL SELECT v.customer_id FROM affiliate.visitor_customer AS v WHERE v.visitor_id = k.visitor_id) AS w (customer_id)
    LEFT JOIN affiliate.customer_alias AS a ON a.customer_id = w.customer_id
    CROSS JOIN LATERAL (SELECT coalesce(a.canonical_id, w.customer_id)
                        UNION ALL
                        SELECT o.customer_id FROM affiliate.customer_alias AS o WHERE o.canonical_id = coalesce(a.canonical_id, w.customer_id)) AS i (id)
    WHERE k.click_id = clue AND i.id IS NOT NULL;

    RETURN QUERY
    SELECT t.customer_id::text, t.transaction_id::text, true FROM affiliate.transaction AS t WHERE t.transaction_id = clue
    UNION ALL
    SELECT c.customer_id, c.transaction_id, false FROM affiliate.conversion AS c WHERE c.customer_id = customer;
    IF clicked IS NOT NULL THEN
        RETURN QUERY
        SELECT t.customer_id::text, t.transaction_id::text, true FROM affiliate.transaction AS t WHERE t.customer_id = ANY (clicked) AND t.click_id = clue
        UNION ALL
        SELECT c.customer_id, c.transaction_id, false FROM affiliate.conversion AS c
        WHERE c.customer_id = ANY (clicked) AND c.candidates @> jsonb_build_array(jsonb_build_object('ref', clue));
    END IF;
END
$$;
COMMENT ON FUNCTION affiliate._find_by_key(text) IS 'Transactions that a transaction, customer or click id leads to by an index; is_named: named exactly.';

CREATE FUNCTION affiliate._find_by_reading(clue text, day date) RETURNS TABLE (customer_id text, transaction_id text, is_named boolean)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF day IS NOT NULL THEN -- in whatever time zone; the caller looks again
        RETURN QUERY
        SELECT c.customer_id::text, c.transaction_id::text, false FROM affiliate.conversion AS c
        WHERE c.ordered_at >= day::timestamp AT TIME ZONE 'UTC' - interval '1 day' AND c.ordered_at < day::timestamp AT TIME ZONE 'UTC' + interval '2 days';
        RETURN;
    END IF;
    -- alone, for the index that a firm may have made
    RETURN QUERY SELECT t.customer_id::text, t.transaction_id::text, true FROM affiliate.transaction AS t WHERE t.order_id = clue;
    IF FOUND THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT t.customer_id::text, t.transaction_id::text, coalesce(t.click_id = clue, false) FROM affiliate.transaction AS t
    WHERE t.click_id = clue
       OR EXISTS (SELECT FROM unnest(t.coupon_codes) AS code WHERE upper(btrim(code) COLLATE "C") = upper(btrim(clue) COLLATE "C"))
    UNION ALL
    SELECT c.customer_id, c.transaction_id, false FROM affiliate.conversion AS c WHERE c.candidates @> jsonb_build_array(jsonb_build_object('ref', clue));
END
$$;
COMMENT ON FUNCTION affiliate._find_by_reading(text, date) IS 'Transactions of an order, click, coupon or day; reads transaction and conversion as a whole.';

-- Codes of decisions in words for affiliates. One that competed and lost is not told to whom.
CREATE FUNCTION affiliate._plain_reason(owner_no integer, asking_no integer, state text, code text, earns boolean, has_line boolean,
    is_taken_back boolean)
RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE
        WHEN owner_no IS DISTINCT FROM asking_no AND NOT earns AND has_line THEN 'The order was credited to you at first; that decision was changed.'
        WHEN owner_no IS NOT NULL AND owner_no <> asking_no AND NOT earns THEN 'Another partner''s referral came first under the program''s rules.'
        WHEN state = 'pending' THEN 'The payment is not completed yet.'
        WHEN state = 'waiting' THEN 'Information is still missing; the decision follows within the program''s grace period.'
        WHEN state = 'void' THEN 'The order was cancelled or refunded inside the cooling-off period.'
        WHEN is_taken_back THEN 'The order was refunded or charged back, in part or in full.'
        WHEN code IS NULL THEN 'The order counts for you.'
        ELSE coalesce((
            SELECT w.words FROM (VALUES
                ('organic', 'The customer came without a referral that we know of.'),
                ('window_expired', 'The referral was older than the program''s tracking window.'),
                ('self_referral', 'The order looks like one of your own.'),
                ('affiliate_inactive', 'Your partnership was not active at the time of the order.'),
                ('out_of_scope', 'The product or payment is not part of your plan.'),
                ('no_plan', 'You had no plan in this program at the time of the order.'),
                ('not_first_purchase', 'Your plan pays for first purchases only.'),
                ('rounds_to_zero', 'The commission comes to nothing.'),
                ('capped', 'The limit of your plan was reached.'),
                ('before_go_live', 'The order was placed before the program began to pay.'),
                ('fx_missing', 'The exchange rate is not known yet.'),
                ('zero_amount', 'Nothing was charged for the order.'),
                ('void', 'The order was cancelled or refunded inside the cooling-off period.')) AS w (code, words)
            WHERE w.code = _plain_reason.code), format('No commission: %s.', replace(code, '_', ' '))) END;
END
$$;
COMMENT ON FUNCTION affiliate._plain_reason(integer, integer, text, text, boolean, boolean, boolean) IS 'Why a conversion earns or not, in words for affiliates.';
-- Questions that are answered by the kernel without writing anything: a checkout can ask before it sells.

CREATE FUNCTION affiliate._explain(customer_id text, program_no integer, transaction_id text, hypothetical jsonb) RETURNS jsonb
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'affiliate_explain';
COMMENT ON FUNCTION affiliate._explain(text, integer, text, jsonb) IS
    'What the kernel makes of one transaction of a customer, stored or hypothetical: sale, candidates, rules tried, commissions.';

CREATE FUNCTION affiliate._owner_of(customer_id text, program_no integer, at timestamptz, account_id text) RETURNS integer
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'affiliate_owner_of';
COMMENT ON FUNCTION affiliate._owner_of(text, integer, timestamptz, text) IS 'The affiliate_no that owns a customer at an instant.';

CREATE FUNCTION affiliate._known_program(program text) RETURNS affiliate.known_program
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found affiliate.known_program;
BEGIN
    SELECT p.program_no, p.currency INTO found FROM affiliate.program AS p
    WHERE p.program_no = affiliate._program_no(coalesce(program, affiliate._default_program()));
    RETURN found;
END
$$;
COMMENT ON FUNCTION affiliate._known_program(text) IS 'Number and currency of a program; without a name the only one there is.';

--| The affiliate a customer belongs to at an instant (the present unless given), or null; null too for a customer that is
--| null. Where ownership is per account, name the account. Writers may ask it too; it runs with the owner's rights.
--|
--| Errors: `AF012` unknown program.
CREATE FUNCTION affiliate.owner_of(customer text, at timestamptz DEFAULT NULL, program text DEFAULT NULL, account text DEFAULT NULL)
    RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner_no integer := affiliate._owner_of(customer, (affiliate._known_program(program)).program_no, coalesce(at, affiliate._now()), account);
BEGIN
    RETURN (SELECT a.affiliate_id FROM affiliate.affiliate AS a WHERE a.affiliate_no = owner_no);
END
$$;
REVOKE ALL ON FUNCTION affiliate.owner_of(text, timestamptz, text, text) FROM PUBLIC;
COMMENT ON FUNCTION affiliate.owner_of(text, timestamptz, text, text) IS 'The affiliate a customer belongs to at an instant, or null.';

-- A customer that is null is a guest: the database knows nothing of him.
CREATE FUNCTION affiliate._what_if(customer text, program_no integer, sale jsonb) RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id text := 'quote:' || affiliate.new_click_id();
    customer_id text := coalesce(nullif(customer, ''), id);
BEGIN
    RETURN affiliate._explain(customer_id, program_no, id, sale || jsonb_build_object(
        'customer_id', customer_id, 'transaction_id', id, 'status', 'completed', 'version', 0,
        'program_id', (SELECT p.program_id FROM affiliate.program AS p WHERE p.program_no = _what_if.program_no),
        'recorded_at', affiliate._now(), 'is_test', false));
END
$$;
COMMENT ON FUNCTION affiliate._what_if(text, integer, jsonb) IS 'What the kernel would make of a sale that is not stored.';

--| Who would earn an order of this customer placed and paid at an instant (the present unless given), with these coupon
--| codes, click id and declared affiliate: affiliate (null = nobody), method, code (why nobody), and every touch that
--| competed. A customer the database does not know yet is fine, and null is a guest who has not told who he is. Writes
--| nothing. Writers may ask it too; it runs with the owner's rights.
--|
--| Errors: `AF012` unknown program; `AF033` an infinite time.
CREATE FUNCTION affiliate.attribute(customer text, at timestamptz DEFAULT NULL, coupons text[] DEFAULT NULL, click text DEFAULT NULL,
    declared text DEFAULT NULL, program text DEFAULT NULL,
    OUT affiliate text, OUT method text, OUT code text, OUT candidates jsonb)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known affiliate.known_program := affiliate._known_program(program);
    answer jsonb;
BEGIN
    IF NOT isfinite(at) THEN
        PERFORM affiliate._refuse_argument('at', at::text, 'a time that is finite');
    END IF;
    answer := affiliate._what_if(customer, known.program_no, jsonb_build_object(
        'transaction_type', 'challenge_fee', 'currency', known.currency, 'amount', 1,
        'ordered_at', coalesce(at, affiliate._now()), 'completed_at', coalesce(at, affiliate._now()),
        'coupon_codes', to_jsonb(coupons), 'click_id', click, 'affiliate_id', declared));
    affiliate := answer ->> 'affiliate';
    method := answer ->> 'method';
    code := CASE WHEN affiliate IS NULL OR answer ->> 'state' = 'waiting' THEN answer ->> 'code' END;
    candidates := answer -> 'candidates';
END
$$;
REVOKE ALL ON FUNCTION affiliate.attribute(text, timestamptz, text[], text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION affiliate.attribute(text, timestamptz, text[], text, text, text) IS
    'Who would earn an order of this customer with these touches; writes nothing.';

-- What the insert of such a sale would refuse, is refused here.
CREATE FUNCTION affiliate._check_quote(amount numeric, transaction_type text, currency text, at timestamptz, details jsonb) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unknown text;
BEGIN
    IF amount IS NULL OR NOT affiliate._is_amount(amount) THEN
        PERFORM affiliate._refuse_argument('amount', amount::text, 'what would be charged: zero or more, with at most 15 significant digits');
    ELSIF NOT isfinite(at) THEN
        PERFORM affiliate._refuse_argument('at', at::text, 'a time that is finite');
    ELSIF NOT EXISTS (SELECT FROM affiliate.transaction_type AS t
                      WHERE t.transaction_type = _check_quote.transaction_type OR _check_quote.transaction_type = ANY (t.words)) THEN
        RAISE EXCEPTION USING ERRCODE = 'AF014',
            MESSAGE = format('transaction type "%s" is not known', transaction_type),
            DETAIL = 'No commission was quoted.',
            HINT = 'Add it to affiliate.transaction_type, or as one of the words of a type that exists.';
    ELSIF NOT EXISTS (SELECT FROM affiliate.currency AS c WHERE c.currency = _check_quote.currency) THEN
        RAISE EXCEPTION USING ERRCODE = 'AF013',
            MESSAGE = format('currency "%s" is not known', currency),
            DETAIL = 'No commission was quoted.',
            HINT = 'Use an ISO 4217 code in capitals, or add the currency to affiliate.currency.';
    ELSIF jsonb_typeof(details) <> 'object' THEN
        PERFORM affiliate._refuse_argument('details', left(details::text, 50), 'an object: columns of affiliate.transaction and their values');
    END IF;
    SELECT k INTO unknown FROM jsonb_object_keys(details) AS k
    WHERE NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = 'affiliate.transaction'::regclass AND a.attnum > 0
                      AND NOT a.attisdropped AND a.attname = k)
    ORDER BY k LIMIT 1;
    IF FOUND THEN
        PERFORM affiliate._refuse_argument('details', left(unknown, 50), 'columns of affiliate.transaction and their values');
    END IF;
END
$$;
COMMENT ON FUNCTION affiliate._check_quote(numeric, text, text, timestamptz, jsonb) IS 'Refuses a quote for a sale that could not be stored.';

--| What a sale would earn if it were completed at an instant (the present unless given): one row per beneficiary and
--| rule. `amount` is what would be charged, in `currency` (the program's unless given); `details` are further columns of
--| affiliate.transaction, for example `{"account_size": 50000}`. A customer that is null is a guest. Amounts of rules of
--| the second stage are provisional. Writes nothing. Writers may ask it too; it runs with the owner's rights.
--|
--| Errors: `AF012` unknown program; `AF013`, `AF014` unknown currency or type; `AF033` an amount, time or detail that a
--| sale could not have.
CREATE FUNCTION affiliate.quote_commission(customer text, amount numeric, transaction_type text DEFAULT 'challenge_fee',
    product text DEFAULT NULL, coupons text[] DEFAULT NULL, click text DEFAULT NULL, declared text DEFAULT NULL,
    at timestamptz DEFAULT NULL, currency text DEFAULT NULL, program text DEFAULT NULL, details jsonb DEFAULT '{}')
    RETURNS TABLE (affiliate text, level integer, rule text, commission numeric, commission_currency text, provisional boolean, eligible_at timestamptz)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known affiliate.known_program := affiliate._known_program(program);
    answer jsonb;
BEGIN
    currency := coalesce(currency, known.currency);
    details := coalesce(details, '{}');
    PERFORM affiliate._check_quote(amount, transaction_type, currency, at, details);
    answer := affiliate._what_if(customer, known.program_no, details || jsonb_build_object(
        'transaction_type', transaction_type, 'currency', currency, 'amount', amount,
        'product_id', product, 'ordered_at', coalesce(at, affiliate._now()), 'completed_at', coalesce(at, affiliate._now()),
        'coupon_codes', to_jsonb(coupons), 'click_id', click, 'affiliate_id', declared));
    RETURN QUERY
    SELECT c ->> 'affiliate', (c ->> 'level')::integer, coalesce(c ->> 'rule', c ->> 'amount'), (c ->> 'accrued')::numeric,
           known.currency, (c ->> 'provisional')::boolean, (c ->> 'eligible_at')::timestamptz
    FROM jsonb_array_elements(answer -> 'commissions') AS c;
END
$$;
REVOKE ALL ON FUNCTION affiliate.quote_commission(text, numeric, text, text, text[], text, text, timestamptz, text, text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION affiliate.quote_commission(text, numeric, text, text, text[], text, text, timestamptz, text, text, jsonb) IS
    'What a sale would earn, per beneficiary and rule; writes nothing.';
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
    RETURN QUERY SELECT * FROM affiliate._verify_ledger();
    RETURN QUERY SELECT * FROM affiliate._verify_counts();
    RETURN QUERY SELECT * FROM affiliate._verify_decisions();
    RETURN QUERY SELECT * FROM affiliate._verify_references();
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
               ARRAY[c.quantity, c.gross, c.refunded, c.charged_back, c.charged_back_count] AS header,
               ARRAY[coalesce(e.quantity, 0), coalesce(e.gross, 0), coalesce(e.refunded, 0), coalesce(e.charged_back, 0), coalesce(e.charged_back_count, 0)] AS entries
        FROM affiliate.conversion AS c
        FULL JOIN (SELECT n.customer_id, n.transaction_id, n.kind, n.program_no, max(n.version) AS last_version, sum(n.quantity) AS quantity,
                          sum(n.gross) AS gross, sum(n.refunded) AS refunded, sum(n.charged_back) AS charged_back,
                          sum(n.charged_back_count) AS charged_back_count
                   FROM affiliate.conversion_entry AS n GROUP BY 1, 2, 3, 4) AS e
          ON (e.customer_id, e.transaction_id, e.kind, e.program_no) = (c.customer_id, c.transaction_id, c.kind, c.program_no)
    ) AS l
    CROSS JOIN LATERAL (VALUES
        -- test facts are decided, but not counted
        ('count_sum', CASE WHEN l.version IS NULL OR l.header <> l.entries AND NOT l.is_test THEN
            format('The sum of the entries (quantity, gross, refunded, charged back, count) is %s, the conversion has %s.', l.entries, l.header) END),
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
    LEFT JOIN affiliate.customer_alias AS a ON a.customer_id = t.customer_id
    CROSS JOIN LATERAL (VALUES
        ('unknown_program', CASE WHEN p.program_id IS NULL THEN format('There is no program %s.', c.program_no) END),
        ('unknown_affiliate', CASE WHEN c.affiliate_no IS NOT NULL AND f.affiliate_id IS NULL THEN format('There is no affiliate %s.', c.affiliate_no) END),
        -- a fact that is gone is never silently a reversal (POSTGRES.md 27)
        ('fact_missing', CASE WHEN c.kind = 'transaction' AND t.transaction_id IS NULL THEN 'The transaction it came from is gone.' END),
        ('fact_moved', CASE WHEN t.customer_id NOT IN ('', c.customer_id) AND a.canonical_id IS DISTINCT FROM c.customer_id THEN
            format('Its transaction belongs to customer "%s".', t.customer_id) END)) AS v (code, detail)
    WHERE v.detail IS NOT NULL;
END
$$;
COMMENT ON FUNCTION affiliate._verify_references() IS 'Part of verify(): programs, affiliates, rules and facts that the ledger names exist.';
-- verify(), continued: triggers, owners and privileges are as setup() makes them.

CREATE FUNCTION affiliate._verify_catalog(OUT code text, OUT customer_id text, OUT subject text, OUT detail text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT 'trigger', ''::text, format('affiliate.%s trigger %s', g.table_name, g.trigger_name),
           CASE WHEN t.oid IS NULL THEN 'The trigger is missing; run affiliate.setup().'
                WHEN pg_get_triggerdef(t.oid) <> format('CREATE TRIGGER %I %s', g.trigger_name, g.definition)
                    THEN 'The trigger was changed; run affiliate.setup().'
                ELSE format('tgenabled is %s instead of %s; run affiliate.setup().', t.tgenabled, g.enabled) END
    FROM affiliate._guard_triggers() AS g
    LEFT JOIN pg_trigger AS t ON t.tgrelid = to_regclass(format('affiliate.%I', g.table_name)) AND t.tgname = g.trigger_name
    WHERE t.oid IS NULL OR t.tgenabled <> g.enabled
       OR pg_get_triggerdef(t.oid) <> format('CREATE TRIGGER %I %s', g.trigger_name, g.definition);

    RETURN QUERY
    SELECT 'trigger', ''::text, format('%s trigger %s', t.tgrelid::regclass, t.tgname),
           format('tgenabled is %s instead of O: %s; run affiliate.setup().', t.tgenabled,
                  CASE WHEN t.tgenabled = 'A' THEN 'it fires under session_replication_role = replica too'
                       ELSE 'the trigger is disabled, what is written is not settled' END)
    FROM pg_trigger AS t JOIN pg_proc AS p ON p.oid = t.tgfoid
    WHERE p.pronamespace = 'affiliate'::regnamespace AND t.tgenabled <> 'O' AND NOT t.tgisinternal
      AND NOT EXISTS (SELECT FROM affiliate._guard_triggers() AS g WHERE g.trigger_name = t.tgname)
    UNION ALL
    SELECT DISTINCT 'trigger', '', format('%s constraint %s', t.tgrelid::regclass, k.conname),
           'The foreign key is disabled, rows may hang on nothing; run affiliate.setup(), then affiliate.verify() again.'
    FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid JOIN pg_constraint AS k ON k.oid = t.tgconstraint
    WHERE c.relnamespace = 'affiliate'::regnamespace AND t.tgisinternal AND t.tgenabled <> 'O';

    RETURN QUERY
    SELECT 'trigger', ''::text, format('affiliate.%s', w.name), format('No trigger calls affiliate.%s() on %s; run affiliate.setup().', w.function_name, w.done)
    FROM (SELECT n.name, v.* -- event: the bit of tgtype
          FROM unnest('{transaction,dispute,customer,account,customer_alias,visitor_customer,transaction_ref}'::text[]) AS n (name)
          CROSS JOIN (VALUES (4, 'INSERT', '_settle_after'), (16, 'UPDATE', '_settle_after')) AS v (event, done, function_name)
          UNION ALL
          SELECT n.name, 16, 'UPDATE', '_fact_before_update' FROM unnest('{transaction,dispute,customer,account,visitor_customer,transaction_ref}'::text[]) AS n (name)) AS w
    WHERE NOT EXISTS (SELECT FROM pg_trigger AS t JOIN pg_proc AS p ON p.oid = t.tgfoid
                      WHERE t.tgrelid = to_regclass(format('affiliate.%I', w.name)) AND t.tgtype & w.event <> 0
                        AND p.pronamespace = 'affiliate'::regnamespace AND p.proname = w.function_name);

    RETURN QUERY
    SELECT 'object_owner', ''::text, c.oid::regclass::text, format('It belongs to "%s"; run affiliate.setup().', pg_get_userbyid(c.relowner))
    FROM pg_class AS c
    WHERE c.relnamespace = 'affiliate'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND pg_get_userbyid(c.relowner) <> 'affiliate_owner'
    UNION ALL
    SELECT 'object_owner', '', p.oid::regprocedure::text, format('It runs with the rights of "%s"; run affiliate.setup().', pg_get_userbyid(p.proowner))
    FROM pg_proc AS p
    WHERE p.pronamespace = 'affiliate'::regnamespace AND p.prosecdef AND pg_get_userbyid(p.proowner) <> 'affiliate_owner';

    -- append-only is a matter of privileges too (I1)
    RETURN QUERY
    SELECT 'privilege', ''::text, c.oid::regclass::text, format('%s has %s; run affiliate.setup().',
        CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, a.privilege_type)
    FROM pg_class AS c
    CROSS JOIN LATERAL aclexplode(c.relacl) AS a
    WHERE c.relnamespace = 'affiliate'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S') AND a.grantee <> c.relowner
      AND (a.grantee = 0 OR a.privilege_type IN ('UPDATE', 'DELETE', 'TRUNCATE') AND EXISTS (
            SELECT FROM affiliate._guard_triggers() AS g WHERE g.table_name = c.relname AND g.trigger_name = c.relname || '_append_only'))
    UNION ALL
    SELECT 'privilege', '', p.oid::regprocedure::text, 'PUBLIC has EXECUTE; run affiliate.setup().'
    FROM pg_proc AS p
    CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
    WHERE p.pronamespace = 'affiliate'::regnamespace AND a.grantee = 0;
END
$$;
COMMENT ON FUNCTION affiliate._verify_catalog() IS 'Part of verify(): triggers, owners and privileges are as setup() makes them.';
-- Jobs: drain the queue, by pg_cron or by hand; and health(), what an operator looks at first.

--| Drains the queue for `duration`: settles what is due in batches, each committed on its own, and sleeps for a second
--| when there is nothing to do. One instance at a time: a second one returns at once. Call it outside of a transaction:
--| `CALL affiliate.drain_loop('55 s')` each minute.
--|
--| Errors: `AF033` no or negative duration; what a batch raises ends the loop and is kept for `affiliate.health()`.
-- A procedure that commits may not set search_path: every name is qualified.
CREATE PROCEDURE affiliate.drain_loop(duration interval)
LANGUAGE plpgsql
AS $$
DECLARE
    lock_key constant bigint := pg_catalog.hashtextextended('affiliate.drain_loop', 0);
    until timestamp with time zone := pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) duration;
    handled bigint;
    failure text;
    failure_code text;
    failure_hint text;
BEGIN
    IF duration IS NULL OR duration OPERATOR(pg_catalog.<) interval '0' THEN
        PERFORM affiliate._refuse_argument('duration', duration::text, 'how long to drain, for example 55 s');
    END IF;
    -- left behind by a call of this session that was cancelled
    WHILE EXISTS (SELECT FROM pg_catalog.pg_locks AS l
                  WHERE l.locktype OPERATOR(pg_catalog.=) 'advisory' AND l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()
                    AND l.objsubid OPERATOR(pg_catalog.=) 1::smallint
                    AND (l.classid::bigint OPERATOR(pg_catalog.<<) 32 OPERATOR(pg_catalog.|) l.objid::bigint) OPERATOR(pg_catalog.=) lock_key)
    LOOP
        EXIT WHEN NOT pg_catalog.pg_advisory_unlock(lock_key);
    END LOOP;
    IF NOT pg_catalog.pg_try_advisory_lock(lock_key) THEN
        RETURN;
    END IF;
    LOOP
        BEGIN
            handled := affiliate.drain(1000);
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS failure = MESSAGE_TEXT, failure_code = RETURNED_SQLSTATE, failure_hint = PG_EXCEPTION_HINT;
        END;
        COMMIT;
        EXIT WHEN failure IS NOT NULL OR pg_catalog.clock_timestamp() OPERATOR(pg_catalog.>=) until;
        IF handled OPERATOR(pg_catalog.=) 0 THEN
            PERFORM pg_catalog.pg_sleep(1);
            COMMIT;
        END IF;
    END LOOP;
    PERFORM pg_catalog.pg_advisory_unlock(lock_key);
    IF failure IS NOT NULL THEN
        BEGIN
            PERFORM affiliate._drain_failed(failure);
        EXCEPTION WHEN OTHERS THEN
            NULL; -- what failed first is raised
        END;
        COMMIT;
        RAISE EXCEPTION USING ERRCODE = failure_code, MESSAGE = failure,
            HINT = COALESCE(NULLIF(failure_hint, ''), 'See affiliate.health().');
    END IF;
END
$$;
COMMENT ON PROCEDURE affiliate.drain_loop(interval) IS 'Drains the queue for a while, in batches committed on their own; one instance at a time.';

-- The next batch that goes through clears it.
CREATE FUNCTION affiliate._drain_failed(message text) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO affiliate.drain_progress AS d (name, last_error)
    VALUES ('drain', left(message, 1000))
    ON CONFLICT (name) DO UPDATE SET last_error = excluded.last_error;
END
$$;
REVOKE ALL ON FUNCTION affiliate._drain_failed(text) FROM PUBLIC;
COMMENT ON FUNCTION affiliate._drain_failed(text) IS 'Keeps the error of a drain for health().';

--| Schedules the drain with pg_cron: each minute, for 55 seconds. Repeating it changes nothing. The job runs as the
--| caller. Returns the number of the job.
--|
--| Errors: `AF040` pg_cron is not installed in this database; the hint has the statement to run elsewhere.
CREATE FUNCTION affiliate.schedule_jobs() RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    command constant text := 'CALL affiliate.drain_loop(''55 s'')';
    cron_database text := (SELECT s.setting FROM pg_settings AS s WHERE s.name = 'cron.database_name');
    job_no bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') THEN
        RAISE EXCEPTION USING ERRCODE = 'AF040',
            MESSAGE = format('pg_cron is not installed in database "%s"', current_database()),
            DETAIL = CASE
                WHEN cron_database IS NULL THEN 'The setting cron.database_name is unknown: pg_cron is not in shared_preload_libraries, or you may not see its settings.'
                WHEN cron_database = current_database() THEN 'The library is loaded for this database; the extension is not created.'
                ELSE format('pg_cron lives in database "%s".', cron_database) END,
            HINT = affiliate._cron_hint(cron_database, command);
    END IF;
    -- pg_cron's own tables: only named when it is there
    EXECUTE 'SELECT cron.schedule($1, $2, $3)' INTO job_no USING 'pg_affiliate drain', '* * * * *', command;
    PERFORM affiliate._audit('schedule_jobs', job_no::text, jsonb_build_object('command', command));
    RETURN job_no;
END
$$;
COMMENT ON FUNCTION affiliate.schedule_jobs() IS 'Schedules the drain with pg_cron, each minute.';

CREATE FUNCTION affiliate._cron_hint(cron_database text, command text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE
        WHEN cron_database = current_database() THEN 'Run: CREATE EXTENSION pg_cron;'
        ELSE format('Run in %s: SELECT cron.schedule_in_database(''pg_affiliate drain'', ''* * * * *'', %L, %L);',
                    coalesce('database "' || cron_database || '"', 'the database of pg_cron'), command, current_database()) END;
END
$$;
COMMENT ON FUNCTION affiliate._cron_hint(text, text) IS 'What to run, and in which database, to get the drain scheduled.';

--| Removes the job of `affiliate.schedule_jobs`. Returns whether there was one of the caller's.
CREATE FUNCTION affiliate.unschedule_jobs() RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    job_no bigint;
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') THEN
        EXECUTE 'SELECT jobid FROM cron.job WHERE jobname = $1 AND username = current_user' INTO job_no USING 'pg_affiliate drain';
    END IF;
    IF job_no IS NULL THEN
        RETURN false;
    END IF;
    EXECUTE 'SELECT cron.unschedule($1)' USING job_no;
    PERFORM affiliate._audit('unschedule_jobs', job_no::text, '{}');
    RETURN true;
END
$$;
COMMENT ON FUNCTION affiliate.unschedule_jobs() IS 'Removes the job of schedule_jobs().';
-- health(): is it running, and is anything waiting for somebody?

--| One row per item: its value, a state (`ok`, `warn` or `bad`) and, where something is to be done, a hint.
CREATE FUNCTION affiliate.health(OUT item text, OUT value text, OUT state text, OUT hint text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    queue record;
    drained record;
    at timestamptz := clock_timestamp();
BEGIN
    SELECT count(*) AS length, at - min(greatest(q.due_at, q.enqueued_at)) AS age, count(*) FILTER (WHERE q.attempts > 0) AS failed,
           min(q.last_error) AS last_error
    INTO queue FROM affiliate.settle_queue AS q WHERE q.due_at <= affiliate._now();
    SELECT max(d.last_run_at) AS at, string_agg(d.last_error, '; ') AS error INTO drained FROM affiliate.drain_progress AS d;

    RETURN QUERY
    SELECT h.item, h.value, h.state, CASE WHEN h.state <> 'ok' THEN h.hint END
    FROM (VALUES
        ('version', affiliate.version(),
            CASE WHEN affiliate.version() = (SELECT s.version FROM affiliate.schema_version AS s ORDER BY s.installed_at DESC LIMIT 1) THEN 'ok' ELSE 'bad' END,
            'Library and tables are of different versions: run ALTER EXTENSION pg_affiliate UPDATE, then affiliate.setup(), and reconnect.'),
        ('mode', coalesce(current_setting('pg_affiliate.mode', true), 'on'),
            CASE coalesce(current_setting('pg_affiliate.mode', true), 'on') WHEN 'on' THEN 'ok' WHEN 'queue' THEN 'warn' ELSE 'bad' END,
            'Sales are not settled inline; set pg_affiliate.mode to on, then affiliate.resettle() what was written meanwhile.'),
        ('test clock', coalesce(nullif(current_setting('pg_affiliate.now', true), ''), 'off'),
            CASE WHEN nullif(current_setting('pg_affiliate.now', true), '') IS NULL THEN 'ok' ELSE 'bad' END,
            'Decisions are made with a frozen clock, which is for tests only: RESET pg_affiliate.now.'),
        ('queue length', queue.length::text, CASE WHEN queue.length < 100000 THEN 'ok' ELSE 'warn' END,
            'More is enqueued than drained; see affiliate.waiting.'),
        ('queue age', coalesce(date_trunc('second', queue.age)::text, 'none'),
            CASE WHEN queue.age > interval '10 minutes' THEN 'bad' WHEN queue.age > interval '2 minutes' THEN 'warn' ELSE 'ok' END,
            'Nothing drains the queue: affiliate.schedule_jobs(), or CALL affiliate.drain_loop(''55 s'').'),
        ('failed attempts', queue.failed::text, CASE queue.failed WHEN 0 THEN 'ok' ELSE 'warn' END, 'Last error: ' || queue.last_error),
        ('last drain', coalesce(date_trunc('second', drained.at)::text, 'never'),
            CASE WHEN drained.at > affiliate._now() - interval '5 minutes' THEN 'ok' ELSE 'warn' END,
            'No drain ran lately: affiliate.schedule_jobs(), or a timer that calls affiliate.drain_loop.'),
        ('drain error', coalesce(drained.error, 'none'), CASE WHEN drained.error IS NULL THEN 'ok' ELSE 'bad' END, 'The last drain failed.'),
        ('waiting conversions', (SELECT count(*)::text FROM affiliate.conversion AS c WHERE c.state = 'waiting'), 'ok', NULL),
        ('unplaced news', (SELECT count(*)::text FROM affiliate.pending_input AS i WHERE i.kind = 'transaction' AND i.state = 'waiting'),
            CASE WHEN EXISTS (SELECT FROM affiliate.pending_input AS i WHERE i.kind = 'transaction' AND i.state = 'waiting') THEN 'warn' ELSE 'ok' END,
            'Refunds, disputes or references name transactions that have not arrived; see affiliate.waiting.'),
        ('rejected input', (SELECT count(*)::text FROM affiliate.pending_input AS i WHERE i.state = 'rejected'),
            CASE WHEN EXISTS (SELECT FROM affiliate.pending_input AS i WHERE i.state = 'rejected') THEN 'warn' ELSE 'ok' END,
            'Some input could not be understood; see affiliate.pending_input.'),
        ('open reviews', (SELECT count(*)::text FROM affiliate.review_case AS r WHERE r.state = 'open'),
            CASE WHEN EXISTS (SELECT FROM affiliate.review_case AS r WHERE r.state = 'open' AND r.severity = 'high') THEN 'warn' ELSE 'ok' END,
            'Cases of high severity are open; see affiliate.review_open.'),
        ('installation', (SELECT count(*)::text FROM affiliate._verify_catalog()) || ' problems',
            CASE WHEN EXISTS (SELECT FROM affiliate._verify_catalog()) THEN 'bad' ELSE 'ok' END,
            'Triggers, owners or privileges are not as they should be: see affiliate.verify(), run affiliate.setup().'),
        ('drain job', affiliate._drain_job(), CASE affiliate._drain_job() WHEN 'none' THEN 'warn' ELSE 'ok' END,
            'No pg_cron job of yours in this database: affiliate.schedule_jobs(), or another timer.'),
        ('oldest transaction', coalesce((SELECT date_trunc('second', at - min(a.xact_start))::text FROM pg_stat_activity AS a
                                         WHERE a.backend_xid IS NOT NULL AND a.datname = current_database()), 'none'),
            CASE WHEN EXISTS (SELECT FROM pg_stat_activity AS a WHERE a.backend_xid IS NOT NULL AND a.datname = current_database()
                              AND a.xact_start < at - interval '15 minutes') THEN 'warn' ELSE 'ok' END,
            'A transaction that stays open holds back new clicks and the rollups.')
    ) AS h (item, value, state, hint);
END
$$;
COMMENT ON FUNCTION affiliate.health() IS 'State of the installation: queue, drain, triggers, jobs, settings; one row per item with a hint where something is to be done.';

CREATE FUNCTION affiliate._drain_job() RETURNS text
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found text;
BEGIN
    -- by the catalog: to_regclass() raises where the schema may not be used
    IF EXISTS (SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = 'cron' AND c.relname = 'job') THEN
        IF NOT has_schema_privilege('cron', 'USAGE') OR NOT has_table_privilege('cron.job', 'SELECT') THEN
            RETURN 'unknown (no right to see pg_cron''s jobs)';
        END IF;
        EXECUTE 'SELECT min(schedule) FROM cron.job WHERE active AND database = current_database() AND command LIKE ''%affiliate.drain%''' INTO found;
    END IF;
    RETURN coalesce(found, 'none');
END
$$;
COMMENT ON FUNCTION affiliate._drain_job() IS 'Schedule of the drain in pg_cron, or none.';
