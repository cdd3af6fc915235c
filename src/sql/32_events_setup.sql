-- Events of the challenge chain: what became of the traders, beside what they paid (SEMANTICS L1).

CREATE FUNCTION affiliate._setup_events() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET client_min_messages = warning
AS $setup$
BEGIN
    CREATE TABLE IF NOT EXISTS affiliate.event_type (
        event_type text COLLATE "C" NOT NULL CONSTRAINT event_type_pkey PRIMARY KEY,
        effect text NOT NULL,
        description text,
        CONSTRAINT event_type_id_check CHECK (event_type <> '' AND octet_length(event_type) <= 500),
        CONSTRAINT event_type_effect_check CHECK (effect IN ('challenge_purchased', 'evaluation_started', 'evaluation_failed',
            'reset_purchased', 'evaluation_passed', 'funded', 'chargeback_filed'))
    );
    COMMENT ON TABLE affiliate.event_type IS 'The types an event may have, a firm''s own words among them, and which of the seven kinds each means (L1).';

    CREATE TABLE IF NOT EXISTS affiliate.event (
        event_id text COLLATE "C" NOT NULL CONSTRAINT event_pkey PRIMARY KEY,
        customer_id text COLLATE "C" NOT NULL DEFAULT '',
        program_id text COLLATE "C" NOT NULL DEFAULT affiliate._default_program(),
        event_type text COLLATE "C" NOT NULL,
        occurred_at timestamptz NOT NULL,
        transaction_id text COLLATE "C",
        account_id text COLLATE "C",
        challenge_id text COLLATE "C",
        original_account_id text COLLATE "C",
        original_challenge_id text COLLATE "C",
        account_size numeric,
        start_date timestamptz,
        phase text,
        is_final boolean,
        days_active integer,
        days_to_pass integer,
        profit_split numeric,
        reason text,
        metadata jsonb,
        is_test boolean NOT NULL DEFAULT false,
        source text,
        recorded_at timestamptz NOT NULL DEFAULT affiliate._now(),
        recorded_by text NOT NULL DEFAULT session_user,
        CONSTRAINT event_days_check CHECK (days_active >= 0 AND days_to_pass >= 0)
    );
    PERFORM affiliate._create_index('event_customer_idx', $index$CREATE INDEX event_customer_idx ON affiliate.event (customer_id, event_id)$index$);
    PERFORM affiliate._create_index('event_transaction_idx', $index$CREATE INDEX event_transaction_idx ON affiliate.event (transaction_id) WHERE customer_id = ''$index$);
    COMMENT ON TABLE affiliate.event IS 'What happened to a challenge. transaction_id is the purchase it belongs to, or the sale that was charged back; it may stand for the customer. An event never changes: the same one sent again does nothing, other content under its id is refused.';
END
$setup$;
COMMENT ON FUNCTION affiliate._setup_events() IS 'Part of setup(): creates the tables of events that are missing.';
