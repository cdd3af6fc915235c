-- How the drain reads clicks: by transaction id, also after a restore into another cluster, and for every id of a customer.
BEGIN;
SELECT plan(19);
\ir _rig.sql
SELECT pg_temp.program('main');
SELECT pg_temp.clock('2025-03-05 12:00+00');
CREATE FUNCTION pg_temp.sale(id text, click text DEFAULT NULL, code text DEFAULT NULL, program text DEFAULT 'main') RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes, click_id)
    VALUES (program, id, id, 'challenge_fee', 'completed', 'USD', 100, '2025-03-05 11:00+00', '2025-03-05 11:00+00', ARRAY[code], click)
$$;
-- A click of a transaction that ended: this test's own is not over. Ids below 100 are the past of any cluster.
CREATE FUNCTION pg_temp.click(id text, customer text, xid xid8 DEFAULT '50', at timestamptz DEFAULT '2025-03-05 10:00+00', program text DEFAULT 'main', visitor text DEFAULT NULL,
    of_cluster bigint DEFAULT (pg_control_system()).system_identifier, recorded timestamptz DEFAULT affiliate._now()) RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.click (program_id, click_id, affiliate_id, clicked_at, customer_id, visitor_id, written_xid, cluster, recorded_at)
    VALUES (program, id, 'bob', at, customer, visitor, xid, of_cluster, recorded)
$$;
CREATE FUNCTION pg_temp.read_to(xid xid8) RETURNS void LANGUAGE sql AS $$
    UPDATE affiliate.drain_progress SET click_xid = xid WHERE name = 'clicks'
$$;
CREATE FUNCTION pg_temp.drained() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    customers text;
BEGIN
    PERFORM affiliate.drain(), affiliate.drain();
    SELECT string_agg(concat_ws(' ', c.customer_id, f.affiliate_id), ', ' ORDER BY c.customer_id) INTO customers
    FROM affiliate.conversion AS c LEFT JOIN affiliate.affiliate AS f USING (affiliate_no) WHERE c.method = 'click';
    RETURN coalesce(customers, 'nobody');
END
$$;

SELECT pg_temp.sale(id) FROM unnest('{a,b,c,d,e}'::text[]) AS id;
SELECT is(pg_temp.drained(), 'nobody', 'no clicks yet');
SELECT ok(click_xid > '100', 'the drain has read up to the oldest running transaction') FROM affiliate.drain_progress WHERE name = 'clicks';
SELECT ok(system_identifier = (SELECT s.system_identifier FROM pg_control_system() AS s), 'of this cluster') FROM affiliate.drain_progress WHERE name = 'clicks';
SELECT pg_temp.click('k-a', 'a');
SELECT is(pg_temp.drained(), 'nobody', 'what is before the watermark was read');
SELECT pg_temp.read_to('50');
SELECT is(pg_temp.drained(), 'a bob', 'what is at or behind it is read');

-- the database of a cluster with more transactions is restored here
SELECT pg_temp.click('k-b', 'b', '9000000000000000001', of_cluster => 41);
SELECT pg_temp.click('k-c', 'c', '60');
SELECT pg_temp.click('k-d', 'd', '8999999999999999999', of_cluster => 41, recorded => '2025-03-01');
SELECT pg_temp.read_to('9000000000000000000');
UPDATE affiliate.drain_progress SET system_identifier = 41 WHERE name = 'clicks';
SELECT is(pg_temp.drained(), 'a bob, b bob, c bob', 'clicks of this cluster are read, and those that were not read in the old one');
SELECT cmp_ok(click_xid, '<', '9000000000000000000'::xid8, 'the watermark is one of this cluster') FROM affiliate.drain_progress WHERE name = 'clicks';
-- or one with fewer
UPDATE affiliate.drain_progress SET system_identifier = 42 WHERE name = 'clicks';
SELECT pg_temp.click('k-e', 'e', '70');
SELECT is(pg_temp.drained(), 'a bob, b bob, c bob, e bob', 'also where the ids of this cluster have passed the watermark');
SELECT ok(system_identifier <> 42, 'once') FROM affiliate.drain_progress WHERE name = 'clicks';

-- changes of the rulebook that waited for transactions of the old cluster
INSERT INTO affiliate.settle_queue (kind, program_no, reason, ready_xid) VALUES ('program', pg_temp.no('main'), 'test', '9000000000000000000');
SELECT affiliate.drain();
SELECT is((SELECT count(*) FROM affiliate.settle_queue WHERE kind = 'program'), 0::bigint, 'a rulebook change waits for transactions of this cluster');

-- a click names an old id of the customer, or a visitor who is known under one
INSERT INTO affiliate.customer_alias (customer_id, canonical_id) VALUES ('f-old', 'f'), ('g-old', 'g');
INSERT INTO affiliate.visitor_customer (visitor_id, customer_id) VALUES ('v', 'g-old');
SELECT pg_temp.sale('f'), pg_temp.sale('g');
SELECT pg_temp.click('k-f', 'f-old', '80'), pg_temp.click('k-g', NULL, '80', visitor => 'v');
SELECT pg_temp.read_to('80');
SELECT matches(pg_temp.drained(), 'f bob, g bob', 'clicks of an alias are the customer''s');

-- two customers name the same click before it comes
SELECT pg_temp.sale('h', 'k-h');
SELECT pg_temp.sale('i', 'k-h');
SELECT results_eq($$SELECT customer_id, subject_id FROM affiliate.waiting WHERE what = 'input' ORDER BY customer_id$$, $$VALUES ('h' COLLATE "C", 'k-h' COLLATE "C"), ('i', 'k-h')$$, 'both wait in plain sight');
SELECT affiliate.resettle('{h,i}');
SELECT is((SELECT count(*) FROM affiliate.pending_input), 2::bigint, 'once each');
SELECT pg_temp.click('k-h', NULL, '85');
SELECT pg_temp.read_to('85');
SELECT matches(pg_temp.drained(), 'h bob, i bob', 'and both are decided when it comes');
SELECT is((SELECT count(*) FROM affiliate.pending_input), 0::bigint, 'nothing waits any more');

-- where a later click moves ownership, it does so without a later order
SELECT pg_temp.program('move');
UPDATE affiliate.program SET later_click = 'move' WHERE program_id = 'move';
SELECT pg_temp.sale('m', NULL, 'ANN', 'move'), pg_temp.sale('n', NULL, 'ANN');
SELECT is(pg_temp.owned('m'), 'ann 03-05..06-03', 'ann owns the customer');
SELECT pg_temp.clock('2025-03-20 12:00+00');
SELECT pg_temp.click('k-m', 'm', '90', '2025-03-20 10:00+00', 'move'), pg_temp.click('k-n', 'n', '90', '2025-03-20 10:00+00');
DELETE FROM affiliate.settle_queue;
SELECT pg_temp.read_to('90');
SELECT affiliate.drain();
SELECT is(pg_temp.owned('m'), 'ann (ended) 03-05..06-03, bob 03-20..06-18', 'the click moves it');
SELECT is(pg_temp.owned('n'), 'ann 03-05..06-03', 'where it keeps nothing happens');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
