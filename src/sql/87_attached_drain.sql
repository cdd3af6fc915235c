-- Rows of attached tables that were kept: the drain makes facts of them, in the order in which they came.

CREATE FUNCTION affiliate._apply_images(attachment text, relation oid, images jsonb[], arrived_at timestamptz[]) RETURNS jsonb
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'affiliate_apply_images';
COMMENT ON FUNCTION affiliate._apply_images(text, oid, jsonb[], timestamptz[]) IS 'Makes facts of kept rows as of when they arrived; returns those that could not become one.';

CREATE FUNCTION affiliate._compare_images(attachment text, relation oid, images jsonb[]) RETURNS jsonb
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'affiliate_compare_images';
COMMENT ON FUNCTION affiliate._compare_images(text, oid, jsonb[]) IS 'What the facts say of each of the kept rows.';

-- The rows that are due and wait for no earlier one of theirs, neighbours together that can be done in one statement.
CREATE FUNCTION affiliate._kept_rows(batch integer)
RETURNS TABLE (attachment text, operation text, arrived_at timestamptz[], input_ids bigint[], input_keys text[], images jsonb[], befores jsonb[])
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    -- rows that were put off hold back the later ones of their key, which have never been looked at
    WITH put_off AS MATERIALIZED (
        SELECT p.input_key, min(p.input_id) AS input_id FROM affiliate.pending_input AS p
        WHERE p.kind = 'attached' AND p.state = 'waiting' AND p.due_at > '-infinity' GROUP BY p.input_key
    ), ready AS (
        SELECT p.input_id, p.input_key, p.recorded_at, p.payload, p.payload ->> 'attachment' AS attachment, p.payload ->> 'operation' AS operation
        FROM affiliate.pending_input AS p
        WHERE p.kind = 'attached' AND p.state = 'waiting' AND p.due_at <= affiliate._now()
          AND NOT EXISTS (SELECT FROM put_off AS e WHERE e.input_key = p.input_key AND e.input_id < p.input_id)
        ORDER BY p.due_at, p.input_id LIMIT batch
    ), marked AS (
        SELECT r.*, (r.attachment, r.operation) IS DISTINCT FROM lag((r.attachment, r.operation)) OVER (ORDER BY r.input_id) AS is_first
        FROM ready AS r
    ), numbered AS (
        SELECT m.*, count(*) FILTER (WHERE m.is_first) OVER (ORDER BY m.input_id) AS group_no FROM marked AS m
    ), counted AS (
        -- two states of one row cannot be done in one statement
        SELECT n.*, row_number() OVER (PARTITION BY n.group_no, n.input_key ORDER BY n.input_id) AS state_no FROM numbered AS n
    )
    SELECT min(c.attachment), min(c.operation), array_agg(c.recorded_at ORDER BY c.input_id), array_agg(c.input_id ORDER BY c.input_id), array_agg(c.input_key ORDER BY c.input_id),
           array_agg(coalesce(c.payload -> 'after', c.payload -> 'before', '{}') ORDER BY c.input_id), array_agg(coalesce(c.payload -> 'before', '{}') ORDER BY c.input_id)
    FROM counted AS c GROUP BY c.group_no, c.state_no ORDER BY c.group_no, c.state_no;
END
$$;
COMMENT ON FUNCTION affiliate._kept_rows(integer) IS 'Kept rows of attached tables that are due, in groups that can be done together.';

-- Statement triggers are not cloned to new partitions: the drain makes them, with the rights of a superuser, since a
-- partition may belong to whomever. Each has a moment to be locked, and is tried again later.
CREATE FUNCTION affiliate._new_partitions() RETURNS TABLE (attachment text, relation oid)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT a.attachment_id, r.relation
    FROM affiliate.attachment AS a CROSS JOIN affiliate._attached_relations(a.attachment_id) AS r (relation)
    WHERE a.detached_at IS NULL AND r.relation <> affiliate._attached_relation(a.attachment_id)
      AND EXISTS (SELECT FROM affiliate._attached_triggers(a.attachment_id, r.relation));
END
$$;
COMMENT ON FUNCTION affiliate._new_partitions() IS 'Partitions and children of attached tables whose triggers are missing.';

-- What tables and columns are called by now: in a restored database they have other numbers, and are found by it.
CREATE FUNCTION affiliate._remember_names() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE affiliate.attachment AS a SET table_schema = n.table_schema, table_name = n.table_name, known_columns = n.known_columns
    FROM (SELECT a.attachment_id, s.nspname AS table_schema, c.relname AS table_name,
                 (SELECT jsonb_object_agg(k.key, CASE WHEN coalesce(k.value ->> 'name', k.key) = r.attname THEN k.value ELSE k.value || jsonb_build_object('name', r.attname) END)
                  FROM jsonb_each(a.known_columns) AS k
                  LEFT JOIN pg_attribute AS r ON r.attrelid = c.oid AND r.attnum = (k.value ->> 'number')::smallint AND NOT r.attisdropped) AS known_columns
          FROM affiliate.attachment AS a JOIN pg_class AS c ON c.oid = a.relation_id AND c.oid = affiliate._attached_relation(a.attachment_id)
          JOIN pg_namespace AS s ON s.oid = c.relnamespace
          WHERE a.detached_at IS NULL) AS n
    WHERE n.attachment_id = a.attachment_id AND n.known_columns IS NOT NULL
      AND (a.table_schema, a.table_name, a.known_columns) IS DISTINCT FROM (n.table_schema::text, n.table_name::text, n.known_columns);
END
$$;
COMMENT ON FUNCTION affiliate._remember_names() IS 'Part of drain(): writes down what attached tables and their columns are called by now.';

-- Called by drain(), as affiliate_owner. Returns how many rows were taken up, put off or given up.
CREATE FUNCTION affiliate._drain_attached(batch integer) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kept record;
    rejected jsonb;
    handled bigint := 0;
    put_off text[] := '{}'; -- keys of rows that wait on: later states of theirs must not overtake
BEGIN
    IF NOT EXISTS (SELECT FROM affiliate.pending_input AS p WHERE p.kind = 'attached' AND p.state = 'waiting' AND p.due_at <= affiliate._now())
       OR NOT pg_try_advisory_xact_lock(hashtextextended('affiliate.attached', 0)) THEN
        RETURN 0;
    END IF;
    FOR kept IN SELECT * FROM affiliate._kept_rows(batch) LOOP
        IF kept.input_keys && put_off THEN
            put_off := put_off || kept.input_keys; -- those that would have been done with it wait, too, and so do later states of theirs
            CONTINUE;
        END IF;
        rejected := affiliate._take_up(kept.attachment, kept.operation, kept.arrived_at, kept.input_ids, kept.input_keys, kept.images, kept.befores);
        put_off := put_off || ARRAY(SELECT kept.input_keys[(r ->> 'row')::integer + 1] FROM jsonb_array_elements(rejected) AS r
                                    WHERE affiliate._is_passing(r ->> 'code'));
        PERFORM affiliate._put_aside(kept.input_ids[(r ->> 'row')::integer + 1], r ->> 'code', r ->> 'message') FROM jsonb_array_elements(rejected) AS r;
        DELETE FROM affiliate.pending_input AS p USING unnest(kept.input_ids) WITH ORDINALITY AS k (input_id, n)
        WHERE p.input_id = k.input_id AND NOT EXISTS (SELECT FROM jsonb_array_elements(rejected) AS r WHERE (r ->> 'row')::integer + 1 = k.n);
        handled := handled + cardinality(kept.input_ids);
    END LOOP;
    RETURN handled;
END
$$;
COMMENT ON FUNCTION affiliate._drain_attached(integer) IS 'Part of drain(): takes up kept rows of attached tables; returns how many were looked at for good.';

-- Errors that may be gone when it is tried again.
CREATE FUNCTION affiliate._is_passing(code text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN left(code, 2) IN ('40', '53', '55', '57', '58') OR code IN ('AF052', 'AF090', 'AF091');
END
$$;
COMMENT ON FUNCTION affiliate._is_passing(text) IS 'Whether an error may be gone when what failed is tried again.';

-- A row that could not become a fact: looked at again, ever more rarely, or kept for somebody to look at.
CREATE FUNCTION affiliate._put_aside(of_input_id bigint, code text, message text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    attempts_max constant integer := 12; -- half a day
BEGIN
    UPDATE affiliate.pending_input AS p
    SET reason = format('%s: %s', code, left(message, 1000)), attempts = p.attempts + 1,
        state = CASE WHEN affiliate._is_passing(code) AND p.attempts < attempts_max THEN 'waiting' ELSE 'rejected' END,
        due_at = CASE WHEN affiliate._is_passing(code) AND p.attempts < attempts_max THEN affiliate._now() + power(2, p.attempts) * interval '10 seconds' ELSE '-infinity' END
    WHERE p.input_id = of_input_id;
END
$$;
COMMENT ON FUNCTION affiliate._put_aside(bigint, text, text) IS 'Keeps a row that could not become a fact, to try again or for somebody to look at.';

-- Takes up kept rows of one operation; returns those that could not be, as _apply_images() does.
CREATE FUNCTION affiliate._take_up(attachment text, operation text, arrived_at timestamptz[], input_ids bigint[], input_keys text[], images jsonb[], befores jsonb[])
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation constant oid := affiliate._attached_relation(attachment);
    named jsonb[];
    key_columns text[];
    failure_code text;
    failure text;
    done jsonb;
BEGIN
    IF relation IS NULL THEN
        RETURN affiliate._all_rejected(cardinality(images), 'AF053', format('the table of attachment "%s" is gone', attachment));
    ELSIF operation = 'truncate' THEN
        PERFORM affiliate._open_review('table_truncated', NULL, attachment, jsonb_build_object('attachment', attachment), 'high');
        RETURN '[]';
    END IF;
    BEGIN
        named := affiliate._named_now(attachment, relation, images);
        key_columns := ARRAY(SELECT n FROM affiliate._attached_columns(attachment, relation) AS c, unnest(ARRAY[c.name, c.name_now]) AS n WHERE c.is_key);
        IF operation = 'delete' THEN
            PERFORM affiliate._review_deleted(attachment, relation, named, input_ids, input_keys);
            RETURN '[]';
        END IF;
        IF operation = 'update' AND EXISTS (SELECT FROM unnest(befores) AS b WHERE b ?| key_columns) THEN
            IF cardinality(images) > 1 THEN
                RETURN affiliate._one_by_one(attachment, operation, arrived_at, input_ids, input_keys, images, befores);
            END IF;
            PERFORM affiliate._review_conflict(attachment, relation, named[1], befores[1], 'The key of the row was changed.');
            RETURN affiliate._all_rejected(1, 'key_conflict', 'the key of the row was changed');
        END IF;
        done := affiliate._apply_images(attachment, relation, named, arrived_at);
        PERFORM affiliate._review_conflict(attachment, relation, named[(r ->> 'row')::integer + 1], NULL, r ->> 'message')
        FROM jsonb_array_elements(done) AS r WHERE r ->> 'code' = 'AF011';
        RETURN replace(done::text, '"code": "AF011"', '"code": "key_conflict"');
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS failure_code = RETURNED_SQLSTATE, failure = MESSAGE_TEXT;
        RETURN affiliate._all_rejected(cardinality(images), failure_code, failure);
    END;
END
$$;
COMMENT ON FUNCTION affiliate._take_up(text, text, timestamptz[], bigint[], text[], jsonb[], jsonb[]) IS 'Takes up kept rows of one operation; returns those that could not be.';

CREATE FUNCTION affiliate._one_by_one(attachment text, operation text, arrived_at timestamptz[], input_ids bigint[], input_keys text[], images jsonb[], befores jsonb[])
RETURNS jsonb
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rejected jsonb := '[]';
BEGIN
    FOR i IN 1 .. cardinality(images) LOOP
        rejected := rejected || coalesce((
            SELECT jsonb_agg(r || jsonb_build_object('row', i - 1)) FROM jsonb_array_elements(
                affiliate._take_up(attachment, operation, arrived_at[i:i], input_ids[i:i], input_keys[i:i], images[i:i], befores[i:i])) AS r), '[]');
    END LOOP;
    RETURN rejected;
END
$$;
COMMENT ON FUNCTION affiliate._one_by_one(text, text, timestamptz[], bigint[], text[], jsonb[], jsonb[]) IS 'Takes up kept rows one by one.';

CREATE FUNCTION affiliate._all_rejected(rows integer, code text, message text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT jsonb_agg(jsonb_build_object('row', i, 'code', code, 'message', message)) FROM generate_series(0, rows - 1) AS i);
END
$$;
COMMENT ON FUNCTION affiliate._all_rejected(integer, text, text) IS 'All of some rows as those that could not be taken up.';

-- Kept rows have the names that columns had then. A column that was renamed since is found by its name when attached.
CREATE FUNCTION affiliate._named_now(attachment text, relation oid, images jsonb[]) RETURNS jsonb[]
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known record;
    missing text;
BEGIN
    FOR known IN SELECT c.name, c.name_now FROM affiliate._attached_columns(attachment, relation) AS c WHERE c.name <> c.name_now LOOP
        images := ARRAY(SELECT CASE WHEN i.image ? known.name_now THEN i.image ELSE i.image || jsonb_build_object(known.name_now, i.image -> known.name) END
                        FROM unnest(images) WITH ORDINALITY AS i (image, n) ORDER BY i.n);
    END LOOP;
    SELECT min(c.name) INTO missing FROM affiliate._attached_columns(attachment, relation) AS c
    WHERE c.is_mapped AND EXISTS (SELECT FROM unnest(images) AS i WHERE NOT i ? c.name_now);
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'AF051',
            MESSAGE = format('a row that was kept has no column "%s"', missing),
            HINT = 'It was added, or renamed more than once, since then: write the row again, or repair with affiliate.reconcile().';
    END IF;
    RETURN images;
END
$$;
COMMENT ON FUNCTION affiliate._named_now(text, oid, jsonb[]) IS 'Kept rows under the present names of their columns.';

CREATE FUNCTION affiliate._open_review(of_kind text, of_customer_id text, of_subject_id text, evidence jsonb, severity text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO affiliate.review_case (kind, program_no, customer_id, subject_id, evidence, severity)
    VALUES (of_kind, (SELECT min(p.program_no) FROM affiliate.program AS p WHERE p.program_id = evidence #>> '{stored,program_id}'),
            coalesce(of_customer_id, ''), of_subject_id, evidence, severity)
    ON CONFLICT (kind, customer_id, subject_id) DO NOTHING;
END
$$;
COMMENT ON FUNCTION affiliate._open_review(text, text, text, jsonb, text) IS 'Opens a case for a person to look at, once.';

CREATE FUNCTION affiliate._review_conflict(attachment text, relation oid, image jsonb, before jsonb, problem text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    compared constant jsonb := affiliate._compare_images(attachment, relation, ARRAY[image]) -> 0;
BEGIN
    PERFORM affiliate._open_review('key_conflict', compared #>> '{stored,customer_id}', coalesce(compared ->> 'key', attachment),
        jsonb_strip_nulls(jsonb_build_object('attachment', attachment, 'problem', problem, 'row', image, 'before', before, 'stored', compared -> 'stored')), 'high');
END
$$;
COMMENT ON FUNCTION affiliate._review_conflict(text, oid, jsonb, jsonb, text) IS 'Opens a review for a row that would change what never changes.';

-- A row that comes back under the same key, as one does that moves between partitions, was not deleted.
CREATE FUNCTION affiliate._review_deleted(attachment text, relation oid, images jsonb[], input_ids bigint[], input_keys text[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    gone jsonb[];
BEGIN
    WITH back AS MATERIALIZED (
        SELECT p.input_key, max(p.input_id) AS input_id FROM affiliate.pending_input AS p
        WHERE p.kind = 'attached' AND p.state = 'waiting' AND p.input_key = ANY (input_keys) AND p.payload ->> 'operation' = 'insert' GROUP BY p.input_key
    )
    SELECT coalesce(array_agg(d.image ORDER BY d.input_id), '{}') INTO gone
    FROM unnest(images, input_ids, input_keys) AS d (image, input_id, input_key)
    WHERE NOT EXISTS (SELECT FROM back AS b WHERE b.input_key = d.input_key AND b.input_id > d.input_id);
    PERFORM affiliate._open_review('row_deleted', c.row #>> '{stored,customer_id}', c.row ->> 'key',
        jsonb_build_object('attachment', attachment, 'row', c.row -> 'expected', 'stored', c.row -> 'stored'), 'normal')
    FROM jsonb_array_elements(affiliate._compare_images(attachment, relation, gone)) AS c (row)
    WHERE c.row ->> 'problem' IS DISTINCT FROM 'missing' AND c.row ->> 'problem' IS DISTINCT FROM 'unreadable';
END
$$;
COMMENT ON FUNCTION affiliate._review_deleted(text, oid, jsonb[], bigint[], text[]) IS 'Opens a review for each fact whose row was deleted.';
