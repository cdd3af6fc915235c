-- Facts are never deleted; personal data may be. Aliases are refused once the id owns conversions.
BEGIN;
SELECT plan(29);
SET LOCAL client_min_messages = warning;
SET LOCAL pg_affiliate.mode = 'off';

INSERT INTO affiliate.program (program_id, currency) VALUES ('p', 'USD');
INSERT INTO affiliate.click (click_id, program_id) VALUES ('k', 'p');
INSERT INTO affiliate.visitor_customer (visitor_id, customer_id) VALUES ('v', 'c');
INSERT INTO affiliate.customer (customer_id, program_id) VALUES ('c', 'p');
INSERT INTO affiliate.account (customer_id, account_id, program_id) VALUES ('c', 'a', 'p');
INSERT INTO affiliate.transaction (customer_id, transaction_id, program_id, transaction_type, status, currency, amount, ordered_at)
VALUES ('c', 't', 'p', 'challenge_fee', 'pending', 'USD', 100, '2025-01-01');
INSERT INTO affiliate.transaction_ref (source, kind, external_id, transaction_id) VALUES ('s', 'charge', 'e', 't');
INSERT INTO affiliate.dispute (dispute_id, transaction_id, customer_id) VALUES ('d', 't', 'c');
INSERT INTO affiliate.event (event_id, customer_id, program_id, event_type, occurred_at) VALUES ('e', 'c', 'p', 'funded', '2025-01-01');
INSERT INTO affiliate.customer_alias (customer_id, canonical_id) VALUES ('c2', 'c');
INSERT INTO affiliate.customer_pii (customer_id, email) VALUES ('c', 'someone@example.com');
INSERT INTO affiliate.commission (customer_id, subject_id, subject_kind, rule_no, affiliate_no, level, program_no, currency, accrued, version, earned_at, eligible_at)
VALUES ('c', 't9', 'transaction', 1, 1, 0, 1, 'USD', 10, 1, now(), now());

CREATE FUNCTION pg_temp.attempts() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY '{click,visitor_customer,customer,customer_alias,account,transaction,transaction_ref,dispute,event,commission}'::text[] LOOP
        RETURN NEXT throws_ok(format('DELETE FROM affiliate.%I', t), 'AF021', format('rows of "%s" are never deleted', t), 'DELETE ' || t);
        RETURN NEXT throws_ok(format('TRUNCATE affiliate.%I CASCADE', t), NULL, NULL, 'TRUNCATE ' || t);
    END LOOP;
END
$$;
SELECT pg_temp.attempts();

SELECT lives_ok($$DELETE FROM affiliate.customer_pii WHERE customer_id = 'c'$$, 'personal data can be erased');

INSERT INTO affiliate.conversion (customer_id, transaction_id, kind, program_no, state) VALUES ('busy', 'tb', 'transaction', 1, 'counted');
SELECT throws_ok($$INSERT INTO affiliate.customer_alias VALUES ('busy', 'c')$$, 'AF026', 'customer "busy" cannot become an alias of "c"',
    'no alias for an id that owns conversions');
SELECT throws_ok($$INSERT INTO affiliate.customer_alias VALUES ('c3', 'c2')$$, 'AF026', NULL, 'no alias of an alias');
SELECT throws_ok($$INSERT INTO affiliate.customer_alias VALUES ('c', 'x')$$, 'AF026', NULL, 'a canonical id with aliases does not become one');
SELECT throws_ok($$UPDATE affiliate.customer_alias SET canonical_id = 'y' WHERE customer_id = 'c2'$$, 'AF026', NULL, 'an alias is not moved');
SELECT lives_ok($$UPDATE affiliate.customer_alias SET reason = 'same person' WHERE customer_id = 'c2'$$, 'its reason may change');

-- I6
SELECT throws_ok($$UPDATE affiliate.commission SET paid = 8, reversed = 5 WHERE subject_id = 't9'$$, 'AF032', NULL, 'paid does not grow beyond net');
SELECT throws_ok($$UPDATE affiliate.commission SET paid = 11 WHERE subject_id = 't9'$$, 'AF032', NULL, 'nor beyond accrued');
SELECT lives_ok($$UPDATE affiliate.commission SET paid = 10 WHERE subject_id = 't9'$$, 'what is owed can be paid');

SELECT * FROM finish();
ROLLBACK;
