-- A firm's schema, attached by what attach_suggest() proposes for it, as it is.
\ir _firm.sql
INSERT INTO affiliate.fx_rate (from_currency, to_currency, valid_from, rate) SELECT c, 'USD', '2020-01-01', 1 FROM unnest('{EUR,GBP,JPY,KWD}'::text[]) AS c;

-- Attaches tables in an order in which a sale comes before its refund, and takes in what they hold.
CREATE FUNCTION pg_temp.take_in(VARIADIC tables text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY tables LOOP
        EXECUTE affiliate.attach_suggest(t);
    END LOOP;
    PERFORM r.problem FROM affiliate.attachment AS a CROSS JOIN LATERAL affiliate.reconcile(a.attachment_id, repair => true) AS r
    WHERE a.table_schema || '.' || a.table_name = ANY (tables);
    WHILE affiliate.drain(1000) > 0 LOOP
    END LOOP;
END
$$;
CREATE FUNCTION pg_temp.rejected(of_schema text) RETURNS TABLE (attachment text, reason text, n bigint) LANGUAGE sql AS $$
    SELECT p.payload ->> 'attachment', p.reason, count(*) FROM affiliate.pending_input AS p
    WHERE p.kind = 'attached' AND p.payload ->> 'attachment' LIKE of_schema || '.%' GROUP BY 1, 2 ORDER BY 1, 2
$$;
