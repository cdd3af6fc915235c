-- affiliate_upline: level 1 is written, the closure follows, cycles are refused.
BEGIN;
SELECT plan(15);
SET LOCAL client_min_messages = warning;

INSERT INTO affiliate.affiliate (affiliate_no, affiliate_id) SELECT 900 + n, 'u' || n FROM generate_series(1, 30) AS n;
CREATE FUNCTION pg_temp.closure() RETURNS TABLE (a integer, u integer, level integer, until text) LANGUAGE sql AS $$
    SELECT affiliate_no - 900, upline_no - 900, level, valid_until::text FROM affiliate.affiliate_upline WHERE affiliate_no > 900 ORDER BY 1, 3, valid_from
$$;
INSERT INTO affiliate.affiliate_upline (affiliate_no, upline_no) VALUES (901, 902), (903, 904);
INSERT INTO affiliate.affiliate_upline (affiliate_no, upline_no) VALUES (902, 903);
SELECT results_eq('SELECT * FROM pg_temp.closure()',
    $$VALUES (1, 2, 1, 'infinity'), (1, 3, 2, 'infinity'), (1, 4, 3, 'infinity'), (2, 3, 1, 'infinity'), (2, 4, 2, 'infinity'), (3, 4, 1, 'infinity')$$,
    'the closure of a chain written from both ends');
SELECT throws_ok($$INSERT INTO affiliate.affiliate_upline (affiliate_no, upline_no) VALUES (904, 901)$$, 'AF023', 'upline would be a cycle', 'a cycle of four');
SELECT throws_ok($$INSERT INTO affiliate.affiliate_upline (affiliate_no, upline_no) VALUES (910, 911), (911, 912), (912, 910)$$, 'AF023', NULL, 'a cycle in one statement');
SELECT throws_ok($$INSERT INTO affiliate.affiliate_upline (affiliate_no, upline_no) VALUES (910, 910)$$, '23514', NULL, 'nobody is above himself');

SET LOCAL TimeZone = 'UTC';
UPDATE affiliate.affiliate_upline SET valid_until = '2025-01-01' WHERE affiliate_no = 903 AND level = 1;
SELECT results_eq($$SELECT * FROM pg_temp.closure() WHERE u = 4$$,
    $$VALUES (1, 4, 3, '2025-01-01 00:00:00+00'), (2, 4, 2, '2025-01-01 00:00:00+00'), (3, 4, 1, '2025-01-01 00:00:00+00')$$,
    'periods are cut to those of the chain');
SELECT lives_ok($$INSERT INTO affiliate.affiliate_upline (affiliate_no, upline_no, valid_from) VALUES (904, 901, '2025-01-01')$$,
    'who was above may come below later: a cycle needs one instant');
SELECT results_eq($$SELECT u, level FROM pg_temp.closure() WHERE a = 4$$, $$VALUES (1, 1), (2, 2), (3, 3)$$, 'with its own closure');
SELECT throws_ok($$INSERT INTO affiliate.affiliate_upline (affiliate_no, upline_no, valid_from) VALUES (903, 904, '2024-06-01')$$, '23P01', NULL,
    'two parents at one time are refused');
SELECT throws_ok($$UPDATE affiliate.affiliate_upline SET valid_until = '2025-01-01 00:00:00.000001' WHERE affiliate_no = 903 AND level = 1$$, 'AF023', NULL,
    'a microsecond of overlap is a cycle');

SELECT throws_ok($$DELETE FROM affiliate.affiliate_upline WHERE affiliate_no = 901 AND level = 2$$, 'AF025', 'only level 1 of "affiliate_upline" is written', 'deeper levels are not deleted');
SELECT throws_ok($$INSERT INTO affiliate.affiliate_upline (affiliate_no, upline_no, level) VALUES (920, 921, 2)$$, 'AF025', NULL, 'nor written');
SELECT throws_ok($$UPDATE affiliate.affiliate_upline SET valid_from = '2026-01-01' WHERE affiliate_no = 904 AND level = 2$$, 'AF025', NULL, 'nor changed');

DELETE FROM affiliate.affiliate_upline WHERE affiliate_no = 902 AND level = 1;
SELECT results_eq($$SELECT a, u, level FROM pg_temp.closure()$$, $$VALUES (1, 2, 1), (3, 4, 1), (4, 1, 1), (4, 2, 2)$$, 'a link that goes takes what hangs on it');

INSERT INTO affiliate.affiliate_upline (affiliate_no, upline_no) SELECT 905 + n, 906 + n FROM generate_series(1, 24) AS n;
SELECT is((SELECT max(level)::integer FROM affiliate.affiliate_upline WHERE affiliate_no = 906), 20, 'the closure ends at level 20');
SELECT throws_ok($$INSERT INTO affiliate.affiliate_upline (affiliate_no, upline_no) VALUES (930, 906)$$, 'AF023', NULL, 'a cycle longer than the closure is seen');

SELECT * FROM finish();
ROLLBACK;
