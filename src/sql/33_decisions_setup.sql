-- Decisions: what the kernel made of the facts. They follow the facts until a line is stated (W10).

-- What reports group a conversion by, and count of it: the same in the decision and in its entries.
CREATE FUNCTION affiliate._add_reported_columns(table_name text) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $setup$
BEGIN
    PERFORM affiliate._add_column(table_name, 'conversion_type', 'text COLLATE "C"');
    PERFORM affiliate._add_column(table_name, 'product_id', 'text COLLATE "C"');
    PERFORM affiliate._add_column(table_name, 'country', 'text COLLATE "C"');
    PERFORM affiliate._add_column(table_name, 'campaign_no', 'integer');
    PERFORM affiliate._add_column(table_name, 'new_customers', 'smallint NOT NULL DEFAULT 0');
    PERFORM affiliate._add_column(table_name, 'refunded_count', 'smallint NOT NULL DEFAULT 0');
    PERFORM affiliate._add_column(table_name, 'discount', 'numeric NOT NULL DEFAULT 0');
END
$setup$;
COMMENT ON FUNCTION affiliate._add_reported_columns(text) IS 'Part of setup(): the columns that reports need, of conversion and conversion_entry.';

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
    PERFORM affiliate._add_reported_columns('conversion');
    PERFORM affiliate._create_index('conversion_affiliate_idx', $index$CREATE INDEX conversion_affiliate_idx ON affiliate.conversion (affiliate_no, occurred_at) WHERE ladder_counts$index$);
    PERFORM affiliate._create_index('conversion_ladder_reversed_idx', $index$CREATE INDEX conversion_ladder_reversed_idx ON affiliate.conversion (affiliate_no, ladder_reversed_at)
        WHERE ladder_counts AND ladder_reversed_at IS NOT NULL$index$);
    PERFORM affiliate._create_index('conversion_conflict_idx', $index$CREATE INDEX conversion_conflict_idx ON affiliate.conversion (ordered_at) WHERE is_conflict$index$);
    PERFORM affiliate._create_index('conversion_waiting_idx', $index$CREATE INDEX conversion_waiting_idx ON affiliate.conversion (customer_id) WHERE state = 'waiting'$index$);
    PERFORM affiliate._create_index('conversion_charged_back_idx', $index$CREATE INDEX conversion_charged_back_idx ON affiliate.conversion (occurred_at) WHERE charged_back_count <> 0$index$);
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
