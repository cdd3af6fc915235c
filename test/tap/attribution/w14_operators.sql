-- W14: reassignment from now or since a date, claw back or goodwill; commission_from.
BEGIN;
SELECT plan(33);
\ir ../settle/_rig.sql
SELECT pg_temp.program(p) FROM unnest('{main,live}'::text[]) AS p;
CREATE FUNCTION pg_temp.sell(id text, at timestamptz, code text DEFAULT NULL, program text DEFAULT 'main') RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
    VALUES (program, split_part(id, '-', 1), id, 'challenge_fee', 'completed', 'USD', 100, at, at, ARRAY[code])
$$;
SELECT pg_temp.sell('a-1', '2025-03-01', 'ANN');
SELECT pg_temp.sell('a-2', '2025-03-10');
SELECT affiliate.reassign('a', 'main', 'bob', reason => 'asked for');
SELECT is(pg_temp.outcome('main', 'a-%'), 'a-1 ann coupon #1 10, a-2 ann ownership #2 10', 'from now: the past stays');
SELECT pg_temp.sell('a-3', '2025-06-30 12:00', 'CYD');
SELECT is(pg_temp.outcome('main', 'a-3'), 'a-3 bob override #3 10', 'orders from this instant on');
SELECT pg_temp.sell('a-4', '2025-05-01');
SELECT is(pg_temp.outcome('main', 'a-4'), 'a-4 ann ownership #3 10', 'an order placed before that arrives later is not');

-- since a date: unpaid lines
SELECT pg_temp.sell('b-1', '2025-03-01', 'ANN');
SELECT pg_temp.sell('b-2', '2025-03-10');
SELECT pg_temp.sell('b-3', '2025-03-20');
SELECT affiliate.reassign('b', 'main', 'bob', 'since', '2025-03-10', reason => 'asked for');
SELECT is(pg_temp.outcome('main', 'b-%'), 'b-1 ann coupon #1 10, b-2 bob override #2 10, b-3 bob override #3 10', 'since a date');
SELECT is((SELECT string_agg(affiliate_id || ' ' || trim_scale(sum), ', ' ORDER BY affiliate_id) FROM (SELECT affiliate_no, sum(amount) FROM affiliate.entry WHERE subject_id = 'b-2' GROUP BY 1) AS e JOIN affiliate.affiliate USING (affiliate_no)),
    'ann 0, bob 10', 'taken from one, given to the other');
SELECT pg_temp.sell('c-1', '2025-03-01', 'ANN');
SELECT affiliate.reassign('c', 'main', NULL, 'since', '2025-01-01', reason => 'staff');
SELECT is(pg_temp.outcome('main', 'c-1'), 'c-1 nobody nobody_by_override #1', 'to nobody');

-- paid lines: claw back (default) or goodwill
SELECT pg_temp.sell('d-1', '2025-03-01', 'CYD');
SELECT pg_temp.sell('e-1', '2025-03-01', 'DAN');
SELECT lives_ok($$SELECT affiliate.record_payment('cyd', 'main', 'infinity', 'p1'), affiliate.record_payment('dan', 'main', 'infinity', 'p2')$$, 'both are paid');
SELECT affiliate.reassign('d', 'main', 'eve', 'since', '2025-01-01', reason => 'asked for');
SELECT is((SELECT string_agg(concat_ws(' ', f.affiliate_id, trim_scale(accrued), trim_scale(reversed), trim_scale(paid)), ', ' ORDER BY f.affiliate_id)
    FROM affiliate.commission JOIN affiliate.affiliate AS f USING (affiliate_no) WHERE customer_id = 'd'), 'cyd 10 10 10, eve 10 0 0', 'claw back: a negative line for the one, an accrual for the other');
SELECT is((SELECT negative FROM affiliate.balance('cyd', 'main')), -10::numeric, 'carried forward');
SELECT affiliate.reassign('e', 'main', 'eve', 'since', '2025-01-01', 'goodwill', reason => 'asked for');
SELECT is((SELECT string_agg(concat_ws(' ', f.affiliate_id, trim_scale(accrued), trim_scale(reversed), trim_scale(paid)), ', ' ORDER BY f.affiliate_id)
    FROM affiliate.commission JOIN affiliate.affiliate AS f USING (affiliate_no) WHERE customer_id = 'e'), 'dan 10 0 10', 'goodwill: what was paid stays');
SELECT pg_temp.sell('e-2', '2025-03-10');
SELECT is(pg_temp.outcome('main', 'e-2'), 'e-2 eve override #2 10', 'orders not paid yet go to the other');

-- a line that was paid because of an override stands; what is clawed back is taken from uplines too, and only that
INSERT INTO affiliate.affiliate (affiliate_id) VALUES ('top'), ('new_top');
INSERT INTO affiliate.affiliate_upline (affiliate_no, upline_no, level, valid_from, valid_until) VALUES (pg_temp.of('bob'), pg_temp.of('top'), 1, '-infinity', 'infinity');
SELECT pg_temp.program('paid');
INSERT INTO affiliate.plan_rule (plan_no, sequence_no, name, amount, beneficiary, level) VALUES (pg_temp.plan_of('paid'), 2, 'above', 'net * 0.05', 'upline', 1);
SELECT affiliate.reassign('p', 'paid', 'bob', 'since', '2025-01-01', reason => 'asked for');
SELECT pg_temp.sell('p-1', '2025-03-01', NULL, 'paid');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, original_transaction_id)
VALUES ('paid', 'p', 'p-2', 'upgrade_fee', 'completed', 'USD', 50, '2025-03-02', '2025-03-02', 'p-1');
SELECT is(pg_temp.money('p-1') || ', ' || pg_temp.money('p-2'), 'bob 10, top 5, bob 5, top 2.5', 'before they are paid');
SELECT affiliate.record_payment('bob', 'paid', 'infinity', 'p3'), affiliate.record_payment('top', 'paid', 'infinity', 'p4');
INSERT INTO affiliate.plan (program_no, plan_id, version, valid_from) VALUES (pg_temp.no('paid'), 'standard', 2, '2020-01-02');
INSERT INTO affiliate.plan_rule (plan_no, sequence_no, name, amount) VALUES (pg_temp.plan_of('paid'), 1, 'less', 'net * 0.01');
SELECT pg_temp.drain();
SELECT is(pg_temp.money('p-1') || ', ' || pg_temp.money('p-2'), 'bob 10 paid 10, top 5 paid 5, bob 5 paid 5, top 2.5 paid 2.5', 'a new plan for the past takes nothing that is paid');
UPDATE affiliate.program SET commission_from = '2025-06-01', upgrade_counts = 'none' WHERE program_id = 'paid';
SELECT pg_temp.drain();
SELECT is(pg_temp.money('p-1') || ', ' || pg_temp.money('p-2'), 'bob 10 paid 10, top 5 paid 5, bob 5 paid 5, top 2.5 paid 2.5', 'nor do commission_from and upgrade_counts');
UPDATE affiliate.affiliate_upline SET upline_no = pg_temp.of('new_top') WHERE affiliate_no = pg_temp.of('bob');
SELECT pg_temp.drain();
SELECT is(pg_temp.money('p-1'), 'bob 10 paid 10, top 5 paid 5', 'nor does another upline, whenever that was written');
SELECT affiliate.reassign('p', 'paid', 'eve', 'since', '2025-01-01', reason => 'asked again');
SELECT affiliate.resettle('{p}');
SELECT is((SELECT string_agg(concat_ws(' ', f.affiliate_id, trim_scale(sum)), ', ' ORDER BY f.affiliate_id) FROM (SELECT affiliate_no, sum(accrued - reversed) FROM affiliate.commission WHERE customer_id = 'p' GROUP BY 1) AS c JOIN affiliate.affiliate AS f USING (affiliate_no) WHERE sum <> 0), NULL, 'a claw back takes it from all of them (eve''s sales are before commission_from)');

-- an override of all the customer does reaches the registration
SELECT pg_temp.program('signup', '50');
UPDATE affiliate.plan_rule SET transaction_types = '{registration}' WHERE plan_no = pg_temp.plan_of('signup');
SELECT affiliate.reassign('q', 'signup', 'bob', 'since', '2025-03-01', reason => 'asked for');
SELECT affiliate.reassign('r', 'signup', 'bob', 'since', '2025-03-02', reason => 'asked for');
INSERT INTO affiliate.customer (program_id, customer_id, signup_date, affiliate_id) VALUES ('signup', 'q', '2025-03-01', 'ann'), ('signup', 'r', '2025-03-01', 'ann');
SELECT pg_temp.drain();
SELECT is((SELECT string_agg(concat_ws(' ', c.customer_id, f.affiliate_id, c.method), ', ' ORDER BY c.customer_id) FROM affiliate.conversion AS c JOIN affiliate.affiliate AS f USING (affiliate_no) WHERE c.kind = 'registration'), 'q bob override, r ann declared', 'if it was in force at the signup');
SELECT is((SELECT sum(accrued) FROM affiliate.commission WHERE customer_id = 'q'), 50::numeric, 'and its commission');

-- one order; the newest override counts
SELECT pg_temp.sell('f-1', '2025-03-01', 'ANN');
SELECT pg_temp.sell('f-2', '2025-03-10');
SELECT affiliate.reassign('f', 'main', 'bob', reason => 'asked for', transaction_id => 'f-1');
SELECT is(pg_temp.outcome('main', 'f-1'), 'f-1 bob override #1 10', 'one order');
SELECT affiliate.reassign('f', 'main', 'cyd', reason => 'asked again', transaction_id => 'f-1');
SELECT is(pg_temp.outcome('main', 'f-1'), 'f-1 cyd override #1 10', 'the newest of several');
SELECT is((SELECT count(*) FROM affiliate.audit_log WHERE action = 'reassign'), 11::bigint, 'each is audited');
SELECT throws_ok($$SELECT affiliate.reassign('f', 'main', 'bob', 'since', reason => 'x')$$, 'AF033', NULL, 'since needs its date');
SELECT throws_ok($$SELECT affiliate.reassign('f', 'main', 'bob', 'always', reason => 'x')$$, 'AF033', NULL, 'the effect has a name');
SELECT throws_ok($$SELECT affiliate.reassign('f', 'main', 'bob')$$, 'AF033', NULL, 'and a reason');

-- commission_from: earlier sales feed ownership, numbers and reports, and earn nothing
UPDATE affiliate.program SET commission_from = '2025-03-05' WHERE program_id = 'live';
SELECT pg_temp.sell('g-1', '2025-03-01', 'ANN', 'live');
SELECT pg_temp.sell('g-2', '2025-03-04 23:59:59.999999', NULL, 'live');
SELECT pg_temp.sell('g-3', '2025-03-05', NULL, 'live');
SELECT pg_temp.drain();
SELECT is(pg_temp.outcome('live'), 'g-1 ann coupon before_go_live #1, g-2 ann ownership before_go_live #2, g-3 ann ownership #3 10', 'history is loaded without paying twice');
SELECT is(pg_temp.owned('g'), 'ann 03-01..05-30', 'it feeds ownership');
SELECT is(pg_temp.counts('g-1'), '1 of 100, refunded 0, charged back 0 (0)', 'and reports');
SELECT is((SELECT count(*) FROM affiliate.commission WHERE subject_id IN ('g-1', 'g-2')), 0::bigint, 'no line');
SELECT pg_temp.program('ladder', 'band_amount');
UPDATE affiliate.program SET commission_from = '2025-03-05' WHERE program_id = 'ladder';
INSERT INTO affiliate.ladder (program_no, ladder_id) VALUES (pg_temp.no('ladder'), 'steps');
INSERT INTO affiliate.ladder_band (ladder_no, band, from_position, amount) SELECT ladder_no, b, b, 10 * b FROM affiliate.ladder, generate_series(1, 3) AS b WHERE ladder_id = 'steps';
UPDATE affiliate.plan_rule SET ladder_no = (SELECT ladder_no FROM affiliate.ladder WHERE ladder_id = 'steps') WHERE plan_no = pg_temp.plan_of('ladder');
SELECT pg_temp.sell('h-1', '2025-03-01', 'ANN', 'ladder');
SELECT pg_temp.sell('i-1', '2025-03-05', 'ANN', 'ladder');
SELECT pg_temp.drain();
SELECT is(pg_temp.outcome('ladder'), 'h-1 ann coupon before_go_live #1, i-1 ann coupon #1 20', 'and ladders');
-- moving it back pays nothing that was not due, moving it forth takes nothing that is paid
UPDATE affiliate.program SET commission_from = '2025-03-01' WHERE program_id = 'live';
SELECT pg_temp.drain();
SELECT is(pg_temp.outcome('live'), 'g-1 ann coupon #1 10, g-2 ann ownership #2 10, g-3 ann ownership #3 10', 'the rulebook decides for what is not stated');
UPDATE affiliate.program SET commission_from = NULL WHERE program_id = 'live';
SELECT pg_temp.drain();
SELECT is(pg_temp.outcome('live'), 'g-1 ann coupon #1 10, g-2 ann ownership #2 10, g-3 ann ownership #3 10', 'null: all of them earn');
SELECT is((SELECT affiliate.resettle(ARRAY(SELECT DISTINCT customer_id FROM affiliate.transaction))), 0::bigint, 'settling again posts nothing');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
