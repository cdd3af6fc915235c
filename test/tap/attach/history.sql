-- What is in the table already: preview, reconcile, replay. (backfill() commits: sql/tables.sql.)
BEGIN;
SELECT plan(24);
\ir _firm.sql
INSERT INTO firm.payments (id, user_id, total_cents, coupon, state) VALUES (1, 7, 10000, 'ANN', 'paid'), (2, 8, 5000, 'ANN', 'strange'), (3, 9, 0, 'ANN', 'paid');
SELECT affiliate.attach('firm.payments', 'transaction', columns => pg_temp.mapping() || '{"customer_id": "user_id || ''@example.org''"}', filter => 'total_cents <> 0');
SELECT results_eq($$SELECT source_row ->> 'id', fact ->> 'amount', problem, left(warning, 41) FROM affiliate.preview('firm.payments:transaction')$$,
    $$VALUES ('1', '100', NULL, 'customer_id looks like an e-mail address:'), ('2', '50', 'AF015: transaction status "strange" is not known', 'customer_id looks like an e-mail address:'),
             ('3', NULL, 'left out by the filter', NULL)$$, 'preview() shows what would become of rows') ;
SELECT is_empty('SELECT * FROM affiliate.transaction', 'and changes nothing');
SELECT affiliate.attach('firm.payments', 'transaction', columns => pg_temp.mapping(), filter => 'total_cents <> 0');
SELECT results_eq($$SELECT problem, fact_key, expected ->> 'status' FROM affiliate.reconcile('firm.payments:transaction') ORDER BY 2$$,
    $$VALUES ('missing', '1', 'completed'), ('missing', '2', 'strange')$$, 'reconcile() lists rows that are no facts');
SELECT is((SELECT count(*) FROM affiliate.reconcile('firm.payments:transaction', repair => true)), 2::bigint, 'and repairs on request');
SELECT results_eq('SELECT * FROM pg_temp.net()', $$VALUES ('1', 10::numeric)$$, 'what can be');
SELECT results_eq($$SELECT problem, fact_key FROM affiliate.reconcile('firm.payments:transaction')$$, $$VALUES ('missing', '2')$$, 'the rest stays');
SELECT is((SELECT reason FROM affiliate.pending_input), 'AF015: transaction status "strange" is not known', 'with the reason');

-- behind our back
ALTER TABLE firm.payments DISABLE TRIGGER USER;
UPDATE firm.payments SET total_cents = 7000 WHERE id = 1;
DELETE FROM firm.payments WHERE id = 3;
INSERT INTO firm.payments (id, user_id, total_cents, coupon) VALUES (4, 10, 100, 'ANN'), (5, 10, 200, 'ANN');
SELECT is((SELECT count(*) FROM affiliate.verify() WHERE code = 'attached_trigger'), 4::bigint, 'verify() says that triggers are disabled');
ALTER TABLE firm.payments ENABLE TRIGGER USER;
SELECT results_eq($$SELECT problem, fact_key, expected ->> 'amount', stored ->> 'amount' FROM affiliate.reconcile('firm.payments:transaction', repair => true) ORDER BY 2$$,
    $$VALUES ('different', '1', '70', '100'), ('missing', '2', '50', NULL),
             ('missing', '4', '1', NULL), ('missing', '5', '2', NULL)$$, 'what slipped through is found');
SELECT results_eq('SELECT * FROM pg_temp.net()', $$VALUES ('1', 7::numeric), ('4', 0.1), ('5', 0.2)$$, 'and repaired');
DELETE FROM firm.payments WHERE id = 5;
SELECT affiliate.drain(100);
SELECT results_eq($$SELECT problem, fact_key FROM affiliate.reconcile('firm.payments:transaction') WHERE problem = 'gone'$$, $$VALUES ('gone', '5')$$, 'a fact without its row');

-- replay
SELECT is(affiliate.replay('firm.payments:transaction'), 0::bigint, 'nothing has changed: nothing is done');
INSERT INTO affiliate.transaction_status (status, effect) VALUES ('strange', 'completed');
SELECT ok(affiliate.replay('firm.payments:transaction') > 0, 'after the fix it is');
SELECT affiliate.drain(100);
SELECT results_eq($$SELECT * FROM pg_temp.net() WHERE subject_id = '2'$$, $$VALUES ('2', 5::numeric)$$, 'and settled');
SELECT is_empty($$SELECT * FROM affiliate.pending_input WHERE kind = 'attached'$$, 'nothing is kept');
SELECT is_empty($$SELECT * FROM affiliate.verify()$$, 'verify() finds nothing');
-- what cannot even be read
CREATE TABLE firm.texts (shop text, no integer, amount text, PRIMARY KEY (shop, no));
SELECT affiliate.attach('firm.texts', 'transaction', '{"transaction_id": "shop || no", "customer_id": "no", "amount": "amount::numeric", "status": "''paid''"}');
INSERT INTO firm.texts VALUES ('x', 1, '10'), ('y', 2, '1o'), ('z', 3, '30');
SELECT results_eq($$SELECT problem, fact_key, detail FROM affiliate.reconcile('firm.texts:transaction')$$,
    $$VALUES ('missing', 'x1', NULL), ('missing', 'z3', NULL), ('unreadable', NULL, '22P02: invalid input syntax for type numeric: "1o"; the row is "2""y"')$$, 'is named');
-- while a backfill is on its way, each UPDATE is news: one that changes nothing may move the row to where has been read already
CREATE TABLE firm.many (id integer PRIMARY KEY, cents integer, note text) WITH (autovacuum_enabled = false);
INSERT INTO firm.many SELECT g, 100, repeat('x', 200) FROM generate_series(1001, 1400) AS g;
SELECT affiliate.attach('firm.many', 'transaction', '{"transaction_id": "id", "customer_id": "id", "amount": "cents", "status": "''paid''"}');
SELECT affiliate._backfill_begin('firm.many:transaction');
SELECT affiliate._backfill_step('firm.many:transaction', 1);
UPDATE firm.many SET cents = cents WHERE id = 1399;
SELECT is((SELECT count(*) FROM affiliate.transaction WHERE transaction_id = '1399'), 1::bigint, 'is news while a backfill runs');

-- what shall never become a fact
INSERT INTO firm.payments (id, user_id, total_cents, state) VALUES (90, 9, 100, 'no word');
SELECT affiliate.drain(100);
SELECT throws_ok($$SELECT affiliate.discard(input_id, ' ') FROM affiliate.pending_input$$, 'AF033', NULL, 'discard() wants a reason');
SELECT lives_ok($$SELECT affiliate.discard(input_id, 'a test') FROM affiliate.pending_input$$, 'and drops a rejected row');
SELECT is_empty($$SELECT * FROM affiliate.pending_input WHERE kind = 'attached'$$, 'for good');
SELECT is((SELECT detail ->> 'reason' FROM affiliate.audit_log WHERE action = 'discard' AND detail #>> '{after,id}' = '90'), 'a test', 'with a trace');
SELECT throws_ok($$SELECT affiliate.discard(-1, 'x')$$, 'AF033', NULL, 'there must be one');

-- several programs
INSERT INTO affiliate.program (program_id, currency) VALUES ('second', 'EUR');
SELECT throws_ok($$SELECT affiliate.attach('firm.payments', 'customer', '{"customer_id": "user_id"}')$$, 'AF050', 'the mapping of a customer does not say program_id', 'then it must be said which');
SELECT * FROM finish();
ROLLBACK;
