-- An UPDATE whose rows do not fit into work_mem: the states that it replaces are read from a file, batch by batch.
BEGIN;
SELECT plan(3);
SET LOCAL client_min_messages = warning;
SET LOCAL work_mem = '64kB';
SET LOCAL pg_affiliate.mode = 'queue';
INSERT INTO affiliate.program (program_id, currency) VALUES ('large', 'USD');
INSERT INTO affiliate.transaction (customer_id, transaction_id, program_id, transaction_type, status, currency, amount)
SELECT 'c' || g, 't' || g, 'large', 'challenge_fee', 'completed', 'USD', 100 FROM generate_series(1, 5000) AS g;
SELECT lives_ok($$UPDATE affiliate.transaction SET amount = 50 WHERE program_id = 'large'$$, 'a large UPDATE');
SELECT is((SELECT count(*) FROM affiliate.transaction_report WHERE amount = 100 AND program_id = 'large'), 5000::bigint, 'keeps every earlier state');
SELECT is((SELECT count(DISTINCT customer_id) FROM affiliate.settle_queue WHERE kind = 'customer' AND customer_id LIKE 'c%'), 5000::bigint, 'and concerns every customer');
SELECT * FROM finish();
ROLLBACK;
