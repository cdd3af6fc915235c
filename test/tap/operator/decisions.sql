-- reassign(), review_close(), release() and forfeit().
BEGIN;
SELECT plan(41);
\ir _ledger.sql

SET LOCAL SESSION AUTHORIZATION affiliate_test_olga;
SELECT throws_ok($$SELECT affiliate.reassign('c9', 'nothing', 'bob', reason => 'r')$$, 'AF012', NULL, 'unknown program');
SELECT throws_ok($$SELECT affiliate.reassign('c9', 'op', 'nobody', reason => 'r')$$, 'AF016', NULL, 'unknown affiliate');
SELECT throws_ok($$SELECT affiliate.reassign('', 'op', 'bob', reason => 'r')$$, 'AF033', NULL, 'a customer is needed');
SELECT throws_ok($$SELECT affiliate.reassign('c9', 'op', 'bob', 'sometimes', reason => 'r')$$, 'AF033', NULL, 'effect is from_now or since');
SELECT throws_ok($$SELECT affiliate.reassign('c9', 'op', 'bob', 'since', reason => 'r')$$, 'AF033', NULL, 'since needs a date');
SELECT throws_ok($$SELECT affiliate.reassign('c9', 'op', 'bob', since => now(), reason => 'r')$$, 'AF033', NULL, 'from_now has none');
SELECT throws_ok($$SELECT affiliate.reassign('c9', 'op', 'bob', paid_lines => 'x', reason => 'r')$$, 'AF033', NULL, 'paid_lines is claw_back or goodwill');
SELECT throws_ok($$SELECT affiliate.reassign('c9', 'op', 'bob')$$, 'AF033', NULL, 'a reason is needed');

SELECT lives_ok($$SELECT affiliate.reassign('c9', 'op', 'bob', reason => 'from now')$$, 'from now');
SELECT lives_ok($$SELECT affiliate.reassign('c9', 'op', NULL, 'since', '2025-03-01 00:00+00', 'goodwill', 'nobody')$$, 'since a date, to nobody');
SELECT lives_ok($$SELECT affiliate.reassign('c9', 'op', 'ann', reason => 'one order', transaction_id => 't77')$$, 'one order');
RESET SESSION AUTHORIZATION;
SELECT results_eq($$SELECT reason, affiliate_no, valid_from, paid_lines, transaction_id COLLATE "default", created_by FROM affiliate.attribution_override WHERE customer_id = 'c9' ORDER BY override_no$$,
    $$VALUES ('from now', 82, timestamptz '2025-06-15 12:00+00', 'claw_back', NULL, 'affiliate_test_olga'),
             ('nobody', NULL, '2025-03-01 00:00+00', 'goodwill', NULL, 'affiliate_test_olga'),
             ('one order', 81, '-infinity', 'claw_back', 't77', 'affiliate_test_olga')$$, 'the overrides');
SELECT is((SELECT count(*) FROM affiliate.audit_log WHERE action = 'reassign' AND actor = 'affiliate_test_olga'), 3::bigint, 'are audited');
INSERT INTO affiliate.customer_alias (customer_id, canonical_id) VALUES ('c9-login', 'c9');
SELECT affiliate.reassign('c9-login', 'op', 'bob', reason => 'by alias');
SELECT is((SELECT customer_id::text FROM affiliate.attribution_override WHERE reason = 'by alias'), 'c9', 'an alias means its customer');

-- reviews
SELECT pg_temp.line('c7', 't70', 10, 0, '2025-06-10');
INSERT INTO affiliate.review_case (case_id, kind, program_no, customer_id, subject_id) VALUES
    (9001, 'declared_changed', 81, 'c8', ''), (9002, 'conflict', 81, 'c7', 't70'), (9003, 'conflict', 81, 'c8', 'c8'), (9004, 'other', NULL, '', 'x');
SELECT is((SELECT count(*) FROM affiliate.review_open WHERE case_id BETWEEN 9001 AND 9004), 4::bigint, 'four cases are open');
SET LOCAL SESSION AUTHORIZATION affiliate_test_olga;
SELECT throws_ok($$SELECT affiliate.review_close(9999, 'ignore', 'n')$$, 'AF033', NULL, 'no such case');
SELECT throws_ok($$SELECT affiliate.review_close(9001, 'dance', 'n')$$, 'AF033', NULL, 'unknown action');
SELECT throws_ok($$SELECT affiliate.review_close(9001, 'approve', 'n', 'bob')$$, 'AF033', NULL, 'an affiliate goes with reassign only');
SELECT throws_ok($$SELECT affiliate.review_close(9001, 'reassign', 'n')$$, 'AF033', NULL, 'and reassign needs one');
SELECT throws_ok($$SELECT affiliate.review_close(9004, 'reassign', 'n', 'bob')$$, 'AF033', NULL, 'no customer to reassign');
SELECT lives_ok($$SELECT affiliate.review_close(9001, 'approve', 'not the same person')$$, 'approve');
SELECT throws_ok($$SELECT affiliate.review_close(9001, 'reject', 'n')$$, 'AF030', 'review case 9001 is already closed', 'once');
SELECT lives_ok($$SELECT affiliate.review_close(9002, 'reassign', 'it was bob', 'bob')$$, 'reassign an order');
SELECT lives_ok($$SELECT affiliate.review_close(9003, 'reassign', 'it was bob', 'bob')$$, 'reassign a customer');
SELECT lives_ok($$SELECT affiliate.review_close(9004, 'ignore', 'nothing')$$, 'ignore');
RESET SESSION AUTHORIZATION;
SELECT results_eq($$SELECT action, note, closed_by, closed_at FROM affiliate.review_case WHERE case_id = 9001$$,
    $$VALUES ('approve', 'not the same person', 'affiliate_test_olga', timestamptz '2025-06-15 12:00+00')$$, 'who closed it, how and when');
SELECT results_eq($$SELECT customer_id COLLATE "default", transaction_id COLLATE "default", affiliate_no, valid_from FROM affiliate.attribution_override WHERE reason LIKE 'review case 900_: it was bob' ORDER BY 1$$,
    $$VALUES ('c7', 't70', 82, timestamptz '-infinity'), ('c8', NULL, 82, '2025-06-15 12:00+00')$$, 'the order of the case, or the customer from now on');
SELECT is((SELECT count(*) FROM affiliate.audit_log WHERE action = 'review_close' AND actor = 'affiliate_test_olga'), 4::bigint, 'each is audited');

-- suspended affiliates
SET LOCAL SESSION AUTHORIZATION affiliate_test_olga;
SELECT throws_ok($$SELECT affiliate.release('bob', 'op', 'r')$$, 'AF030', 'affiliate "bob" was never suspended', 'only suspended affiliates');
RESET SESSION AUTHORIZATION;
INSERT INTO affiliate.affiliate_status (affiliate_no, valid_from, status) VALUES (81, '2025-05-01', 'suspended'), (82, '2025-05-01', 'suspended');
DELETE FROM affiliate.settle_queue;
SELECT pg_temp.line('c' || n, 's' || n, 10, 0, 'infinity') FROM generate_series(20, 22) AS n;
UPDATE affiliate.commission SET hold_reason = 'suspended' WHERE subject_id IN ('s20', 's21', 's22') AND program_no = 81;
SET LOCAL SESSION AUTHORIZATION affiliate_test_olga;
SELECT throws_ok($$SELECT affiliate.release('ann', 'op', '')$$, 'AF033', NULL, 'a reason is needed');
SELECT throws_ok($$SELECT affiliate.forfeit('ann', 'nothing', 'r')$$, 'AF012', NULL, 'unknown program');
SELECT is(affiliate.release('ann', 'op', 'cleared'), 3::bigint, 'release: three lines waited');
SELECT throws_ok($$SELECT affiliate.forfeit('ann', 'op', 'changed my mind')$$, 'AF030', NULL, 'one decision per instant');
SELECT is(affiliate.forfeit('bob', 'op', 'fraud'), 0::bigint, 'forfeit: none waited');
RESET SESSION AUTHORIZATION;
SELECT results_eq($$SELECT affiliate_no, kind, up_to, reason, decided_by FROM affiliate.suspension_decision WHERE program_no = 81 ORDER BY 1$$,
    $$VALUES (81, 'release', timestamptz '2025-06-15 12:00+00', 'cleared', 'affiliate_test_olga'), (82, 'forfeit', '2025-06-15 12:00+00', 'fraud', 'affiliate_test_olga')$$,
    'the decisions');
SELECT ok((SELECT array_agg(DISTINCT customer_id::text) @> '{c20,c21,c22}' FROM affiliate.settle_queue WHERE kind = 'customer' AND reason LIKE 'rulebook:%suspension_decision'),
    'the customers concerned are enqueued');
SELECT is((SELECT count(*) FROM affiliate.settle_queue WHERE kind = 'program' AND reason LIKE '%suspension_decision'), 0::bigint, 'and nobody else');
SELECT results_eq($$SELECT action, object, detail ->> 'lines' FROM affiliate.audit_log WHERE action IN ('release', 'forfeit') ORDER BY audit_id$$,
    $$VALUES ('release', 'ann', '3'), ('forfeit', 'bob', '0')$$, 'and audited');

-- every call is for administrators
SET LOCAL SESSION AUTHORIZATION affiliate_test_rita;
SELECT throws_ok($$SELECT affiliate.reassign('c9', 'op', 'bob', reason => 'r')$$, '42501', NULL, 'readers reassign nobody');
SELECT throws_ok($$SELECT affiliate.review_close(9001, 'ignore', 'n')$$, '42501', NULL, 'close no case');
SELECT throws_ok($$SELECT affiliate.release('ann', 'op', 'r')$$, '42501', NULL, 'release nothing');
RESET SESSION AUTHORIZATION;

SELECT * FROM finish();
ROLLBACK;
