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
        written_xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
        CONSTRAINT click_clicked_at_check CHECK (isfinite(clicked_at))
    );
    PERFORM affiliate._add_cluster('click');
    PERFORM affiliate._add_column('click', 'inserted_xid', 'xid8');
    PERFORM affiliate._add_column('click', 'visitor_added', 'boolean NOT NULL DEFAULT false');
    PERFORM affiliate._create_index('click_visitor_idx', $index$CREATE INDEX click_visitor_idx ON affiliate.click (visitor_id) WHERE visitor_id IS NOT NULL$index$);
    PERFORM affiliate._create_index('click_customer_idx', $index$CREATE INDEX click_customer_idx ON affiliate.click (customer_id) WHERE customer_id IS NOT NULL$index$);
    IF to_regclass('affiliate.click_written_idx') IS NOT NULL THEN -- of 0.1.0
        DROP INDEX affiliate.click_written_idx;
    END IF;
    PERFORM affiliate._create_index('click_stamp_idx', $index$CREATE INDEX click_stamp_idx ON affiliate.click (cluster, written_xid)$index$);
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
    PERFORM affiliate._setup_events();
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
            -- likewise an event that names its transaction only
            ('event', '{event_id,event_type,customer_id,transaction_id,account_id,challenge_id,original_account_id,original_challenge_id}',
             '{customer_id,transaction_id,account_id,challenge_id,original_account_id,original_challenge_id}'),
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
