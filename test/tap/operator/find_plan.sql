-- find_conversion() by transaction, customer and stored click reads by index; by order, coupon or date it reads the tables.
BEGIN;
SELECT plan(12);
\ir ../settle/_rig.sql
SELECT pg_temp.program('main');
INSERT INTO affiliate.click (click_id, program_id, affiliate_id, clicked_at, customer_id, visitor_id)
VALUES ('k1', 'main', 'ann', '2025-06-04', 'c1', NULL), ('k2', 'main', 'ann', '2025-06-04', NULL, 'v2');
INSERT INTO affiliate.visitor_customer (visitor_id, customer_id) VALUES ('v2', 'c2');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, order_id, transaction_type, status, currency, amount, ordered_at, completed_at, click_id, coupon_codes)
VALUES ('main', 'c1', 't1', 'o-1', 'challenge_fee', 'completed', 'USD', 100, '2025-06-05', '2025-06-05', 'k1', NULL),
       ('main', 'c2', 't2', 'o-2', 'challenge_fee', 'completed', 'USD', 100, '2025-06-05', '2025-06-05', NULL, NULL),
       ('main', 'c3', 't3', 'o-3', 'challenge_fee', 'completed', 'USD', 100, '2025-06-06', '2025-06-06', 'k-unknown', '{ANN}');
INSERT INTO affiliate.customer_alias (customer_id, canonical_id) VALUES ('c1-login', 'c1');
SELECT pg_temp.drain();
-- 'o-1; read 0 tables'
CREATE FUNCTION pg_temp.read() RETURNS bigint LANGUAGE sql AS $$
    SELECT sum(seq_scan)::bigint FROM pg_stat_xact_user_tables WHERE relid IN ('affiliate.transaction'::regclass, 'affiliate.conversion'::regclass)
$$;
CREATE FUNCTION pg_temp.find(clue text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    before bigint := pg_temp.read();
    found text := (SELECT string_agg(order_id || ' ' || status, ', ' ORDER BY order_id) FROM affiliate.find_conversion('ann', clue));
BEGIN
    RETURN format('%s; %s', coalesce(found, 'none'), CASE WHEN pg_temp.read() > before THEN 'read' ELSE 'by index' END);
END
$$;
SET LOCAL enable_seqscan = off; -- as for tables that are not as small as these
SET LOCAL plan_cache_mode = force_custom_plan;
SELECT is(pg_temp.find('t1'), 'o-1 credited to you; by index', 'a transaction');
SELECT is(pg_temp.find('c1'), 'o-1 credited to you; by index', 'a customer');
SELECT is(pg_temp.find('c1-login'), 'o-1 credited to you; by index', 'another id of a customer');
SELECT is(pg_temp.find('k1'), 'o-1 credited to you; by index', 'a click with its customer');
SELECT is(pg_temp.find('k2'), 'o-2 credited to you; by index', 'a click with its visitor');
SELECT is(pg_temp.find('o-1'), 'o-1 credited to you; read', 'an order id');
SELECT is(pg_temp.find('k-unknown'), 'o-3 credited to you; read', 'a click that is not stored');
SELECT is(pg_temp.find('ann'), 'o-3 credited to you; read', 'a coupon');
SELECT is(pg_temp.find('2025-06-05'), 'o-1 credited to you, o-2 credited to you; read', 'a date');
SELECT is(pg_temp.find('nothing'), 'none; read', 'nothing');

-- where the firm made an index for order ids, it is used
CREATE INDEX own_order_idx ON affiliate.transaction (order_id);
SELECT is(pg_temp.find('o-2'), 'o-2 credited to you; by index', 'nothing else is read then');
SELECT is(affiliate._find_by_key('c3')::text, '(c3,t3,f)', 'what is found by a key');

SELECT * FROM finish();
ROLLBACK;
