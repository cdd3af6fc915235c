-- W5: touches of another affiliate after ownership began: keep | this order only | move | nobody, for coupon and click.
BEGIN;
SELECT plan(24);
\ir ../settle/_rig.sql
SELECT pg_temp.program(kind || '_' || policy) FROM unnest('{coupon,click}'::text[]) AS kind, unnest('{keep,this_order,move,nobody}'::text[]) AS policy;
UPDATE affiliate.program SET later_coupon = substr(program_id, 8) WHERE program_id LIKE 'coupon_%';
UPDATE affiliate.program SET later_click = substr(program_id, 7) WHERE program_id LIKE 'click_%';
CREATE FUNCTION pg_temp.all_of(pattern text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT program_id FROM affiliate.program WHERE program_id LIKE pattern
$$;

-- ann owns the customer from March 1 on; bob's coupon or click comes for the second of three orders
INSERT INTO affiliate.click (program_id, click_id, affiliate_id, clicked_at, customer_id)
SELECT p, p || '-k1', 'bob', '2025-03-09', p FROM pg_temp.all_of('click%') AS p;
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
SELECT p, p, p || v.id, 'challenge_fee', 'completed', 'USD', 100, v.at::timestamptz, v.at::timestamptz, v.codes::text[]
FROM pg_temp.all_of('%') AS p, (VALUES ('-1', '2025-03-01', '{ANN}', '%'), ('-2', '2025-03-10', '{BOB}', 'coupon%'), ('-2', '2025-03-10', NULL, 'click%'), ('-3', '2025-03-20', NULL, '%'))
    AS v (id, at, codes, programs) WHERE p LIKE v.programs;
SELECT is(replace(pg_temp.outcome(p), p, ''), w, p) FROM (VALUES
    ('coupon_keep', '-1 ann coupon #1 10, -2 ann ownership #2 10, -3 ann ownership #3 10'),
    ('coupon_this_order', '-1 ann coupon #1 10, -2 bob coupon #2 10, -3 ann ownership #3 10'),
    ('coupon_move', '-1 ann coupon #1 10, -2 bob coupon #2 10, -3 bob ownership #3 10'),
    ('coupon_nobody', '-1 ann coupon #1 10, -2 nobody later_coupon #2, -3 ann ownership #3 10'),
    ('click_keep', '-1 ann coupon #1 10, -2 ann ownership #2 10, -3 ann ownership #3 10'),
    ('click_this_order', '-1 ann coupon #1 10, -2 bob click #2 10, -3 ann ownership #3 10'),
    ('click_move', '-1 ann coupon #1 10, -2 bob ownership #2 10, -3 bob ownership #3 10'),
    ('click_nobody', '-1 ann coupon #1 10, -2 nobody later_click #2, -3 ann ownership #3 10')) AS v (p, w);
SELECT is(pg_temp.owned('coupon_keep'), 'ann 03-01..05-30', 'kept');
SELECT is(pg_temp.owned('coupon_move'), 'ann (ended) 03-01..05-30, bob 03-10..06-08', 'a moved ownership has a full new length from the coupon''s order');
SELECT is(pg_temp.owned('click_move'), 'ann (ended) 03-01..05-30, bob 03-09..06-07', 'and from the click');

-- a click outside of its window: this order only and nobody do not work, a move does, purchase or not
INSERT INTO affiliate.click (program_id, click_id, affiliate_id, clicked_at, customer_id)
SELECT p, p || '-k2', 'cyd', '2025-04-01', p FROM pg_temp.all_of('click%') AS p;
SELECT pg_temp.drain();
SELECT is(pg_temp.owned('click_move'), 'ann (ended) 03-01..05-30, bob (ended) 03-09..06-07, cyd 04-01..06-30', 'a click moves at the touch, without a purchase');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at)
SELECT p, p, p || '-4', 'challenge_fee', 'completed', 'USD', 100, '2025-04-10', '2025-04-10' FROM pg_temp.all_of('click%') AS p;
SELECT is(pg_temp.outcome('click_this_order', '%-4'), 'click_this_order-4 ann ownership #4 10', 'this order only: not outside of the click window');
SELECT is(pg_temp.outcome('click_nobody', '%-4'), 'click_nobody-4 ann ownership #4 10', 'nobody: not outside of the click window');
SELECT is(pg_temp.outcome('click_move', '%-4'), 'click_move-4 cyd ownership #4 10', 'move: also outside of it');

-- the coupon policy alone judges a coupon of another affiliate, also under keep; an own coupon leaves it to the click policy
SELECT pg_temp.program('keep_this');
SELECT pg_temp.program('this_nobody');
UPDATE affiliate.program SET later_click = 'this_order' WHERE program_id = 'keep_this';
UPDATE affiliate.program SET later_coupon = 'this_order', later_click = 'nobody' WHERE program_id = 'this_nobody';
INSERT INTO affiliate.click (program_id, click_id, affiliate_id, clicked_at) SELECT p, p || '-k', 'cyd', timestamptz '2025-03-09' FROM unnest('{keep_this,this_nobody}'::text[]) AS p;
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes, click_id)
SELECT p, p, p || v.id, 'challenge_fee', 'completed', 'USD', 100, v.at::timestamptz, v.at::timestamptz, v.codes::text[], p || v.click
FROM unnest('{keep_this,this_nobody}'::text[]) AS p, (VALUES ('-1', '2025-03-01', '{ANN}', NULL), ('-2', '2025-03-10', '{BOB}', '-k'), ('-3', '2025-03-11', '{ANN}', '-k')) AS v (id, at, codes, click);
SELECT is(pg_temp.outcome('keep_this', '%-2'), 'keep_this-2 ann ownership #2 10', 'coupon keep: the click of a third affiliate does not win either');
SELECT is(pg_temp.outcome('keep_this', '%-3'), 'keep_this-3 cyd click #3 10', 'with the owner''s coupon the click policy decides');
SELECT is(pg_temp.outcome('this_nobody', '%-2'), 'this_nobody-2 bob coupon #2 10', 'coupon this order: the click does not make it nobody''s');
SELECT is(pg_temp.outcome('this_nobody', '%-3'), 'this_nobody-3 nobody later_click #3', 'with the owner''s coupon it does');

-- a coupon moves only with a completed order that is not void
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes) VALUES
    ('coupon_move', 'm1', 'm1-1', 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}'),
    ('coupon_move', 'm1', 'm1-2', 'challenge_fee', 'pending', 'USD', 100, '2025-03-10', NULL, '{BOB}'),
    ('coupon_move', 'm1', 'm1-3', 'challenge_fee', 'completed', 'USD', 100, '2025-03-11', '2025-03-11', '{CYD}'),
    ('coupon_move', 'm1', 'm1-4', 'challenge_fee', 'completed', 'USD', 100, '2025-03-20', '2025-03-20', NULL);
UPDATE affiliate.transaction SET status = 'refunded', refunded_at = '2025-03-12' WHERE transaction_id = 'm1-3';
SELECT is(pg_temp.outcome('coupon_move', 'm1-4'), 'm1-4 ann ownership #2 10', 'pending and void orders move nothing');

-- ownership begins at the binding order's ordered_at for this rule: a click before it is completed is later
INSERT INTO affiliate.click (program_id, click_id, affiliate_id, clicked_at, customer_id) VALUES
    ('click_move', 'm2-k', 'bob', '2025-03-02', 'm2'), ('click_move', 'm3-k', 'bob', '2025-02-28', 'm3');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes) VALUES
    ('click_move', 'm2', 'm2-1', 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-04', '{ANN}'),
    ('click_move', 'm2', 'm2-2', 'challenge_fee', 'completed', 'USD', 100, '2025-03-20', '2025-03-20', NULL),
    ('click_move', 'm3', 'm3-1', 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-04', '{ANN}'),
    ('click_move', 'm3', 'm3-2', 'challenge_fee', 'completed', 'USD', 100, '2025-03-20', '2025-03-20', NULL);
SELECT is(pg_temp.outcome('click_move', 'm2-%'), 'm2-1 ann coupon #1 10, m2-2 bob ownership #2 10', 'a click between order and completion is later');
SELECT is(pg_temp.outcome('click_move', 'm3-%'), 'm3-1 ann coupon #1 10, m3-2 ann ownership #2 10', 'a click before the order is not');
SELECT is(pg_temp.candidates('coupon_nobody-2'), 'ownership ann outranked, coupon bob outranked', 'who competed for nothing is kept');

SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
