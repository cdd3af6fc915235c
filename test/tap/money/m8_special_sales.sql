-- M8: zero amounts, upgrades, resets.
BEGIN;
SELECT plan(17);
\ir ../settle/_rig.sql
SELECT pg_temp.program(p) FROM unnest('{main,zero,delta,new_purchase,none}'::text[]) AS p;
UPDATE affiliate.program SET zero_amount_counts = true WHERE program_id = 'zero';
UPDATE affiliate.program SET upgrade_counts = program_id WHERE program_id IN ('delta', 'new_purchase', 'none');
CREATE FUNCTION pg_temp.sale(program text, id text, amount numeric, day integer, code text DEFAULT NULL, kind text DEFAULT 'challenge_fee', original text DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, original_transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
    VALUES (program, program || '-' || split_part(id, '-', 1), program || '-' || id, program || '-' || original, kind, 'completed', 'USD', amount,
        timestamptz '2025-03-01' + day * interval '1 day', timestamptz '2025-03-01' + day * interval '1 day', ARRAY[code])
$$;

-- a free retry: no ownership, no number, no ladder count, unless set
SELECT pg_temp.sale(p, 'a-1', 0, 0, 'ANN') FROM unnest('{main,zero}'::text[]) AS p;
SELECT pg_temp.sale(p, 'a-2', 100, 5) FROM unnest('{main,zero}'::text[]) AS p;
SELECT is(pg_temp.outcome('main', 'main-a-2'), 'main-a-2 nobody organic #1', 'a giveaway binds nobody and is number nothing');
SELECT is(pg_temp.outcome('zero', 'zero-a-2'), 'zero-a-2 ann ownership #2 10', 'unless the program says so');
SELECT is(pg_temp.money('main-a-1'), NULL, 'it earns nothing');
SELECT is(pg_temp.owned('main-a') || ', ' || pg_temp.owned('zero-a'), 'nobody, ann 03-01..05-30', 'ownership');
SELECT is((SELECT string_agg(ladder_counts::text, ',' ORDER BY transaction_id) FROM affiliate.conversion WHERE transaction_id LIKE '%-a-1'), 'false,true', 'ladders');
-- a coupon of another affiliate on a giveaway moves nothing
UPDATE affiliate.program SET later_coupon = 'move' WHERE program_id = 'main';
SELECT pg_temp.sale('main', 'b-1', 100, 0, 'ANN');
SELECT pg_temp.sale('main', 'b-2', 0, 5, 'BOB');
SELECT pg_temp.sale('main', 'b-3', 100, 6);
SELECT is(pg_temp.outcome('main', 'main-b-3'), 'main-b-3 ann ownership #2 10', 'nor does it move an ownership');

-- upgrades: on the delta paid, for the owner of the original
SELECT pg_temp.sale(p, 'c-1', 100, 0, 'ANN') FROM unnest('{delta,new_purchase,none}'::text[]) AS p;
SELECT pg_temp.sale(p, 'c-2', 60, 5, 'BOB', 'upgrade_fee', 'c-1') FROM unnest('{delta,new_purchase,none}'::text[]) AS p;
SELECT pg_temp.sale(p, 'c-3', 100, 6) FROM unnest('{delta,new_purchase,none}'::text[]) AS p;
SELECT pg_temp.drain();
SELECT is(replace(pg_temp.outcome('delta'), 'delta-', ''), 'c-1 ann coupon #1 10, c-2 ann ownership #1 6, c-3 ann ownership #2 10', 'delta: the number of the original');
SELECT is(replace(pg_temp.outcome('new_purchase'), 'new_purchase-', ''), 'c-1 ann coupon #1 10, c-2 ann ownership #2 6, c-3 ann ownership #3 10', 'new_purchase: a number of its own');
SELECT is((SELECT coalesce(sum(accrued - reversed), 0) FROM affiliate.commission WHERE subject_id = 'none-c-2'), 0::numeric, 'none: it earns nothing');
SELECT is(pg_temp.outcome('none', 'none-c-3'), 'none-c-3 ann ownership #2 10', 'none: and has no number');
SELECT is((SELECT string_agg(ladder_counts::text, ',' ORDER BY transaction_id) FROM affiliate.conversion WHERE transaction_id LIKE 'delta-c-%'), 'true,false,false', 'an upgrade adds 0 to count ladders');
-- refunds of the upgrade and of the original
UPDATE affiliate.transaction SET refunded_amount = 60, refunded_at = '2025-03-20' WHERE transaction_id = 'delta-c-2';
SELECT is(pg_temp.money('delta-c-2') || ', ' || pg_temp.money('delta-c-1'), 'ann 6 reversed 6, ann 10', 'each line has its own take-backs');

-- resets: whether they earn is the plan's
SELECT pg_temp.program('resets', 'net * 0.10', 'sale_kind = ''purchase''');
SELECT pg_temp.sale('resets', 'd-1', 100, 0, 'ANN');
SELECT pg_temp.sale('resets', 'd-2', 40, 5, NULL, 'reset_fee', 'd-1');
SELECT pg_temp.sale('main', 'd-1', 100, 0, 'ANN');
SELECT pg_temp.sale('main', 'd-2', 40, 5, NULL, 'reset_fee', 'd-1');
SELECT pg_temp.drain();
SELECT is(pg_temp.outcome('resets', '%d-2'), 'resets-d-2 ann ownership out_of_scope #2', 'not in scope');
SELECT is(pg_temp.outcome('main', '%d-2'), 'main-d-2 ann ownership #2 4', 'in scope');
INSERT INTO affiliate.plan (program_no, plan_id, version, valid_from) VALUES (pg_temp.no('resets'), 'standard', 2, '2025-03-10');
INSERT INTO affiliate.plan_rule (plan_no, sequence_no, name, transaction_types, amount) VALUES (pg_temp.plan_of('resets'), 1, 'resets', '{reset_fee}', '5'), (pg_temp.plan_of('resets'), 2, 'rest', '{challenge_fee,addon_fee}', '7');
SELECT pg_temp.sale('resets', 'd-3', 40, 10, NULL, 'reset_fee', 'd-1');
SELECT pg_temp.sale('resets', 'd-4', 40, 11, NULL, 'activation_fee');
SELECT pg_temp.sale('resets', 'd-5', 40, 11, NULL, 'addon_fee');
SELECT pg_temp.drain();
SELECT is(pg_temp.money('resets-d-3') || ', ' || coalesce(pg_temp.money('resets-d-4'), 'nothing') || ', ' || pg_temp.money('resets-d-5'), 'ann 5, nothing, ann 7', 'by the types that a rule names');

SELECT is((SELECT affiliate.resettle(ARRAY(SELECT DISTINCT customer_id FROM affiliate.transaction))), 0::bigint, 'settling again posts nothing');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
