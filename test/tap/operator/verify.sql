-- verify() notices each violation. The ledger is damaged the way only a superuser can.
BEGIN;
SELECT plan(82);
\ir _ledger.sql
\ir ../reports/_past.sql
SELECT pg_temp.line('v1', 'vt1', 100, 40, '2025-06-10');
SELECT is_empty('SELECT pg_temp.violations()', 'a sound ledger');

-- Damages the ledger in a subtransaction, and says what verify() then finds.
CREATE FUNCTION pg_temp.found(damage text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    codes text;
BEGIN
    BEGIN
        SET LOCAL session_replication_role = replica;
        EXECUTE damage;
        SELECT string_agg(DISTINCT v.code, ' ' ORDER BY v.code) INTO codes FROM affiliate.verify() AS v
        WHERE v.code <> 'trigger' OR v.subject NOT LIKE 'affiliate.%' OR v.subject LIKE '% trigger %';
        RAISE EXCEPTION USING ERRCODE = 'XX999';
    EXCEPTION WHEN SQLSTATE 'XX999' THEN
        RETURN coalesce(codes, 'nothing');
    END;
END
$$;
CREATE FUNCTION pg_temp.unguarded(name text, damage text) RETURNS text LANGUAGE sql AS $$
    SELECT replace(pg_temp.found(format('ALTER TABLE affiliate.%I DISABLE TRIGGER USER; %s; ALTER TABLE affiliate.%1$I ENABLE TRIGGER USER', name, damage)), ' trigger', '')
$$;

-- ledger
SELECT is(pg_temp.unguarded('entry', $$UPDATE affiliate.entry SET amount = 99 WHERE subject_id = 'vt1' AND version = 1$$), 'entry_sum', 'an entry changed');
SELECT is(pg_temp.unguarded('entry', $$DELETE FROM affiliate.entry WHERE subject_id = 'vt1' AND version = 2$$), 'entry_sum entry_versions', 'an entry gone');
SELECT is(pg_temp.unguarded('entry', $$UPDATE affiliate.entry SET version = 3 WHERE subject_id = 'vt1' AND version = 2$$), 'entry_versions', 'a gap');
SELECT is(pg_temp.found($$UPDATE affiliate.commission SET version = 5 WHERE subject_id = 'vt1'$$), 'entry_versions', 'the header''s version');
SELECT is(pg_temp.found($$UPDATE affiliate.commission SET accrued = 101 WHERE subject_id = 'vt1'$$), 'entry_sum', 'the header''s total');
SELECT is(pg_temp.found($$ALTER TABLE affiliate.commission DROP CONSTRAINT commission_reversed_check; UPDATE affiliate.commission SET accrued = 30 WHERE subject_id = 'vt1'$$),
    'entry_sum reversed_range', 'reversed above accrued');
SELECT is(pg_temp.found($$ALTER TABLE affiliate.commission DROP CONSTRAINT commission_paid_check; ALTER TABLE affiliate.commission DISABLE TRIGGER commission_overpayment;
    UPDATE affiliate.commission SET paid = 101 WHERE subject_id = 'vt1'$$), 'entry_sum paid_range trigger', 'paid above accrued');
SELECT is(pg_temp.found($$UPDATE affiliate.program SET currency = 'EUR' WHERE program_no = 81$$), 'currency', 'another currency');
SELECT is(pg_temp.found($$UPDATE affiliate.commission SET is_void = true WHERE subject_id = 'vt1'$$), 'void_net void_xor_reversal', 'void but not zero');
SELECT is(pg_temp.found($$UPDATE affiliate.conversion SET state = 'void' WHERE transaction_id = 'vt1'$$), 'void_xor_reversal', 'a void conversion that pays');
SELECT is(pg_temp.found($$UPDATE affiliate.commission SET is_provisional = true, stated_at = now() WHERE subject_id = 'vt1'$$), 'provisional_paid', 'provisional but stated');
SELECT is(pg_temp.found($$ALTER TABLE affiliate.entry DROP CONSTRAINT entry_commission_fkey; ALTER TABLE affiliate.commission DISABLE TRIGGER USER;
    DELETE FROM affiliate.commission WHERE subject_id = 'vt1'; ALTER TABLE affiliate.commission ENABLE TRIGGER USER$$), 'entry_header trigger', 'a header gone');
SELECT is(pg_temp.found($$INSERT INTO affiliate.statement_payment (affiliate_no, program_no, reference, up_to, lines, amount, currency) VALUES (81, 81, 'x', now(), 1, 5, 'USD')$$),
    'payment_sum', 'a payment without entries');
SELECT is(pg_temp.found($$SELECT affiliate.record_payment('ann', 'op', now(), 'y'); ALTER TABLE affiliate.statement_payment DISABLE TRIGGER USER; DELETE FROM affiliate.statement_payment;
    ALTER TABLE affiliate.statement_payment ENABLE TRIGGER USER$$), 'payment_sum trigger', 'entries without a payment');
SELECT is(pg_temp.found($$SELECT affiliate.adjust('ann', 'op', 5, 'credit', 'r', 'va'); UPDATE affiliate.adjustment SET state = 'approved', decided_at = now(), decided_by = 'x' WHERE adjustment_id = 'va'$$),
    'adjustment', 'approved, not posted');
SELECT is(pg_temp.found($$UPDATE affiliate.program SET adjust_approval = 'never' WHERE program_no = 81; SELECT affiliate.adjust('ann', 'op', 5, 'credit', 'r', 'vb'); DELETE FROM affiliate.adjustment$$),
    'adjustment', 'posted, not approved');

-- counts
SELECT is(pg_temp.found($$UPDATE affiliate.conversion SET gross = gross + 1 WHERE transaction_id = 'vt1'$$), 'count_sum', 'the totals of a conversion');
SELECT is(pg_temp.found($$INSERT INTO affiliate.conversion_entry (customer_id, transaction_id, kind, program_no, version, quantity, gross, refunded, charged_back,
    charged_back_count, cause, earned_at, effective_at) VALUES ('v1', 'vt1', 'transaction', 81, 2, 0, 0, 0, 0, 0, 'x', now(), now())$$), 'count_versions', 'an entry beyond the version');
SELECT is(pg_temp.found($$INSERT INTO affiliate.conversion_entry (customer_id, transaction_id, kind, program_no, version, quantity, gross, refunded, charged_back,
    charged_back_count, cause, earned_at, effective_at) VALUES ('v1', 'vt9', 'transaction', 81, 1, 1, 1, 0, 0, 0, 'x', now(), now())$$), 'count_sum', 'an entry without conversion');
SELECT is(pg_temp.found($$ALTER TABLE affiliate.conversion DROP CONSTRAINT conversion_taken_back_check; UPDATE affiliate.conversion SET refunded = gross + 1 WHERE transaction_id = 'vt1'$$),
    'count_sum taken_back_range', 'more taken back than charged');

-- decisions
SELECT is(pg_temp.found($$INSERT INTO affiliate.commission (customer_id, subject_id, subject_kind, rule_no, affiliate_no, level, program_no, currency, accrued, version, earned_at, eligible_at)
    VALUES ('v1', 'vt1', 'transaction', 81, 82, 0, 81, 'USD', 1, 0, now(), now())$$), 'entry_sum one_owner owner', 'two owners');
SELECT is(pg_temp.found($$UPDATE affiliate.conversion SET affiliate_no = 82 WHERE transaction_id = 'vt1'$$), 'owner', 'the conversion belongs to another');
SELECT is(pg_temp.found($$DELETE FROM affiliate.conversion WHERE transaction_id = 'vt1'$$), 'commission_conversion count_sum', 'a conversion gone');
INSERT INTO affiliate.ownership VALUES ('v1', 81, '', 1, 81, '2025-06-01', '2025-06-01', '2025-08-30', false, 'vt1'), ('v1', 81, '', 2, 82, '2025-07-01', '2025-07-01', '2025-08-30', true, 'x');
SELECT is(pg_temp.found('SELECT 1'), 'nothing', 'sound ownerships');
SELECT is(pg_temp.found($$UPDATE affiliate.ownership SET is_latest = false WHERE customer_id = 'v1'$$), 'ownership_latest', 'no latest');
SELECT is(pg_temp.found($$DROP INDEX affiliate.ownership_latest_key; UPDATE affiliate.ownership SET is_latest = true WHERE customer_id = 'v1'$$), 'ownership_latest', 'two latest');
SELECT is(pg_temp.found($$UPDATE affiliate.ownership SET begins_at = '2025-05-01' WHERE customer_id = 'v1' AND ownership_no = 2$$), 'ownership_order', 'out of order');
SELECT is(pg_temp.found($$UPDATE affiliate.ownership SET ends_at = '2025-05-01' WHERE customer_id = 'v1' AND ownership_no = 1$$), 'ownership_period', 'ends before it begins');

-- references
SELECT is(pg_temp.found($$INSERT INTO affiliate.click (click_id, program_id) VALUES ('vk', 'nothing')$$), 'unknown_program', 'a click of an unknown program');
SELECT is(pg_temp.found($$INSERT INTO affiliate.customer (customer_id, program_id) VALUES ('vc', 'nothing')$$), 'unknown_program', 'a customer');
SELECT is(pg_temp.found($$INSERT INTO affiliate.account (customer_id, account_id, program_id) VALUES ('vc', 'va', 'nothing')$$), 'unknown_program', 'an account');
SELECT is(pg_temp.found($$INSERT INTO affiliate.transaction (customer_id, transaction_id, program_id, transaction_type, status, currency) VALUES ('vc', 'vx', 'nothing', 'challenge_fee', 'completed', 'USD')$$),
    'unknown_program', 'a transaction');
SELECT is(pg_temp.found($$UPDATE affiliate.commission SET program_no = 80 WHERE subject_id = 'vt1'$$), 'commission_conversion currency entry_header unknown_program', 'a commission of an unknown program');
SELECT is(pg_temp.found($$DELETE FROM affiliate.plan_rule WHERE rule_no = 81$$), 'unknown_rule', 'a rule gone');
SELECT is(pg_temp.found($$ALTER TABLE affiliate.affiliate DISABLE TRIGGER ALL; DELETE FROM affiliate.affiliate WHERE affiliate_no = 81; ALTER TABLE affiliate.affiliate ENABLE TRIGGER ALL$$), 'trigger unknown_affiliate', 'an affiliate gone');
SELECT is(pg_temp.unguarded('transaction', $$DELETE FROM affiliate.transaction WHERE transaction_id = 'vt1'$$), 'fact_missing', 'a fact gone');
SELECT is(pg_temp.unguarded('transaction', $$UPDATE affiliate.transaction SET customer_id = 'v2' WHERE transaction_id = 'vt1'$$), 'fact_moved', 'a fact moved');
SELECT is(pg_temp.found($$INSERT INTO affiliate.event (event_id, customer_id, program_id, event_type, occurred_at) VALUES ('ve9', 'vc', 'nothing', 'funded', now())$$), 'unknown_program', 'an event');
INSERT INTO affiliate.event (event_id, customer_id, program_id, event_type, occurred_at, transaction_id) VALUES ('ve', 'v1', 'op', 'funded', '2025-06-20', 'vt1');
INSERT INTO affiliate.conversion (customer_id, transaction_id, kind, program_no, state) VALUES ('v1', 've', 'event', 81, 'counted');
SELECT is(pg_temp.unguarded('event', $$DELETE FROM affiliate.event WHERE event_id = 've'$$), 'fact_missing', 'an event gone');
SELECT is(pg_temp.unguarded('event', $$UPDATE affiliate.event SET customer_id = 'v2' WHERE event_id = 've'$$), 'fact_moved', 'an event moved');

-- installation
SELECT is(pg_temp.found($$ALTER TABLE affiliate.entry ENABLE TRIGGER entry_append_only$$), 'trigger', 'ALWAYS lost');
SELECT is(pg_temp.found($$ALTER TABLE affiliate.entry DISABLE TRIGGER entry_append_only_truncate$$), 'trigger', 'a guard disabled');
SELECT is(pg_temp.found($$DROP TRIGGER click_never_deleted ON affiliate.click$$), 'trigger', 'a guard gone');
SELECT is(pg_temp.found($$DROP TRIGGER entry_append_only ON affiliate.entry; CREATE TRIGGER entry_append_only BEFORE DELETE ON affiliate.entry FOR EACH ROW EXECUTE FUNCTION affiliate._refuse_change();
    ALTER TABLE affiliate.entry ENABLE ALWAYS TRIGGER entry_append_only$$), 'trigger', 'a guard weakened');
SELECT is(pg_temp.found($$ALTER TABLE affiliate.click OWNER TO postgres$$), 'object_owner', 'a table of another owner') WHERE current_user = 'postgres'
UNION ALL SELECT pass('not postgres') WHERE current_user <> 'postgres';
SELECT is(pg_temp.found($$ALTER FUNCTION affiliate.release(text, text, text) OWNER TO postgres$$), 'object_owner', 'a function with a superuser''s rights') WHERE current_user = 'postgres'
UNION ALL SELECT pass('not postgres') WHERE current_user <> 'postgres';
SELECT is(pg_temp.found($$GRANT UPDATE ON affiliate.entry TO affiliate_admin$$), 'privilege', 'an append-only table that may be updated');
SELECT is(pg_temp.found($$GRANT SELECT ON affiliate.customer_pii TO PUBLIC$$), 'privilege', 'something for PUBLIC');
SELECT is(pg_temp.found($$GRANT EXECUTE ON FUNCTION affiliate.drain(integer) TO PUBLIC$$), 'privilege', 'a function for PUBLIC');

-- rollups: none, then those of a sale, its refund and its clicks
SELECT is(pg_temp.found($$UPDATE affiliate.rollup_state SET watermark = NULL; INSERT INTO affiliate.rollup_click VALUES ('day', '2025-06-01', 1, '', 1, 1)$$), 'nothing', 'rollups that are not in use may hold anything');
INSERT INTO affiliate.click (click_id, program_id, affiliate_id, visitor_id, country, clicked_at) VALUES ('vk1', 'op', 'ann', 'v', 'DE', '2025-05-31'), ('vk2', 'op', 'ann', 'v', 'AT', '2025-05-31 01:00');
SELECT pg_temp.past('50');
UPDATE affiliate.rollup_state SET watermark = NULL;
SELECT pg_temp.refresh();
SELECT set_eq('SELECT DISTINCT grain FROM affiliate.rollup UNION ALL SELECT DISTINCT grain FROM affiliate.rollup_click', '{day,month,day_sum,month_sum}'::text[], 'rollups of each kind');
SELECT is(pg_temp.found('SELECT 1'), 'nothing', 'sound rollups');
SELECT is(pg_temp.found(format($$UPDATE affiliate.rollup SET %I = %1$I + 1 WHERE grain = 'day' AND basis = 'sale' AND kind = 'transaction'$$, c)), 'rollup', 'a rollup''s ' || c)
FROM unnest('{quantity,new_customers,gross,discount,refunded_count,refunded,charged_back_count,charged_back,accrued,reversed,paid}'::text[]) AS c;
SELECT is(pg_temp.found(format($$DELETE FROM affiliate.rollup WHERE grain = %L$$, g)), 'rollup', 'rollups gone: ' || g) FROM unnest('{day,month,day_sum,month_sum}'::text[]) AS g;
SELECT is(pg_temp.found($$UPDATE affiliate.rollup SET period = period + 1 WHERE grain = 'day'$$), 'rollup', 'on another day');
SELECT is(pg_temp.found($$INSERT INTO affiliate.rollup SELECT grain, period, program_no, 82, basis, kind, conversion_type, campaign_no, product_id, country, method, currency, quantity, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
    FROM affiliate.rollup WHERE quantity <> 0$$), 'rollup', 'one too many');
SELECT is(pg_temp.found(format($$UPDATE affiliate.rollup_click SET %I = %1$I + 1 WHERE country = 'DE'$$, c)), 'rollup_click', 'a rollup''s ' || c) FROM unnest('{clicks,unique_clicks}'::text[]) AS c;
SELECT is(pg_temp.found(format($$DELETE FROM affiliate.rollup_click WHERE grain = %L$$, g)), 'rollup_click', 'rollups of clicks gone: ' || g) FROM unnest('{day,month,day_sum,month_sum}'::text[]) AS g;
SELECT is(pg_temp.found($$INSERT INTO affiliate.rollup_click SELECT grain, period, source_no, 'CH', 1, 1 FROM affiliate.rollup_click WHERE country = 'DE'$$), 'rollup_click', 'one too many');
SELECT is(pg_temp.found($$UPDATE affiliate.rollup SET gross = 0; DELETE FROM affiliate.rollup_click$$), 'rollup rollup_click', 'both');
SELECT is(pg_temp.unguarded('click', $$UPDATE affiliate.click SET clicked_at = '2025-06-02' WHERE click_id = 'vk1'$$), 'rollup_click', 'a click that was counted is another');
SELECT is(pg_temp.unguarded('conversion_entry', $$UPDATE affiliate.conversion_entry SET effective_at = '2025-06-05' WHERE transaction_id = 'vt1'$$), 'rollup', 'an entry that was counted is another');

-- numbers
INSERT INTO affiliate.review_case (kind) VALUES ('sequence');
SELECT is(pg_temp.found($$INSERT INTO affiliate.review_case (case_id, kind, subject_id) SELECT max(case_id) + 1, 'sequence', 'replicated' FROM affiliate.review_case$$), 'sequence', 'the next number is used');
SELECT is(pg_temp.found($$SELECT setval('affiliate.review_case_case_id_seq', max(case_id), false) FROM affiliate.review_case$$), 'sequence', 'also where it is the last one');

SELECT * FROM finish();
ROLLBACK;
