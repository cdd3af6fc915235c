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
