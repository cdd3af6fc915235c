-- The statements that an attachment is made of: a mapping reads rows by the name of new_rows, in the present shape of the table; the others
-- read what it gave, by the name of mapped.

-- The table of an attachment as it is now. It is known by its number, so that it may be renamed; in a restored database
-- numbers are others, and its name tells.
CREATE FUNCTION affiliate._attached_relation(attachment text) RETURNS oid
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation oid;
BEGIN
    SELECT coalesce((SELECT c.oid FROM pg_class AS c WHERE c.oid = a.relation_id
                     AND EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = c.oid AND t.tgname LIKE format('pg\_affiliate\_%s\_%%', a.attachment_no))),
                    (SELECT c.oid FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                     WHERE n.nspname = a.table_schema AND c.relname = a.table_name))
    INTO relation FROM affiliate.attachment AS a WHERE a.attachment_id = attachment;
    RETURN relation;
END
$$;
COMMENT ON FUNCTION affiliate._attached_relation(text) IS 'The table of an attachment as it is now; null where it is gone.';

CREATE FUNCTION affiliate._require_attached_relation(attachment text) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF affiliate._attached_relation(attachment) IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'AF053',
            MESSAGE = format('the table of attachment %s is gone', affiliate._quoted(attachment)),
            HINT = 'Where it was restored, SELECT affiliate.setup() finds it by its name; else let go of it with affiliate.detach().';
    END IF;
END
$$;
COMMENT ON FUNCTION affiliate._require_attached_relation(text) IS 'Raises where the table of an attachment is gone.';

-- The columns of a table under the names that they had when it was attached. relation: the table, or a partition of it, whose
-- columns have the same names and other numbers.
CREATE FUNCTION affiliate._attached_columns(attachment text, relation oid)
RETURNS TABLE (name text, name_now text, number integer, is_mapped boolean, is_key boolean)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    root constant oid := affiliate._attached_relation(attachment);
    known record;
BEGIN
    FOR known IN
        SELECT k.key AS name, (k.value ->> 'mapped')::boolean AS is_mapped, (k.value ->> 'key')::boolean AS is_key, k.value ->> 'type' AS type,
               n.attname AS name_now, n.attnum AS number, format_type(n.atttypid, n.atttypmod) AS type_now
        FROM affiliate.attachment AS a
        CROSS JOIN jsonb_each(a.known_columns) AS k
        LEFT JOIN pg_attribute AS r ON r.attrelid = root AND NOT r.attisdropped
              AND CASE WHEN root = a.relation_id THEN r.attnum = (k.value ->> 'number')::smallint ELSE r.attname = coalesce(k.value ->> 'name', k.key) END
        LEFT JOIN pg_attribute AS n ON n.attrelid = relation AND NOT n.attisdropped AND n.attname = r.attname
        WHERE a.attachment_id = attachment
        ORDER BY k.key
    LOOP
        IF known.is_mapped AND known.type IS DISTINCT FROM known.type_now THEN
            RAISE EXCEPTION USING ERRCODE = 'AF051',
                MESSAGE = format('column "%s" of attached table %s is not what it was', known.name, relation::regclass),
                DETAIL = CASE WHEN known.type_now IS NULL THEN 'It was dropped.' ELSE format('It was %s and is %s.', known.type, known.type_now) END,
                HINT = format('Attach the table again with a mapping that fits, then SELECT affiliate.replay(%L).', attachment);
        END IF;
        IF known.name_now IS NOT NULL THEN
            RETURN QUERY SELECT known.name, known.name_now::text, known.number::integer, known.is_mapped, known.is_key;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION affiliate._attached_columns(text, oid) IS 'The columns of an attached table under the names of its mapping; raises where one that is mapped is gone or has another type.';

-- What PostgreSQL has not computed where our triggers see the row: it is stored in a partition, not in the row as it was
-- inserted into the partitioned table; and a virtual one is stored nowhere.
CREATE FUNCTION affiliate._generation(relation oid, column_name text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT pg_get_expr(d.adbin, d.adrelid)
            FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
            WHERE a.attrelid = relation AND a.attname = column_name AND (a.attgenerated = 'v' OR a.attgenerated = 's' AND c.relkind = 'p'));
END
$$;
COMMENT ON FUNCTION affiliate._generation(oid, text) IS 'The expression of a generated column whose value the rows of a trigger do not have; else null.';

-- What stands behind FROM: the rows that the mapping is about.
CREATE FUNCTION affiliate._attached_rows(attachment text, relation oid) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT format('(SELECT %s FROM new_rows AS n) AS %I%s',
                      (SELECT string_agg(format('%s AS %I', coalesce('(' || affiliate._generation(relation, c.name_now) || ')', format('n.%I', c.name_now)), c.name), ', ')
                       FROM affiliate._attached_columns(attachment, relation) AS c),
                      a.row_name, coalesce(E' WHERE (' || a.filter || E'\n)', ''))
        FROM affiliate.attachment AS a WHERE a.attachment_id = attachment);
END
$$;
COMMENT ON FUNCTION affiliate._attached_rows(text, oid) IS 'The FROM clause of the statements of an attachment.';

-- Cents divided by 100.0 have sixteen zeros behind the point. Cast here, where the mapping is evaluated: a cast may be a function of
-- the firm's, too.
CREATE FUNCTION affiliate._field_expression(expression text, type regtype) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN format(CASE type WHEN 'numeric'::regtype THEN E'trim_scale((%s\n)::numeric)' ELSE E'(%s\n)::%s' END, expression, type);
END
$$;
COMMENT ON FUNCTION affiliate._field_expression(text, regtype) IS 'The expression of a field as the statements have it.';

-- mapping: the fields of facts, for new_rows; null where the relation does not belong to the attached table. key_mapping: their keys. write:
-- the fact is written as any program of the firm would write it, and its triggers do the rest. claim: the same, but facts that are
-- there are only locked.
CREATE FUNCTION affiliate._attached_statement(attachment text, relation oid, OUT mapped integer[], OUT keys integer[], OUT fact regclass, OUT mapping text, OUT key_mapping text,
    OUT write text, OUT claim text)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    spec record;
    field record;
    has_source boolean;
BEGIN
    PERFORM affiliate._require_attachment(attachment);
    SELECT a.fields, k.fact, k.keys, coalesce(a.backfill ->> 'state' = 'running', false) AS is_backfilling INTO STRICT spec
    FROM affiliate.attachment AS a JOIN affiliate._attachment_kinds() AS k USING (kind) WHERE a.attachment_id = attachment;
    fact := format('affiliate.%I', spec.fact)::regclass;
    IF relation NOT IN (SELECT r.relation FROM affiliate._attached_relations(attachment) AS r (relation)) THEN
        RETURN;
    END IF;
    -- while a backfill is on its way every UPDATE is news, also one that changes nothing: it moves the row
    SELECT CASE WHEN spec.is_backfilling THEN '{0}' ELSE array_agg(c.number ORDER BY c.number) FILTER (WHERE c.is_mapped) END, array_agg(c.number ORDER BY c.number) FILTER (WHERE c.is_key) INTO mapped, keys
    FROM affiliate._attached_columns(attachment, relation) AS c;
    has_source := NOT spec.fields ? 'source' AND EXISTS (SELECT FROM affiliate._fact_fields(spec.fact) AS f WHERE f.field = 'source');
    SELECT string_agg(format('%s AS %I', affiliate._field_expression(f.value, f.type), f.key), ', ') AS expressions,
           format('%s AS key', affiliate._field_expression(spec.fields ->> spec.keys[1], 'text')) AS key_expression,
           string_agg(quote_ident(f.key), ', ') AS names, string_agg(format('m.%I', f.key), ', ') AS values,
           string_agg(format('%I = excluded.%1$I', f.key), ', ') FILTER (WHERE f.key <> ALL (spec.keys)) AS changes,
           string_agg(format('f.%I', f.key), ', ') FILTER (WHERE f.key <> ALL (spec.keys)) AS before,
           string_agg(format('excluded.%I', f.key), ', ') FILTER (WHERE f.key <> ALL (spec.keys)) AS after
    INTO STRICT field
    FROM (SELECT e.key, e.value, k.type FROM jsonb_each_text(spec.fields) AS e JOIN affiliate._fact_fields(spec.fact) AS k ON k.field = e.key ORDER BY e.key) AS f;
    mapping := format('SELECT %s FROM %s', field.expressions, affiliate._attached_rows(attachment, relation));
    key_mapping := format('SELECT %s FROM %s', field.key_expression, affiliate._attached_rows(attachment, relation));
    write := format('INSERT INTO %s AS f (%s%s) SELECT %s%s FROM mapped AS m ON CONFLICT (%s) DO ', fact, field.names, CASE WHEN has_source THEN ', source' ELSE '' END,
        field.values, CASE WHEN has_source THEN ', ' || quote_literal(attachment) ELSE '' END, array_to_string(spec.keys, ', '));
    claim := write || format('UPDATE SET %I = f.%1$I WHERE false', spec.keys[1]);
    write := write || CASE WHEN field.changes IS NULL THEN 'NOTHING'
                           ELSE format('UPDATE SET %s WHERE (%s) IS DISTINCT FROM (%s)', field.changes, field.before, field.after) END;
END
$$;
COMMENT ON FUNCTION affiliate._attached_statement(text, oid) IS 'The statements that make facts of rows of an attached table, and which columns it reads.';

-- all_rows: also what is as it should be.
CREATE FUNCTION affiliate._attached_comparison(attachment text, all_rows boolean) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    spec record;
    field record;
BEGIN
    SELECT a.fields, k.fact, k.keys INTO STRICT spec
    FROM affiliate.attachment AS a JOIN affiliate._attachment_kinds() AS k USING (kind) WHERE a.attachment_id = attachment;
    SELECT string_agg(format('m.%I', f.field), ', ') AS expected, string_agg(format('f.%I', f.field), ', ') AS stored,
           string_agg(format('%L, f.%I', f.field, f.field), ', ') AS stored_members,
           string_agg(format('f.%I = m.%1$I', f.field), ' AND ') FILTER (WHERE f.field = ANY (spec.keys)) AS is_same,
           string_agg(format('m.%I', f.field), E', '' '', ' ORDER BY array_position(spec.keys, f.field)) FILTER (WHERE f.field = ANY (spec.keys)) AS key
    INTO STRICT field
    FROM (SELECT k.field FROM affiliate._fact_fields(spec.fact) AS k WHERE spec.fields ? k.field ORDER BY k.field) AS f;
    RETURN format($statement$SELECT jsonb_build_object('key', concat(%s), 'problem', CASE WHEN f.recorded_at IS NULL THEN 'missing'
            WHEN (%s) IS DISTINCT FROM (%s) THEN 'different' END, 'expected', to_jsonb(m), 'recorded_at', f.recorded_at,
            'stored', CASE WHEN f.recorded_at IS NOT NULL THEN jsonb_build_object(%s) END)::text
        FROM mapped AS m LEFT JOIN affiliate.%I AS f ON %s WHERE %L OR f.recorded_at IS NULL OR (%2$s) IS DISTINCT FROM (%3$s)$statement$,
        field.key, field.expected, field.stored, field.stored_members, spec.fact, field.is_same, all_rows);
END
$$;
COMMENT ON FUNCTION affiliate._attached_comparison(text, boolean) IS 'The statement that compares what the mapping gave with the facts.';

CREATE FUNCTION affiliate._attached_gone(attachment text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT format('SELECT f.%1$I::text FROM affiliate.%2$I AS f WHERE f.source = %3$L AND NOT EXISTS (SELECT FROM mapped AS m WHERE m.key = f.%1$I) ORDER BY 1',
                          k.keys[1], k.fact, attachment)
            FROM affiliate.attachment AS a JOIN affiliate._attachment_kinds() AS k USING (kind) WHERE a.attachment_id = attachment);
END
$$;
COMMENT ON FUNCTION affiliate._attached_gone(text) IS 'The statement that finds facts of an attachment without a row.';

-- What a refund that does not say it is taken from.
CREATE FUNCTION affiliate._sale(of_transaction_id text, OUT currency text, OUT program_id text)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    SELECT t.currency, t.program_id INTO currency, program_id FROM affiliate.transaction AS t WHERE t.transaction_id = of_transaction_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'AF052',
            MESSAGE = format('the sale %s has not arrived', affiliate._quoted(of_transaction_id)),
            DETAIL = 'Its refund does not say in which currency and program it is.',
            HINT = 'Attach or backfill the table of the sales, or map currency and program_id of the refund.';
    END IF;
END
$$;
COMMENT ON FUNCTION affiliate._sale(text) IS 'The currency and the program of a sale; raises where it has not arrived.';
