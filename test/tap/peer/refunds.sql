-- How other systems' own tests behave (docs/peer-cases.md): refunds, disputes, payments, duplicates.
BEGIN;
SELECT plan(43);
\ir ../settle/_rig.sql
SELECT pg_temp.program('main');
CREATE FUNCTION pg_temp.sale(program text, id text, amount numeric, code text DEFAULT 'ANN', fee numeric DEFAULT NULL, customer text DEFAULT NULL, day date DEFAULT '2025-03-01') RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, fee, ordered_at, completed_at, coupon_codes)
    VALUES (program, coalesce(customer, id), id, 'challenge_fee', 'completed', 'USD', amount, fee, day, day, ARRAY[code])
$$;
CREATE FUNCTION pg_temp.refund(id text, sum numeric, at timestamptz DEFAULT '2025-04-01') RETURNS void LANGUAGE sql AS $$
    UPDATE affiliate.transaction SET refunded_amount = sum, refunded_at = at, status_at = at WHERE transaction_id = id
$$;

-- dub, first: after so many statements of one transaction the rest waits for the drain
SELECT pg_temp.sale('main', 'dub3', 100);
INSERT INTO affiliate.dispute (dispute_id, transaction_id, opened_at) VALUES ('dub3', 'dub3', '2025-04-01');
SELECT is((SELECT hold_reason FROM affiliate.commission WHERE subject_id = 'dub3'), 'dispute', 'dub-rule-03: better: an open dispute holds the line, in the same transaction');

-- tezgah
SELECT pg_temp.program('tez', 'net / 12');
SELECT pg_temp.sale('tez', 'tez', 120, 'BOB');
SELECT pg_temp.refund('tez', 60);
SELECT is(pg_temp.entries('tez'), 'accrual 10, reversal -5', 'tez-02: half of 120 takes half of 10');
SELECT pg_temp.refund('tez', 120, '2025-04-02');
SELECT is((SELECT sum(amount) FROM affiliate.entry WHERE subject_id = 'tez'), 0.00, 'tez-08: a full refund sums to exactly zero');
SELECT pg_temp.program('tez3', 'net - 10');
SELECT pg_temp.sale('tez3', 'tez3', 120, 'BOB');
SELECT lives_ok($$SELECT affiliate.record_payment('bob', 'tez3', 'infinity', 'p1')$$, 'tez-03: paid 110');
SELECT pg_temp.refund('tez3', 120);
SELECT is((SELECT trim_scale(negative) FROM affiliate.balance('bob', 'tez3')), -110::numeric, 'tez-03: a refund after the payment leaves a negative balance');
SELECT pg_temp.sale('tez3', 'tez3b', 160, 'BOB');
SELECT is((SELECT trim_scale(amount) FROM affiliate.record_payment('bob', 'tez3', 'infinity', 'p2')), 40::numeric, 'tez-03: the next payment nets against it');
SELECT pg_temp.sale('tez', 'tez5', 120);
INSERT INTO affiliate.plan (program_no, plan_id, version, valid_from) VALUES (pg_temp.no('tez'), 'standard', 2, '2025-03-15');
INSERT INTO affiliate.plan_rule (plan_no, sequence_no, amount) VALUES (pg_temp.plan_of('tez'), 1, 'net * 0.5');
SELECT pg_temp.refund('tez5', 60);
SELECT is(pg_temp.entries('tez5'), 'accrual 10, reversal -5', 'tez-05: a refund ignores a later rule change');
SELECT pg_temp.program('tez6', '8');
SELECT pg_temp.sale('tez6', 'tez6a', 100), pg_temp.sale('tez6', 'tez6b', 50);
UPDATE affiliate.transaction SET amount = 100, status_at = '2025-03-02' WHERE transaction_id = 'tez6b';
SELECT is(pg_temp.money('tez6a') || ', ' || pg_temp.money('tez6b'), 'ann 8, ann 8', 'tez-06: captured at once or in parts');

-- gumroad: rounded down; minor units as cents
SELECT pg_temp.program('gum', 'net * 0.079');
UPDATE affiliate.plan_rule SET rounding = 'down' WHERE plan_no = pg_temp.plan_of('gum');
SELECT pg_temp.sale('gum', 'gum2', 10), pg_temp.sale('gum', 'gum3', 10);
SELECT pg_temp.refund('gum2', 6), pg_temp.refund('gum3', 4);
SELECT is(pg_temp.money('gum2'), 'ann 0.79 reversed 0.48', 'gum-02: 48 of 79 reversed, 31 left');
SELECT is(pg_temp.money('gum3'), 'ann 0.79 reversed 0.32', 'gum-03: 32 of 79 reversed, 47 left');
SELECT pg_temp.program('gum7', '(net - fee) * 0.15'), pg_temp.program('gum8', '(net - fee) * 0.20');
UPDATE affiliate.plan_rule SET rounding = 'down' WHERE plan_no IN (pg_temp.plan_of('gum7'), pg_temp.plan_of('gum8'));
SELECT pg_temp.sale('gum7', 'gum7', 1, 'ANN', 0.93), pg_temp.sale('gum8', 'gum8', 2, 'ANN', 1.06);
SELECT is(pg_temp.money('gum7'), 'ann 0.01', 'gum-07: floor of 15 % of 7');
SELECT is(pg_temp.money('gum8'), 'ann 0.18', 'gum-08: floor of 20 % of 94');
SELECT is((SELECT sum(owed) FROM affiliate.affiliate_balance WHERE program IN ('gum7', 'gum8')), 0.19, 'gum-08: both are owed, 0.19');
SELECT bag_eq('SELECT affiliate, program, owed FROM affiliate.affiliate_balance', 'SELECT affiliate, program, sum(amount) FROM affiliate.entries GROUP BY 1, 2',
    'gum-12: what is reported is the sum of the ledger, with partial and full take-backs');

-- shogo
SELECT pg_temp.program('sho', '10');
UPDATE affiliate.plan_rule SET hold = '300 days' WHERE plan_no = pg_temp.plan_of('sho');
INSERT INTO affiliate.plan_rule (plan_no, sequence_no, amount) VALUES (pg_temp.plan_of('sho'), 2, '5');
SELECT pg_temp.sale('sho', 'sho9', 100, 'CYD');
INSERT INTO affiliate.transaction_ref (source, kind, external_id, transaction_id) VALUES ('psp', 'charge', 'ch_x', 'sho9'), ('psp', 'charge', 'ch_y', 'sho10');
INSERT INTO affiliate.dispute (dispute_id, ref_source, ref_kind, ref_external_id, opened_at, closed_at, outcome) VALUES ('sho9', 'psp', 'charge', 'ch_x', '2025-04-01', '2025-04-02', 'lost');
SELECT is(pg_temp.money('sho9'), 'cyd 10 reversed 10, cyd 5 reversed 5', 'sho-09: both commissions of a charge, by its reference');
SELECT is((SELECT pending + held + eligible FROM affiliate.balance('cyd', 'sho')), 0::numeric, 'sho-09: nothing is left');
SELECT pg_temp.program('sho10', '7');
SELECT pg_temp.sale('sho10', 'sho10', 100, 'CYD');
SELECT lives_ok($$SELECT affiliate.record_payment('cyd', 'sho10', 'infinity', 'p1')$$, 'sho-10: paid 7');
INSERT INTO affiliate.dispute (dispute_id, ref_source, ref_kind, ref_external_id, opened_at, closed_at, outcome) VALUES ('sho10', 'psp', 'charge', 'ch_y', '2025-04-01', '2025-04-02', 'lost');
SELECT is((SELECT trim_scale(negative) FROM affiliate.balance('cyd', 'sho10')), -7::numeric, 'sho-10: clawed back after payment');
SELECT is((SELECT count(*) FROM affiliate.entry WHERE subject_id = 'sho10'), 3::bigint, 'sho-11: three entries');
INSERT INTO affiliate.dispute (dispute_id, ref_source, ref_kind, ref_external_id, opened_at, closed_at, outcome) VALUES ('sho10', 'psp', 'charge', 'ch_y', '2025-04-01', '2025-04-02', 'lost')
ON CONFLICT (dispute_id) DO UPDATE SET outcome = excluded.outcome;
SELECT is((SELECT count(*) FROM affiliate.entry WHERE subject_id = 'sho10'), 3::bigint, 'sho-11: the clawback repeated changes nothing');
SELECT pg_temp.drain();
SELECT pg_temp.program('sho14', 'net');
SELECT pg_temp.sale('sho14', 'sho14a', 70, 'DAN'), pg_temp.sale('sho14', 'sho14b', 30, 'DAN');
SELECT pg_temp.drain();
SELECT is((SELECT lines || ' ' || trim_scale(amount) FROM affiliate.record_payment('dan', 'sho14', 'infinity', 'p1')), '2 100', 'sho-14: both are paid');
SELECT is((SELECT count(DISTINCT cause) FROM affiliate.entry WHERE program_no = pg_temp.no('sho14') AND kind = 'payment'), 1::bigint, 'sho-14: under one reference');

-- lobbystack
SELECT pg_temp.program('lob', 'net * 0.2');
SELECT pg_temp.sale('lob', 'lob1', 500);
SELECT pg_temp.refund('lob1', 500, '2025-03-01 12:00');
SELECT pg_temp.drain();
SELECT is(pg_temp.money('lob1'), 'ann 100 reversed 100 void', 'lob-01: void by a refund');
UPDATE affiliate.transaction SET status = 'completed', status_at = '2025-03-01', refunded_amount = NULL WHERE transaction_id = 'lob1';
SELECT pg_temp.drain();
SELECT is(pg_temp.money('lob1') || ' ' || pg_temp.counts('lob1'), 'ann 100 reversed 100 void 0 of 0, refunded 0, charged back 0 (0)', 'lob-05: a late "paid" does not revive it');
SELECT is((SELECT pending + held + eligible FROM affiliate.balance('ann', 'lob')), 0::numeric, 'lob-05: nothing is pending');

-- dub
SELECT pg_temp.sale('main', 'dub2', 100, 'EVE');
SELECT pg_temp.drain();
SELECT lives_ok($$SELECT affiliate.record_payment('eve', 'main', 'infinity', 'p1')$$, 'paid');
SELECT pg_temp.refund('dub2', 50);
SELECT pg_temp.drain();
SELECT is((SELECT trim_scale(negative) FROM affiliate.balance('eve', 'main')), -5::numeric, 'dub-rule-02: better: a refund after payment is carried forward');
SELECT is((SELECT hold_reason FROM affiliate.commission WHERE subject_id = 'dub3'), 'dispute', 'dub-rule-03: and the drain does not release it');
SELECT throws_ok($$SELECT pg_temp.sale('main', 'dub3', 100)$$, '23505', NULL, 'dub-rule-07: the same invoice again is refused');

-- AffiliateWP, OpenCart, Paymenter, OCA
SELECT pg_temp.program('awp5', 'net * 0.2');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, order_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes) VALUES
    ('awp5', 'awp5', 'awp5a', 'awp5', 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}'), ('awp5', 'awp5', 'awp5b', 'awp5', 'addon_fee', 'completed', 'USD', 50, '2025-03-01', '2025-03-01', NULL);
SELECT pg_temp.refund('awp5a', 25);
SELECT pg_temp.drain();
SELECT is(pg_temp.money('awp5a') || ', ' || pg_temp.money('awp5b'), 'ann 20 reversed 5, ann 10', 'awp-05: better: pro rata, per line');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes) VALUES
    ('main', 'awp6', 'awp6a', 'challenge_fee', 'pending', 'USD', 100, '2025-03-01', NULL, '{ANN}'), ('main', 'awp6', 'awp6b', 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', '{ANN}');
SELECT pg_temp.drain();
SELECT is((SELECT count(*) FROM affiliate.commission WHERE customer_id = 'awp6'), 1::bigint, 'awp-06: two orders, one of them paid: one commission');
SELECT is((SELECT quantity FROM affiliate.conversion WHERE transaction_id = 'awp6b')::int - (SELECT quantity FROM affiliate.conversion WHERE transaction_id = 'awp6a')::int, 1, 'awp-03: a pending sale is not counted, a paid one is');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, coupon_codes) VALUES ('main', 'awp3', 'awp3', 'challenge_fee', 'pending', 'USD', 100, '2025-03-01', '{ANN}');
SELECT pg_temp.drain();
SELECT is(pg_temp.money('awp3'), NULL, 'awp-03: pending earns nothing');
UPDATE affiliate.transaction SET status = 'completed', completed_at = '2025-03-01' WHERE transaction_id = 'awp3';
SELECT pg_temp.drain();
SELECT is(pg_temp.money('awp3') || ', ' || pg_temp.counts('awp3'), 'ann 10, 1 of 100, refunded 0, charged back 0 (0)', 'awp-03: from pending to paid, earned and counted');
UPDATE affiliate.transaction SET status = 'cancelled', status_at = '2025-03-02' WHERE transaction_id = 'awp3';
SELECT pg_temp.drain();
SELECT is(pg_temp.money('awp3') || ', ' || pg_temp.counts('awp3'), 'ann 10 reversed 10 void, 0 of 0, refunded 0, charged back 0 (0)', 'awp-03: from paid to cancelled, neither');
SELECT throws_ok($$DELETE FROM affiliate.transaction WHERE transaction_id = 'awp3'$$, 'AF021', NULL, 'awp-03: nothing is deleted');
SELECT pg_temp.sale('main', 'opc1', 100);
UPDATE affiliate.transaction SET status = 'refunded', refunded_at = '2025-04-01' WHERE transaction_id = 'opc1';
SELECT pg_temp.drain();
SELECT is((SELECT min(amount) FROM affiliate.entry WHERE subject_id = 'opc1'), -10::numeric, 'opc-01: a negative entry');
SELECT pg_temp.program('oca3'), pg_temp.program('oca3b');
SELECT pg_temp.sale('oca3', 'oca3', 1000), pg_temp.sale('oca3b', 'oca3b', 1000);
SELECT pg_temp.drain();
SELECT is((SELECT trim_scale(amount) FROM affiliate.record_payment('ann', 'oca3', 'infinity', 'p1')), 100::numeric, 'oca-03: an invoice is settled');
SELECT pg_temp.refund('oca3', 1000), pg_temp.refund('oca3b', 1000);
SELECT pg_temp.drain();
SELECT is((SELECT trim_scale(negative) || ' ' || trim_scale(paid) FROM affiliate.balance('ann', 'oca3')), '-100 100', 'oca-03: a credit note after settlement is a negative line');
SELECT throws_ok($$SELECT affiliate.record_payment('ann', 'oca3', 'infinity', 'p2')$$, 'AF031', NULL, 'oca-03: less than nothing is not paid');
SELECT is((SELECT sum(amount) FROM affiliate.entry WHERE subject_id = 'oca3b'), 0::numeric, 'oca-03: before settlement the two are zero');

SELECT is((SELECT affiliate.resettle(ARRAY(SELECT DISTINCT customer_id FROM affiliate.transaction))), 0::bigint, 'settling again posts nothing');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
