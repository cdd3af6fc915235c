-- attach_suggest() writes scripts; here they are run with an affiliate.attach() that fills tables like those of the facts
-- from the rows that are there. What it fills is compared with what the rows mean.
SET LOCAL client_min_messages = warning;
SET LOCAL TimeZone = 'America/New_York'; -- what is UTC must be said to be
SET LOCAL DateStyle = 'ISO';

CREATE TEMP TABLE filled_transaction (LIKE affiliate.transaction);
CREATE TEMP TABLE filled_dispute (LIKE affiliate.dispute);
CREATE TEMP TABLE filled_customer (LIKE affiliate.customer);
CREATE TEMP TABLE filled_account (LIKE affiliate.account);
CREATE TEMP TABLE filled_click (LIKE affiliate.click);
CREATE TEMP TABLE filled_event (LIKE affiliate.event);
CREATE TEMP TABLE wrong_type (field text, expression text, type regtype);
DO $$
DECLARE
    c record;
BEGIN
    FOR c IN SELECT attrelid::regclass AS of_table, attname FROM pg_attribute WHERE attrelid::regclass::text LIKE 'filled\_%' AND attnum > 0 AND attnotnull LOOP
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL', c.of_table, c.attname);
    END LOOP;
END
$$;

CREATE FUNCTION pg_temp.attach(attached_table regclass, kind text, columns jsonb, filter text DEFAULT 'true') RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    filled text := format('pg_temp.filled_%s', CASE kind WHEN 'refund' THEN 'transaction' ELSE kind END);
    own_path text := current_setting('search_path');
    m record;
    found regtype;
BEGIN
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    FOR m IN SELECT key, value, a.atttypid FROM jsonb_each_text(columns) JOIN pg_attribute AS a ON a.attrelid = filled::regclass AND a.attname = key LOOP
        EXECUTE format('SELECT pg_typeof((SELECT %s FROM %s LIMIT 1))', m.value, attached_table) INTO found;
        INSERT INTO pg_temp.wrong_type SELECT m.key, m.value, found WHERE m.atttypid = 'timestamptz'::regtype AND found <> 'timestamptz'::regtype;
    END LOOP;
    EXECUTE format('INSERT INTO %s (%s%s) SELECT %s%s FROM %s WHERE %s', filled,
                   CASE kind WHEN 'refund' THEN 'transaction_type, ' END, (SELECT string_agg(quote_ident(key), ', ' ORDER BY key) FROM jsonb_each_text(columns)),
                   CASE kind WHEN 'refund' THEN '''refund'', ' END, (SELECT string_agg(value, ', ' ORDER BY key) FROM jsonb_each_text(columns)), attached_table, filter);
    PERFORM set_config('search_path', own_path, true);
END
$$;

-- Runs a script; raises what running it with psql would raise.
CREATE FUNCTION pg_temp.run(script text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE pg_temp.filled_transaction, pg_temp.filled_dispute, pg_temp.filled_customer, pg_temp.filled_account, pg_temp.filled_click, pg_temp.filled_event;
    EXECUTE replace(script, 'affiliate.attach(', 'pg_temp.attach(');
END
$$;

-- Words that affiliate.transaction would refuse.
CREATE FUNCTION pg_temp.foreign_words() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT DISTINCT status FROM pg_temp.filled_transaction WHERE status NOT IN (SELECT s.status FROM affiliate.transaction_status AS s) ORDER BY status
$$;
