-- How other systems' own tests behave (docs/peer-cases.md): rates, levels, limits, currencies, attribution.
BEGIN;
SELECT plan(27);
\ir ../settle/_rig.sql
CREATE FUNCTION pg_temp.sale(program text, id text, amount numeric, code text DEFAULT 'ANN', day timestamptz DEFAULT '2025-03-01', click text DEFAULT NULL, metadata jsonb DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes, click_id, metadata)
    VALUES (program, split_part(id, '.', 1), id, 'challenge_fee', 'completed', 'USD', amount, day, day, ARRAY[code], click, metadata)
$$;
CREATE FUNCTION pg_temp.upline_rule(program text, plan text, level integer, amount text, condition text DEFAULT 'true') RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.plan_rule (plan_no, sequence_no, name, level, beneficiary, amount, condition) VALUES (pg_temp.plan_of(program, plan), level + 10, 'level ' || level, level, 'upline', amount, condition)
$$;
CREATE FUNCTION pg_temp.levels(id text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(affiliate_id || ' ' || trim_scale(accrued), ', ' ORDER BY level) FROM affiliate.commission JOIN affiliate.affiliate USING (affiliate_no) WHERE subject_id = id
$$;

-- shogo: direct, level 2, root = ann, bob, cyd
INSERT INTO affiliate.affiliate_upline (affiliate_no, upline_no) VALUES (pg_temp.of('ann'), pg_temp.of('bob')), (pg_temp.of('bob'), pg_temp.of('cyd'));
SELECT pg_temp.program('sho1', 'net * 0.20'), pg_temp.program('sho2', 'net * 0.20'), pg_temp.program('sho3', 'CASE WHEN days_since_first_purchase < 365 THEN net * 0.20 ELSE net * 0.10 END');
SELECT pg_temp.upline_rule('sho1', 'standard', 1, 'net * 0.05'), pg_temp.upline_rule('sho1', 'standard', 2, 'net * 0.02');
SELECT pg_temp.sale('sho1', 'sho1', 100), pg_temp.sale('sho2', 'sho2', 100);
SELECT is(pg_temp.levels('sho1'), 'ann 20, bob 5, cyd 2', 'sho-01: three levels');
SELECT is(pg_temp.levels('sho2'), 'ann 20', 'sho-02: a plan without overrides pays the first level only');
UPDATE affiliate.program SET ownership_kind = 'lifetime', click_window = '90 days' WHERE program_id LIKE 'sho%';
SELECT pg_temp.clock('2027-07-01');
SELECT pg_temp.sale('sho3', 'sho3.1', 100, 'ANN', '2026-05-01'), pg_temp.sale('sho3', 'sho3.2', 100, NULL, '2026-05-15'), pg_temp.sale('sho3', 'sho3.3', 100, NULL, '2027-06-15');
SELECT is(pg_temp.levels('sho3.2') || ', ' || pg_temp.levels('sho3.3'), 'ann 20, ann 10', 'sho-03: a lower rate after 365 days');
SELECT pg_temp.program('sho4', 'net * 0.20', 'days_since_first_purchase < 30');
UPDATE affiliate.program SET ownership_kind = 'lifetime' WHERE program_id = 'sho4';
SELECT pg_temp.upline_rule('sho4', 'standard', 1, 'net * 0.05'), pg_temp.upline_rule('sho4', 'standard', 2, 'net * 0.02', 'days_since_first_purchase < 365');
SELECT pg_temp.sale('sho4', 'sho4.1', 100, 'ANN', '2025-01-01'), pg_temp.sale('sho4', 'sho4.2', 100, NULL, '2026-05-15');
SELECT is(pg_temp.levels('sho4.2'), 'bob 5', 'sho-04: each level has its window; only the one without end pays');
INSERT INTO affiliate.plan (program_no, plan_id, valid_from) VALUES (pg_temp.no('sho4'), 'own', '2020-01-01'), (pg_temp.no('sho1'), 'own', '2026-01-01');
INSERT INTO affiliate.plan_rule (plan_no, sequence_no, amount) VALUES (pg_temp.plan_of('sho4', 'own'), 1, 'net * 0.25'), (pg_temp.plan_of('sho1', 'own'), 1, 'net * 0.30');
INSERT INTO affiliate.agreement (program_no, affiliate_no, plan_id, valid_from) VALUES (pg_temp.no('sho1'), pg_temp.of('ann'), 'own', '2026-01-01');
SELECT pg_temp.sale('sho1', 'sho5', 100, 'ANN', '2026-02-01');
SELECT is(pg_temp.levels('sho5'), 'ann 30, bob 5, cyd 2', 'sho-05: an agreement of one''s own; the uplines'' parts are from their plans');
INSERT INTO affiliate.agreement (program_no, affiliate_no, plan_id, valid_from) VALUES (pg_temp.no('sho4'), pg_temp.of('ann'), 'own', '2026-12-01');
SELECT pg_temp.sale('sho4', 'sho4.3', 100, NULL, '2026-12-15');
SELECT is(pg_temp.levels('sho4.3'), 'ann 25, bob 5', 'sho-06: policy: a plan of one''s own has its own windows, here none');
INSERT INTO affiliate.plan (program_no, plan_id, valid_from) VALUES (pg_temp.no('sho4'), 'windowed', '2020-01-01');
INSERT INTO affiliate.plan_rule (plan_no, sequence_no, amount, condition) VALUES (pg_temp.plan_of('sho4', 'windowed'), 1, 'net * 0.25', 'days_since_first_purchase < 365');
UPDATE affiliate.agreement SET valid_until = '2027-01-01' WHERE program_no = pg_temp.no('sho4');
INSERT INTO affiliate.agreement (program_no, affiliate_no, plan_id, valid_from) VALUES (pg_temp.no('sho4'), pg_temp.of('ann'), 'windowed', '2027-01-01');
SELECT pg_temp.sale('sho4', 'sho4.4', 100, NULL, '2027-01-15');
SELECT is(pg_temp.levels('sho4.4'), 'bob 5', 'sho-06: policy: and one with a window is bound by it');

-- shogo: attribution
INSERT INTO affiliate.click (program_id, click_id, affiliate_id, clicked_at, visitor_id) VALUES ('sho2', 'sho15a', 'ann', '2026-01-01', 'v15'), ('sho2', 'sho15b', 'bob', '2026-02-01', 'v15'), ('sho2', 'sho17', 'ann', '2025-01-01', 'v17');
INSERT INTO affiliate.visitor_customer (visitor_id, customer_id) VALUES ('v15', 'sho15'), ('v17', 'sho17');
SELECT pg_temp.sale('sho2', 'sho15', 100, NULL, '2026-02-10'), pg_temp.sale('sho2', 'sho17', 100, NULL, '2026-02-10');
SELECT is(pg_temp.outcome('sho2', 'sho15'), 'sho15 bob click #1 20', 'sho-15: the last click of the visitor');
SELECT is(pg_temp.outcome('sho2', 'sho17'), 'sho17 nobody window_expired #1', 'sho-17: only an expired click: nobody');
SELECT is((SELECT affiliate.resettle('{sho15}') || pg_temp.owned('sho15')), '0bob 02-10..for ever', 'sho-19: resolved twice, the same ownership');

-- dub, refref, OCA
SELECT pg_temp.program('dub5', 'net');
UPDATE affiliate.plan_rule SET monthly_cap = 100 WHERE plan_no = pg_temp.plan_of('dub5');
SELECT pg_temp.sale('dub5', 'dub5a', 95), pg_temp.sale('dub5', 'dub5b', 10, 'ANN', '2025-03-02');
SELECT pg_temp.drain();
SELECT is(pg_temp.levels('dub5b'), 'ann 5', 'dub-rule-05: clamped to the limit (per affiliate)');
SELECT pg_temp.program('awp2', 'CASE affiliate WHEN ''ann'' THEN net * 0.3 ELSE net * 0.1 END');
INSERT INTO affiliate.click (program_id, click_id, affiliate_id, clicked_at) VALUES ('awp2', 'awp2', 'bob', '2025-02-28');
SELECT pg_temp.sale('awp2', 'awp2', 100, 'ANN', '2025-03-01', 'awp2');
SELECT pg_temp.drain();
SELECT is(pg_temp.outcome('awp2'), 'awp2 ann coupon #1 30', 'awp-02: coupon before link, at the coupon owner''s rate');
SELECT pg_temp.program('oca1', 'CASE WHEN net BETWEEN 1 AND 100 THEN net * 0.10 WHEN net BETWEEN 15000 AND 16000 THEN net * 0.20 ELSE 0 END'),
    pg_temp.program('oca1m', 'least(net, 100) * 0.10 + greatest(net - 100, 0) * 0.20'), pg_temp.program('oca2', 'greatest(net - (metadata ->> ''cost'')::numeric, 0) * 0.10');
SELECT pg_temp.sale('oca1', 'oca1a', 50), pg_temp.sale('oca1', 'oca1b', 15100), pg_temp.sale('oca1', 'oca1c', 150), pg_temp.sale('oca1m', 'oca1m', 150), pg_temp.sale('oca2', 'oca2', 5, 'ANN', '2025-03-01', NULL, '{"cost": "8"}');
SELECT pg_temp.drain();
SELECT is(concat_ws(', ', pg_temp.levels('oca1a'), pg_temp.levels('oca1b'), coalesce(pg_temp.levels('oca1c'), 'nothing')), 'ann 5, ann 3020, nothing', 'oca-01: policy: the whole amount at one rate; a gap pays nothing');
SELECT pg_temp.sale('oca1', 'oca1-' || base, base) FROM unnest('{1,100,15000,16000}'::numeric[]) AS base;
SELECT pg_temp.drain();
SELECT is((SELECT string_agg(pg_temp.levels('oca1-' || base), ', ' ORDER BY base) FROM unnest('{1,100,15000,16000}'::numeric[]) AS base), 'ann 0.1, ann 10, ann 3000, ann 3200', 'oca-01: policy: both ends belong to a section');
SELECT is(pg_temp.levels('oca1m'), 'ann 20', 'oca-01: policy: marginal instead');
SELECT is(coalesce(pg_temp.levels('oca2'), 'nothing'), 'nothing', 'oca-02: a margin is floored at 0');
SELECT pg_temp.program('oca5'), pg_temp.program('oca5e', currency => 'EUR');
SELECT pg_temp.sale('oca5', 'oca5', 100);
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes) VALUES ('oca5e', 'oca5e', 'oca5e', 'challenge_fee', 'completed', 'EUR', 100, '2025-03-01', '2025-03-01', '{ANN}');
SELECT pg_temp.drain();
SELECT is((SELECT string_agg(trim_scale(owed) || ' ' || currency, ', ' ORDER BY currency) FROM affiliate.affiliate_balance WHERE program LIKE 'oca5%'), '10 EUR, 10 USD', 'oca-05: currencies are never netted');
SELECT pg_temp.program('ref1', 'net * 0.10'), pg_temp.program('ref1b', 'net * 0.025'), pg_temp.program('ref1c', '100');
SELECT pg_temp.sale('ref1', 'ref1a', 500), pg_temp.sale('ref1b', 'ref1b', 1000), pg_temp.sale('ref1', 'ref1c', NULL), pg_temp.sale('ref1c', 'ref1d', 1000);
SELECT pg_temp.drain();
SELECT is(concat_ws(', ', pg_temp.levels('ref1a'), pg_temp.levels('ref1b'), coalesce(pg_temp.levels('ref1c'), 'nothing'), pg_temp.levels('ref1d')), 'ann 50, ann 25, nothing, ann 100', 'ref-01: percent, a missing amount, fixed');
INSERT INTO affiliate.coupon (program_no, code, affiliate_no) VALUES (pg_temp.no('ref1'), 'TENANT', pg_temp.of('bob'));
SELECT pg_temp.sale('ref1b', 'ref2', 100, 'TENANT');
SELECT pg_temp.drain();
SELECT matches(pg_temp.outcome('ref1b', 'ref2'), '^ref2 nobody ', 'ref-02: a code of another program');

-- prosper202, voluum, paymenter
SELECT pg_temp.program('p202');
UPDATE affiliate.program SET click_window = '30 days' WHERE program_id = 'p202';
INSERT INTO affiliate.click (program_id, click_id, affiliate_id, clicked_at) VALUES ('p202', 'p1', 'ann', '2025-03-01');
SELECT pg_temp.sale('p202', 'p1', 100, NULL, '2025-03-02', 'p1');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, click_id) VALUES ('p202', 'p1', 'p1', 'challenge_fee', 'completed', 'USD', 100, '2025-03-02', '2025-03-02', 'p1') ON CONFLICT DO NOTHING;
SELECT pg_temp.drain();
SELECT is((SELECT count(*) FROM affiliate.entry WHERE subject_id = 'p1'), 1::bigint, 'p202-01: the same click and transaction twice');
SELECT pg_temp.sale('p202', 'p3', 100, NULL, '2025-03-02', 'no such click');
SELECT pg_temp.drain();
SELECT is(pg_temp.outcome('p202', 'p3'), 'p3 waiting nobody unknown_click', 'p202-03: a sale with an unknown click waits');
SELECT pg_temp.clock('2027-07-03');
SELECT pg_temp.drain();
SELECT is(pg_temp.outcome('p202', 'p3') || ', ' || (SELECT count(*) FROM affiliate.entry WHERE subject_id = 'p3') || ' entries', 'p3 nobody organic #1, 0 entries', 'p202-03: and then is nobody''s, and earns nothing');
SELECT pg_temp.program('vol', 'CASE metadata ->> ''event'' WHEN ''SIGNUP'' THEN 1 WHEN ''PURCHASE'' THEN 50 ELSE 0 END');
INSERT INTO affiliate.click (program_id, click_id, affiliate_id, clicked_at) VALUES ('vol', 'c384', 'ann', '2025-03-01');
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, click_id, metadata)
SELECT 'vol', 'vol', 'vol-' || e, 'challenge_fee', 'completed', 'USD', 60, '2025-03-02', '2025-03-02', 'c384', jsonb_build_object('event', e) FROM unnest('{SIGNUP,NEWSLETTER,PURCHASE}'::text[]) AS e;
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, click_id)
SELECT 'vol', 'vol', 'vol-' || e, 'challenge_fee', 'completed', 'USD', 60, '2025-03-02', '2025-03-02', 'c384' FROM unnest('{SIGNUP,NEWSLETTER,PURCHASE}'::text[]) AS e ON CONFLICT DO NOTHING;
SELECT pg_temp.drain();
SELECT is((SELECT count(*) FROM affiliate.conversion WHERE customer_id = 'vol') || ' ' || (SELECT trim_scale(sum(accrued)) FROM affiliate.commission WHERE customer_id = 'vol'), '3 51', 'vol-01: three conversions of one click, repeats ignored');
SELECT pg_temp.program('pay');
UPDATE affiliate.program SET cooling_off = '24 hours' WHERE program_id = 'pay';
UPDATE affiliate.plan_rule SET hold = '24 hours' WHERE plan_no = pg_temp.plan_of('pay');
SELECT pg_temp.clock('2025-03-01 12:00');
SELECT pg_temp.sale('pay', 'pay1', 100), pg_temp.sale('pay', 'pay2', 100);
SELECT pg_temp.drain();
SELECT is((SELECT string_agg(state, ' ') FROM affiliate.commissions WHERE program = 'pay'), 'held held', 'pay-01: on hold during the refund window');
UPDATE affiliate.transaction SET refunded_amount = 100, refunded_at = '2025-03-01 18:00' WHERE transaction_id = 'pay1';
SELECT pg_temp.clock('2025-03-02');
SELECT pg_temp.drain();
SELECT is((SELECT string_agg(subject_id || ' ' || state, ', ' ORDER BY subject_id) FROM affiliate.commissions WHERE program = 'pay'), 'pay1 void, pay2 eligible', 'pay-01: a refund inside it cancels, the other is approved');

SELECT is((SELECT affiliate.resettle(ARRAY(SELECT DISTINCT customer_id FROM affiliate.transaction))), 0::bigint, 'settling again posts nothing');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
