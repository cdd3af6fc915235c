-- A small shop, attached by what attach_suggest() proposes for it, as it is: what its tables hold becomes facts.
BEGIN;
SELECT plan(6);
\ir _fixture.sql
\o /dev/null
\ir ../../attach/fixtures/shop.sql
\o

SELECT pg_temp.take_in('shop.customers', 'shop.payments', 'shop.refunds');
SELECT is((SELECT string_agg(a.attachment || ' ' || a.state, ', ' ORDER BY a.attachment) FROM affiliate.attachments AS a WHERE a.attachment LIKE 'shop.%'),
    'shop.customers:customer attached, shop.payments:transaction attached, shop.refunds:refund attached', 'a small shop is attached');
SELECT is((SELECT count(*) FROM affiliate.customer WHERE source = 'shop.customers:customer'), (SELECT count(*) FROM shop.customers), 'its customers are all there');
SELECT is((SELECT count(*) FROM affiliate.transaction WHERE source = 'shop.payments:transaction') + coalesce((SELECT sum(n) FROM pg_temp.rejected('shop') WHERE attachment = 'shop.payments:transaction'), 0),
    (SELECT count(*) FROM shop.payments)::numeric, 'its payments are facts, or kept');
SELECT is_empty($$SELECT transaction_id FROM affiliate.transaction AS t JOIN shop.payments AS p ON p.id::text = t.transaction_id AND t.source = 'shop.payments:transaction' AND upper(p.currency) <> 'JPY'
    WHERE t.amount <> p.amount_cents / 100.0$$, 'with their amounts');
SELECT set_eq($$SELECT * FROM pg_temp.rejected('shop')$$, $$VALUES
    ('shop.payments:transaction', '23502: null value in column "customer_id" of relation "transaction" violates not-null constraint', 1::bigint),
    ('shop.payments:transaction', '23502: null value in column "status" of relation "transaction" violates not-null constraint', 1),
    ('shop.payments:transaction', 'AF015: transaction status "chargeable" is not known', 1)$$, 'kept are a guest''s payment, one without state, and one with a word that the proposal was unsure of');

SELECT is_empty($$SELECT * FROM affiliate.verify()$$, 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
