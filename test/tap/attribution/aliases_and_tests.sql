-- An alias that two sources use for two affiliates names nobody; clicks that are tests never earn.
BEGIN;
SELECT plan(3);
\ir ../settle/_rig.sql
SELECT pg_temp.program('main');
INSERT INTO affiliate.affiliate_alias (source, external_id, affiliate_no) VALUES
    ('crm', '4711', pg_temp.of('ann')), ('shop', '4711', pg_temp.of('bob')), ('crm', '12', pg_temp.of('ann')), ('shop', '12', pg_temp.of('ann'));
INSERT INTO affiliate.click (click_id, affiliate_id, clicked_at, is_test) VALUES ('k1', 'ann', '2025-03-04 12:00', true);
INSERT INTO affiliate.transaction (customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, affiliate_id, click_id) VALUES
    ('c', 'c1', 'challenge_fee', 'completed', 'USD', 100, '2025-03-05', '2025-03-05', '4711', NULL),
    ('d', 'd1', 'challenge_fee', 'completed', 'USD', 100, '2025-03-05', '2025-03-05', '12', NULL),
    ('e', 'e1', 'challenge_fee', 'completed', 'USD', 100, '2025-03-05', '2025-03-05', NULL, 'k1');
SELECT pg_temp.drain();
SELECT is(pg_temp.candidates('c1'), 'declared unknown_affiliate', 'two sources, two affiliates: unknown');
SELECT is(pg_temp.outcome('main', 'd1'), 'd1 ann declared #1 10', 'two sources, one affiliate');
SELECT is(pg_temp.outcome('main', 'e1') || ', ' || pg_temp.candidates('e1'), 'e1 nobody test_click #1, click ann test_click', 'a test click');
SELECT * FROM finish();
ROLLBACK;
