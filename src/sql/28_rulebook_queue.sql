-- What a change of the rulebook concerns (W10): queue rows of kind program, expanded into customers in batches.
-- scope null: all of the program; {"coupon": ["X"], ...}: whoever named one of these; its key "after" is how far the
-- customers, in the order of their ids, have been looked through.

CREATE FUNCTION affiliate._rulebook_scope(operation text, table_name text, rulebook_row jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- a new name concerns who named it before; what changes or goes has decided already
    RETURN CASE WHEN operation = 'INSERT' THEN
        CASE table_name
        WHEN 'affiliate' THEN jsonb_build_object('affiliate', jsonb_build_array(rulebook_row -> 'affiliate_id'))
        WHEN 'affiliate_alias' THEN jsonb_build_object('affiliate', jsonb_build_array(rulebook_row -> 'external_id'))
        WHEN 'link' THEN jsonb_build_object('link', jsonb_build_array(rulebook_row -> 'link_id'))
        WHEN 'campaign' THEN jsonb_build_object('campaign', jsonb_build_array(rulebook_row -> 'campaign_id'))
        WHEN 'event_type' THEN jsonb_build_object('event_type', jsonb_build_array(rulebook_row -> 'event_type'))
        WHEN 'coupon' THEN jsonb_build_object('coupon', jsonb_build_array(rulebook_row -> 'code_normalised'))
        WHEN 'fx_rate' THEN jsonb_build_object('fx_rate', jsonb_build_array(rulebook_row - '{rate,source}'::text[]))
        END END;
END
$$;
COMMENT ON FUNCTION affiliate._rulebook_scope(text, text, jsonb) IS 'Whom in a program a change of this row can concern: who named this, or null = everybody.';

CREATE FUNCTION affiliate._who_named(customers text[], in_program_no integer, scope jsonb) RETURNS text[]
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    affiliates text[] := ARRAY(SELECT jsonb_array_elements_text(scope -> 'affiliate'));
    links text[] := ARRAY(SELECT jsonb_array_elements_text(scope -> 'link'));
    campaigns text[] := ARRAY(SELECT jsonb_array_elements_text(scope -> 'campaign'));
    coupons text[] := ARRAY(SELECT jsonb_array_elements_text(scope -> 'coupon'));
    event_types text[] := ARRAY(SELECT jsonb_array_elements_text(scope -> 'event_type'));
BEGIN
    RETURN ARRAY(
        WITH known AS MATERIALIZED (
            SELECT k.id COLLATE "C" AS customer_id, k.id COLLATE "C" AS id FROM unnest(customers) AS k (id)
            UNION ALL
            SELECT a.canonical_id, a.customer_id FROM affiliate.customer_alias AS a WHERE a.canonical_id = ANY (customers)
        ), said AS MATERIALIZED (
            SELECT k.customer_id, t.coupon_codes, t.affiliate_id, t.campaign_id, t.click_id
            FROM known AS k JOIN affiliate.transaction AS t ON t.customer_id = k.id
            UNION ALL
            SELECT k.customer_id, t.coupon_codes, t.affiliate_id, t.campaign_id, t.click_id
            FROM known AS k JOIN affiliate.transaction_report AS t ON t.customer_id = k.id
            UNION ALL
            SELECT k.customer_id, c.coupon_codes, c.affiliate_id, c.campaign_id, c.click_id
            FROM known AS k JOIN affiliate.customer AS c ON c.customer_id = k.id
            UNION ALL
            SELECT k.customer_id, c.coupon_codes, c.affiliate_id, c.campaign_id, c.click_id
            FROM known AS k JOIN affiliate.customer_report AS c ON c.customer_id = k.id
        ), clicked AS (
            SELECT k.customer_id, c.link_id, c.affiliate_id, c.campaign_id
            FROM known AS k JOIN affiliate.click AS c ON c.customer_id = k.id
            UNION ALL
            SELECT k.customer_id, c.link_id, c.affiliate_id, c.campaign_id
            FROM known AS k JOIN affiliate.visitor_customer AS v ON v.customer_id = k.id JOIN affiliate.click AS c ON c.visitor_id = v.visitor_id
            UNION ALL
            SELECT s.customer_id, c.link_id, c.affiliate_id, c.campaign_id
            FROM said AS s JOIN affiliate.click AS c ON c.click_id = s.click_id
        )
        SELECT s.customer_id FROM said AS s
        WHERE s.affiliate_id = ANY (affiliates) OR s.campaign_id = ANY (campaigns)
           OR EXISTS (SELECT FROM unnest(s.coupon_codes) AS code WHERE upper(btrim(code) COLLATE "C") = ANY (coupons))
        UNION
        SELECT c.customer_id FROM clicked AS c
        WHERE c.link_id = ANY (links) OR c.affiliate_id = ANY (affiliates) OR c.campaign_id = ANY (campaigns)
        UNION
        SELECT c.customer_id
        FROM jsonb_to_recordset(scope -> 'fx_rate') AS r (from_currency text, to_currency text, valid_from timestamptz)
        JOIN affiliate.program AS p ON p.program_no = in_program_no AND p.currency IN (r.from_currency, r.to_currency)
        JOIN affiliate.conversion AS c ON c.program_no = p.program_no AND c.currency IN (r.from_currency, r.to_currency)
        WHERE c.customer_id = ANY (customers) AND c.stated_at IS NULL
          AND c.currency <> p.currency AND coalesce(c.occurred_at >= r.valid_from, true)
        UNION
        SELECT c.customer_id FROM affiliate.conversion AS c JOIN affiliate.event AS e ON e.event_id = c.transaction_id
        WHERE c.kind = 'event' AND c.customer_id = ANY (customers) AND e.event_type = ANY (event_types));
END
$$;
COMMENT ON FUNCTION affiliate._who_named(text[], integer, jsonb) IS 'Which of these customers named, in facts that are stored, what a change of the rulebook is about.';

CREATE FUNCTION affiliate._gather_changes(change_id bigint, in_program_no integer, INOUT scope jsonb, at timestamptz, oldest xid8)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    WITH other AS (
        DELETE FROM affiliate.settle_queue AS q
        WHERE q.queue_id IN (SELECT o.queue_id FROM affiliate.settle_queue AS o
                             WHERE o.kind = 'program' AND o.program_no = in_program_no AND o.queue_id <> change_id
                               AND o.due_at <= at AND o.ready_xid <= oldest AND NOT coalesce(o.scope ? 'after', false)
                             LIMIT 10000 FOR UPDATE SKIP LOCKED)
        RETURNING q.scope
    ), part AS (
        SELECT _gather_changes.scope AS scope UNION ALL SELECT o.scope FROM other AS o
    )
    SELECT CASE WHEN bool_or(p.scope IS NULL) THEN '{}' ELSE (
        SELECT jsonb_object_agg(k.key, k.names)
        FROM (SELECT e.key, jsonb_agg(DISTINCT n.name) AS names
              FROM part AS s, jsonb_each(s.scope) AS e, jsonb_array_elements(e.value) AS n (name) GROUP BY e.key) AS k) END
    INTO scope FROM part AS p;
END
$$;
COMMENT ON FUNCTION affiliate._gather_changes(bigint, integer, jsonb, timestamptz, xid8) IS 'The scope of a change and of all that can be looked through together with it; the others leave the queue.';

-- Looks through so many conversions, and enqueues no more customers than a batch has room for, so that rulebook work
-- never piles up before sales. Returns the number of steps done.
CREATE FUNCTION affiliate._expand_rulebook(at timestamptz, oldest xid8, batch integer) RETURNS bigint
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    change record;
    room integer;
    to_examine integer := 10 * batch;
    limited integer;
    seen integer;
    last_seen text;
    customers text[];
    steps bigint := 0;
BEGIN
    IF NOT EXISTS (SELECT FROM affiliate.settle_queue AS q WHERE q.kind = 'program' AND q.due_at <= at AND q.ready_xid <= oldest) THEN
        RETURN 0; -- as in most batches
    END IF;
    -- in the order of the index, which is left where the batch is full
    room := batch - (SELECT count(*) FROM (SELECT FROM affiliate.settle_queue AS q WHERE q.kind = 'customer' AND q.due_at <= at
                                           ORDER BY q.kind, q.due_at, q.queue_id LIMIT batch) AS k);
    WHILE room > 0 AND to_examine > 0 LOOP
        SELECT q.queue_id, q.program_no, q.scope, q.scope ->> 'after' AS after INTO change
        FROM affiliate.settle_queue AS q
        WHERE q.kind = 'program' AND q.due_at <= at AND q.ready_xid <= oldest
        ORDER BY coalesce(q.scope ? 'after', false) DESC, q.queue_id LIMIT 1 FOR UPDATE SKIP LOCKED;
        EXIT WHEN NOT FOUND;
        IF change.after IS NULL THEN
            change.scope := affiliate._gather_changes(change.queue_id, change.program_no, change.scope, at, oldest);
            change.after := '';
        END IF;

        SELECT max(k.customer_id), count(*) INTO last_seen, seen
        FROM (SELECT c.customer_id FROM affiliate.conversion AS c WHERE c.customer_id > change.after
              ORDER BY c.customer_id LIMIT to_examine) AS k;
        limited := CASE WHEN change.scope - 'after' = '{}' THEN room ELSE to_examine END;
        customers := ARRAY(
            SELECT DISTINCT c.customer_id FROM affiliate.conversion AS c
            WHERE c.customer_id > change.after AND c.customer_id <= last_seen AND c.program_no = change.program_no AND c.stated_at IS NULL
            ORDER BY c.customer_id LIMIT limited);
        IF cardinality(customers) = limited THEN
            last_seen := customers[limited];
        ELSIF seen < to_examine THEN
            last_seen := NULL; -- that was the end
        END IF;
        IF last_seen IS NULL THEN
            DELETE FROM affiliate.settle_queue AS q WHERE q.queue_id = change.queue_id;
        ELSE
            UPDATE affiliate.settle_queue AS q SET scope = change.scope || jsonb_build_object('after', last_seen)
            WHERE q.queue_id = change.queue_id;
        END IF;

        IF change.scope - 'after' <> '{}' THEN
            customers := affiliate._who_named(customers, change.program_no, change.scope);
        END IF;
        INSERT INTO affiliate.settle_queue (kind, program_no, customer_id, reason, due_at)
        SELECT 'customer', change.program_no, c, 'rulebook', at FROM unnest(customers) AS c;
        room := room - cardinality(customers);
        to_examine := to_examine - seen;
        steps := steps + 1;
    END LOOP;
    RETURN steps;
END
$$;
COMMENT ON FUNCTION affiliate._expand_rulebook(timestamptz, xid8, integer) IS 'Enqueues customers whom changes of the rulebook concern, as many as the drain''s batch has room for; returns the number of steps.';
