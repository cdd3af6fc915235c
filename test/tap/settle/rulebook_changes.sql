-- Whom a change of the rulebook concerns (W10): who named what is new, or everybody of the program; in batches, after sales.
BEGIN;
SELECT plan(32);
\ir _rig.sql
SELECT pg_temp.program('main');
CREATE FUNCTION pg_temp.sale(id text, code text DEFAULT NULL, declared text DEFAULT NULL, click text DEFAULT NULL, in_currency text DEFAULT 'USD', program text DEFAULT 'main', at timestamptz DEFAULT '2025-03-01') RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes, affiliate_id, click_id)
    VALUES (program, id, id, 'challenge_fee', 'completed', in_currency, 100, at, at, ARRAY[code], declared, click)
$$;
-- Whom the changes concern, in one step after another of a drain with this batch.
CREATE FUNCTION pg_temp.concerned(batch integer DEFAULT 1000) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text := '';
    names text;
BEGIN
    UPDATE affiliate.settle_queue SET ready_xid = '3' WHERE kind = 'program';
    WHILE affiliate._expand_rulebook(affiliate._now(), '4', batch) > 0 LOOP
        WITH gone AS (DELETE FROM affiliate.settle_queue WHERE kind = 'customer' AND reason = 'rulebook' RETURNING customer_id)
        SELECT string_agg(customer_id, ' ' ORDER BY customer_id) INTO names FROM gone;
        found := concat_ws(', ', nullif(found, ''), names);
        EXIT WHEN length(found) > 1000;
    END LOOP;
    RETURN coalesce(nullif(found, ''), 'nobody');
END
$$;
INSERT INTO affiliate.fx_rate (from_currency, to_currency, valid_from, rate) VALUES ('EUR', 'USD', '2025-01-01', 1.1);
INSERT INTO affiliate.click (click_id, link_id, affiliate_id, campaign_id, clicked_at, visitor_id, customer_id) VALUES
    ('k1', 'l1', NULL, NULL, '2025-02-28 12:00', 'v1', NULL), ('k2', 'l2', NULL, NULL, '2025-02-28 12:00', NULL, NULL), ('k3', 'l3', NULL, NULL, '2025-02-28 12:00', NULL, 'c3'),
    ('k4', NULL, 'newcomer', 'summer', '2025-02-28 12:00', NULL, 'c4');
INSERT INTO affiliate.visitor_customer (visitor_id, customer_id) VALUES ('v1', 'c1-old');
INSERT INTO affiliate.customer_alias (customer_id, canonical_id) VALUES ('c1-old', 'c1');
INSERT INTO affiliate.customer (customer_id, signup_date, affiliate_id, coupon_codes) VALUES ('r1', '2025-02-01', 'newcomer', NULL), ('r2', '2025-02-01', NULL, '{" spring "}');
SELECT pg_temp.sale('c1'), pg_temp.sale('c2', NULL, NULL, 'k2'), pg_temp.sale('c3'), pg_temp.sale('c4'), pg_temp.sale('d1', NULL, 'newcomer'), pg_temp.sale('d2', NULL, 'nickname'),
    pg_temp.sale('e1', 'Spring'), pg_temp.sale('e2', 'SPRING2'), pg_temp.sale('f1', in_currency => 'EUR'), pg_temp.sale('f2', in_currency => 'EUR', at => '2025-04-01'), pg_temp.sale('g1', 'ANN');
SELECT is(pg_temp.concerned(), 'c1 c2 c3 c4 d1 d2 e1 e2 f1 f2 g1 r1 r2', 'a new program, plan or rule concerns everybody');
SELECT is((SELECT count(*) FROM affiliate.settle_queue WHERE kind = 'program'), 0::bigint, 'then it leaves the queue');

INSERT INTO affiliate.coupon (program_no, code, affiliate_no) VALUES (pg_temp.no('main'), 'NEVERSEEN', pg_temp.of('bob'));
SELECT is(pg_temp.concerned(), 'nobody', 'a new coupon that nobody named concerns nobody');
INSERT INTO affiliate.coupon (program_no, code, affiliate_no) VALUES (pg_temp.no('main'), 'spring', pg_temp.of('bob'));
SELECT is(pg_temp.concerned(), 'e1 r2', 'one that was named concerns who named it');
INSERT INTO affiliate.affiliate (affiliate_id) VALUES ('stranger');
SELECT is(pg_temp.concerned(), 'nobody', 'a new affiliate concerns nobody');
INSERT INTO affiliate.affiliate (affiliate_id) VALUES ('newcomer');
SELECT is(pg_temp.concerned(), 'c4 d1 r1', 'but who declared him');
INSERT INTO affiliate.affiliate_alias (source, external_id, affiliate_no) VALUES ('s', 'nickname', pg_temp.of('newcomer'));
SELECT is(pg_temp.concerned(), 'd2', 'also by another name');
INSERT INTO affiliate.campaign (program_no, campaign_id) VALUES (pg_temp.no('main'), 'winter'), (pg_temp.no('main'), 'summer');
SELECT is(pg_temp.concerned(), 'c4', 'a campaign');
SELECT pg_temp.program('other');
SELECT pg_temp.concerned();
INSERT INTO affiliate.link (link_id, program_no, affiliate_no) SELECT 'l' || n, pg_temp.no('other'), pg_temp.of('bob') FROM generate_series(1, 4) AS n WHERE n <> 3;
SELECT is(pg_temp.concerned(), 'c1 c2', 'links: clicks by visitor, alias and name, whichever program the link is of');
INSERT INTO affiliate.link (link_id, program_no, affiliate_no) VALUES ('l3', pg_temp.no('main'), pg_temp.of('bob'));
SELECT is(pg_temp.concerned(), 'c3', 'and by customer');
INSERT INTO affiliate.fx_rate (from_currency, to_currency, valid_from, rate) VALUES ('GBP', 'USD', '2020-01-01', 1.3);
SELECT is(pg_temp.concerned(), 'nobody', 'a rate of a currency nobody paid in');
INSERT INTO affiliate.fx_rate (from_currency, to_currency, valid_from, rate) VALUES ('EUR', 'USD', '2025-03-15', 1.2);
SELECT is(pg_temp.concerned(), 'f2', 'a rate concerns what was completed since');
UPDATE affiliate.coupon SET affiliate_no = pg_temp.of('cyd') WHERE code = 'NEVERSEEN';
SELECT is(pg_temp.concerned(), 'c1 c2 c3 c4 d1 d2 e1 e2 f1 f2 g1 r1 r2', 'a change of what was there concerns the whole program');
DELETE FROM affiliate.coupon WHERE code = 'NEVERSEEN';
SELECT is(pg_temp.concerned(), 'c1 c2 c3 c4 d1 d2 e1 e2 f1 f2 g1 r1 r2', 'so does that it goes');
INSERT INTO affiliate.agreement (program_no, affiliate_no, plan_id) VALUES (pg_temp.no('main'), pg_temp.of('eve'), 'standard');
SELECT is(pg_temp.concerned(), 'c1 c2 c3 c4 d1 d2 e1 e2 f1 f2 g1 r1 r2', 'and a new agreement');

-- an earlier report named it
UPDATE affiliate.transaction SET coupon_codes = '{AUTUMN}', status_at = '2025-03-02' WHERE transaction_id = 'c3';
UPDATE affiliate.transaction SET coupon_codes = '{OTHER}', status_at = '2025-03-03' WHERE transaction_id = 'c3';
INSERT INTO affiliate.coupon (program_no, code, affiliate_no) VALUES (pg_temp.no('main'), 'AUTUMN', pg_temp.of('bob')), (pg_temp.no('other'), 'OTHER', pg_temp.of('bob'));
SELECT is((SELECT count(*) FROM affiliate.settle_queue WHERE kind = 'program' AND scope IS NOT NULL), 2::bigint, 'each names what is new');
SELECT is(pg_temp.concerned(), 'c3', 'who named it once is concerned; a coupon of another program concerns nobody here');

-- several at once: looked through together, and with one for everybody only once
INSERT INTO affiliate.coupon (program_no, code, affiliate_no) VALUES (pg_temp.no('main'), 'SPRING2', pg_temp.of('bob'));
INSERT INTO affiliate.affiliate_alias (source, external_id, affiliate_no) VALUES ('t', 'nickname', pg_temp.of('newcomer'));
SELECT is(pg_temp.concerned(), 'd2 e2', 'together');
INSERT INTO affiliate.coupon (program_no, code, affiliate_no) VALUES (pg_temp.no('main'), 'X1', pg_temp.of('bob'));
UPDATE affiliate.program SET cooling_off = '1 hour' WHERE program_id = 'main';
SELECT is(pg_temp.concerned(), 'c1 c2 c3 c4 d1 d2 e1 e2 f1 f2 g1 r1 r2', 'everybody, once');
INSERT INTO affiliate.coupon (program_no, code, affiliate_no) SELECT pg_temp.no('main'), 'BULK' || n, pg_temp.of('bob') FROM generate_series(1, 1100) AS n;
SELECT is((SELECT count(*) FROM affiliate.settle_queue WHERE kind = 'program'), 1001::bigint, 'a load of many ends as a change for everybody');
SELECT is(pg_temp.concerned(), 'c1 c2 c3 c4 d1 d2 e1 e2 f1 f2 g1 r1 r2', 'once');

-- in batches
UPDATE affiliate.program SET cooling_off = '2 hours' WHERE program_id = 'main';
SELECT is(pg_temp.concerned(5), 'c1 c2 c3 c4 d1, d2 e1 e2 f1 f2, g1 r1 r2', 'as many as a batch has room for');
INSERT INTO affiliate.coupon (program_no, code, affiliate_no) SELECT pg_temp.no('main'), c, pg_temp.of('bob') FROM unnest('{Y1,Y2}'::text[]) AS c;
UPDATE affiliate.transaction SET coupon_codes = '{Y1}' WHERE transaction_id IN ('c1', 'g1');
SELECT is(pg_temp.concerned(1), 'c1, g1', 'ten conversions examined for each of the batch');
UPDATE affiliate.program SET cooling_off = '3 hours' WHERE program_id = 'main';
UPDATE affiliate.settle_queue SET ready_xid = '3' WHERE kind = 'program';
SELECT is(affiliate._expand_rulebook(affiliate._now(), '4', 4), 1::bigint, 'a step');
SELECT is((SELECT scope FROM affiliate.settle_queue WHERE kind = 'program'), '{"after": "c4"}', 'remembers how far it came');
SELECT is(affiliate._expand_rulebook(affiliate._now(), '4', 4), 0::bigint, 'and the next waits until these are settled');
UPDATE affiliate.program SET cooling_off = '4 hours' WHERE program_id = 'main';
DELETE FROM affiliate.settle_queue WHERE kind = 'customer';
SELECT is(pg_temp.concerned(), 'c1 c2 c3 c4 d1 d1 d2 d2 e1 e1 e2 e2 f1 f1 f2 f2 g1 g1 r1 r1 r2 r2', 'a change meanwhile begins anew after it');

-- sales go first
DELETE FROM affiliate.settle_queue;
SET LOCAL pg_affiliate.mode = queue;
SELECT pg_temp.sale('z' || n, 'ANN') FROM generate_series(1, 3) AS n;
SET LOCAL pg_affiliate.mode = 'on';
INSERT INTO affiliate.settle_queue (kind, program_no, customer_id, reason, due_at) SELECT 'customer', pg_temp.no('main'), 'g1', 'rulebook', affiliate._now();
UPDATE affiliate.program SET cooling_off = '5 hours' WHERE program_id = 'main';
SELECT affiliate.drain(2);
SELECT is((SELECT string_agg(customer_id, ' ' ORDER BY queue_id) FROM affiliate.settle_queue WHERE kind = 'customer' AND due_at <= affiliate._now()), 'z3 g1', 'sales are settled before what the rulebook concerns');
SELECT is((SELECT count(*) FROM affiliate.settle_queue WHERE kind = 'program' AND scope IS NULL), 1::bigint, 'which is not looked for while they are');

-- all together
UPDATE affiliate.coupon SET affiliate_no = pg_temp.of('dan') WHERE code = 'ANN';
DO $$ BEGIN WHILE affiliate.drain(2) > 0 LOOP END LOOP; END $$;
SELECT is(pg_temp.outcome('main', 'z_'), 'z1 dan coupon #1 10, z2 dan coupon #1 10, z3 dan coupon #1 10', 'the drain decides again');
SELECT is((SELECT count(*) FROM affiliate.settle_queue WHERE due_at <= affiliate._now()), 0::bigint, 'until nothing is due');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
