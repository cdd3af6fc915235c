-- quote_commission(): what a sale would earn, asked before it is made. It writes nothing.
BEGIN;
SELECT plan(32);
\ir _ask.sql
INSERT INTO affiliate.transaction (customer_id, transaction_id, program_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
VALUES ('c1', 't1', 'q', 'challenge_fee', 'completed', 'USD', 300, '2025-06-10', '2025-06-10', '{BOB}');
INSERT INTO affiliate.fx_rate VALUES ('EUR', 'USD', '2025-01-01', 1.5);
SELECT pg_temp.drain();
SELECT pg_temp.content() AS before \gset

SELECT is(pg_temp.quote('c1', 200), 'bob 20.00 USD first', 'the owner''s share of the next sale');
SELECT is(pg_temp.quote('stranger', 300, '{ANN}'), 'ann 30.00 USD first, eve^1 6.00 USD override', 'a coupon''s, and that of the one above');
SELECT is(pg_temp.quote('stranger', 300), 'nothing', 'nobody earns');
SELECT is(pg_temp.quote(NULL, 300, '{ANN}'), 'ann 30.00 USD first, eve^1 6.00 USD override', 'a guest');
SELECT is(pg_temp.quote('', 300, '{ANN}'), 'ann 30.00 USD first, eve^1 6.00 USD override', 'an empty customer is a guest');
SELECT is(pg_temp.quote(NULL, 10), 'nothing', 'a guest without any touch');
SELECT is(pg_temp.quote('c1', 100, currency => 'EUR'), 'bob 15.00 USD first', 'in another currency, with its rate');
SELECT is(pg_temp.quote('c1', 100, currency => 'GBP'), 'nothing', 'without a rate: nothing yet');
SELECT is(pg_temp.quote('c1', 0), 'nothing', 'nothing of nothing');
SELECT is(pg_temp.quote('c1', 100, details => '{"tax": 20, "wallet_credit": 10}'), 'bob 7.00 USD first', 'with details: tax and credit do not count');
SELECT is(pg_temp.quote('c1', 100, details => NULL), 'bob 10.00 USD first', 'null details are none');
SELECT is(pg_temp.quote('c1', 100, details => '{"customer_id": "x", "amount": 9, "transaction_id": "t1", "is_test": true}'), 'bob 10.00 USD first',
    'details do not change what was asked');
SELECT is(pg_temp.quote('c1', 0.00000000000001), 'bob 0.00 USD first', 'fifteen digits');
SELECT results_eq($$SELECT level, rule, commission, commission_currency, provisional, eligible_at
    FROM affiliate.quote_commission('stranger', 10, coupons => '{BOB}', at => '2025-06-01 10:00', program => 'q')$$,
    $$VALUES (0, 'first', 1.00, 'USD', false, timestamptz '2025-06-01 10:00')$$, 'every column, at an instant');
SELECT is_empty($$SELECT * FROM affiliate.quote_commission('c1', 10, 'refund', program => 'q')$$, 'a refund earns nothing');

SELECT throws_ok($$SELECT affiliate.quote_commission('c1', 10, program => 'nowhere')$$, 'AF012', 'program "nowhere" does not exist', 'unknown program');
SELECT throws_ok($$SELECT affiliate.quote_commission('c1', NULL, program => 'q')$$, 'AF033', 'invalid value for argument "amount": null', 'no amount');
SELECT throws_ok(format('SELECT affiliate.quote_commission(''c1'', %L, program => ''q'')', v), 'AF033', NULL, 'amount ' || v)
FROM unnest('{NaN,Infinity,-1,1e15,1.000000000000001}'::text[]) AS v;
SELECT throws_ok($$SELECT affiliate.quote_commission('c1', 10, 'gift', program => 'q')$$, 'AF014', 'transaction type "gift" is not known', 'unknown type');
SELECT throws_ok($$SELECT affiliate.quote_commission('c1', 10, NULL, program => 'q')$$, 'AF014', NULL, 'no type');
SELECT throws_ok($$SELECT affiliate.quote_commission('c1', 10, currency => 'EURO', program => 'q')$$, 'AF013', 'currency "EURO" is not known', 'unknown currency');
SELECT throws_ok($$SELECT affiliate.quote_commission('c1', 10, at => '-infinity', program => 'q')$$, 'AF033', NULL, 'an infinite time');
SELECT throws_ok($$SELECT affiliate.quote_commission('c1', 10, details => '[]', program => 'q')$$, 'AF033', NULL, 'details are an object');
SELECT throws_ok($$SELECT affiliate.quote_commission('c1', 10, details => '{"acount_size": 1}', program => 'q')$$, 'AF033',
    'invalid value for argument "details": "acount_size"', 'a detail that is misspelt');

-- the checkout's role asks, and sees nothing else
CREATE ROLE affiliate_test_shop LOGIN IN ROLE affiliate_writer;
SET LOCAL SESSION AUTHORIZATION affiliate_test_shop;
SELECT results_eq($$SELECT affiliate, commission FROM affiliate.quote_commission('c1', 200, program => 'q')$$, $$VALUES ('bob', 20.00)$$, 'a writer asks for a quote');
SELECT is(affiliate.owner_of('c1', program => 'q'), 'bob', 'and whose the customer is');
RESET SESSION AUTHORIZATION;
SELECT is(pg_temp.content(), :'before', 'nothing was written');

-- what was quoted is what is earned
INSERT INTO affiliate.transaction (customer_id, transaction_id, program_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes)
VALUES ('stranger', 't2', 'q', 'challenge_fee', 'completed', 'USD', 300, '2025-06-30 11:00', '2025-06-30 11:00', '{ANN}');
SELECT is(pg_temp.money('t2'), 'ann 30, eve 6', 'the sale earns what was quoted');

SELECT * FROM finish();
ROLLBACK;
