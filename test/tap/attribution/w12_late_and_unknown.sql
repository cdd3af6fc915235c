-- W12: late clicks, unknown clicks, news without a customer, refunds without a reference.
BEGIN;
SELECT plan(27);
\ir ../settle/_rig.sql
SELECT pg_temp.program('main');
CREATE FUNCTION pg_temp.sell(id text, at timestamptz, code text DEFAULT NULL, click text DEFAULT NULL, currency text DEFAULT 'USD', account text DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes, click_id, account_id)
    VALUES ('main', split_part(id, '-', 1), id, 'challenge_fee', 'completed', currency, 100, at, at, ARRAY[code], click, account)
$$;
CREATE FUNCTION pg_temp.refund(customer text, id text, at timestamptz, amount numeric, currency text DEFAULT 'USD', account text DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, account_id)
    VALUES ('main', customer, id, 'refund', 'completed', currency, amount, at, at, account)
$$;

-- late clicks: recorded no later than 24 hours after the first completed report was
SELECT pg_temp.clock('2025-03-05 12:00');
SELECT pg_temp.sell(id, '2025-03-05 11:00') FROM unnest('{a1,a2,a3,a4}'::text[]) AS id;
SELECT is(pg_temp.outcome('main', 'a1'), 'a1 nobody organic #1', 'no touch is known');
SELECT pg_temp.clock('2025-03-06 12:00');
INSERT INTO affiliate.click (click_id, affiliate_id, clicked_at, customer_id) VALUES ('k1', 'ann', '2025-03-05 10:00', 'a1'), ('k2', 'ann', '2025-03-05 11:00', 'a2'), ('k3', 'ann', '2025-03-05 11:00:00.000001', 'a3');
SELECT pg_temp.clock('2025-03-06 12:00:00.000001');
INSERT INTO affiliate.click (click_id, affiliate_id, clicked_at, customer_id) VALUES ('k4', 'ann', '2025-03-05 10:00', 'a4');
SELECT pg_temp.drain();
SELECT is(pg_temp.outcome('main', 'a1'), 'a1 ann click #1 10', 'recorded just in time');
SELECT is(pg_temp.outcome('main', 'a2'), 'a2 ann click #1 10', 'clicked at the order''s instant');
SELECT matches(pg_temp.outcome('main', 'a3'), '^a3 nobody ', 'clicked after the order');
SELECT matches(pg_temp.outcome('main', 'a4'), '^a4 nobody ', 'recorded too late');
SELECT is(pg_temp.candidates('a4'), 'click ann recorded_late', 'with its code');

-- an order that names an unknown click waits, in plain sight, where the click could change the decision
SELECT pg_temp.clock('2025-03-10 12:00');
SELECT pg_temp.sell('b1', '2025-03-10 11:00', NULL, 'k11');
SELECT pg_temp.sell('b2', '2025-03-10 11:00', NULL, 'k12');
SELECT pg_temp.sell('b3', '2025-03-10 11:00', 'BOB', 'k13');
SELECT is(pg_temp.outcome('main', 'b1'), 'b1 waiting nobody unknown_click', 'it waits');
SELECT is((SELECT count(*) FROM affiliate.entry WHERE customer_id IN ('b1', 'b2')) + (SELECT count(*) FROM affiliate.conversion_entry WHERE customer_id IN ('b1', 'b2')), 0::bigint, 'and posts nothing');
SELECT is((SELECT string_agg(subject_id, ',' ORDER BY subject_id) FROM affiliate.waiting WHERE what = 'conversion'), 'b1,b2', 'in plain sight');
SELECT is(pg_temp.outcome('main', 'b3'), 'b3 bob coupon #1 10', 'not where a coupon wins anyway');
INSERT INTO affiliate.click (click_id, affiliate_id, clicked_at) VALUES ('k11', 'ann', '2025-03-10 10:00');
SELECT pg_temp.drain();
SELECT is(pg_temp.outcome('main', 'b1'), 'b1 ann click #1 10', 'the click came');
SELECT pg_temp.clock('2025-03-11 12:00');
SELECT ok(affiliate.drain() > 0, 'the drain comes back when late_grace is over');
SELECT is(pg_temp.outcome('main', 'b2'), 'b2 nobody organic #1', 'it is decided without the click');
SELECT is(pg_temp.candidates('b2'), 'click unknown_click', 'which is kept with its code');

-- news without a customer waits for its transaction
SELECT pg_temp.clock('2025-03-12 12:00');
INSERT INTO affiliate.transaction (program_id, transaction_id, original_transaction_id, transaction_type, status, currency, amount, ordered_at) VALUES ('main', 'c1-refund', 'c1', 'refund', 'completed', 'USD', 40, '2025-03-15');
INSERT INTO affiliate.dispute (dispute_id, ref_source, ref_kind, ref_external_id, amount, opened_at, closed_at, outcome) VALUES ('d2', 'stripe', 'charge', 'ch_2', 100, '2025-03-14', '2025-03-15', 'lost');
SELECT pg_temp.sell(id, '2025-03-12 11:00', 'ANN') FROM unnest('{c1,c2}'::text[]) AS id;
SELECT is(pg_temp.money('c1'), 'ann 10 reversed 4', 'a refund that came first');
INSERT INTO affiliate.transaction_ref (source, kind, external_id, transaction_id) VALUES ('stripe', 'charge', 'ch_2', 'c2');
SELECT is(pg_temp.money('c2'), 'ann 10 reversed 10', 'a dispute that came first, known by a reference that came last');

-- a refund without a reference: the only sale of the customer and currency that is open at its time
SELECT pg_temp.clock('2025-03-20 12:00');
SELECT pg_temp.sell('d-1', '2025-03-01', 'ANN');
SELECT pg_temp.refund('d', 'd-r', '2025-03-20', 30);
SELECT is(pg_temp.money('d-1'), 'ann 10 reversed 3', 'the only one');
SELECT pg_temp.sell('d-2', '2025-03-10');
SELECT is(pg_temp.money('d-1') || ', ' || pg_temp.money('d-2'), 'ann 10, ann 10', 're-decided: there are two');
SELECT matches(pg_temp.reviews('d'), 'refund', 'which opens a review');
SELECT pg_temp.sell('e-1', '2025-03-01', 'ANN');
SELECT pg_temp.refund('e', 'e-r', '2025-03-20', 30);
SELECT pg_temp.clock('2025-03-21 12:00');
SELECT pg_temp.drain();
SELECT pg_temp.sell('e-2', '2025-03-10');
SELECT pg_temp.drain();
SELECT is(pg_temp.money('e-1') || ', ' || pg_temp.money('e-2'), 'ann 10 reversed 3, ann 10', 'pinned once late_grace has passed');
-- open = completed and not wholly taken back by news before it
SELECT pg_temp.sell('f-1', '2025-03-01', 'ANN');
SELECT pg_temp.sell('f-2', '2025-03-05');
UPDATE affiliate.transaction SET status = 'refunded', refunded_at = '2025-03-09' WHERE transaction_id = 'f-1';
SELECT pg_temp.refund('f', 'f-r', '2025-03-20', 30);
SELECT pg_temp.drain();
SELECT is(pg_temp.money('f-1') || ', ' || pg_temp.money('f-2'), 'ann 10 reversed 10, ann 10 reversed 3', 'one that was taken back wholly before is not open');
SELECT pg_temp.sell('g-1', '2025-03-01', 'ANN');
SELECT pg_temp.sell('g-2', '2025-03-05', NULL, NULL, 'USD', 'acc');
SELECT pg_temp.refund('g', 'g-r', '2025-03-20', 30, 'USD', 'acc');
SELECT pg_temp.drain();
SELECT is(pg_temp.money('g-1') || ', ' || pg_temp.money('g-2'), 'ann 10, ann 10 reversed 3', 'by account');
SELECT pg_temp.sell('h-1', '2025-03-01', 'ANN');
SELECT pg_temp.sell('h-2', '2025-03-21');
SELECT pg_temp.refund('h', 'h-r', '2025-03-20', 30);
SELECT pg_temp.refund('h', 'h-s', '2025-03-20', 70);
SELECT pg_temp.drain();
SELECT is(pg_temp.money('h-1') || ', ' || pg_temp.money('h-2'), 'ann 10 reversed 10, ann 10', 'a sale after the refund is not open');
INSERT INTO affiliate.fx_rate (from_currency, to_currency, valid_from, rate) VALUES ('EUR', 'USD', '2025-01-01', 1);
SELECT pg_temp.sell('i-1', '2025-03-01', 'ANN');
SELECT pg_temp.sell('i-2', '2025-03-05', NULL, NULL, 'EUR');
SELECT pg_temp.refund('i', 'i-r', '2025-03-20', 30, 'EUR');
SELECT pg_temp.drain();
SELECT is(pg_temp.money('i-1') || ', ' || pg_temp.money('i-2'), 'ann 10, ann 10 reversed 3', 'by currency');
SELECT pg_temp.refund('j', 'j-r', '2025-03-20', 30);
SELECT pg_temp.drain();
SELECT matches(pg_temp.reviews('j'), 'refund', 'no sale at all: a review');

SELECT is((SELECT affiliate.resettle(ARRAY(SELECT DISTINCT customer_id FROM affiliate.transaction WHERE customer_id <> ''))), 0::bigint, 'settling again posts nothing');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
