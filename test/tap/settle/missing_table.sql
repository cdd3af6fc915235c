-- A table of ours that is gone: the sale stands and is queued with the reason; who asks is told what to do.
BEGIN;
SELECT plan(11);
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

ALTER TABLE affiliate.event RENAME TO event_gone;
SELECT lives_ok($$SELECT pg_temp.sell('t4')$$, 'the events are gone: the sale stands');
SELECT is((SELECT reason FROM affiliate.settle_queue WHERE customer_id = 't4'), 'table "affiliate.event" or its index is missing', 'and is queued');
ALTER TABLE affiliate.event_gone RENAME TO event;
-- as between ALTER EXTENSION .. UPDATE and setup(), where the rulebook is that of 0.1.0
ALTER TABLE affiliate.event_type RENAME TO event_type_gone;
SELECT lives_ok($$SELECT pg_temp.sell('t5')$$, 'a rulebook without words for events');
SELECT is(pg_temp.entries('t5'), 'accrual 10', 'is one to settle a sale by');
ALTER TABLE affiliate.event_type_gone RENAME TO event_type;
SELECT pg_temp.drain();
SELECT is(pg_temp.entries('t2') || ', ' || pg_temp.entries('t3'), 'accrual 10, accrual 10', 'settled when they are back');

SELECT * FROM finish();
ROLLBACK;
