-- What is in an attached table already: backfill(), preview(), reconcile(); and replay() of what was kept.

CREATE FUNCTION affiliate._load_rows(attachment text, relation oid, query text) RETURNS jsonb
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'affiliate_load_rows';
COMMENT ON FUNCTION affiliate._load_rows(text, oid, text) IS 'Makes facts of the rows that a query of the caller finds, and keeps those that cannot become one; how many there were of each.';

CREATE FUNCTION affiliate._compare_rows(attachment text, relation oid, query text) RETURNS jsonb
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'affiliate_compare_rows';
COMMENT ON FUNCTION affiliate._compare_rows(text, oid, text) IS 'Which rows that a query of the caller finds are not what the facts say.';

CREATE FUNCTION affiliate._gone_keys(attachment text, relation oid, query text) RETURNS text[]
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'affiliate_gone_keys';
COMMENT ON FUNCTION affiliate._gone_keys(text, oid, text) IS 'Keys of facts of an attachment of which a query of the caller finds no row.';

CREATE FUNCTION affiliate._preview_rows(attachment text, relation oid, query text) RETURNS jsonb
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'affiliate_preview_rows';
COMMENT ON FUNCTION affiliate._preview_rows(text, oid, text) IS 'What would become of the rows that a query of the caller finds; nothing of it stays.';

CREATE FUNCTION affiliate._attached_changed(relation oid, waits boolean) RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'affiliate_attached_changed';
COMMENT ON FUNCTION affiliate._attached_changed(oid, boolean) IS 'Lets all sessions read anew what is attached to a table; with waits, waits for those that are writing to it.';

-- The tables with rows of an attachment: a partitioned table has none of its own.
CREATE FUNCTION affiliate._attached_files(attachment text) RETURNS TABLE (relation oid, file oid, blocks bigint, place bigint)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    SELECT c.oid, c.relfilenode, pg_relation_size(c.oid) / current_setting('block_size')::bigint, row_number() OVER (ORDER BY c.oid)
    FROM affiliate._attached_relations(attachment) AS r (relation) JOIN pg_class AS c ON c.oid = r.relation WHERE c.relkind = 'r'
    ORDER BY c.oid;
END
$$;
COMMENT ON FUNCTION affiliate._attached_files(text) IS 'The tables with rows of an attachment, in a fixed order, and their sizes.';

CREATE FUNCTION affiliate._blocks_query(relation oid, from_block bigint, to_block bigint) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN format('SELECT t FROM ONLY %s AS t WHERE t.ctid >= ''(%s,0)'' AND t.ctid < ''(%s,0)''', relation::regclass, from_block, to_block);
END
$$;
COMMENT ON FUNCTION affiliate._blocks_query(oid, bigint, bigint) IS 'The query for the rows of some blocks of a table.';

-- As many blocks as have about so many rows.
CREATE FUNCTION affiliate._blocks_of(relation oid, batch integer) RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT greatest(1, ceil(batch / CASE WHEN c.reltuples > 0 AND c.relpages > 0 THEN c.reltuples / c.relpages ELSE 100 END))::bigint
            FROM pg_class AS c WHERE c.oid = relation);
END
$$;
COMMENT ON FUNCTION affiliate._blocks_of(oid, integer) IS 'As many blocks of a table as have about so many rows.';

--| Makes facts of the rows that are in an attached table already, in batches that are committed on their own, some seconds each: the
--| more rows in each, the less often a customer is settled; the fewer, the shorter its locks are held. Interrupted and
--| called again it goes on where it was; called again after its end it begins anew, which changes nothing that is a fact
--| already. `affiliate.backfill_progress` shows how far it is. A row that cannot become a fact is kept in
--| `affiliate.pending_input`. Call it outside of a transaction: `CALL affiliate.backfill('public.payments:transaction')`. Begin with
--| clicks and customers, then sales, then refunds and disputes.
--|
--| Errors: `AF053` there is no such attachment, or its table is gone; `AF033` a batch that is no number of rows; `42501` no right to read the table; `55P03`
--| somebody has locked a table of ours, or many facts, for more than a second: batches that were done stay, call it again.
-- A procedure that commits may not set search_path: every name is qualified.
CREATE PROCEDURE affiliate.backfill(attachment text, batch integer DEFAULT 50000)
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM affiliate._require_attachment(attachment);
    PERFORM affiliate._require_attached_relation(attachment);
    IF batch IS NULL OR batch OPERATOR(pg_catalog.<) 1 THEN
        PERFORM affiliate._refuse_argument('batch', batch::text, 'about how many rows to read in one transaction, for example 50000');
    END IF;
    PERFORM affiliate._backfill_begin(attachment);
    COMMIT;
    PERFORM affiliate._attached_changed(r.relation, true) FROM affiliate._attached_relations(attachment) AS r (relation);
    LOOP
        COMMIT;
        EXIT WHEN NOT affiliate._backfill_step(attachment, batch);
    END LOOP;
END
$$;
COMMENT ON PROCEDURE affiliate.backfill(text, integer) IS 'Makes facts of the rows that are in an attached table already, in batches committed on their own.';

-- While a backfill is on its way each UPDATE of a row is news: it may have moved the row to where has been read already.
CREATE FUNCTION affiliate._backfill_begin(attachment text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE affiliate.attachment AS a
    SET backfill = jsonb_build_object('state', 'running', 'rows', 0, 'written', 0, 'rejected', 0, 'started_at', clock_timestamp())
    WHERE a.attachment_id = attachment AND a.backfill ->> 'state' IS DISTINCT FROM 'running';
    PERFORM affiliate._attached_changed(r.relation, false) FROM affiliate._attached_relations(attachment) AS r (relation);
END
$$;
COMMENT ON FUNCTION affiliate._backfill_begin(text) IS 'Part of backfill(): writes down that it is on its way.';

-- False at the end. What a row security policy hides from the caller is an error, not the end.
CREATE FUNCTION affiliate._backfill_step(attachment text, batch integer) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
    progress jsonb;
    here record;
    from_block bigint;
    to_block bigint;
    loaded jsonb;
BEGIN
    -- a second run of the same backfill waits, and goes on behind the first
    SELECT a.backfill INTO progress FROM affiliate.attachment AS a WHERE a.attachment_id = attachment FOR UPDATE;
    IF progress ->> 'state' IS DISTINCT FROM 'running' THEN
        RETURN false;
    END IF;
    SELECT * INTO here FROM affiliate._attached_files(attachment) AS f
    WHERE f.relation = (progress ->> 'relation')::oid AND (progress ->> 'block')::bigint < (progress ->> 'blocks')::bigint
       OR f.relation > coalesce((progress ->> 'relation')::oid, 0)
    ORDER BY f.relation LIMIT 1;
    IF NOT FOUND THEN
        UPDATE affiliate.attachment AS a SET backfill = progress || jsonb_build_object('state', 'done', 'updated_at', clock_timestamp())
        WHERE a.attachment_id = attachment;
        PERFORM affiliate._attached_changed(r.relation, false) FROM affiliate._attached_relations(attachment) AS r (relation);
        IF (progress ->> 'rejected')::bigint > 0 THEN
            RAISE WARNING USING MESSAGE = format('%s of %s rows could not become facts', progress ->> 'rejected', progress ->> 'rows'),
                HINT = 'affiliate.pending_input has them, with the reason of each; after a fix, affiliate.replay().';
        END IF;
        RETURN false;
    END IF;
    -- a table that was rewritten has its rows in other places
    from_block := CASE WHEN (here.relation, here.file) = ((progress ->> 'relation')::oid, (progress ->> 'file')::oid) THEN (progress ->> 'block')::bigint ELSE 0 END;
    to_block := from_block + affiliate._blocks_of(here.relation, batch);
    loaded := affiliate._load_rows(attachment, here.relation, affiliate._blocks_query(here.relation, from_block, to_block));
    UPDATE affiliate.attachment AS a
    SET backfill = progress || jsonb_build_object('relation', here.relation::bigint, 'file', here.file::bigint, 'block', to_block,
            -- what is written behind the end of now comes by the triggers
            'blocks', CASE WHEN from_block = 0 THEN here.blocks ELSE (progress ->> 'blocks')::bigint END,
            'rows', (progress ->> 'rows')::bigint + (loaded ->> 'rows')::bigint, 'written', (progress ->> 'written')::bigint + (loaded ->> 'written')::bigint,
            'rejected', (progress ->> 'rejected')::bigint + (loaded ->> 'rejected')::bigint, 'updated_at', clock_timestamp())
    WHERE a.attachment_id = attachment;
    RETURN true;
END
$$;
COMMENT ON FUNCTION affiliate._backfill_step(text, integer) IS 'Part of backfill(): one batch of it; false where there is none left.';

--| What would become of the first rows of an attached table: the row, the fact, and why it would become none or what to look
--| at. Nothing is changed. To look before anything is attached: `BEGIN; SELECT affiliate.attach(..); SELECT * FROM affiliate.preview(..); ROLLBACK`.
--|
--| Errors: `AF053` there is no such attachment, or its table is gone; `AF033` a limit that is no number of rows; `42501` no right to read the table.
CREATE FUNCTION affiliate.preview(attachment text, row_limit integer DEFAULT 20, OUT source_row jsonb, OUT fact jsonb, OUT problem text, OUT warning text)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
    relation oid;
BEGIN
    PERFORM affiliate._require_tables();
    PERFORM affiliate._require_attachment(preview.attachment);
    IF row_limit IS NULL OR row_limit < 1 THEN
        PERFORM affiliate._refuse_argument('row_limit', row_limit::text, 'how many rows to look at, for example 20');
    END IF;
    PERFORM affiliate._require_attached_relation(preview.attachment);
    SELECT f.relation INTO relation FROM affiliate._attached_files(preview.attachment) AS f ORDER BY f.blocks DESC, f.relation LIMIT 1;
    RETURN QUERY
    SELECT p.value -> 'row', p.value #> '{facts,0,expected}',
           CASE WHEN p.value ->> 'problem' IS NOT NULL THEN p.value ->> 'problem'
                WHEN jsonb_array_length(p.value -> 'facts') = 0 THEN 'left out by the filter' END,
           CASE WHEN p.value #>> '{facts,0,expected,customer_id}' LIKE '%_@_%'
                THEN 'customer_id looks like an e-mail address: people change theirs, and it is personal data; map an id that stays' END
    FROM jsonb_array_elements(affiliate._preview_rows(preview.attachment, relation, format('SELECT t FROM ONLY %s AS t LIMIT %s', relation::regclass, row_limit))) AS p;
END
$$;
COMMENT ON FUNCTION affiliate.preview(text, integer) IS 'What would become of the first rows of an attached table, and why some would not become facts.';

--| Compares an attached table with the facts: one row for each difference. `missing`: a row that is no fact; `different`: fields
--| that are not what the row says; `unreadable`: a row that the mapping cannot read; `gone`: a fact of this table whose row is not there, or is left out by the filter now.
--| With `repair` missing and different ones are written from the rows as they are now, and triggers that are missing (those of new
--| partitions) are made; what is gone stays a fact.
--|
--| Errors: `AF053` there is no such attachment, or its table is gone; `42501` no right to read the table; `55P03`
--| somebody has locked a table of ours, or many facts, for more than a second: nothing is changed, call it again.
CREATE FUNCTION affiliate.reconcile(attachment text, repair boolean DEFAULT false, OUT problem text, OUT fact_key text, OUT expected jsonb, OUT stored jsonb, OUT detail text)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
    file record;
    blocks bigint;
    from_block bigint;
    query text;
    differences jsonb;
    waiting bigint[];
BEGIN
    PERFORM affiliate._require_tables();
    PERFORM affiliate._require_attachment(reconcile.attachment);
    PERFORM affiliate._require_attached_relation(reconcile.attachment);
    IF repair THEN
        waiting := affiliate._take_up_kept(reconcile.attachment); -- what came before what is read below
        PERFORM affiliate._make_attached_triggers(reconcile.attachment, r.relation) FROM affiliate._attached_relations(reconcile.attachment) AS r (relation);
    END IF;
    FOR file IN SELECT * FROM affiliate._attached_files(reconcile.attachment) LOOP
        blocks := affiliate._blocks_of(file.relation, 5000);
        from_block := 0;
        WHILE from_block < file.blocks LOOP
            query := affiliate._blocks_query(file.relation, from_block, from_block + blocks);
            differences := affiliate._compare_rows(reconcile.attachment, file.relation, query);
            RETURN QUERY
            SELECT d.value ->> 'problem', d.value ->> 'key', d.value -> 'expected', nullif(d.value -> 'stored', 'null'), d.value ->> 'detail'
            FROM jsonb_array_elements(differences) AS d;
            IF repair AND EXISTS (SELECT FROM jsonb_array_elements(differences) AS d WHERE d.value ->> 'problem' IN ('missing', 'different')) THEN
                PERFORM affiliate._load_rows(reconcile.attachment, file.relation, query);
            END IF;
            from_block := from_block + blocks;
        END LOOP;
    END LOOP;
    PERFORM affiliate._drop_superseded(waiting);
    RETURN QUERY SELECT g.problem, g.fact_key, NULL::jsonb, NULL::jsonb, g.detail FROM affiliate._facts_gone(reconcile.attachment) AS g;
END
$$;
COMMENT ON FUNCTION affiliate.reconcile(text, boolean) IS 'Where an attached table and the facts differ; with repair the facts are brought to what the rows say.';

-- The rows are read with the rights of the caller, the mapping is evaluated with those of affiliate_mapping.
CREATE FUNCTION affiliate._facts_gone(attachment text, OUT problem text, OUT fact_key text, OUT detail text)
RETURNS SETOF record
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
    relation constant oid := affiliate._attached_relation(attachment);
BEGIN
    IF EXISTS (SELECT FROM affiliate.attachment AS a JOIN affiliate._attachment_kinds() AS k USING (kind)
               WHERE a.attachment_id = attachment AND NOT a.fields ? 'source' AND a.kind <> 'event' -- a row goes on to other events
                 AND EXISTS (SELECT FROM affiliate._fact_fields(k.fact) AS f WHERE f.field = 'source')) THEN
        RETURN QUERY SELECT 'gone', g.key, 'The row is deleted, or left out by the filter.'
        FROM unnest(affiliate._gone_keys(attachment, relation, format('SELECT t FROM %s AS t', relation::regclass))) AS g (key);
    END IF;
EXCEPTION WHEN data_exception OR undefined_function OR insufficient_privilege THEN
    RETURN QUERY SELECT 'unreadable', NULL::text, format('Facts without a row could not be looked for: %s', SQLERRM);
END
$$;
COMMENT ON FUNCTION affiliate._facts_gone(text) IS 'Part of reconcile(): facts of an attached table whose row is not there.';

-- Where a state was lost, what was kept before it must not come after the row as it is now. Those that cannot be taken up yet, by
-- number: whatever becomes of them, the rows that are read from here on are newer.
CREATE FUNCTION affiliate._take_up_kept(attachment text) RETURNS bigint[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('affiliate.attached', 0)); -- not beside the drain
    WHILE affiliate._drain_attached(1000) > 0 LOOP
    END LOOP;
    RETURN ARRAY(SELECT p.input_id FROM affiliate.pending_input AS p WHERE p.kind = 'attached' AND p.state = 'waiting' AND p.payload ->> 'attachment' = attachment);
END
$$;
REVOKE ALL ON FUNCTION affiliate._take_up_kept(text) FROM PUBLIC;
COMMENT ON FUNCTION affiliate._take_up_kept(text) IS 'Part of reconcile(): takes up what is kept; returns which rows of an attachment wait on.';

CREATE FUNCTION affiliate._drop_superseded(waiting bigint[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM affiliate.pending_input AS p
    WHERE p.input_id = ANY (waiting) AND p.state = 'waiting' AND affiliate._is_superseded(p.payload, p.recorded_at);
END
$$;
REVOKE ALL ON FUNCTION affiliate._drop_superseded(bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION affiliate._drop_superseded(bigint[]) IS 'Part of reconcile(): drops kept rows of which a later state is a fact by now.';

--| Takes up kept rows again that could not become facts, of one attachment or of all: after a mapping, a word of the rulebook or
--| a right was corrected. Those that would be tried again later are tried at once. A row of which a later state is a fact by now
--| is dropped. Returns how many are no longer kept.
--|
--| Errors: `AF053` there is no such attachment; `55P03` somebody has locked a table of ours for more than a second: call it again.
CREATE FUNCTION affiliate.replay(attachment text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kept record;
    before bigint;
BEGIN
    PERFORM affiliate._require_tables();
    IF attachment IS NOT NULL THEN
        PERFORM affiliate._require_attachment(replay.attachment);
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('affiliate.attached', 0)); -- not beside the drain
    SELECT count(*) INTO before FROM affiliate.pending_input AS p WHERE p.kind = 'attached';
    FOR kept IN
        SELECT p.input_id, p.recorded_at, p.payload FROM affiliate.pending_input AS p
        WHERE p.kind = 'attached' AND (p.state = 'rejected' OR p.due_at > affiliate._now()) AND p.payload ->> 'attachment' = coalesce(replay.attachment, p.payload ->> 'attachment')
        ORDER BY p.input_id
    LOOP
        IF affiliate._is_superseded(kept.payload, kept.recorded_at) THEN
            DELETE FROM affiliate.pending_input AS p WHERE p.input_id = kept.input_id;
        ELSE
            UPDATE affiliate.pending_input AS p SET state = 'waiting', attempts = 0, due_at = '-infinity' WHERE p.input_id = kept.input_id;
        END IF;
    END LOOP;
    WHILE affiliate._drain_attached(1000) > 0 LOOP
    END LOOP;
    PERFORM affiliate._audit('replay', replay.attachment, '{}');
    RETURN before - (SELECT count(*) FROM affiliate.pending_input AS p WHERE p.kind = 'attached');
END
$$;
REVOKE ALL ON FUNCTION affiliate.replay(text) FROM PUBLIC;
COMMENT ON FUNCTION affiliate.replay(text) IS 'Takes up kept rows again that could not become facts; returns how many are no longer kept.';

CREATE FUNCTION affiliate._is_superseded(payload jsonb, kept_at timestamptz) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    relation constant oid := affiliate._attached_relation(payload ->> 'attachment');
    compared jsonb;
BEGIN
    IF relation IS NULL OR NOT payload ? 'after' THEN
        RETURN false;
    END IF;
    compared := affiliate._compare_images(payload ->> 'attachment', relation, affiliate._named_now(payload ->> 'attachment', relation, ARRAY[payload -> 'after']));
    RETURN coalesce((compared #>> '{0,recorded_at}')::timestamptz > kept_at, false);
EXCEPTION WHEN SQLSTATE 'AF051' THEN
    RETURN false;
END
$$;
COMMENT ON FUNCTION affiliate._is_superseded(jsonb, timestamptz) IS 'Whether a later state of a kept row is a fact already.';

--| Drops a kept row that shall never become a fact: a test, a mistake that was corrected in another way, a conflict that was settled. Only
--| rejected rows can be dropped; the reason and the row are in `affiliate.audit_log`. Of many:
--| `SELECT affiliate.discard(input_id, 'tests of May') FROM affiliate.pending_input WHERE kind = 'attached' AND ..`.
--|
--| Errors: `AF033` there is no such rejected row, or no reason.
CREATE FUNCTION affiliate.discard(input_id bigint, reason text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    dropped jsonb;
BEGIN
    PERFORM affiliate._require_tables();
    IF coalesce(btrim(reason), '') = '' THEN
        PERFORM affiliate._refuse_argument('reason', reason, 'why it shall never become a fact');
    END IF;
    DELETE FROM affiliate.pending_input AS p WHERE p.input_id = discard.input_id AND p.kind = 'attached' AND p.state = 'rejected'
    RETURNING p.payload || jsonb_build_object('rejected', p.reason) INTO dropped;
    IF dropped IS NULL THEN
        PERFORM affiliate._refuse_argument('input_id', input_id::text, 'the input_id of a rejected row of an attached table; see affiliate.pending_input');
    END IF;
    PERFORM affiliate._audit('discard', input_id::text, dropped || jsonb_build_object('reason', reason));
END
$$;
REVOKE ALL ON FUNCTION affiliate.discard(bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION affiliate.discard(bigint, text) IS 'Drops a kept row that shall never become a fact; audited.';
