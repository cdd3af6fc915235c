-- attach(): the firm's own tables become a source of facts (docs/adr/0014-attached-tables.md).

-- What each kind of row becomes: the table of the fact, its key, the fields that must be given (one of those with | in
-- between), and what is taken where a field is not mapped.
CREATE FUNCTION affiliate._attachment_kinds()
RETURNS TABLE (kind text, fact text, keys text[], required text[], defaults jsonb)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY VALUES
        ('transaction', 'transaction', '{transaction_id}'::text[], '{transaction_id,customer_id,amount,status}'::text[],
            '{"transaction_type": "''challenge_fee''"}'::jsonb),
        ('refund', 'transaction', '{transaction_id}', '{transaction_id,original_transaction_id}',
            '{"transaction_type": "''refund''", "status": "''completed''"}'),
        ('dispute', 'dispute', '{dispute_id}', '{dispute_id,transaction_id|ref_external_id}', '{}'),
        ('customer', 'customer', '{customer_id}', '{customer_id}', '{}'),
        ('account', 'account', '{customer_id,account_id}', '{customer_id,account_id}', '{}'),
        ('click', 'click', '{click_id}', '{click_id}', '{}'),
        ('event', 'event', '{event_id}', '{event_id,event_type,occurred_at|date,customer_id|transaction_id}', '{}');
END
$$;
COMMENT ON FUNCTION affiliate._attachment_kinds() IS 'What rows of attached tables become, by kind.';

CREATE FUNCTION affiliate._refuse_mapping(problem text, hint text) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'AF050', MESSAGE = problem, DETAIL = 'Nothing was attached.', HINT = hint;
END
$$;
COMMENT ON FUNCTION affiliate._refuse_mapping(text, text) IS 'Raises the error for a mapping that cannot be used.';

CREATE FUNCTION affiliate._check_expression(attached_table regclass, alias text, field text, expression text, wanted regtype) RETURNS integer[]
    LANGUAGE c STABLE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'affiliate_check_expression';
COMMENT ON FUNCTION affiliate._check_expression(regclass, text, text, text, regtype) IS 'Raises where an expression of a mapping cannot be used; returns the numbers of the columns that it reads, 0 for the whole row.';

CREATE FUNCTION affiliate._try_mapping(attachment text, relation oid) RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'affiliate_try_mapping';
COMMENT ON FUNCTION affiliate._try_mapping(text, oid) IS 'Makes facts of no rows by a mapping, so that whatever it needs is asked for.';

CREATE FUNCTION affiliate._attached() RETURNS trigger
    LANGUAGE c VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'affiliate_attached';
COMMENT ON FUNCTION affiliate._attached() IS 'Trigger of attached tables: makes facts of their rows, or keeps them. Its arguments are the attachment and, where it is not capture, on_error.';

-- Tables whose rows cannot be watched, with the tables that can.
CREATE FUNCTION affiliate._require_attachable(attached_table regclass) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation record;
    problem text;
    base_tables text;
BEGIN
    SELECT c.relkind, c.relpersistence, n.nspname INTO STRICT relation
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = attached_table;
    SELECT string_agg(DISTINCT d.refobjid::regclass::text, ', ') INTO base_tables
    FROM pg_rewrite AS r JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
    WHERE r.ev_class = attached_table AND d.refobjid <> attached_table;
    problem := CASE WHEN relation.relkind IN ('v', 'm') THEN 'It is a view.'
        WHEN relation.relkind NOT IN ('r', 'p') THEN 'It is no ordinary table.'
        WHEN relation.relpersistence = 't' THEN 'It is a temporary table.'
        WHEN relation.nspname = 'affiliate' OR relation.nspname = 'pg_catalog' THEN format('It belongs to schema "%s".', relation.nspname) END;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'AF053',
            MESSAGE = format('%s cannot be attached', attached_table),
            DETAIL = problem || ' Rows arrive in tables.',
            HINT = CASE WHEN base_tables IS NOT NULL THEN format('Attach the tables it is made of: %s.', base_tables)
                        ELSE 'Attach the table of yours that the rows are written to.' END;
    END IF;
END
$$;
COMMENT ON FUNCTION affiliate._require_attachable(regclass) IS 'Raises for what is no table that rows are written to.';

-- The mapping with what is taken where nothing is mapped.
CREATE FUNCTION affiliate._complete_mapping(of_kind text, columns jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    spec record;
    given record;
    missing text;
    fields jsonb;
    program record;
BEGIN
    SELECT * INTO STRICT spec FROM affiliate._attachment_kinds() AS k WHERE k.kind = of_kind;
    FOR given IN SELECT f.key, jsonb_typeof(f.value) AS type FROM jsonb_each(columns) AS f LOOP
        IF given.type <> 'string' OR given.key <> 'date' AND NOT EXISTS (SELECT FROM affiliate._fact_fields(spec.fact) AS k WHERE k.field = given.key) THEN
            PERFORM affiliate._refuse_mapping(
                CASE given.type WHEN 'string' THEN format('a %s has no field "%s"', of_kind, given.key) ELSE format('the mapping of "%s" is no text', given.key) END,
                'Map fields to texts of SQL expressions: ' || (SELECT string_agg(k.field, ', ') FROM affiliate._fact_fields(spec.fact) AS k) || '.');
        END IF;
    END LOOP;
    SELECT string_agg(replace(r, '|', ' or '), ', ') INTO missing FROM unnest(spec.required) AS r
    WHERE NOT EXISTS (SELECT FROM unnest(string_to_array(r, '|')) AS f WHERE columns ? f);
    IF missing IS NOT NULL THEN
        PERFORM affiliate._refuse_mapping(format('the mapping of a %s does not say %s', of_kind, missing), 'Add it to columns, as an SQL expression over the row.');
    END IF;
    fields := affiliate._dated(of_kind, spec.defaults || columns);
    SELECT count(*) AS programs, min(p.currency) AS currency INTO program FROM affiliate.program AS p;
    IF of_kind = 'refund' THEN
        fields := jsonb_build_object('currency', format(E'(affiliate._sale((%s\n)::text)).currency', columns ->> 'original_transaction_id'))
            || CASE WHEN program.programs = 1 THEN '{}' ELSE
                jsonb_build_object('program_id', format(E'(affiliate._sale((%s\n)::text)).program_id', columns ->> 'original_transaction_id')) END || fields;
    ELSIF program.programs <> 1 AND NOT columns ? 'program_id' AND EXISTS (SELECT FROM affiliate._fact_fields(spec.fact) AS f WHERE f.field = 'program_id') THEN
        PERFORM affiliate._refuse_mapping(format('the mapping of a %s does not say program_id', of_kind),
            format('Add it to columns, for example "program_id": "''name''"; it may be left out only where exactly one program exists, and there are %s.', program.programs));
    ELSIF of_kind = 'transaction' AND NOT columns ? 'currency' THEN
        IF program.programs <> 1 THEN
            PERFORM affiliate._refuse_mapping('the mapping of a transaction does not say currency',
                'Add it to columns; it may be left out only where exactly one program exists, whose currency is taken then.');
        END IF;
        fields := fields || jsonb_build_object('currency', quote_literal(program.currency));
    END IF;
    RETURN fields;
END
$$;
COMMENT ON FUNCTION affiliate._complete_mapping(text, jsonb) IS 'The fields of a mapping, with what is taken where one is not given; raises where one is unknown or missing.';

-- A table with one date only (W8): the date is that of what the row says, and of the sale's completion if it says that.
CREATE FUNCTION affiliate._dated(of_kind text, fields jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT fields ? 'date' THEN
        RETURN fields;
    END IF;
    RETURN (
        SELECT jsonb_object_agg(w.field, CASE WHEN w.condition IS NULL THEN fields ->> 'date'
                                              ELSE format(E'CASE WHEN %s THEN %s\n END', w.condition, fields ->> 'date') END)
        FROM (VALUES
            ('transaction', 'status_at', NULL),
            ('transaction', 'completed_at', format(E'affiliate._follows_completion(%s\n)', fields ->> 'status')),
            ('refund', 'refunded_at', NULL),
            ('dispute', 'opened_at', NULL),
            ('dispute', 'closed_at', format(E'(%s\n) IS NOT NULL', coalesce(fields ->> 'outcome', 'NULL'))),
            ('customer', 'signup_date', NULL),
            ('account', 'opened_at', NULL),
            ('click', 'clicked_at', NULL),
            ('event', 'occurred_at', NULL)) AS w (kind, field, condition)
        WHERE w.kind = of_kind) || fields - 'date';
END
$$;
COMMENT ON FUNCTION affiliate._dated(text, jsonb) IS 'A mapping whose row has one date only, with that date where it belongs.';

CREATE FUNCTION affiliate._follows_completion(of_status text) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (SELECT FROM affiliate.transaction_status AS s WHERE s.status = of_status AND s.effect NOT IN ('pending', 'failed', 'cancelled'));
END
$$;
COMMENT ON FUNCTION affiliate._follows_completion(text) IS 'Whether a sale with this word for its status has been completed.';

CREATE FUNCTION affiliate._fact_fields(fact text) RETURNS TABLE (field text, type regtype)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT a.attname::text, a.atttypid::regtype FROM pg_attribute AS a
    WHERE a.attrelid = format('affiliate.%I', fact)::regclass AND a.attnum > 0 AND NOT a.attisdropped
      AND quote_ident(a.attname) = ANY (string_to_array(affiliate._given_columns(fact), ', '))
    ORDER BY a.attnum;
END
$$;
COMMENT ON FUNCTION affiliate._fact_fields(text) IS 'The fields of a fact that a mapping may give, and their types.';

-- The columns of a table as a mapping finds them: by number and type, whether it reads them, whether the key does.
CREATE FUNCTION affiliate._read_columns(attached_table regclass, row_name text, of_kind text, fields jsonb, filter text) RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    spec record;
    field record;
    mapped integer[] := '{}';
    keys integer[] := '{}';
    found integer[];
    money_column text;
BEGIN
    SELECT * INTO STRICT spec FROM affiliate._attachment_kinds() AS k WHERE k.kind = of_kind;
    FOR field IN SELECT f.field, f.type, fields ->> f.field AS expression FROM affiliate._fact_fields(spec.fact) AS f WHERE fields ? f.field
        ORDER BY length(fields ->> f.field), f.field LOOP -- what is made of the expression of another field is longer
        found := affiliate._check_expression(attached_table, row_name, field.field, field.expression, field.type);
        mapped := mapped || found;
        IF field.field = ANY (spec.keys) AND of_kind <> 'event' THEN -- a row that says something else is another event
            keys := keys || found;
        END IF;
    END LOOP;
    IF filter IS NOT NULL THEN
        mapped := mapped || affiliate._check_expression(attached_table, row_name, 'filter', filter, 'boolean');
    END IF;
    -- a generated column changes with those it is made of
    SELECT mapped || coalesce(array_agg(d.refobjsubid), '{}') INTO mapped
    FROM pg_attrdef AS f JOIN pg_depend AS d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid AND d.refobjid = f.adrelid AND d.refobjsubid <> f.adnum
    JOIN pg_attribute AS a ON a.attrelid = f.adrelid AND a.attnum = f.adnum AND a.attgenerated <> ''
    WHERE f.adrelid = attached_table AND f.adnum = ANY (mapped);
    SELECT min(a.attname) INTO money_column FROM pg_attribute AS a WHERE a.attrelid = attached_table AND a.atttypid = 'money'::regtype AND a.attnum = ANY (mapped);
    IF money_column IS NOT NULL THEN
        PERFORM affiliate._refuse_mapping(format('column "%s" is of type money', money_column),
            'What it is as a number depends on lc_monetary of each session: make it a numeric, or map another column.');
    END IF;
    RETURN (SELECT jsonb_object_agg(a.attname, jsonb_build_object('number', a.attnum, 'type', format_type(a.atttypid, a.atttypmod),
                       'mapped', a.attnum = ANY (mapped) OR 0 = ANY (mapped), 'key', a.attnum = ANY (keys)))
            FROM pg_attribute AS a WHERE a.attrelid = attached_table AND a.attnum > 0 AND NOT a.attisdropped);
END
$$;
COMMENT ON FUNCTION affiliate._read_columns(regclass, text, text, jsonb, text) IS 'Checks the expressions of a mapping; the columns of the table, and which of them it reads.';

--| Makes a table of the firm a source of facts: from now on each row that is written to it becomes a sale, refund, dispute,
--| customer, account, click or event, and what follows is settled in the same transaction. `columns` gives an SQL expression
--| over the row for each field of the fact; `filter` leaves rows out. Called again for the same table and kind it replaces the
--| mapping. Rows that are there already come by `affiliate.backfill()`. Returns the name of the attachment, which is
--| `schema.table:kind`, as the table was called when it was attached first, unless `name` gives another.
--|
--| Expressions name columns of the row; all else (functions, types, tables in subqueries) with its schema, unless it is PostgreSQL's own.
--| They are evaluated as role `affiliate_mapping`, which needs rights on what they use. They may not be volatile. A time
--| without zone needs one: `created_at AT TIME ZONE 'UTC'`. A table with one date only maps it as `date`: it is then the time of
--| whatever the row says, and of the sale's completion when it says that.
--|
--| `on_error`: with `capture` no row, error, lock or isolation level makes the firm's statement fail or wait: the row is kept
--| in `affiliate.pending_input` instead. With `raise` an error is the statement's. `capture`: `row_always` for tables that are
--| filled by logical replication, whose triggers fire once for each row; `statement` (default) for all others.
--|
--| The caller owns the table, or is a superuser.
--|
--| Errors: `AF050` a mapping that cannot be used; `AF053` no table that can be attached; `AF054` sessions with the library of
--| an earlier version; `AF033` a word that is none of those above; `42501` no rights on the table.
CREATE FUNCTION affiliate.attach(attached_table regclass, kind text, columns jsonb, filter text DEFAULT NULL, on_error text DEFAULT 'capture',
    capture text DEFAULT 'statement', name text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    of_schema text;
    of_table text;
    fields jsonb;
    id text;
BEGIN
    PERFORM affiliate._require_tables();
    PERFORM affiliate._check_attach(attach.attached_table, attach.kind, attach.columns, attach.on_error, attach.capture, attach.name);
    SELECT n.nspname, c.relname INTO STRICT of_schema, of_table FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.oid = attach.attached_table;
    id := coalesce(attach.name, affiliate._unnamed_attachment(attach.attached_table, attach.kind), format('%s.%s:%s', of_schema, of_table, attach.kind));
    fields := affiliate._complete_mapping(attach.kind, attach.columns);
    -- known_columns are filled in, and expressions checked, by the trigger of the table
    INSERT INTO affiliate.attachment AS a (attachment_id, relation_id, table_schema, table_name, row_name, kind, fields, filter, known_columns, on_error, capture)
    VALUES (id, attach.attached_table, of_schema, of_table, of_table, attach.kind, fields, attach.filter, '{}', attach.on_error, attach.capture)
    ON CONFLICT (attachment_id) DO UPDATE SET relation_id = excluded.relation_id, table_schema = excluded.table_schema, table_name = excluded.table_name,
        row_name = excluded.row_name, kind = excluded.kind, fields = excluded.fields, filter = excluded.filter, known_columns = excluded.known_columns, on_error = excluded.on_error,
        capture = excluded.capture, attached_at = excluded.attached_at, attached_by = excluded.attached_by, detached_at = NULL,
        backfill = CASE WHEN (a.kind, a.fields, a.filter, a.relation_id) IS NOT DISTINCT FROM (excluded.kind, excluded.fields, excluded.filter, excluded.relation_id)
                        THEN a.backfill END;
    PERFORM affiliate._drop_attached_triggers(id);
    PERFORM affiliate._make_attached_triggers(id, r.relation) FROM affiliate._attached_relations(id) AS r (relation);
    PERFORM affiliate._try_mapping(id, attach.attached_table);
    PERFORM affiliate._audit('attach', id, jsonb_build_object('table', attach.attached_table::text, 'kind', attach.kind, 'columns', attach.columns,
        'filter', attach.filter, 'on_error', attach.on_error, 'capture', attach.capture));
    RETURN id;
END
$$;
COMMENT ON FUNCTION affiliate.attach(regclass, text, jsonb, text, text, text, text) IS
    'Makes a table of the firm a source of facts, by an SQL expression over its row for each field.';

-- A table that was renamed since then is still the same attachment.
CREATE FUNCTION affiliate._unnamed_attachment(attached_table regclass, kind text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT min(a.attachment_id) FROM affiliate.attachment AS a
            WHERE a.relation_id = attached_table AND a.kind = _unnamed_attachment.kind AND a.detached_at IS NULL
              AND a.attachment_id LIKE '%.%:' || _unnamed_attachment.kind AND affiliate._attached_relation(a.attachment_id) = attached_table);
END
$$;
COMMENT ON FUNCTION affiliate._unnamed_attachment(regclass, text) IS 'The attachment of a table and a kind that was given no name of its own; null where there is none.';

-- Whatever writes an attachment: its expressions are checked, and it is the owner of the table who says what becomes of its rows.
CREATE FUNCTION affiliate._check_attachment() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_ours constant boolean := current_user = 'affiliate_owner' OR (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user);
    owner constant oid := (SELECT c.relowner FROM pg_class AS c WHERE c.oid = NEW.relation_id);
BEGIN
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - 'backfill' = to_jsonb(OLD) - 'backfill' THEN
        RETURN NEW;
    END IF;
    IF owner IS NOT NULL AND NOT is_ours AND NOT pg_has_role(owner, 'USAGE') THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('must be owner of table %s', NEW.relation_id::regclass),
            DETAIL = 'What becomes of its rows is for its owner to say.', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
    END IF;
    -- setup() and the drain follow a table that was restored or renamed
    IF TG_OP = 'INSERT' OR (NEW.kind, NEW.fields, NEW.filter, NEW.row_name) IS DISTINCT FROM (OLD.kind, OLD.fields, OLD.filter, OLD.row_name)
        OR NOT is_ours AND (NEW.relation_id, NEW.known_columns) IS DISTINCT FROM (OLD.relation_id, OLD.known_columns) THEN
        IF owner IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'AF053', MESSAGE = format('attachment %s names no table', affiliate._quoted(NEW.attachment_id)),
                HINT = 'affiliate.attach() writes attachments.', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
        END IF;
        NEW.known_columns := affiliate._read_columns(NEW.relation_id, NEW.row_name, NEW.kind, NEW.fields, NEW.filter);
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION affiliate._check_attachment() IS 'Trigger of attachment: checks the expressions of a mapping, and that the table belongs to who writes it.';

CREATE FUNCTION affiliate._check_attach(attached_table regclass, kind text, columns jsonb, on_error text, capture text, name text) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kinds constant text[] := ARRAY(SELECT k.kind FROM affiliate._attachment_kinds() AS k);
    before_upgrade integer;
BEGIN
    IF attached_table IS NULL THEN
        PERFORM affiliate._refuse_argument('attached_table', NULL, 'a table');
    ELSIF kind IS NULL OR kind <> ALL (kinds) THEN
        PERFORM affiliate._refuse_argument('kind', kind, 'one of ' || array_to_string(kinds, ', '));
    ELSIF jsonb_typeof(columns) IS DISTINCT FROM 'object' THEN
        PERFORM affiliate._refuse_argument('columns', columns::text, 'an object with an SQL expression for each field');
    ELSIF on_error IS NULL OR on_error NOT IN ('capture', 'raise') THEN
        PERFORM affiliate._refuse_argument('on_error', on_error, 'capture or raise');
    ELSIF capture IS NULL OR capture NOT IN ('statement', 'row_always') THEN
        PERFORM affiliate._refuse_argument('capture', capture, 'statement or row_always');
    ELSIF name = '' OR octet_length(name) > 200 THEN
        PERFORM affiliate._refuse_argument('name', name, '1 to 200 bytes, or leave it out');
    END IF;
    PERFORM affiliate._require_attachable(attached_table);
    -- a library that is loaded stays loaded, and the earlier one knows no such trigger
    SELECT count(*) INTO before_upgrade FROM pg_stat_activity AS a
    WHERE a.datname = current_database() AND a.backend_type = 'client backend'
      AND a.backend_start < (SELECT max(v.installed_at) FROM affiliate.schema_version AS v HAVING count(*) > 1);
    IF before_upgrade > 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'AF054',
            MESSAGE = 'sessions from before the upgrade are still connected',
            DETAIL = format('%s of them may have loaded the library of the earlier version, which cannot run the triggers of attached tables.', before_upgrade),
            HINT = 'Let them reconnect, or end them with pg_terminate_backend(); then attach.';
    END IF;
END
$$;
COMMENT ON FUNCTION affiliate._check_attach(regclass, text, jsonb, text, text, text) IS 'Checks the arguments of attach(), and that all sessions can run its triggers.';

-- The table and what hangs below it: rows may be written to a partition or a child by its own name.
CREATE FUNCTION affiliate._attached_relations(attachment text) RETURNS SETOF oid
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    WITH RECURSIVE below AS (
        SELECT affiliate._attached_relation(attachment) AS relation, 0 AS depth
        UNION
        SELECT i.inhrelid, b.depth + 1 FROM pg_inherits AS i JOIN below AS b ON b.relation = i.inhparent
    )
    SELECT b.relation FROM below AS b JOIN pg_class AS c ON c.oid = b.relation WHERE c.relkind IN ('r', 'p')
    GROUP BY b.relation ORDER BY min(b.depth), b.relation;
END
$$;
COMMENT ON FUNCTION affiliate._attached_relations(text) IS 'An attached table, its partitions and its children, parents first.';

-- The triggers that an attachment needs on one of its tables and does not have. Row triggers of a partitioned table are
-- cloned to its partitions by PostgreSQL, statement triggers are not.
CREATE FUNCTION affiliate._attached_triggers(attachment text, relation oid) RETURNS TABLE (trigger_name text, definition text, is_always boolean)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT format('pg_affiliate_%s_%s', a.attachment_no, w.event),
           format('%s ON %s %s EXECUTE FUNCTION affiliate._attached(%L%s)', w.event_clause, relation::regclass, w.row_clause, a.attachment_id,
                  CASE a.on_error WHEN 'raise' THEN ', ''raise''' END),
           a.capture = 'row_always'
    FROM affiliate.attachment AS a
    JOIN (VALUES
        ('statement', 'insert', 'AFTER INSERT', 'REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT'),
        ('statement', 'update', 'AFTER UPDATE', 'REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT'),
        ('statement', 'delete', 'AFTER DELETE', 'REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT'),
        ('statement', 'truncate', 'AFTER TRUNCATE', 'FOR EACH STATEMENT'),
        ('row_always', 'row', 'AFTER INSERT OR UPDATE OR DELETE', 'FOR EACH ROW'),
        ('row_always', 'truncate', 'AFTER TRUNCATE', 'FOR EACH STATEMENT')) AS w (capture, event, event_clause, row_clause) ON w.capture = a.capture
    WHERE a.attachment_id = attachment AND a.detached_at IS NULL
      AND NOT EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = relation AND t.tgname = format('pg_affiliate_%s_%s', a.attachment_no, w.event));
END
$$;
COMMENT ON FUNCTION affiliate._attached_triggers(text, oid) IS 'The triggers that an attachment still needs on one of its tables.';

CREATE FUNCTION affiliate._make_attached_triggers(attachment text, relation oid) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET client_min_messages = warning
AS $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN SELECT * FROM affiliate._attached_triggers(attachment, relation) LOOP
        EXECUTE format('CREATE TRIGGER %I %s', wanted.trigger_name, wanted.definition);
        IF wanted.is_always THEN
            EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', relation::regclass, wanted.trigger_name);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION affiliate._make_attached_triggers(text, oid) IS 'Makes the triggers that an attachment still needs on one of its tables.';

CREATE FUNCTION affiliate._drop_attached_triggers(attachment text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present record;
BEGIN
    FOR present IN
        SELECT t.tgrelid, t.tgname FROM pg_trigger AS t JOIN affiliate.attachment AS a ON a.attachment_id = attachment
        WHERE t.tgfoid = 'affiliate._attached()'::regprocedure AND t.tgparentid = 0 AND t.tgname LIKE format('pg\_affiliate\_%s\_%%', a.attachment_no)
        ORDER BY t.tgrelid, t.tgname
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', present.tgname, present.tgrelid::regclass);
    END LOOP;
END
$$;
COMMENT ON FUNCTION affiliate._drop_attached_triggers(text) IS 'Drops all triggers of an attachment.';

--| Lets go of an attached table: its triggers are dropped, the facts stay. Rows that are still kept are still taken up.
--| The same `attach()` call brings it back.
--|
--| Errors: `AF053` there is no such attachment; `42501` no rights on the table.
CREATE FUNCTION affiliate.detach(attachment text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM affiliate._require_tables();
    PERFORM affiliate._require_attachment(detach.attachment);
    PERFORM affiliate._drop_attached_triggers(detach.attachment);
    UPDATE affiliate.attachment AS a SET detached_at = affiliate._now() WHERE a.attachment_id = detach.attachment AND a.detached_at IS NULL;
    PERFORM affiliate._audit('detach', detach.attachment, '{}');
END
$$;
COMMENT ON FUNCTION affiliate.detach(text) IS 'Lets go of an attached table; its facts stay.';

CREATE FUNCTION affiliate._require_attachment(attachment text) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM affiliate.attachment AS a WHERE a.attachment_id = attachment) THEN
        RAISE EXCEPTION USING ERRCODE = 'AF053',
            MESSAGE = format('attachment %s does not exist', affiliate._quoted(attachment)),
            DETAIL = coalesce((SELECT 'There is ' || string_agg(format('"%s"', a.attachment_id), ', ' ORDER BY a.attachment_id) || '.' FROM affiliate.attachment AS a),
                              'No table is attached.'),
            HINT = 'Name a row of affiliate.attachments; affiliate.attach() makes them.';
    END IF;
END
$$;
COMMENT ON FUNCTION affiliate._require_attachment(text) IS 'Raises where no such table is attached.';
