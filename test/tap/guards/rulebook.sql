-- The rulebook: what decided posted money never changes, rule texts are checked, changes are audited and enqueued.
BEGIN;
SELECT plan(46);
SET LOCAL client_min_messages = warning;

INSERT INTO affiliate.program (program_no, program_id, currency) VALUES (91, 'p', 'USD'), (92, 'q', 'EUR');
INSERT INTO affiliate.affiliate (affiliate_no, affiliate_id) VALUES (91, 'a'), (92, 'b');
INSERT INTO affiliate.plan (plan_no, program_no, plan_id, valid_from) VALUES (91, 91, 'standard', '2025-01-01'), (92, 91, 'other', '2025-01-01');
INSERT INTO affiliate.ladder (ladder_no, program_no, ladder_id) VALUES (91, 91, 'l'), (92, 91, 'unused');
INSERT INTO affiliate.ladder_band (ladder_no, band, from_position, rate) VALUES (91, 1, 1, 0.1), (92, 1, 1, 0.1);
INSERT INTO affiliate.plan_rule (rule_no, plan_no, sequence_no, amount, ladder_no) VALUES (91, 91, 1, 'net * 0.1', 91), (92, 92, 1, 'net * 0.2', NULL);
INSERT INTO affiliate.fx_rate VALUES ('EUR', 'USD', '2025-01-01', 1.1), ('EUR', 'USD', '2025-02-01', 1.2);

SELECT ok(EXISTS (SELECT FROM affiliate.settle_queue WHERE kind = 'program' AND reason LIKE 'rulebook:%' AND program_no = 91),
    'a change is enqueued whether or not a conversion is visible: its sale may be under way');
SELECT lives_ok($$UPDATE affiliate.program SET currency = 'EUR' WHERE program_no = 91$$, 'an unused program may change its currency');
UPDATE affiliate.program SET currency = 'USD' WHERE program_no = 91;
SELECT lives_ok($$UPDATE affiliate.plan_rule SET amount = 'net * 0.15' WHERE rule_no = 91$$, 'an unused rule may change');

INSERT INTO affiliate.conversion (customer_id, transaction_id, kind, program_no, state, affiliate_no, currency, fx_rate, fx_valid_from)
VALUES ('c', 't', 'transaction', 91, 'counted', 91, 'EUR', 1.1, '2025-01-01');
INSERT INTO affiliate.commission (customer_id, subject_id, subject_kind, rule_no, affiliate_no, level, program_no, currency, accrued, version, earned_at, eligible_at, ladder_no)
VALUES ('c', 't', 'transaction', 91, 91, 0, 91, 'USD', 10, 1, now(), now(), 91);

SELECT throws_ok($$UPDATE affiliate.program SET currency = 'EUR' WHERE program_no = 91$$, 'AF022', 'row of "program" is in use', 'currency of a used program');
SELECT throws_ok($$UPDATE affiliate.program SET program_id = 'pp' WHERE program_no = 91$$, 'AF022', NULL, 'id of a used program');
SELECT throws_ok($$DELETE FROM affiliate.program WHERE program_no = 91$$, 'AF022', NULL, 'a used program is not deleted');
SELECT lives_ok($$UPDATE affiliate.program SET cooling_off = '24 hours' WHERE program_no = 91$$, 'its policies may change');
SELECT lives_ok($$DELETE FROM affiliate.program WHERE program_no = 92$$, 'an unused program may go');
SELECT throws_ok($$DELETE FROM affiliate.affiliate WHERE affiliate_no = 91$$, 'AF022', NULL, 'an affiliate with commissions is not deleted');
SELECT throws_ok($$UPDATE affiliate.affiliate SET affiliate_no = 99 WHERE affiliate_no = 91$$, 'AF022', NULL, 'nor renumbered');
SELECT lives_ok($$UPDATE affiliate.affiliate SET name = 'A' WHERE affiliate_no = 91$$, 'but renamed');
SELECT lives_ok($$DELETE FROM affiliate.affiliate WHERE affiliate_no = 92$$, 'an unused one may go');
SELECT throws_ok($$UPDATE affiliate.plan_rule SET amount = 'net * 0.5' WHERE rule_no = 91$$, 'AF022', NULL, 'a used rule is immutable');
SELECT throws_ok($$DELETE FROM affiliate.plan_rule WHERE rule_no = 91$$, 'AF022', NULL, 'and stays');
SELECT throws_ok($$INSERT INTO affiliate.plan_rule (plan_no, sequence_no, amount) VALUES (91, 2, '1')$$, 'AF022', NULL, 'a used version gets no new rule');
SELECT throws_ok($$UPDATE affiliate.plan_rule SET plan_no = 91, sequence_no = 2 WHERE rule_no = 92$$, 'AF022', NULL, 'nor one that moves in');
SELECT throws_ok($$UPDATE affiliate.plan SET valid_from = '2025-02-02' WHERE plan_no = 91$$, 'AF022', NULL, 'a used version keeps its period');
SELECT lives_ok($$UPDATE affiliate.plan SET name = 'Standard' WHERE plan_no = 91$$, 'a plan may be renamed');
SELECT lives_ok($$UPDATE affiliate.plan_rule SET name = 'ten percent' WHERE rule_no = 91$$, 'a rule may be renamed');
SELECT lives_ok($$UPDATE affiliate.plan_rule SET amount = 'net * 0.3' WHERE rule_no = 92$$, 'the rule of an unused version may change');
SELECT throws_ok($$UPDATE affiliate.ladder_band SET rate = 0.9 WHERE ladder_no = 91$$, 'AF022', NULL, 'a used band is immutable');
SELECT throws_ok($$INSERT INTO affiliate.ladder_band (ladder_no, band, from_position, rate) VALUES (91, 2, 10, 0.9)$$, 'AF022', NULL, 'a used ladder gets no new band');
SELECT throws_ok($$UPDATE affiliate.ladder SET mode = 'retroactive' WHERE ladder_no = 91$$, 'AF022', NULL, 'a used ladder is immutable');
SELECT lives_ok($$UPDATE affiliate.ladder_band SET rate = 0.9 WHERE ladder_no = 92$$, 'an unused one is not');
SELECT throws_ok($$UPDATE affiliate.fx_rate SET rate = 2 WHERE valid_from = '2025-01-01'$$, 'AF022', NULL, 'a used rate is immutable (I14)');
SELECT lives_ok($$UPDATE affiliate.fx_rate SET rate = 2 WHERE valid_from = '2025-02-01'$$, 'an unused one is not');

SELECT throws_ok($$INSERT INTO affiliate.plan_rule (plan_no, sequence_no, amount) VALUES (92, 7, 'net * random()')$$, 'AF001', NULL, 'texts are checked: forbidden');
SELECT throws_ok($$UPDATE affiliate.plan_rule SET condition = 'random() > 0' WHERE rule_no = 92$$, 'AF001', NULL, 'also when changed');
SELECT throws_ok($$TRUNCATE affiliate.fx_rate$$, 'AF024', 'rulebook table "fx_rate" may not be truncated', 'TRUNCATE of the rulebook');
SELECT throws_ok($$TRUNCATE affiliate.program CASCADE$$, NULL, NULL, 'with CASCADE too');

SELECT throws_ok($$INSERT INTO affiliate.program (program_id, currency) VALUES ('z', 'ZZZ')$$, 'AF013', 'currency "ZZZ" is not known', 'a program has a known currency');
SELECT throws_ok($$INSERT INTO affiliate.program (program_id, currency, time_zone) VALUES ('z', 'USD', 'Mars/Olympus')$$, '22023', NULL, 'and a time zone');
SELECT throws_ok($$INSERT INTO affiliate.fx_rate VALUES ('ZZZ', 'USD', now(), 1)$$, 'AF013', NULL, 'rates are of known currencies');
SELECT throws_ok($$DELETE FROM affiliate.currency WHERE currency = 'USD'$$, 'AF022', NULL, 'a used currency stays');
SELECT lives_ok($$DELETE FROM affiliate.currency WHERE currency = 'XTS'$$, 'another may go');

-- audit and queue
SELECT is((SELECT detail -> 'changed' FROM affiliate.audit_log WHERE object = 'plan_rule' AND action = 'update' ORDER BY audit_id DESC LIMIT 1),
    '{"amount": "net * 0.3"}', 'audit_log keeps what changed');
DELETE FROM affiliate.settle_queue;
UPDATE affiliate.plan_rule SET amount = 'net * 0.4' WHERE rule_no = 92;
UPDATE affiliate.program SET cooling_off = '12 hours' WHERE program_no = 91;
INSERT INTO affiliate.coupon (program_no, code, affiliate_no) SELECT 91, 'TESTCODE' || n, 91 FROM generate_series(1, 5) AS n;
SELECT is((SELECT count(*) FROM affiliate.settle_queue WHERE kind = 'program' AND program_no = 91 AND reason LIKE 'rulebook:%'), 1::bigint,
    'one queue row per program and transaction');
DELETE FROM affiliate.settle_queue;
UPDATE affiliate.affiliate SET manager = 'M' WHERE affiliate_no = 91;
SELECT is((SELECT count(*) FROM affiliate.settle_queue), 0::bigint, 'what decides nothing enqueues nothing');
INSERT INTO affiliate.attribution_override (program_no, customer_id, reason) VALUES (91, 'c', 'test');
SELECT results_eq($$SELECT kind, program_no, customer_id FROM affiliate.settle_queue$$, $$VALUES ('customer' COLLATE "C", 91, 'c' COLLATE "C")$$,
    'an override enqueues its customer');
DELETE FROM affiliate.settle_queue;
INSERT INTO affiliate.affiliate_status (affiliate_no, status) VALUES (91, 'suspended');
SELECT ok((SELECT count(*) = 1 FROM affiliate.settle_queue WHERE kind = 'program' AND program_no = 91), 'a status concerns every program');
SELECT is((SELECT count(*) FROM affiliate.audit_log WHERE object = 'affiliate_status' AND actor = session_user), 1::bigint, 'and is audited with its actor');

-- what a stated conversion was stated with
UPDATE affiliate.conversion SET plan_no = 91 WHERE transaction_id = 't';
UPDATE affiliate.conversion SET stated_at = '2025-02-01' WHERE transaction_id = 't';
SELECT throws_ok($$UPDATE affiliate.conversion SET fx_rate = 1.2 WHERE transaction_id = 't'$$, 'AF028', 'conversion "t" was stated; its rate, plan and agreement stand', 'rate (I14)');
SELECT throws_ok($$UPDATE affiliate.conversion SET plan_no = 92 WHERE transaction_id = 't'$$, 'AF028', NULL, 'plan');
SELECT throws_ok($$UPDATE affiliate.conversion SET agreement_no = 1 WHERE transaction_id = 't'$$, 'AF028', NULL, 'agreement');
SELECT lives_ok($$UPDATE affiliate.conversion SET affiliate_no = NULL, plan_no = NULL WHERE transaction_id = 't'$$, 'another decision has a plan of its own');
SELECT lives_ok($$UPDATE affiliate.conversion SET gross = 5 WHERE transaction_id = 't'$$, 'totals move on');

SELECT * FROM finish();
ROLLBACK;
