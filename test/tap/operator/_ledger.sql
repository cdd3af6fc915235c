-- A small ledger to make operator's calls on: program op (USD), affiliates ann and bob, two administrators.
SET LOCAL client_min_messages = warning;
SET LOCAL TimeZone = 'UTC';
SET LOCAL pg_affiliate.now = '2025-06-15 12:00:00+00';
INSERT INTO affiliate.program (program_no, program_id, currency, adjust_approval) VALUES (81, 'op', 'USD', 'always');
INSERT INTO affiliate.affiliate (affiliate_no, affiliate_id) VALUES (81, 'ann'), (82, 'bob');
INSERT INTO affiliate.plan (plan_no, program_no, plan_id, valid_from) VALUES (81, 81, 'standard', '2025-01-01');
INSERT INTO affiliate.plan_rule (rule_no, plan_no, sequence_no, name, amount) VALUES (81, 81, 1, 'ten percent', 'net * 0.1');
SELECT count(setval(s.sequence, s.highest)) FROM affiliate._sequences_behind() AS s; -- numbers that are given leave the sequence behind
CREATE ROLE affiliate_test_olga LOGIN IN ROLE affiliate_admin;
CREATE ROLE affiliate_test_oscar LOGIN IN ROLE affiliate_admin;
CREATE ROLE affiliate_test_rita LOGIN IN ROLE affiliate_reader;

-- A line as the kernel posts it: conversion, header and entry.
CREATE FUNCTION pg_temp.line(customer text, subject text, accrued numeric, reversed numeric, eligible timestamptz, provisional boolean DEFAULT false)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO affiliate.transaction (customer_id, transaction_id, order_id, program_id, transaction_type, status, currency, amount, ordered_at)
    VALUES (customer, subject, 'order-' || subject, 'op', 'challenge_fee', 'completed', 'USD', accrued * 10, '2025-06-01 09:00');
    INSERT INTO affiliate.conversion (customer_id, transaction_id, kind, program_no, state, affiliate_no, method, candidates, ordered_at, occurred_at,
        plan_no, currency, quantity, gross, refunded, version)
    VALUES (customer, subject, 'transaction', 81, 'counted', 81, 'click',
        '[{"at": "2025-05-31T00:00:00Z", "ref": "click-1", "code": "won", "method": "click", "affiliate_no": 81}]', '2025-06-01 09:00', '2025-06-01 09:00',
        81, 'USD', 1, accrued * 10, reversed * 10, 1);
    INSERT INTO affiliate.conversion_entry (customer_id, transaction_id, kind, program_no, version, affiliate_no, currency, quantity, gross, refunded,
        charged_back, charged_back_count, cause, earned_at, effective_at)
    VALUES (customer, subject, 'transaction', 81, 1, 81, 'USD', 1, accrued * 10, reversed * 10, 0, 0, 'test', '2025-06-01', '2025-06-01');
    INSERT INTO affiliate.commission (customer_id, subject_id, subject_kind, rule_no, affiliate_no, level, program_no, currency, accrued, reversed,
        version, earned_at, eligible_at, is_provisional)
    VALUES (customer, subject, 'transaction', 81, 81, 0, 81, 'USD', accrued, reversed, CASE WHEN reversed = 0 THEN 1 ELSE 2 END, '2025-06-01', eligible, provisional);
    INSERT INTO affiliate.entry (customer_id, subject_id, subject_kind, rule_no, affiliate_no, level, version, program_no, kind, currency, amount,
        cause, earned_at, effective_at)
    SELECT customer, subject, 'transaction', 81, 81, 0, v.version, 81, v.kind, 'USD', v.amount, 'test', '2025-06-01', '2025-06-01'
    FROM (VALUES (1, 'accrual', accrued), (2, 'reversal', -reversed)) AS v (version, kind, amount) WHERE v.amount <> 0;
END
$$;
-- What verify() says about this ledger and this installation of it.
CREATE FUNCTION pg_temp.violations() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT code || ': ' || subject || ': ' || detail FROM affiliate.verify() WHERE code NOT IN ('trigger', 'object_owner', 'privilege')
$$;
SET LOCAL pg_affiliate.mode = 'off';
