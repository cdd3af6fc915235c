-- A prop firm's own database, attached by what attach_suggest() proposes for it, as it is: what its tables hold becomes facts.
BEGIN;
SELECT plan(6);
\ir _fixture.sql
\o /dev/null
\ir ../../attach/fixtures/prop_firm.sql
\o

SELECT pg_temp.take_in('prop_firm.users', 'prop_firm.clicks', 'prop_firm.challenge_accounts', 'prop_firm.orders', 'prop_firm.refunds', 'prop_firm.disputes', 'prop_firm.account_events');
SELECT is((SELECT string_agg(a.attachment || ' ' || a.state, ', ' ORDER BY a.attachment) FROM affiliate.attachments AS a WHERE a.attachment LIKE 'prop_firm.%'),
    'prop_firm.account_events:event attached, prop_firm.challenge_accounts:account attached, prop_firm.clicks:click attached, prop_firm.disputes:dispute attached, prop_firm.orders:transaction attached, prop_firm.refunds:refund attached, prop_firm.users:customer attached', 'a prop firm is attached');
SELECT is((SELECT count(*) FROM affiliate.transaction WHERE source = 'prop_firm.orders:transaction') + coalesce((SELECT sum(n) FROM pg_temp.rejected('prop_firm') WHERE attachment = 'prop_firm.orders:transaction'), 0),
    (SELECT count(*) FROM prop_firm.orders)::numeric, 'its orders are facts, or kept');
SELECT is((SELECT count(*) FROM affiliate.account), (SELECT count(*) FROM prop_firm.challenge_accounts), 'its accounts');
SELECT is((SELECT count(*) FROM affiliate.click), (SELECT count(*) FROM prop_firm.clicks), 'its clicks');
SELECT set_eq($$SELECT * FROM pg_temp.rejected('prop_firm')$$, $$VALUES
    ('prop_firm.disputes:dispute', '23514: new row for relation "dispute" violates check constraint "dispute_outcome_check"', 1::bigint),
    ('prop_firm.orders:transaction', 'AF014: transaction type "gift_card" is not known', 1)$$, 'kept are an expired dispute and a gift card, of which the proposal was unsure');
SELECT is_empty($$SELECT * FROM affiliate.verify()$$, 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
