-- Two affiliates' purchases of one customer, and short descriptions of events.
\ir ../settle/_rig.sql
SELECT pg_temp.program('main');
UPDATE affiliate.program SET later_coupon = 'move' WHERE program_id = 'main';

CREATE FUNCTION pg_temp.buy(customer text, id text, code text DEFAULT NULL, at timestamptz DEFAULT '2025-03-01', account text DEFAULT NULL,
    type text DEFAULT 'challenge_fee', original text DEFAULT NULL, program text DEFAULT 'main') RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes, account_id, original_transaction_id)
    VALUES (program, customer, id, type, 'completed', 'USD', 100, at, at, string_to_array(code, ','), account, original)
$$;
CREATE FUNCTION pg_temp.happen(id text, type text, customer text DEFAULT '', purchase text DEFAULT NULL, account text DEFAULT NULL,
    at timestamptz DEFAULT '2025-04-01', program text DEFAULT 'main') RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.event (event_id, program_id, customer_id, event_type, occurred_at, transaction_id, account_id)
    VALUES (id, program, customer, type, at, purchase, account)
$$;
-- 'e1 ann coupon 1, e2 waiting nobody unknown_event_type 0': whose each is, how or why not, and how often it counts
CREATE FUNCTION pg_temp.events(wanted text DEFAULT '%') RETURNS text LANGUAGE sql STABLE AS $$
    SELECT string_agg(concat_ws(' ', c.transaction_id, nullif(c.state, 'counted'), coalesce(c.affiliate, 'nobody'), nullif(c.method, 'none'),
        nullif(c.code, 'out_of_scope'), (SELECT coalesce(sum(e.quantity), 0) FROM affiliate.conversion_entry AS e
            WHERE (e.customer_id, e.transaction_id, e.kind) = (c.customer_id, c.transaction_id, c.kind)
              AND e.affiliate_no IS NOT DISTINCT FROM (SELECT a.affiliate_no FROM affiliate.affiliate AS a WHERE a.affiliate_id = c.affiliate))), ', ' ORDER BY c.transaction_id)
    FROM affiliate.conversions AS c WHERE c.kind = 'event' AND c.transaction_id LIKE wanted
$$;
