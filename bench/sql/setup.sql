-- The benchmark database: the tables must be emptied between measurements, and there must be bare copies of them.
-- psql variables: affiliates.

SET client_min_messages = warning;

-- Repetitions begin with empty tables; INSERT and UPDATE do not fire these triggers.
DO $$
DECLARE
    guard record;
BEGIN
    FOR guard IN
        SELECT t.tgname, t.tgrelid::regclass AS table_name FROM pg_trigger AS t
        JOIN pg_class AS c ON c.oid = t.tgrelid
        WHERE c.relnamespace = 'affiliate'::regnamespace AND NOT t.tgisinternal AND t.tgtype & 32 <> 0
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', guard.tgname, guard.table_name);
    END LOOP;
END
$$;

-- What a COPY of sales is written to, in the order in which it can be written.
CREATE SCHEMA bench;
CREATE FUNCTION bench.written_tables() RETURNS text[] LANGUAGE sql IMMUTABLE AS
    $$SELECT '{transaction,ownership,conversion,conversion_entry,commission,entry}'::text[]$$;

-- The same tables, indexes, CHECKs and foreign keys, without our triggers.
CREATE FUNCTION bench.create_tables(schema_name text, tables text[] DEFAULT bench.written_tables()) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    table_name text;
    wanted record;
BEGIN
    EXECUTE format('CREATE SCHEMA %I', schema_name);
    FOREACH table_name IN ARRAY tables LOOP
        EXECUTE format('CREATE TABLE %I.%I (LIKE affiliate.%2$I INCLUDING ALL)', schema_name, table_name);
    END LOOP;
    FOR wanted IN
        SELECT c.relname, k.conname, replace(pg_get_constraintdef(k.oid), ' affiliate.', format(' %I.', schema_name)) AS definition
        FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid
        WHERE k.contype = 'f' AND c.relnamespace = 'affiliate'::regnamespace AND c.relname = ANY (tables)
    LOOP
        EXECUTE format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s', schema_name, wanted.relname, wanted.conname, wanted.definition);
    END LOOP;
    -- a copy that lacks something would be no baseline
    IF (SELECT count(*) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
        WHERE c.relnamespace = schema_name::regnamespace)
       <> (SELECT count(*) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
           WHERE c.relnamespace = 'affiliate'::regnamespace AND c.relname = ANY (tables))
       OR (SELECT count(*) FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid
           WHERE c.relnamespace = schema_name::regnamespace)
       <> (SELECT count(*) FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid
           WHERE c.relnamespace = 'affiliate'::regnamespace AND c.relname = ANY (tables))
    THEN
        RAISE EXCEPTION 'the tables of % differ from those of affiliate', schema_name;
    END IF;
END
$$;

CREATE FUNCTION bench.truncate_tables(schema_name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'TRUNCATE ' || (SELECT string_agg(format('%I.%I', schema_name, t), ', ') FROM unnest(bench.written_tables()) AS t);
    IF schema_name = 'affiliate' THEN
        TRUNCATE affiliate.settle_queue, affiliate.review_case, affiliate.pending_input;
    END IF;
END
$$;

-- Keeps what is in the tables of affiliate, row for row in the order in which it was written.
CREATE FUNCTION bench.keep(schema_name text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    table_name text;
BEGIN
    EXECUTE format('CREATE SCHEMA %I', schema_name);
    FOREACH table_name IN ARRAY bench.written_tables() LOOP
        EXECUTE format('CREATE TABLE %I.%I AS TABLE affiliate.%2$I', schema_name, table_name);
    END LOOP;
END
$$;

CREATE FUNCTION bench.restore(from_schema text, to_schema text, tables text[]) RETURNS void
LANGUAGE plpgsql SET session_replication_role = replica AS $$
DECLARE
    table_name text;
BEGIN
    FOREACH table_name IN ARRAY tables LOOP
        EXECUTE format('INSERT INTO %I.%I TABLE %I.%2$I', to_schema, table_name, from_schema);
    END LOOP;
END
$$;

-- What was written, without the times and transaction ids of writing, and without the wording of the evidence.
CREATE FUNCTION bench.fingerprint(schema_name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE replace($q$
        SELECT concat_ws(' ',
            (SELECT format('transaction:%s,%s', count(*), trim_scale(sum(amount))) FROM @.transaction),
            (SELECT format('ownership:%s,%s', count(*),
                sum(hashtextextended(concat_ws('|', customer_id, affiliate_no, begins_at, ends_at), 0)::numeric)) FROM @.ownership),
            (SELECT format('conversion:%s,%s', count(*),
                sum(hashtextextended(concat_ws('|', transaction_id, state, affiliate_no, method, code, purchase_number, trim_scale(gross), version), 0)::numeric))
             FROM @.conversion),
            (SELECT format('conversion_entry:%s,%s', count(*), trim_scale(sum(gross))) FROM @.conversion_entry),
            (SELECT format('commission:%s,%s', count(*),
                sum(hashtextextended(concat_ws('|', subject_id, affiliate_no, accrued, reversed, version), 0)::numeric)) FROM @.commission),
            (SELECT format('entry:%s,%s', count(*), sum(amount)) FROM @.entry))$q$, '@', quote_ident(schema_name))
    INTO result;
    RETURN result;
END
$$;

-- Nothing is left to do, and the books are right.
CREATE FUNCTION bench.check_settled() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    found record;
BEGIN
    SELECT (SELECT count(*) FROM affiliate.settle_queue) AS queued, (SELECT count(*) FROM affiliate.review_case) AS reviews,
           (SELECT count(*) FROM affiliate.transaction) AS sales, (SELECT count(*) FROM affiliate.conversion) AS conversions,
           (SELECT count(*) FROM affiliate.commission) AS commissions, (SELECT count(*) FROM affiliate.entry) AS entries,
           (SELECT count(*) FROM affiliate.conversion WHERE affiliate_no IS NOT NULL) AS attributed
    INTO found;
    IF found.queued <> 0 OR found.reviews <> 0 OR found.sales = 0 OR found.conversions <> found.sales
       OR found.commissions <> found.attributed OR found.entries <> found.attributed THEN
        RAISE EXCEPTION 'not everything was settled: %', found;
    END IF;
END
$$;

-- One program with one plan: ten percent of the net amount, for everybody, for ever.
SET pg_affiliate.mode = off;
INSERT INTO affiliate.program (program_no, program_id, currency, default_plan_id) VALUES (1, 'prop', 'USD', 'standard');
INSERT INTO affiliate.plan (plan_no, program_no, plan_id, valid_from) VALUES (1, 1, 'standard', '2020-01-01');
INSERT INTO affiliate.plan_rule (rule_no, plan_no, sequence_no, name, amount) VALUES (1, 1, 1, 'ten percent', 'net * 0.1');
INSERT INTO affiliate.affiliate (affiliate_no, affiliate_id)
SELECT n, 'partner-' || n FROM generate_series(1, :affiliates) AS n;
INSERT INTO affiliate.link (link_no, link_id, program_no, affiliate_no)
SELECT n, 'link-' || n, 1, n FROM generate_series(1, :affiliates) AS n;
INSERT INTO affiliate.coupon (program_no, code, affiliate_no, discount_kind, discount_value)
SELECT 1, 'CODE' || n, n, 'percent', 10 FROM generate_series(1, :affiliates) AS n;
