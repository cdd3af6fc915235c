-- W4: override > active ownership > coupon > click > lead > declared > none, or as the program says; last or first click.
BEGIN;
SELECT plan(12);
\ir ../settle/_rig.sql
SELECT pg_temp.program(p) FROM unnest('{usual,reversed,clicks_only,first,last}'::text[]) AS p;
UPDATE affiliate.program SET precedence = '{declared,lead,click,coupon,ownership,override}' WHERE program_id = 'reversed';
UPDATE affiliate.program SET precedence = '{click}' WHERE program_id = 'clicks_only';
UPDATE affiliate.program SET click_choice = program_id WHERE program_id IN ('first', 'last');
UPDATE affiliate.program SET ownership_window = '5 days' WHERE program_id IN ('usual', 'reversed');

-- each order has what is listed in its name: o(verride) w(nership) c(oupon) k(lick) l(ead) d(eclared)
INSERT INTO affiliate.click (program_id, click_id, affiliate_id, clicked_at)
SELECT p, p || '-lead', 'dan', timestamptz '2025-03-01 10:00' FROM unnest('{usual,reversed}'::text[]) AS p
UNION ALL SELECT p, p || '-click', 'bob', '2025-03-05 10:00' FROM unnest('{usual,reversed,clicks_only}'::text[]) AS p;
INSERT INTO affiliate.customer (program_id, customer_id, signup_date, click_id)
SELECT p, p || '-' || c, '2025-03-01 12:00', p || '-lead' FROM unnest('{usual,reversed}'::text[]) AS p, unnest('{ckld,kld,ld,wckld}'::text[]) AS c;
-- an earlier order of eve's makes the ownership
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
SELECT p, p || '-wckld', p || '-0', 'challenge_fee', 'completed', 'USD', 100, '2025-03-04', '2025-03-04', '{EVE}' FROM unnest('{usual}'::text[]) AS p;
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes, click_id, affiliate_id)
SELECT p, p || '-' || c, p || '-' || c, 'challenge_fee', 'completed', 'USD', 100, '2025-03-06', '2025-03-06',
    CASE WHEN c LIKE '%c%' THEN '{ANN}'::text[] END, CASE WHEN c LIKE '%k%' THEN p || '-click' END, CASE WHEN c LIKE '%d%' THEN 'cyd' END
FROM unnest('{usual,reversed}'::text[]) AS p, unnest('{wckld,ckld,kld,ld,d}'::text[]) AS c WHERE (p, c) <> ('reversed', 'wckld');
SELECT is(pg_temp.outcome('usual', 'usual-ckld'), 'usual-ckld ann coupon #1 10', 'coupon before click, lead and declared');
SELECT is(pg_temp.outcome('usual', 'usual-kld'), 'usual-kld bob click #1 10', 'click before lead and declared');
SELECT is(pg_temp.outcome('usual', 'usual-ld'), 'usual-ld dan lead #1 10', 'lead before declared');
SELECT is(pg_temp.outcome('usual', 'usual-d'), 'usual-d cyd declared #1 10', 'declared before nothing');
SELECT is(pg_temp.outcome('usual', 'usual-wckld'), 'usual-wckld eve ownership #2 10', 'ownership before all of them');
SELECT affiliate.reassign('usual-wckld', 'usual', 'bob', reason => 'asked for', transaction_id => 'usual-wckld');
SELECT is(pg_temp.outcome('usual', 'usual-wckld'), 'usual-wckld bob override #2 10', 'an override before ownership');
SELECT is(pg_temp.outcome('reversed', 'reversed-ckld') || ', ' || pg_temp.outcome('reversed', 'reversed-kld'),
    'reversed-ckld cyd declared #1 10, reversed-kld cyd declared #1 10', 'the other way round');
SELECT is(pg_temp.outcome('reversed', 'reversed-ld'), 'reversed-ld cyd declared #1 10', 'declared before lead');

-- what is not listed does not compete
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes, click_id) VALUES
    ('clicks_only', 'c1', 'c1', 'challenge_fee', 'completed', 'USD', 100, '2025-03-06', '2025-03-06', '{ANN}', NULL),
    ('clicks_only', 'c2', 'c2', 'challenge_fee', 'completed', 'USD', 100, '2025-03-06', '2025-03-06', '{ANN}', 'clicks_only-click');
SELECT matches(pg_temp.outcome('clicks_only'), '^c1 nobody .*, c2 bob click #1 10$', 'a method that is not listed wins nothing');

-- last or first click inside the window, ties by click_id
INSERT INTO affiliate.click (program_id, click_id, affiliate_id, clicked_at, customer_id)
SELECT p, p || v.id, v.affiliate, v.at::timestamptz, p || v.customer FROM unnest('{first,last}'::text[]) AS p, (VALUES
    ('k1', 'eve', '2025-03-01 10:00', '-time'), ('k2', 'ann', '2025-03-04 10:00', '-time'), ('k3', 'bob', '2025-03-05 10:00', '-time'), ('k4', 'cyd', '2025-03-06 00:00:00.000001', '-time'),
    ('k5', 'bob', '2025-03-05 10:00', '-tie'), ('k6', 'ann', '2025-03-05 10:00', '-tie')) AS v (id, affiliate, at, customer);
INSERT INTO affiliate.transaction (program_id, customer_id, transaction_id, transaction_type, status, currency, amount, ordered_at, completed_at)
SELECT p, p || c, p || c, 'challenge_fee', 'completed', 'USD', 100, '2025-03-06', '2025-03-06' FROM unnest('{first,last}'::text[]) AS p, unnest('{-time,-tie}'::text[]) AS c;
SELECT is(pg_temp.outcome('last'), 'last-tie ann click #1 10, last-time bob click #1 10', 'last click; of two at one time the larger click_id');
SELECT is(pg_temp.outcome('first'), 'first-tie bob click #1 10, first-time ann click #1 10', 'first click inside the window; the smaller click_id');

SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
