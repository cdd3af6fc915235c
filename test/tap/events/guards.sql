-- An event never changes: the same one again does nothing, other content is refused. What cannot be is refused with a hint.
BEGIN;
SELECT plan(26);
\ir _chain.sql
SELECT pg_temp.buy('c', 'p1', 'ANN');
CREATE FUNCTION pg_temp.send(rest text DEFAULT '') RETURNS text LANGUAGE sql AS $$
    SELECT 'INSERT INTO affiliate.event (event_id, customer_id, event_type, occurred_at, transaction_id, account_size, metadata)'
           ' VALUES (''e1'', ''c'', ''funded'', ''2025-04-01'', ''p1'', 50000, ''{"a": 1}'')' || rest
$$;
SELECT lives_ok(pg_temp.send(), 'an event');
SELECT pg_temp.clock('2025-07-01 12:00+00');
SELECT throws_ok(pg_temp.send(), '23505', NULL, 'its id is there');
SELECT lives_ok(pg_temp.send(' ON CONFLICT (event_id) DO NOTHING'), 'again');
SELECT lives_ok(pg_temp.send(' ON CONFLICT (event_id) DO UPDATE SET customer_id = excluded.customer_id, event_type = excluded.event_type, occurred_at = excluded.occurred_at,
    account_size = excluded.account_size, metadata = excluded.metadata'), 'again, as an upsert');
SELECT lives_ok($$UPDATE affiliate.event SET account_size = 50000.00$$, 'equal is equal');
SELECT is((SELECT count(*) FROM affiliate.conversion_entry WHERE kind = 'event'), 1::bigint, 'counted once');
SELECT is((SELECT recorded_at FROM affiliate.event), '2025-06-30 12:00+00'::timestamptz, 'as recorded first');
SELECT is((SELECT recorded_by FROM affiliate.event), session_user::text, 'by whom');
SELECT throws_ok(format('UPDATE affiliate.event SET %s', change), 'AF011', 'event "e1" is stored with other content', change) FROM unnest(ARRAY[
    $$event_type = 'evaluation_passed'$$, $$occurred_at = '2025-04-02'$$, $$customer_id = 'd'$$, $$transaction_id = NULL$$, $$account_id = 'a'$$,
    $$account_size = 25000$$, $$is_test = true$$, $$metadata = '{}'$$]) AS change;
SELECT throws_ok($$UPDATE affiliate.event SET event_id = 'e9'$$, 'AF011', 'event "e9" is stored with other content', 'nor does its id');

SELECT throws_ok($$INSERT INTO affiliate.event (event_id, event_type, occurred_at, account_id) VALUES ('e2', 'funded', now(), 'a')$$, 'AF010', 'customer_id and transaction_id are missing', 'nobody''s event');
SELECT throws_ok($$INSERT INTO affiliate.event (event_id, customer_id, event_type, occurred_at, program_id) VALUES ('e2', 'c', 'funded', now(), 'nowhere')$$, 'AF012', 'program "nowhere" does not exist', 'of no program');
SELECT throws_ok(format('INSERT INTO affiliate.event (event_id, customer_id, event_type, occurred_at, %s)', rest), 'AF010', NULL, rest) FROM unnest(ARRAY[
    $$account_size) VALUES ('e2', 'c', 'funded', now(), 'NaN'$$, $$profit_split) VALUES ('e2', 'c', 'funded', now(), 'Infinity'$$,
    $$start_date) VALUES ('e2', 'c', 'funded', now(), 'infinity'$$, $$reason) VALUES ('e2', 'c', 'funded', '-infinity', 'x'$$]) AS rest;
SELECT throws_ok($$INSERT INTO affiliate.event (event_id, customer_id, event_type, occurred_at) VALUES ('', 'c', 'funded', now())$$, 'AF018', NULL, 'an event without id');
SELECT throws_ok($$INSERT INTO affiliate.event (event_id, customer_id, event_type, occurred_at, days_active) VALUES ('e2', 'c', 'funded', now(), -1)$$, '23514', NULL, 'days that are none');
SELECT is_empty('SELECT pg_temp.violations()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
