-- I1: append-only tables refuse UPDATE, DELETE and TRUNCATE to everybody, under session_replication_role = replica too.
BEGIN;
SELECT plan(65);
SET LOCAL client_min_messages = warning;

CREATE TEMP TABLE append_only AS
SELECT unnest('{transaction_report,customer_report,dispute_report,entry,conversion_entry,audit_log,statement_payment}'::text[]) AS name;
GRANT SELECT ON append_only TO PUBLIC;

INSERT INTO affiliate.program (program_id, currency) VALUES ('p', 'USD');
INSERT INTO affiliate.transaction_report (customer_id, transaction_id, program_id, transaction_type, status, currency, is_test, version, recorded_at, recorded_by)
VALUES ('c', 't', 'p', 'challenge_fee', 'completed', 'USD', false, 0, now(), session_user);
INSERT INTO affiliate.customer_report (customer_id, program_id, is_test, version, recorded_at, recorded_by) VALUES ('c', 'p', false, 0, now(), session_user);
INSERT INTO affiliate.dispute_report (dispute_id, version, recorded_at, recorded_by) VALUES ('d', 0, now(), session_user);
INSERT INTO affiliate.commission (customer_id, subject_id, subject_kind, rule_no, affiliate_no, level, program_no, currency, accrued, version, earned_at, eligible_at)
VALUES ('c', 't', 'transaction', 1, 1, 0, 1, 'USD', 10, 1, now(), now());
INSERT INTO affiliate.entry (customer_id, subject_id, subject_kind, rule_no, affiliate_no, level, version, program_no, kind, currency, amount, cause, earned_at, effective_at)
VALUES ('c', 't', 'transaction', 1, 1, 0, 1, 1, 'accrual', 'USD', 10, 'test', now(), now());
INSERT INTO affiliate.conversion_entry (customer_id, transaction_id, kind, program_no, version, quantity, gross, refunded, charged_back, charged_back_count, cause, earned_at, effective_at)
VALUES ('c', 't', 'transaction', 1, 1, 1, 10, 0, 0, 0, 'test', now(), now());
INSERT INTO affiliate.statement_payment (affiliate_no, program_no, reference, up_to, lines, amount, currency) VALUES (1, 1, 'r', now(), 1, 10, 'USD');

CREATE FUNCTION pg_temp.attempts(who text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    t text;
    statement text;
BEGIN
    FOR t IN SELECT name FROM append_only LOOP
        FOREACH statement IN ARRAY ARRAY[
            format('UPDATE affiliate.%I SET %I = %2$I', t, (SELECT a.attname FROM pg_attribute AS a
                   WHERE a.attrelid = format('affiliate.%I', t)::regclass AND a.attnum = 1)),
            format('DELETE FROM affiliate.%I', t), format('TRUNCATE affiliate.%I CASCADE', t)]
        LOOP
            RETURN NEXT throws_ok(statement, 'AF020', format('table "%s" is append-only', t), format('%s: %s', who, statement));
        END LOOP;
    END LOOP;
END
$$;
SELECT pg_temp.attempts('superuser');

SET LOCAL session_replication_role = replica;
SELECT pg_temp.attempts('replica');
SET LOCAL session_replication_role = origin;

SELECT is((SELECT count(*) FROM affiliate.audit_log WHERE actor <> session_user), 0::bigint, 'the actor is the session user');

SET LOCAL ROLE affiliate_owner;
SELECT pg_temp.attempts('owner');
RESET ROLE;

-- and by privilege: nobody but the owner may
SELECT is_empty($$
    SELECT a.name, r.rolname, p.privilege FROM append_only AS a
    CROSS JOIN (VALUES ('affiliate_reader'), ('affiliate_writer'), ('affiliate_admin')) AS r (rolname)
    CROSS JOIN (VALUES ('UPDATE'), ('DELETE'), ('TRUNCATE')) AS p (privilege)
    WHERE has_table_privilege(r.rolname, 'affiliate.' || a.name, p.privilege)
       OR p.privilege = 'UPDATE' AND has_any_column_privilege(r.rolname, 'affiliate.' || a.name, p.privilege)$$,
    'no group role may change an append-only table');

SELECT * FROM finish();
ROLLBACK;
