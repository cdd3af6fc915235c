-- attach_suggest(): a mapping of a firm's table onto the facts, as SQL to read, correct and run.

CREATE FUNCTION affiliate._suggest_quoted(expression text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN CASE WHEN expression !~ '[''\\]' OR expression ~ '\$\$|\$$' THEN quote_literal(expression) ELSE '$$' || expression || '$$' END;
END
$function$;
COMMENT ON FUNCTION affiliate._suggest_quoted(text) IS 'An expression as a literal that is easy to read.';

CREATE FUNCTION affiliate._suggest_comment(line text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN '-- ' || regexp_replace(line, '[[:cntrl:]]+', ' ', 'g');
END
$$;
COMMENT ON FUNCTION affiliate._suggest_comment(text) IS 'A comment of one line, whatever names and values are in it.';

CREATE FUNCTION affiliate._suggest_missing(kind text, mapped text[]) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT string_agg(r.says, '; ' ORDER BY r.ordinal)
        FROM (VALUES
            (1, '{transaction}'::text[], '{transaction_id}'::text[], 'transaction_id: no column identifies a row'),
            (2, '{transaction,account}', '{customer_id}', 'customer_id: no column names a customer, nor does a row that it refers to'),
            (3, '{transaction}', '{amount}', 'amount: no column holds an amount'),
            (4, '{refund}', '{transaction_id}', 'transaction_id: no column identifies a refund'),
            (5, '{refund}', '{original_transaction_id}', 'original_transaction_id: no column names the sale that is refunded'),
            (6, '{dispute}', '{dispute_id}', 'dispute_id: no column identifies a dispute'),
            (7, '{dispute}', '{transaction_id,ref_external_id}', 'transaction_id: no column names the sale, nor the payment of the processor'),
            (8, '{customer}', '{customer_id}', 'customer_id: no column identifies a customer'),
            (9, '{account}', '{account_id}', 'account_id: no column identifies an account'),
            (10, '{click}', '{click_id}', 'click_id: no column identifies a click'),
            (11, '{event}', '{event_id}', 'event_id: no column identifies an event'),
            (12, '{event}', '{event_type}', 'event_type: no column says what happened'),
            (13, '{event}', '{occurred_at}', 'occurred_at: no column says when'),
            (14, '{event}', '{customer_id,transaction_id}', 'customer_id: no column names a customer or a purchase')
        ) AS r (ordinal, kinds, one_of, says)
        WHERE kind = ANY (r.kinds) AND NOT r.one_of && mapped);
END
$$;
COMMENT ON FUNCTION affiliate._suggest_missing(text, text[]) IS 'Which fields that a kind must have are not mapped, and why; null where all are.';

-- One field a line. Where a required field is missing the statement is a comment, to be completed.
CREATE FUNCTION affiliate._suggest_statement(relid oid, kind text, mapping jsonb, filter text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    missing constant text := affiliate._suggest_missing(kind, ARRAY(SELECT m ->> 'field' FROM jsonb_array_elements(mapping) AS m));
    width constant integer := (SELECT max(length(m ->> 'field')) + 3 FROM jsonb_array_elements(mapping) AS m);
    last constant bigint := jsonb_array_length(mapping);
    statement text;
BEGIN
    SELECT format(E'SELECT affiliate.attach(%L, %L, jsonb_build_object(\n', format('%I.%I', n.nspname, c.relname), kind) INTO statement
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = relid;
    SELECT statement || string_agg(concat('    ', rpad(quote_literal(m.item ->> 'field') || ',', width), ' ',
                            replace(affiliate._suggest_quoted(m.item ->> 'expression'), E'\n', E'\n' || repeat(' ', width + 5)
                                || CASE WHEN m.item ->> 'expression' ~ '[''\\]' THEN '  ' ELSE ' ' END),
                            CASE WHEN m.ordinality < last THEN ',' END, ' ' || affiliate._suggest_comment(nullif(m.item ->> 'remark', ''))), E'\n' ORDER BY m.ordinality)
    INTO statement FROM jsonb_array_elements(mapping) WITH ORDINALITY AS m (item, ordinality);
    statement := statement || E'\n    )' || coalesce(', filter => ' || affiliate._suggest_quoted(filter), '') || ');';
    IF missing IS NOT NULL THEN
        statement := E'-- Cannot be attached as it is; complete it by hand:\n' || affiliate._suggest_comment(missing) || E'\n'
            || regexp_replace(statement, '^', '-- ', 'gn');
    END IF;
    RETURN statement;
END
$$;
COMMENT ON FUNCTION affiliate._suggest_statement(oid, text, jsonb, text) IS 'The call of affiliate.attach() for a mapping.';

-- affiliate_mapping evaluates the mappings: it must be able to read what subqueries look up.
CREATE FUNCTION affiliate._suggest_grants(mapping jsonb, columns affiliate.known_column[]) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT string_agg(DISTINCT g.on_schema, '') || string_agg(g.on_table, '' ORDER BY g.on_table COLLATE "C")
        FROM (SELECT CASE WHEN NOT has_schema_privilege('affiliate_mapping', n.oid, 'USAGE')
                          THEN format(E'GRANT USAGE ON SCHEMA %I TO affiliate_mapping;\n', n.nspname) ELSE '' END AS on_schema,
                     format(E'GRANT SELECT (%I, %s) ON %I.%I TO affiliate_mapping;\n', c.target_column,
                            string_agg(DISTINCT quote_ident(l.looked_up), ', '), n.nspname, t.relname) AS on_table
              FROM jsonb_array_elements(mapping) AS m
              JOIN unnest(columns) AS l ON l.origin = 'lookup' AND strpos(m ->> 'expression', l.expression) > 0
              JOIN unnest(columns) AS c ON c.origin = 'own' AND c.ordinal = l.ordinal
              JOIN pg_class AS t ON t.oid = c.target JOIN pg_namespace AS n ON n.oid = t.relnamespace
              WHERE NOT has_column_privilege('affiliate_mapping', c.target, c.target_column, 'SELECT')
                 OR NOT has_column_privilege('affiliate_mapping', c.target, l.looked_up, 'SELECT') OR NOT has_schema_privilege('affiliate_mapping', n.oid, 'USAGE')
              GROUP BY c.target_column, n.oid, n.nspname, t.relname) AS g);
END
$$;
COMMENT ON FUNCTION affiliate._suggest_grants(jsonb, affiliate.known_column[]) IS 'The GRANTs that the subqueries of a mapping need; null where there are none.';

-- A table of payments may hold refunds too, told apart by a column. Null unless those name the sale they belong to.
CREATE FUNCTION affiliate._suggest_split(columns affiliate.known_column[], OUT type_column affiliate.known_column, OUT words text[], OUT filter text, OUT rest text)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted record;
    subject text;
BEGIN
    SELECT f.* INTO wanted FROM affiliate._suggest_money_fields() AS f WHERE f.field = 'transaction_type';
    type_column := affiliate._suggest_pick('transaction', wanted, columns, '{}');
    words := ARRAY(SELECT m.word FROM affiliate._suggest_meanings('type', type_column, '{}') AS m WHERE m.meaning = 'refund');
    IF cardinality(words) = 0 OR NOT EXISTS (SELECT FROM unnest(columns) AS c
            WHERE c.origin = 'own' AND NOT c.is_key AND c.word ~ '^(original|refunded|parent|refund_of|reversal_of)(_(payment|charge|transaction|sale|order))?(_id)?$') THEN
        words := '{}';
        RETURN;
    END IF;
    subject := format(CASE WHEN type_column.labels IS NULL THEN 'lower(%s)' ELSE '%s' END, affiliate._suggest_text(type_column));
    filter := format('%s IN (%s)', subject, (SELECT affiliate._suggest_listed(array_agg(CASE WHEN type_column.labels IS NULL THEN lower(w.word) ELSE w.word END ORDER BY w.ordinality))
                                             FROM unnest(words) WITH ORDINALITY AS w (word)));
    rest := format('(%s) IS NOT TRUE', filter);
END
$$;
COMMENT ON FUNCTION affiliate._suggest_split(affiliate.known_column[]) IS 'Which rows of a table of sales are refunds, and the filters for both.';

CREATE FUNCTION affiliate._suggest_unused(columns affiliate.known_column[], used text[]) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT string_agg(affiliate._suggest_comment(u.says || u.names), E'\n' ORDER BY u.says DESC)
        FROM (SELECT CASE WHEN c.is_personal THEN 'Personal data, never mapped: ' ELSE 'Not used: ' END AS says,
                     string_agg(quote_ident(c.name) || CASE WHEN c.family IN ('json', 'jsonb') AND NOT c.is_personal THEN ' (may hold personal data; map single keys)' ELSE '' END,
                                ', ' ORDER BY c.ordinal) AS names
              FROM unnest(columns) AS c WHERE c.origin = 'own' AND c.name <> ALL (used) GROUP BY 1) AS u);
END
$$;
COMMENT ON FUNCTION affiliate._suggest_unused(affiliate.known_column[], text[]) IS 'The columns that no expression uses, as closing comments.';

CREATE FUNCTION affiliate._suggest_attachments(relid oid, kind text, columns affiliate.known_column[]) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    split record;
    sales jsonb;
    refunds jsonb;
    result text;
BEGIN
    SELECT s.* INTO split FROM affiliate._suggest_split(columns) AS s WHERE kind = 'transaction';
    SELECT jsonb_agg(m) INTO sales FROM affiliate._suggest_mapping(relid, kind, columns, coalesce(split.words, '{}')) AS m;
    IF split.filter IS NOT NULL THEN
        SELECT jsonb_agg(m) INTO refunds
        FROM affiliate._suggest_mapping(relid, 'refund', ARRAY(SELECT c FROM unnest(columns) AS c WHERE c.word !~ '^(order|invoice|payment|charge)(_id)?$' OR c.is_key), split.words) AS m;
    END IF;
    result := affiliate._suggest_grants(sales, columns) || E'\n';
    result := concat(result, affiliate._suggest_statement(relid, kind, sales, split.rest),
                     E'\n\n' || affiliate._suggest_statement(relid, 'refund', refunds, split.filter));
    result := concat_ws(E'\n', result,
        (SELECT string_agg(affiliate._suggest_comment(d.says), E'\n' ORDER BY d.field)
         FROM (VALUES ('transaction', 'currency', 'currency: no column, that of the only program is taken.'),
                      ('transaction', 'transaction_type', 'transaction_type: no column, challenge_fee is taken.'),
                      ('dispute', 'outcome', 'unsure: no column holds an outcome, every dispute stays open.')) AS d (kind, field, says)
         WHERE d.kind = _suggest_attachments.kind AND NOT EXISTS (SELECT FROM jsonb_array_elements(sales) AS m WHERE m ->> 'field' = d.field)));
    IF kind = 'transaction' THEN
        result := concat_ws(E'\n', result,
            (SELECT string_agg(affiliate._suggest_comment(format('unsure: %s lowers what commissions are computed from, and is not mapped: several payments may share one row.', l.name)),
                               E'\n' ORDER BY l.ordinal, l.name COLLATE "C")
             FROM unnest(columns) AS l JOIN affiliate._suggest_money_fields() AS f ON f.field IN ('tax', 'wallet_credit') AND l.word ~ f.patterns[1]
             WHERE l.origin = 'lookup' AND NOT l.is_implied AND NOT EXISTS (SELECT FROM jsonb_array_elements(sales) AS m WHERE m ->> 'field' = f.field)));
    END IF;
    RETURN concat_ws(E'\n', result, affiliate._suggest_unused(columns,
        ARRAY(SELECT c.name FROM jsonb_array_elements(sales || coalesce(refunds, '[]')) AS m CROSS JOIN unnest(columns) AS c
              WHERE c.origin = 'own' AND (m ->> 'source' = c.name
                  OR EXISTS (SELECT FROM unnest(columns) AS o WHERE o.origin <> 'own' AND o.ordinal = c.ordinal AND o.name = m ->> 'source')))));
END
$$;
COMMENT ON FUNCTION affiliate._suggest_attachments(oid, text, affiliate.known_column[]) IS 'The statements for a table of a kind, with what they leave out.';

CREATE FUNCTION affiliate._suggest_none(relid oid, columns affiliate.known_column[]) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    nearest text;
    mapped text[];
BEGIN
    SELECT k.kind INTO nearest FROM affiliate._suggest_kinds(relid, columns) AS k WHERE k.speaking > 0 ORDER BY k.speaking DESC, k.points DESC LIMIT 1;
    mapped := ARRAY(SELECT m.field FROM affiliate._suggest_mapping(relid, nearest, columns) AS m WHERE nearest IS NOT NULL);
    RETURN concat_ws(E'\n',
        affiliate._suggest_comment(format('%s looks like none of transaction, refund, dispute, customer, account, click, event. Where it is one, map it by hand.', relid::regclass)),
        (SELECT affiliate._suggest_comment(format('Its rows seem to be parts of rows of %s, by %s.', string_agg(DISTINCT c.target::regclass::text, ', '), string_agg(quote_ident(c.name), ', ' ORDER BY c.ordinal)))
         FROM unnest(columns) AS c WHERE c.origin = 'own' AND c.target_kind = 'transaction' HAVING count(*) > 0),
        CASE WHEN nearest IS NULL THEN '-- None of its columns is like one of theirs.' END,
        affiliate._suggest_comment('Nearest is ' || nearest || coalesce(', but it lacks ' || affiliate._suggest_missing(nearest, mapped), ', but too little speaks for it') || '.'));
END
$$;
COMMENT ON FUNCTION affiliate._suggest_none(oid, affiliate.known_column[]) IS 'Why a table cannot be attached.';

CREATE FUNCTION affiliate._suggest_other_relation(relid oid, kind_of_relation "char") RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE
        WHEN kind_of_relation IN ('r', 'p') AND pg_partition_root(relid) <> relid THEN concat_ws(E'\n',
            affiliate._suggest_comment(format('%s is a partition. Ask about the whole table:', relid::regclass)),
            (SELECT format('SELECT affiliate.attach_suggest(%L);', format('%I.%I', n.nspname, c.relname))
             FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = pg_partition_root(relid)))
        WHEN kind_of_relation IN ('v', 'm') THEN concat_ws(E'\n',
            affiliate._suggest_comment(format('%s is a view: nothing is written there that could be captured. Ask about the tables it reads:', relid::regclass)),
            (SELECT string_agg(format('SELECT affiliate.attach_suggest(%L);', b.name), E'\n' ORDER BY b.name COLLATE "C")
             FROM (WITH RECURSIVE reads (oid) AS (
                       SELECT relid
                       UNION
                       SELECT d.refobjid FROM reads AS r JOIN pg_rewrite AS w ON w.ev_class = r.oid
                       JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass)
                   SELECT format('%I.%I', n.nspname, c.relname) AS name
                   FROM reads JOIN pg_class AS c ON c.oid = reads.oid JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p')) AS b))
        ELSE affiliate._suggest_comment(format('%s is no table of this database: its rows are written elsewhere and cannot be captured.', relid::regclass)) END;
END
$$;
COMMENT ON FUNCTION affiliate._suggest_other_relation(oid, "char") IS 'What to ask about instead of a view or a partition.';

--| Reads a table of yours, its columns, keys, comments and a sample of its rows, and proposes how to attach it: a script of
--| `affiliate.attach` calls, with a comment wherever it had to guess (`unsure`). It changes nothing. Read the script, correct
--| it, run it with psql. Of a large table it reads some 50 pages. Who may not read the table gets a proposal from the catalog alone.
--|
--| ```sql
--| SELECT affiliate.attach_suggest('shop.payments') \g (format=unaligned tuples_only) payments.sql
--| ```
--|
--| Personal data is never mapped. Where several tables are about the same sales, such as orders and their payments, it says
--| which one is nearer to the money: attach only one.
CREATE FUNCTION affiliate.attach_suggest(attached_table regclass) RETURNS text
LANGUAGE plpgsql STABLE STRICT PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation_kind constant "char" := (SELECT c.relkind FROM pg_class AS c WHERE c.oid = attached_table);
    columns affiliate.known_column[];
    sample jsonb;
    likeliest record;
    rivals text;
BEGIN
    PERFORM affiliate._require_tables();
    IF relation_kind IS NULL OR relation_kind NOT IN ('r', 'p') OR pg_partition_root(attached_table) <> attached_table THEN
        RETURN affiliate._suggest_other_relation(attached_table, relation_kind);
    END IF;
    columns := affiliate._suggest_catalog(attached_table);
    sample := affiliate._suggest_sample(attached_table, columns);
    columns := affiliate._suggest_values(columns, coalesce(sample, '[]'));
    columns := columns || ARRAY(SELECT k FROM affiliate._suggest_json_keys(columns, coalesce(sample, '[]')) AS k) || 
        ARRAY(SELECT l FROM affiliate._suggest_lookups(columns, (SELECT c.relname FROM pg_class AS c WHERE c.oid = attached_table)) AS l);
    SELECT k.* INTO likeliest FROM affiliate._suggest_kinds(attached_table, columns) AS k WHERE k.points >= 4 LIMIT 1;
    SELECT string_agg(affiliate._suggest_comment(format(CASE WHEN r.is_nearer
            THEN 'unsure: %s is about the same sales, and nearer to the money: attach that one instead. With both each sale counts twice.'
            ELSE '%s is about the same sales: do not attach it too, or each counts twice.' END, r.rival::regclass)), E'\n')
    INTO rivals FROM affiliate._suggest_rivals(attached_table) AS r WHERE likeliest.kind = 'transaction';
    RETURN concat_ws(E'\n',
        CASE WHEN likeliest.kind IS NULL THEN affiliate._suggest_none(attached_table, columns)
             ELSE affiliate._suggest_comment(format('%s looks like %s: %s.', attached_table, likeliest.kind, likeliest.says)) END,
        affiliate._suggest_comment('unsure: it could as well be ' || (SELECT string_agg(k.kind, ' or ') FROM affiliate._suggest_kinds(attached_table, columns) AS k
                                                                     WHERE k.points = likeliest.points AND k.kind <> likeliest.kind)),
        affiliate._suggest_comment(CASE WHEN likeliest.kind IS NULL THEN NULL WHEN sample IS NULL THEN 'No values were seen: you may not read this table. Words and units are guessed from the catalog.'
            WHEN sample = '[]' THEN 'No values were seen: the table is empty. Words and units are guessed from the catalog.'
            ELSE format('Read from the catalog and %s sampled rows. What is marked unsure was guessed.', jsonb_array_length(sample)) END),
        rivals,
        CASE WHEN likeliest.kind IS NOT NULL THEN affiliate._suggest_attachments(attached_table, likeliest.kind, columns) END);
END
$$;
COMMENT ON FUNCTION affiliate.attach_suggest(regclass) IS 'Proposes how to attach a table of the firm, as SQL with comments where it had to guess; changes nothing.';
