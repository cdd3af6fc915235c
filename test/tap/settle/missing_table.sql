-- A table of ours that is gone: the sale stands and is queued with the reason; who asks is told what to do.
BEGIN;
SELECT plan(7);
\ir _sell.sql
SELECT pg_temp.sell('t1');
SELECT is(pg_temp.entries('t1'), 'accrual 10', 'all tables are there');

ALTER TABLE affiliate.customer_alias RENAME TO customer_alias_gone;
SELECT lives_ok($$SELECT pg_temp.sell('t2')$$, 'one that is read is gone: the sale stands');
SELECT is((SELECT reason FROM affiliate.settle_queue WHERE customer_id = 't2'), 'table "affiliate.customer_alias" or its index is missing', 'and is queued');
SELECT throws_ok($$SELECT * FROM affiliate.owner_of('t1')$$, 'AF090', NULL, 'who asks is told');
ALTER TABLE affiliate.customer_alias_gone RENAME TO customer_alias;

ALTER TABLE affiliate.entry RENAME TO entry_gone;
SELECT lives_ok($$SELECT pg_temp.sell('t3')$$, 'one that is written is gone: the sale stands');
SELECT is((SELECT reason FROM affiliate.settle_queue WHERE customer_id = 't3'), 'table "affiliate.entry" is missing', 'and is queued');
ALTER TABLE affiliate.entry_gone RENAME TO entry;
SELECT pg_temp.drain();
SELECT is(pg_temp.entries('t2') || ', ' || pg_temp.entries('t3'), 'accrual 10, accrual 10', 'settled when they are back');

SELECT * FROM finish();
ROLLBACK;
