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
    PERFORM affiliate._create_index('commission_provisional_idx', $index$CREATE INDEX commission_provisional_idx ON affiliate.commission (program_no, affiliate_no)
        WHERE is_provisional$index$);
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
        written_xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
        CONSTRAINT entry_pkey PRIMARY KEY (customer_id, subject_id, subject_kind, rule_no, affiliate_no, level, version),
        CONSTRAINT entry_commission_fkey FOREIGN KEY (customer_id, subject_id, subject_kind, rule_no, affiliate_no, level, currency)
            REFERENCES affiliate.commission (customer_id, subject_id, subject_kind, rule_no, affiliate_no, level, currency),
        CONSTRAINT entry_amount_check CHECK (amount <> 0)
    );
    PERFORM affiliate._add_cluster('entry');
    PERFORM affiliate._create_index('entry_stamp_idx', $index$CREATE INDEX entry_stamp_idx ON affiliate.entry (cluster, written_xid)$index$);
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
        written_xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
        CONSTRAINT conversion_entry_pkey PRIMARY KEY (customer_id, transaction_id, kind, program_no, version)
    );
    PERFORM affiliate._add_cluster('conversion_entry');
    PERFORM affiliate._add_reported_columns('conversion_entry');
    PERFORM affiliate._add_column('conversion_entry', 'method', 'text COLLATE "C"');
    PERFORM affiliate._create_index('conversion_entry_stamp_idx', $index$CREATE INDEX conversion_entry_stamp_idx ON affiliate.conversion_entry (cluster, written_xid)$index$);
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
    IF to_regclass('affiliate.pending_input_key_idx') IS NOT NULL THEN -- of 0.1.0
        DROP INDEX affiliate.pending_input_key_idx;
    END IF;
    -- not for what statements of the firm wait for
    PERFORM affiliate._create_index('pending_input_name_idx', $index$CREATE INDEX pending_input_name_idx ON affiliate.pending_input (kind, input_key)
        WHERE kind <> 'attached'$index$);
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
