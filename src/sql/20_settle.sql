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

--| Enqueues every customer of a program who has a transaction ordered or completed, or an event, from from_at to before to_at. The
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
    SELECT DISTINCT 'customer', of_program_no, coalesce(a.canonical_id, k.customer_id), 'resettle', affiliate._now()
    FROM (SELECT t.customer_id FROM affiliate.transaction AS t
          WHERE t.program_id = program AND coalesce(t.completed_at, t.ordered_at, t.recorded_at) >= from_at
            AND coalesce(t.ordered_at, t.completed_at, t.recorded_at) < to_at
          UNION ALL
          SELECT e.customer_id FROM affiliate.event AS e WHERE e.program_id = program AND e.occurred_at >= from_at AND e.occurred_at < to_at) AS k
    LEFT JOIN affiliate.customer_alias AS a USING (customer_id)
    WHERE k.customer_id <> '';
    GET DIAGNOSTICS enqueued = ROW_COUNT;
    RETURN enqueued;
END
$$;
COMMENT ON FUNCTION affiliate.resettle_program(text, timestamptz, timestamptz) IS
    'Enqueues every customer of a program with a transaction or event in a period, for the drain to settle; returns how many.';

--| Does one batch of queued work: new clicks, rulebook changes, up to batch customers, and the second stage of
--| affiliates. Returns the number of queue rows done: call it until it returns 0. Needs READ COMMITTED. What another
--| transaction is settling stays queued.
--|
--| Errors: `AF091` library and tables are of different versions.
CREATE FUNCTION affiliate.drain(batch integer DEFAULT 1000) RETURNS bigint
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'affiliate_drain';
COMMENT ON FUNCTION affiliate.drain(integer) IS 'Does one batch of queued work and returns how much; 0 = nothing was due.';
