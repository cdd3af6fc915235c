-- W11, W3: a customer registers in one program; what is known of him holds in the others that he buys from.
BEGIN;
SELECT plan(6);
\ir ../settle/_rig.sql
SELECT pg_temp.program('first'), pg_temp.program('second');
UPDATE affiliate.affiliate SET payment_fingerprints = '{card-7}' WHERE affiliate_id = 'cyd';
INSERT INTO affiliate.coupon (program_no, code, affiliate_no, countries) VALUES (pg_temp.no('second'), 'GERMAN', pg_temp.of('bob'), '{DE}');
INSERT INTO affiliate.customer (customer_id, program_id, signup_date, affiliate_id, country_code, payment_fingerprint) VALUES
    ('f', 'first', '2025-03-01', 'ann', 'FR', 'card-7'), ('g', 'first', '2025-03-01', 'ann', 'FR', NULL);
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes) VALUES
    ('second', 'f', 'f1', 'challenge_fee', 'completed', 'USD', 100, '2025-03-05', '2025-03-05', '{CYD}'),
    ('second', 'g', 'g1', 'challenge_fee', 'completed', 'USD', 100, '2025-03-05', '2025-03-05', '{GERMAN}'),
    ('first', 'g', 'g2', 'challenge_fee', 'completed', 'USD', 100, '2025-03-05', '2025-03-05', NULL);
SELECT is(pg_temp.outcome('second', 'f1'), 'f1 nobody self_referral #1', 'his card is known in the second program');
SELECT is(pg_temp.candidates('g1'), 'coupon bob wrong_country', 'so is his country');
SELECT matches(pg_temp.outcome('second', 'g1'), '^g1 nobody ', 'what he declared in the first does not count in the second');
SELECT is(pg_temp.outcome('first', 'g2'), 'g2 ann declared #1 10', 'but in the first');
SELECT is((SELECT string_agg(p.program_id, ', ') FROM affiliate.conversion AS c JOIN affiliate.program AS p USING (program_no) WHERE c.kind = 'registration' AND c.customer_id = 'g'),
    'first', 'and he registered once');
SELECT is(array(SELECT pg_temp.violations()), '{}'::text[], 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
