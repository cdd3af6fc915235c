-- attach_suggest(): reads the columns of a table, a sample of its rows, and what its foreign keys refer to.

CREATE FUNCTION affiliate._suggest_family(of_type oid) RETURNS text
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT CASE WHEN t.typtype = 'd' THEN affiliate._suggest_family(t.typbasetype)
                    WHEN t.typtype = 'e' THEN 'enum'
                    WHEN t.typname IN ('int2', 'int4', 'int8') THEN 'integer'
                    WHEN t.typname IN ('numeric', 'float4', 'float8', 'money') THEN 'number'
                    WHEN t.typname = 'timestamptz' THEN 'instant'
                    WHEN t.typname IN ('timestamp', 'date', 'uuid', 'bool', 'json', 'jsonb') THEN t.typname
                    WHEN t.typname IN ('_text', '_varchar') THEN 'texts'
                    WHEN t.typcategory = 'S' OR t.typname = 'citext' THEN 'text'
                    ELSE 'other' END
        FROM pg_type AS t WHERE t.oid = of_type);
END
$$;
COMMENT ON FUNCTION affiliate._suggest_family(oid) IS 'What can be done with a type: one word for types that are treated alike.';

CREATE FUNCTION affiliate._suggest_labels(relid oid, attribute smallint, of_type oid) RETURNS text[]
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    listed constant text := '^[^<>~!]*(= ANY|=)[^<>~!]*$'; -- nothing but equality
    base oid := of_type;
BEGIN
    WHILE (SELECT t.typtype FROM pg_type AS t WHERE t.oid = base) = 'd' AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.contypid = base) LOOP
        base := (SELECT t.typbasetype FROM pg_type AS t WHERE t.oid = base);
    END LOOP;
    RETURN coalesce(
        (SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_enum AS e WHERE e.enumtypid = base),
        (SELECT array_agg(l.label ORDER BY found.ordinality, l.ordinality)
         FROM pg_constraint AS k
         CROSS JOIN LATERAL pg_get_constraintdef(k.oid) AS d (definition)
         CROSS JOIN LATERAL regexp_matches(d.definition, '''((?:[^'']|'''')*)''::[a-z ]+(\[\])?', 'g') WITH ORDINALITY AS found (literal)
         CROSS JOIN LATERAL unnest(CASE WHEN found.literal[2] IS NULL OR found.literal[1] !~ '^\{' THEN ARRAY[replace(found.literal[1], '''''', '''')]
                                        ELSE replace(found.literal[1], '''''', '''')::text[] END) WITH ORDINALITY AS l (label)
         WHERE k.contype = 'c' AND (k.contypid = base OR k.conrelid = relid AND k.conkey = ARRAY[attribute])
           AND regexp_replace(d.definition, '''(?:[^'']|'''')*''', '', 'g') ~ listed));
END
$$;
COMMENT ON FUNCTION affiliate._suggest_labels(oid, smallint, oid) IS 'The labels of an enum, or the words that a CHECK of the column lists; null where any value may stand.';

-- A column named customer_id or customer may refer to a table customers without a foreign key, as in copies of other systems.
CREATE FUNCTION affiliate._suggest_target(relid oid, attribute smallint, word text, family text, OUT target oid, OUT target_column text, OUT is_implied boolean)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    is_implied := false;
    SELECT k.confrelid, a.attname INTO target, target_column
    FROM pg_constraint AS k JOIN pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = k.confkey[1]
    WHERE k.contype = 'f' AND k.conrelid = relid AND k.conkey = ARRAY[attribute] AND k.conparentid = 0 ORDER BY k.conname LIMIT 1;
    IF target IS NULL AND family IN ('text', 'integer', 'uuid') THEN
        SELECT c.oid, a.attname INTO target, target_column
        FROM pg_class AS c
        JOIN pg_index AS i ON i.indrelid = c.oid AND i.indisprimary AND i.indnkeyatts = 1
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = i.indkey[0] AND affiliate._suggest_family(a.atttypid) = family
        CROSS JOIN LATERAL (SELECT affiliate._suggest_word(c.relname) AS name, regexp_replace(word, '_(uu)?id$', '') AS stem) AS n
        WHERE c.relnamespace = (SELECT s.relnamespace FROM pg_class AS s WHERE s.oid = relid) AND c.relkind IN ('r', 'p') AND c.oid <> relid
          AND n.name IN (n.stem, n.stem || 's', n.stem || 'es', regexp_replace(n.stem, 'y$', 'ies'))
        ORDER BY c.relname LIMIT 1;
        is_implied := target IS NOT NULL;
    END IF;
END
$$;
COMMENT ON FUNCTION affiliate._suggest_target(oid, smallint, text, text) IS 'What a column refers to: by a foreign key, or by its name alone.';

-- The column that others refer to, else the primary key.
CREATE FUNCTION affiliate._suggest_key(relid oid) RETURNS smallint
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN coalesce(
        (SELECT k.confkey[1] FROM pg_constraint AS k WHERE k.contype = 'f' AND k.confrelid = relid AND cardinality(k.confkey) = 1
         GROUP BY k.confkey[1] ORDER BY count(*) DESC, k.confkey[1] LIMIT 1),
        (SELECT i.indkey[0] FROM pg_index AS i WHERE i.indrelid = relid AND i.indisprimary AND i.indnkeyatts = 1));
END
$$;
COMMENT ON FUNCTION affiliate._suggest_key(oid) IS 'Number of the column by which rows of a table are known.';

CREATE FUNCTION affiliate._suggest_catalog(relid oid) RETURNS affiliate.known_column[]
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT coalesce(array_agg(ROW(a.attnum::integer, a.attname, w.word, quote_ident(a.attname), 'own', f.family,
                             affiliate._suggest_labels(relid, a.attnum, a.atttypid), NULL, 0, 0, NULL, NULL, false,
                             t.target, t.target_column, (SELECT k.kind FROM affiliate._suggest_named_kind(target_table.relname) AS k), t.is_implied,
                             a.attnum IS NOT DISTINCT FROM affiliate._suggest_key(relid), affiliate._suggest_is_personal(w.word),
                             col_description(relid, a.attnum), NULL)::affiliate.known_column ORDER BY a.attnum), '{}')
        FROM (SELECT p.*, affiliate._suggest_word(p.attname) AS word FROM pg_attribute AS p WHERE p.attrelid = relid AND p.attnum > 0 AND NOT p.attisdropped) AS a
        CROSS JOIN LATERAL (SELECT a.word) AS w
        CROSS JOIN LATERAL affiliate._suggest_family(a.atttypid) AS f (family)
        CROSS JOIN LATERAL affiliate._suggest_target(relid, a.attnum, w.word, f.family) AS t
        LEFT JOIN pg_class AS target_table ON target_table.oid = t.target);
END
$$;
COMMENT ON FUNCTION affiliate._suggest_catalog(oid) IS 'The columns of a table as the catalog knows them.';

-- Some 50 pages, wherever they lie, and of their rows 2,000, always the same ones; no value of more than 2,000 bytes.
CREATE FUNCTION affiliate._suggest_sample(relid oid, columns affiliate.known_column[]) RETURNS jsonb
LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted_pages constant numeric := 50;
    source record;
    selected text;
    pages numeric;
    sample jsonb;
BEGIN
    SELECT n.nspname, c.relname, c.relkind, has_schema_privilege(n.oid, 'USAGE') AS may INTO source
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = relid;
    SELECT string_agg(format('CASE WHEN pg_column_size(%s) < 2000 THEN %1$s%s END AS %1$s', c.expression,
                             CASE WHEN c.family IN ('json', 'jsonb') THEN '::jsonb' ELSE '::text' END), ', ' ORDER BY c.ordinal)
    INTO selected FROM unnest(columns) AS c WHERE c.family <> 'other' AND has_column_privilege(relid, c.ordinal::smallint, 'SELECT');
    IF selected IS NULL OR NOT source.may THEN
        RETURN NULL;
    END IF;
    SELECT sum(pg_relation_size(f.oid)) / current_setting('block_size')::integer INTO pages
    FROM (SELECT relid AS oid WHERE source.relkind = 'r' UNION SELECT t.relid FROM pg_partition_tree(relid) AS t WHERE t.isleaf) AS f;
    EXECUTE format('SELECT jsonb_agg(to_jsonb(s)) FROM (SELECT %s FROM %s %I.%I %s %s LIMIT 2000) AS s', selected,
                   CASE source.relkind WHEN 'r' THEN 'ONLY' END, source.nspname, source.relname,
                   CASE WHEN pages > wanted_pages THEN format('TABLESAMPLE SYSTEM (%s) REPEATABLE (0)', round(100 * wanted_pages / pages, 9)) END,
                   CASE WHEN has_table_privilege(relid, 'SELECT') THEN 'ORDER BY hashtid(ctid), tableoid, ctid' END)
    INTO sample;
    RETURN coalesce(sample, '[]');
END
$$;
COMMENT ON FUNCTION affiliate._suggest_sample(oid, affiliate.known_column[]) IS 'Some rows of a table as JSON; null where the caller may read none of its columns.';

CREATE FUNCTION affiliate._suggest_values(columns affiliate.known_column[], sample jsonb) RETURNS affiliate.known_column[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    most_words constant integer := 30; -- a column with more different values is not one of words
    result affiliate.known_column[] := '{}';
    c affiliate.known_column;
BEGIN
    FOREACH c IN ARRAY columns LOOP
        IF c.family NOT IN ('other', 'json', 'jsonb') THEN
            SELECT count(v.value), count(*) - count(v.value), coalesce(count(*) FILTER (WHERE v.value ~ '^[^@\s]+@[^@\s]+\.[a-z]+$') * 2 > count(v.value), false),
                   min(CASE WHEN c.family IN ('integer', 'number') AND v.value ~ '^-?\d+(\.\d+)?$' THEN v.value::numeric END),
                   max(CASE WHEN c.family IN ('integer', 'number') AND v.value ~ '^-?\d+(\.\d+)?$' THEN v.value::numeric END),
                   CASE WHEN count(DISTINCT v.value) <= most_words
                        THEN array_agg(DISTINCT v.value COLLATE "C" ORDER BY v.value COLLATE "C") FILTER (WHERE v.value IS NOT NULL) END
            INTO c.seen, c.nulls, c.has_emails, c.least, c.greatest, c.samples
            FROM jsonb_array_elements(sample) AS r (item) CROSS JOIN LATERAL (SELECT r.item ->> c.name AS value) AS v;
            c.is_personal := c.is_personal OR c.has_emails AND NOT c.is_key AND c.word !~ '(^|_)(id|customer|client|user|trader|member|login)$';
        END IF;
        result := result || c;
    END LOOP;
    RETURN result;
END
$$;
COMMENT ON FUNCTION affiliate._suggest_values(affiliate.known_column[], jsonb) IS 'The columns with what the sample says of them.';

CREATE FUNCTION affiliate._suggest_json_keys(columns affiliate.known_column[], sample jsonb) RETURNS SETOF affiliate.known_column
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT c.ordinal, format('%s ->> %L', c.name, k.key), affiliate._suggest_word(k.key), format('%I ->> %L', c.name, k.key), 'key', 'text', NULL::text[],
           array_agg(DISTINCT k.value COLLATE "C" ORDER BY k.value COLLATE "C"), count(*), jsonb_array_length(sample) - count(*), NULL::numeric, NULL::numeric,
           count(*) FILTER (WHERE k.value ~ '^[^@\s]+@[^@\s]+\.[a-z]+$') > 0, NULL::oid, NULL::text, NULL::text, false, false,
           affiliate._suggest_is_personal(affiliate._suggest_word(k.key)), NULL::text, NULL::text
    FROM unnest(columns) AS c
    CROSS JOIN LATERAL jsonb_array_elements(sample) AS r (item)
    CROSS JOIN LATERAL jsonb_each_text(CASE jsonb_typeof(r.item -> c.name) WHEN 'object' THEN r.item -> c.name ELSE '{}' END) AS k
    WHERE c.family IN ('json', 'jsonb') AND c.word ~ '^(meta|meta_?data|attributes|properties|custom_fields|extra|params|parameters|tracking|utm)$'
      AND k.value IS NOT NULL AND k.value !~ '^[\[{]'
    GROUP BY c.ordinal, c.name, k.key
    ORDER BY c.ordinal, k.key COLLATE "C";
END
$$;
COMMENT ON FUNCTION affiliate._suggest_json_keys(affiliate.known_column[], jsonb) IS 'Keys in JSON columns of metadata, as if they were columns.';

-- Names of the other table hide those of the row in a subquery: where both have one, the other's are given new names.
CREATE FUNCTION affiliate._suggest_lookups(columns affiliate.known_column[], of_table text) RETURNS SETOF affiliate.known_column
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT c.ordinal, format('%s of %s', o.name, c.target::regclass), o.word,
           -- the row by the name of its table: the other one may have a column of that name some day
           format('(SELECT %4$s.%1$I FROM %2$s AS %4$s WHERE %4$s.%3$I = %5$I.%6$I)', o.name, t.name, c.target_column,
                  CASE of_table WHEN 'o' THEN 'other' ELSE 'o' END, of_table, c.name),
           'lookup', o.family, o.labels, o.samples, o.seen, o.nulls, o.least, o.greatest, o.has_emails,
           o.target, o.target_column, o.target_kind, o.is_implied OR c.is_implied, false, o.is_personal, o.remark, o.name
    FROM unnest(columns) AS c
    CROSS JOIN LATERAL (SELECT format('%I.%I', n.nspname, r.relname) AS name FROM pg_class AS r JOIN pg_namespace AS n ON n.oid = r.relnamespace WHERE r.oid = c.target) AS t
    CROSS JOIN LATERAL (SELECT affiliate._suggest_catalog(c.target) AS list) AS theirs
    CROSS JOIN LATERAL unnest(affiliate._suggest_values(theirs.list, coalesce(affiliate._suggest_sample(c.target, theirs.list), '[]'))) AS o
    WHERE c.target_kind = 'transaction' AND o.name <> c.target_column
    ORDER BY c.ordinal, o.ordinal;
END
$$;
COMMENT ON FUNCTION affiliate._suggest_lookups(affiliate.known_column[], text) IS 'Columns of the order or payment that a row refers to, as subqueries.';
