-- Readings of test/model/README.md that nothing else pins: where the text leaves a choice about who earned it.
BEGIN;
SELECT plan(26);
\ir ../settle/_rig.sql
SELECT pg_temp.program(p) FROM unnest('{main,click_move,number_one,short,inclusive}'::text[]) AS p;
UPDATE affiliate.program SET later_click = 'move' WHERE program_id = 'click_move';
UPDATE affiliate.program SET bind_purchase = 'number_one' WHERE program_id = 'number_one';
UPDATE affiliate.program SET ownership_window = '1 hour' WHERE program_id = 'short';
UPDATE affiliate.program SET window_end = 'instant_inclusive' WHERE program_id = 'inclusive';
-- the customer is what comes before the dash
CREATE FUNCTION pg_temp.sell(program text, id text, at timestamptz, code text DEFAULT NULL, click text DEFAULT NULL, declared text DEFAULT NULL, kind text DEFAULT 'challenge_fee', original text DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes, click_id, affiliate_id, original_transaction_id)
    VALUES (program, split_part(id, '-', 1), id, kind, 'completed', 'USD', 100, at, at, ARRAY[code], click, declared, original)
$$;
CREATE FUNCTION pg_temp.click(program text, id text, affiliate text, at timestamptz, customer text DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.click (program_id, click_id, affiliate_id, clicked_at, customer_id) VALUES (program, id, affiliate, at, customer)
$$;

-- W1: a click that any fact of the customer names is a click of that customer, for the other orders too
SELECT pg_temp.click('short', 'k-a', 'ann', '2025-02-28');
SELECT pg_temp.sell('short', 'a-1', '2025-03-01', 'BOB', 'k-a');
SELECT pg_temp.sell('short', 'a-2', '2025-03-02');
SELECT pg_temp.drain();
SELECT is(pg_temp.outcome('short', 'a-_'), 'a-1 bob coupon #1 10, a-2 ann click #2 10', 'W1: the click of one order for another');

-- W2: on the sale before on the customer; a customer's declaration needs a signup_date
INSERT INTO affiliate.customer (program_id, customer_id, signup_date, affiliate_id) VALUES ('main', 'b', '2025-03-01', 'ann'), ('main', 'c', NULL, 'ann');
SELECT pg_temp.sell('main', 'b-1', '2025-03-05', declared => 'bob');
SELECT pg_temp.sell('main', 'c-1', '2025-03-05');
SELECT pg_temp.drain();
SELECT is(pg_temp.outcome('main', 'b-1'), 'b-1 bob declared #1 10', 'W2: declared on the sale before on the customer');
SELECT is(pg_temp.candidates('b-1'), 'declared bob won, declared ann outranked', 'W2: both are candidates');
SELECT matches(pg_temp.outcome('main', 'c-1'), '^c-1 nobody .*#1$', 'W2: a declaration on a customer without signup_date counts for nothing');

-- W3: an override is a candidate too: to an affiliate who is not eligible it falls through, to nobody it stands
INSERT INTO affiliate.affiliate (affiliate_id, initial_status) VALUES ('waits', 'pending'), ('pauses', 'active');
SELECT pg_temp.sell('main', 'd-1', '2025-03-05', 'ANN');
SELECT pg_temp.sell('main', 'e-1', '2025-03-05', 'ANN');
SELECT isnt(affiliate.reassign('d', 'main', 'waits', 'since', '2025-03-01', reason => 'test'), NULL, 'W3: an override to an affiliate who is not active yet');
SELECT isnt(affiliate.reassign('e', 'main', NULL, 'since', '2025-03-01', reason => 'test'), NULL, 'W3: and one to nobody');
SELECT pg_temp.drain();
SELECT is(pg_temp.outcome('main', 'd-1') || ', ' || pg_temp.candidates('d-1'), 'd-1 ann coupon #1 10, override waits affiliate_inactive, coupon ann won', 'W3: falls through');
SELECT is(pg_temp.outcome('main', 'e-1'), 'e-1 nobody nobody_by_override #1', 'W3: stands');

-- W3: of an order with several lines the codes are read in the order of line_no, then of transaction_id
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, order_id, line_no, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes) VALUES
    ('main', 'f', 'f-1', 'of', 2, 'challenge_fee', 'completed', 'USD', 100, '2025-03-05', '2025-03-05', '{ANN}'), ('main', 'f', 'f-2', 'of', 1, 'addon_fee', 'completed', 'USD', 100, '2025-03-05', '2025-03-05', '{BOB}'),
    ('main', 'g', 'g-2', 'og', NULL, 'challenge_fee', 'completed', 'USD', 100, '2025-03-05', '2025-03-05', '{ANN}'), ('main', 'g', 'g-1', 'og', NULL, 'addon_fee', 'completed', 'USD', 100, '2025-03-05', '2025-03-05', '{BOB}');
SELECT pg_temp.drain();
SELECT is(pg_temp.outcome('main', 'f-_'), 'f-1 bob coupon #1 10, f-2 bob coupon #1 10', 'W3: codes by line_no');
SELECT is(pg_temp.outcome('main', 'g-_'), 'g-1 bob coupon #1 10, g-2 bob coupon #1 10', 'W3: then by transaction_id');

-- W5: the winning click is later if clicked after ownership began, strictly
SELECT pg_temp.click('click_move', 'k-h', 'bob', '2025-03-01', 'h');
SELECT pg_temp.click('click_move', 'k-i', 'bob', '2025-03-01 00:00:00.000001', 'i');
SELECT pg_temp.sell('click_move', c || '-1', '2025-03-01', 'ANN'), pg_temp.sell('click_move', c || '-2', '2025-03-03') FROM unnest('{h,i}'::text[]) AS c;
SELECT pg_temp.drain();
SELECT is(pg_temp.outcome('click_move', 'h-2'), 'h-2 ann ownership #2 10', 'W5: a click at the instant at which ownership begins is not later');
SELECT is(pg_temp.outcome('click_move', 'i-2'), 'i-2 bob ownership #2 10', 'W5: one a microsecond after it is');

-- W5, W6: a move has the windows of the moment of the touch
INSERT INTO affiliate.agreement (program_no, affiliate_no, plan_id, valid_from, valid_until, ownership_window) VALUES
    (pg_temp.no('click_move'), pg_temp.of('cyd'), 'standard', '2020-01-01', '2025-03-15', '20 days'), (pg_temp.no('click_move'), pg_temp.of('cyd'), 'standard', '2025-03-15', 'infinity', '30 days');
SELECT pg_temp.click('click_move', 'k-j', 'cyd', '2025-03-10', 'j');
SELECT pg_temp.sell('click_move', 'j-1', '2025-03-01', 'ANN'), pg_temp.sell('click_move', 'j-2', '2025-03-20');
SELECT pg_temp.drain();
SELECT is(pg_temp.owned('j'), 'ann (ended) 03-01..05-30, cyd 03-10..03-30', 'W5, W6: the window of the click''s instant');

-- W6: ends_at is the first instant outside
SELECT pg_temp.sell('inclusive', 'l-1', '2025-03-01', 'ANN'), pg_temp.sell('main', 'm-1', '2025-03-01', 'ANN');
SELECT pg_temp.drain();
SELECT is((SELECT string_agg(ends_at::text, ', ' ORDER BY customer_id) FROM affiliate.ownership WHERE customer_id IN ('l', 'm')), '2025-05-30 00:00:00.000001+00, 2025-05-30 00:00:00+00', 'W6: ends_at, inclusive and exclusive');

-- W7: an ownership found ineligible does not end; another affiliate may have the order, and begins none
INSERT INTO affiliate.affiliate_status (affiliate_no, valid_from, status) VALUES (pg_temp.of('pauses'), '2025-03-05', 'terminated'), (pg_temp.of('pauses'), '2025-03-15', 'active');
INSERT INTO affiliate.coupon (program_no, code, affiliate_no) VALUES (pg_temp.no('main'), 'PAUSES', pg_temp.of('pauses'));
SELECT pg_temp.sell('main', 'n-1', '2025-03-01', 'PAUSES'), pg_temp.sell('main', 'n-2', '2025-03-10', 'BOB'), pg_temp.sell('main', 'n-3', '2025-03-20');
SELECT pg_temp.drain();
SELECT is(pg_temp.outcome('main', 'n-_'), 'n-1 pauses coupon #1 10, n-2 bob coupon #2 10, n-3 pauses ownership #3 10', 'W7: the order goes to another, the next to the owner again');
SELECT is(pg_temp.owned('n'), 'pauses 03-01..05-30', 'W7: and the ownership is one');

-- W7: bind_purchase number_one limits the first beginning only
SELECT pg_temp.sell('number_one', 'o-1', '2025-01-01', 'ANN'), pg_temp.sell('number_one', 'o-2', '2025-05-01', 'BOB'), pg_temp.sell('number_one', 'p-1', '2025-03-01'), pg_temp.sell('number_one', 'p-2', '2025-03-10', 'BOB');
SELECT pg_temp.drain();
SELECT is(pg_temp.owned('o'), 'ann (ended) 01-01..04-01, bob 05-01..07-30', 'W7: after the end of the first, the second purchase begins one');
SELECT is(pg_temp.owned('p'), 'nobody', 'W7: but no second purchase begins the first');

-- W12: a waiting order has its number, and its decision without the click feeds the fold
SELECT pg_temp.sell('main', 'q-1', '2025-06-29', NULL, 'k-unknown', 'ann'), pg_temp.sell('main', 'q-2', '2025-06-30');
SELECT pg_temp.drain();
SELECT matches(pg_temp.outcome('main', 'q-1'), '^q-1 waiting .*unknown_click', 'W12: it waits');
SELECT is(pg_temp.outcome('main', 'q-2'), 'q-2 ann ownership #2 10', 'W12: what follows is number 2 and belongs to the affiliate it would have without the click');
SELECT pg_temp.clock('2025-07-01 12:00');
SELECT pg_temp.drain();
SELECT is(pg_temp.outcome('main', 'q-_'), 'q-1 ann declared #1 10, q-2 ann ownership #2 10', 'W12: as in the end');

-- W12a: an override goes before the original
SELECT pg_temp.sell('main', 'r-1', '2025-03-01', 'ANN'), pg_temp.sell('main', 'r-2', '2025-03-10', kind => 'reset_fee', original => 'r-1');
SELECT isnt(affiliate.reassign('r', 'main', 'bob', reason => 'test', transaction_id => 'r-2'), NULL, 'W12a: an override of a reset');
SELECT pg_temp.drain();
SELECT is(pg_temp.outcome('main', 'r-2'), 'r-2 bob override #2 10', 'W12a: goes before its original');

-- W11: new_customers: the instant at which the ownership began that covers the order, else ordered_at
SELECT pg_temp.program('referred');
UPDATE affiliate.program SET plan_change = 'new_customers' WHERE program_id = 'referred';
INSERT INTO affiliate.plan (program_no, plan_id, version, valid_from) VALUES (pg_temp.no('referred'), 'standard', 2, '2025-03-10');
INSERT INTO affiliate.plan_rule (plan_no, sequence_no, name, amount) VALUES (pg_temp.plan_of('referred'), 1, 'second', 'net * 0.3');
SELECT pg_temp.sell('referred', 's-1', '2025-01-01', 'ANN'), pg_temp.sell('referred', 's-2', '2025-03-20'), pg_temp.sell('referred', 's-3', '2025-04-20', 'ANN');
SELECT pg_temp.drain();
SELECT is(pg_temp.outcome('referred', 's-_'), 's-1 ann coupon #1 10, s-2 ann ownership #2 10, s-3 ann coupon #3 30', 'W11: by the ownership, after its end by the order');

SELECT is((SELECT affiliate.resettle(ARRAY(SELECT DISTINCT customer_id FROM affiliate.transaction))), 0::bigint, 'settling again posts nothing');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
