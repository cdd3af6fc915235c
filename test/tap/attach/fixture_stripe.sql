-- A Stripe-synced database, attached by what attach_suggest() proposes for it, as it is: what its tables hold becomes facts.
BEGIN;
SELECT plan(5);
\ir _fixture.sql
\o /dev/null
\ir ../../attach/fixtures/stripe.sql
\o

SELECT pg_temp.take_in('stripe.customers', 'stripe.charges', 'stripe.refunds', 'stripe.disputes');
SELECT is((SELECT string_agg(a.attachment || ' ' || a.state, ', ' ORDER BY a.attachment) FROM affiliate.attachments AS a WHERE a.attachment LIKE 'stripe.%'),
    'stripe.charges:transaction attached, stripe.customers:customer attached, stripe.disputes:dispute attached, stripe.refunds:refund attached', 'a Stripe-synced database is attached');
SELECT is((SELECT count(*) FROM affiliate.transaction WHERE source = 'stripe.charges:transaction') + coalesce((SELECT sum(n) FROM pg_temp.rejected('stripe') WHERE attachment = 'stripe.charges:transaction'), 0),
    (SELECT count(*) FROM stripe.charges)::numeric, 'its charges are facts, or kept');
SELECT is((SELECT count(*) FROM affiliate.dispute WHERE source = 'stripe.disputes:dispute') + coalesce((SELECT sum(n) FROM pg_temp.rejected('stripe') WHERE attachment = 'stripe.disputes:dispute'), 0),
    (SELECT count(*) FROM stripe.disputes)::numeric, 'so are its disputes');
SELECT set_eq($$SELECT * FROM pg_temp.rejected('stripe')$$, $$VALUES
    ('stripe.charges:transaction', '23502: null value in column "customer_id" of relation "transaction" violates not-null constraint', 1::bigint)$$, 'kept is a guest''s charge');

SELECT is_empty($$SELECT * FROM affiliate.verify()$$, 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
