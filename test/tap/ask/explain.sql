-- explain(): every transaction is explained, sales and what takes them back; the values of rules are shown. It writes nothing.
BEGIN;
SELECT plan(30);
\ir _ask.sql
SELECT pg_temp.program('one', $$round(net * 0.10, 2)$$, $$metadata ->> 'net' = 'fee of net' AND affiliate = 'ann' AND beneficiary = 'ann' AND affiliate_country = 'DE'
    AND account_currency IS NULL AND customer_language = 'en' AND sales_status = 'vip' AND traffic_source = 'mail' AND ordered_at < completed_at
    AND completed_at >= '2025-01-01' AND product <> 'ann''s net'$$);
UPDATE affiliate.affiliate SET country = 'DE' WHERE affiliate_id = 'ann';
INSERT INTO affiliate.link (link_id, program_no, affiliate_no, traffic_source) VALUES ('l-ann', pg_temp.no('one'), pg_temp.of('ann'), 'mail');
INSERT INTO affiliate.click (click_id, program_id, link_id, clicked_at) VALUES ('k1', 'one', 'l-ann', '2025-06-01');
INSERT INTO affiliate.customer (customer_id, program_id, lang_id, sales_status_id) VALUES ('c1', 'one', 'en', 'vip');
INSERT INTO affiliate.transaction (customer_id, transaction_id, program_id, transaction_type, status, currency, amount, ordered_at, completed_at, click_id, product_id, metadata)
VALUES ('c1', 's1', 'one', 'challenge_fee', 'completed', 'USD', 300, '2025-06-01 10:00', '2025-06-01 11:00', 'k1', 'my net fee', '{"net": "fee of net"}'),
       ('c2', 's2', 'one', 'challenge_fee', 'completed', 'USD', 100, '2025-06-01 10:00', '2025-06-01 11:00', NULL, NULL, NULL);
-- what takes back: by reference, by a row of nobody's, without reference, of something unknown; an adjustment; a cost
INSERT INTO affiliate.transaction (customer_id, transaction_id, program_id, transaction_type, status, currency, amount, refunded_at, original_transaction_id)
VALUES ('c1', 'r1', 'one', 'refund', 'completed', 'USD', 60, '2025-06-10', 's1'),
       ('', 'r2', 'one', 'refund', 'completed', 'USD', NULL, '2025-06-11', 's1'),
       ('c2', 'r3', 'one', 'chargeback', 'completed', 'USD', 10, '2025-06-12', NULL),
       ('c2', 'r4', 'one', 'refund', 'completed', 'USD', 10, '2025-06-12', 'never'),
       ('', 'r5', 'one', 'refund', 'completed', 'USD', 10, '2025-06-12', 'nowhere'),
       ('c2', 'a1', 'one', 'adjustment', 'completed', 'USD', -10, '2025-06-12', 's2'),
       ('c2', 'a2', 'one', 'adjustment', 'completed', 'USD', -10, '2025-06-12', NULL),
       ('c3', 'r6', 'one', 'refund', 'completed', 'USD', 10, '2025-06-12', NULL),
       ('c3', 'p1', 'one', 'payout', 'completed', 'USD', 500, NULL, NULL);
SELECT pg_temp.drain();
SELECT pg_temp.content() AS before \gset
CREATE FUNCTION pg_temp.lines(id text, wanted text) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(line, ' | ' ORDER BY step) FROM affiliate.explain(id) WHERE topic = wanted
$$;

-- a sale
SELECT is(pg_temp.lines('s1', 'sale'), 'challenge_fee s1 of customer c1, status completed, 0 earlier report(s) of it | ordered 2025-06-01T10:00:00Z, completed 2025-06-01T11:00:00Z'
    ' | charged 300 USD, base 300; refunded 300, charged back 0, left for commission 0', 'what was sold');
SELECT is(pg_temp.lines('s1', 'touch'), 'click k1 at 2025-06-01T00:00:00Z for ann: won', 'who competed');
SELECT is(pg_temp.lines('s1', 'decision'), 'earned by ann through click, purchase number 1 | state counted', 'who earned it');
SELECT is(pg_temp.lines('s1', 'rule'), format($$rule %s "first" for ann: when '{"net": "fee of net"}'::jsonb ->> 'net' = 'fee of net' AND 'ann' = 'ann' AND 'ann' = 'ann' AND 'DE' = 'DE'
    AND account_currency IS NULL AND 'en' = 'en' AND 'vip' = 'vip' AND 'mail' = 'mail' AND '2025-06-01T10:00:00Z' < '2025-06-01T11:00:00Z'
    AND '2025-06-01T11:00:00Z' >= '2025-01-01' AND 'my net fee' <> 'ann''s net' -> matches; amount round(net * 0.10, 2) = round(300 * 0.10, 2)$$,
    (SELECT rule_no FROM affiliate.commission WHERE subject_id = 's1')), 'every value of a rule is filled in, and nothing inside of a value');
SELECT matches(pg_temp.lines('s1', 'commission'), '^ann earns 30.00 USD by rule \d+ \(rounded half up\), 0 left after take-backs, payable from 2025-06-01', 'what it gives');
SELECT is(regexp_count_of.n, 2::bigint, 'every entry') FROM (SELECT count(*) AS n FROM affiliate.explain('s1') WHERE topic = 'entry') AS regexp_count_of;
SELECT is((SELECT array_agg(step ORDER BY step) FROM affiliate.explain('s1')), (SELECT array_agg(n) FROM generate_series(1, (SELECT count(*)::integer FROM affiliate.explain('s1'))) AS n), 'the steps are numbered');
SELECT is(pg_temp.lines('s2', 'decision'), 'earned by nobody: organic | state counted', 'an organic sale');
SELECT is(pg_temp.lines('s2', 'commission'), NULL, 'earns nothing');
SELECT is(pg_temp.lines('p1', 'decision'), 'earned by nobody: organic | state counted', 'a cost is a decision too');

-- what takes back
SELECT is(pg_temp.lines('r1', 'sale'), 'refund r1 of customer c1, status completed, 0 earlier report(s) of it | refund of 60 USD; it names the sale s1', 'a refund');
SELECT is(pg_temp.lines('r1', 'decision'), 'takes back sale s1; SELECT * FROM affiliate.explain(''s1'') shows what that does to its commissions', 'names its sale');
SELECT is(pg_temp.lines('r2', 'sale'), 'refund r2 of customer unknown, status completed, 0 earlier report(s) of it | refund of everything that was left; it names the sale s1', 'one without customer');
SELECT is(pg_temp.lines('r2', 'decision'), 'takes back sale s1; SELECT * FROM affiliate.explain(''s1'') shows what that does to its commissions', 'finds it by the sale');
SELECT matches(pg_temp.lines('r3', 'decision'), '^takes back sale s2, the only open one at its time; that may change within the program''s late_grace; ', 'a chargeback without reference');
SELECT is(pg_temp.lines('r4', 'decision'), 'takes back nothing | under review: refund_without_sale (the transaction it refers to is unknown)', 'of an unknown sale');
SELECT is(pg_temp.lines('r5', 'decision'), 'takes back nothing yet: it waits for the sale nowhere', 'of an unknown sale and nobody');
SELECT is(pg_temp.lines('r6', 'decision'), 'takes back nothing | under review: refund_without_sale (no single open sale to take back)', 'of a customer without a sale');
SELECT is(pg_temp.lines('a1', 'decision'), 'takes back sale s2; SELECT * FROM affiliate.explain(''s2'') shows what that does to its commissions', 'an adjustment');
SELECT is(pg_temp.lines('a1', 'sale'), 'adjustment a1 of customer c2, status completed, 0 earlier report(s) of it | correction of -10 USD; it names the sale s2', 'is a correction');
SELECT is(pg_temp.lines('a2', 'decision'), 'takes back nothing | under review: adjustment_without_sale (it names no original)', 'an adjustment of nothing');
SELECT is(pg_temp.content(), :'before', 'nothing was written');

SELECT pg_temp.clock('2025-07-02 12:00+00');
SELECT affiliate.resettle('{c2}');
SELECT matches(pg_temp.lines('r3', 'decision'), '^takes back sale s2, the only open one at its time; SELECT', 'pinned after the grace');
UPDATE affiliate.review_case SET state = 'closed', action = 'ignore', closed_at = now(), closed_by = 'x' WHERE subject_id = 'r4';
SELECT matches(pg_temp.lines('r4', 'decision'), 'refund_without_sale \(the transaction it refers to is unknown\), closed with ignore$', 'a review that was closed');

-- errors
SELECT throws_ok($$SELECT affiliate.explain('nothing')$$, 'AF017', 'transaction "nothing" is not known', 'unknown transaction');
SELECT throws_ok($$SELECT affiliate.explain(NULL)$$, 'AF017', NULL, 'null');
SELECT throws_ok($$SELECT affiliate.explain('')$$, 'AF017', NULL, 'empty');

-- names in texts and qualified ones are no inputs
SELECT is(affiliate._filled_in($$net + base*2 > 1e5 AND product = 'net' AND "net" > 0 AND NET >= 1 AND level (1) = t.net$$, '{"net": 5, "base": 7, "product": "base net", "level": 3}'),
    $$5 + 7*2 > 1e5 AND 'base net' = 'net' AND "net" > 0 AND 5 >= 1 AND level (1) = t.net$$, 'words are replaced in one pass');
SELECT is(affiliate._filled_in('', '{"net": 5}'), '', 'an empty text');
SELECT is(affiliate._filled_in('is_first_purchase', '{"is_first_purchase": true}'), 'true', 'a boolean');

SELECT * FROM finish();
ROLLBACK;
