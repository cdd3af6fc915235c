-- One row in every table, and how to try what must be refused without leaving a trace. A test of a guard says what it
-- changes of a row, nothing else. Rows come in with session_replication_role = replica: nothing is settled, and of the
-- triggers only those fire that always do.
SET LOCAL client_min_messages = warning;
SET LOCAL TimeZone = 'UTC';
SET LOCAL pg_affiliate.mode = queue;

-- given: what a row needs; other: the changes that make a second row of it; news: a change it may have later
CREATE TEMP TABLE sample (no integer GENERATED ALWAYS AS IDENTITY, name text, given jsonb, other jsonb, news jsonb, stored jsonb);
INSERT INTO sample (name, given, other, news) VALUES
    -- the rulebook
    ('currency', '{"currency": "AAA"}', '{"currency": "BBB"}', '{"exponent": 3}'),
    ('fx_rate', '{"from_currency": "USD", "to_currency": "EUR", "valid_from": "2025-01-01", "rate": 1.1}', '{"to_currency": "AAA"}', '{"rate": 1.2}'),
    ('program', '{"program_no": 91, "program_id": "p", "currency": "USD"}', '{"program_no": 92, "program_id": "q"}', '{"later_click": "move"}'),
    ('affiliate', '{"affiliate_no": 91, "affiliate_id": "ann"}', '{"affiliate_no": 94, "affiliate_id": "dan"}', '{"country": "CZ"}'),
    ('affiliate', '{"affiliate_no": 92, "affiliate_id": "bob"}', NULL, NULL),
    ('affiliate', '{"affiliate_no": 93, "affiliate_id": "cyd"}', NULL, NULL),
    ('affiliate', '{"affiliate_no": 95, "affiliate_id": "eve"}', NULL, NULL),
    ('affiliate_status', '{"affiliate_no": 91, "valid_from": "2025-01-01", "status": "active"}', '{"affiliate_no": 92}', '{"status": "suspended"}'),
    ('affiliate_upline', '{"affiliate_no": 91, "upline_no": 92, "valid_from": "2025-01-01", "valid_until": "2026-01-01"}', '{"affiliate_no": 93, "upline_no": 95}', '{"valid_until": "2025-06-01"}'),
    ('affiliate_alias', '{"source": "s", "external_id": "x", "affiliate_no": 91}', '{"external_id": "y"}', '{"affiliate_no": 92}'),
    ('campaign', '{"campaign_no": 91, "program_no": 91, "campaign_id": "summer"}', '{"campaign_no": 92, "campaign_id": "winter"}', '{"click_window": "1 day"}'),
    ('traffic_source', '{"program_no": 91, "traffic_source": "social"}', '{"traffic_source": "mail"}', '{"click_window": "1 day"}'),
    ('link', '{"link_no": 91, "link_id": "l", "program_no": 91, "affiliate_no": 91, "campaign_no": 91}', '{"link_no": 92, "link_id": "m"}', '{"affiliate_no": 92}'),
    ('coupon', '{"coupon_no": 91, "program_no": 91, "code": "ANN", "affiliate_no": 91, "campaign_no": 91, "valid_from": "2025-01-01", "valid_until": "2026-01-01"}', '{"coupon_no": 92, "code": "BOB"}', '{"affiliate_no": 92}'),
    ('product', '{"program_no": 91, "product_id": "x"}', '{"product_id": "y"}', '{"family": "f"}'),
    ('transaction_type', '{"transaction_type": "raffle", "effect": "sale"}', '{"transaction_type": "lottery"}', '{"effect": "credit"}'),
    ('transaction_status', '{"status": "odd", "effect": "pending"}', '{"status": "even"}', '{"effect": "failed"}'),
    ('event_type', '{"event_type": "odd", "effect": "funded"}', '{"event_type": "even"}', '{"effect": "evaluation_passed"}'),
    ('plan', '{"plan_no": 91, "program_no": 91, "plan_id": "standard", "version": 1, "valid_from": "2025-01-01"}', '{"plan_no": 92, "plan_id": "golden"}', '{"version": 2}'),
    ('ladder', '{"ladder_no": 91, "program_no": 91, "ladder_id": "steps"}', '{"ladder_no": 92, "ladder_id": "stairs"}', '{"mode": "retroactive"}'),
    ('ladder_band', '{"ladder_no": 91, "band": 1, "from_position": 1}', '{"band": 2, "from_position": 5}', '{"rate": 0.1}'),
    ('plan_rule', '{"rule_no": 91, "plan_no": 91, "sequence_no": 1, "amount": "net", "ladder_no": 91}', '{"rule_no": 92, "sequence_no": 2}', '{"amount": "net * 0.1"}'),
    ('agreement', '{"agreement_no": 91, "program_no": 91, "affiliate_no": 91, "plan_id": "standard", "valid_from": "2025-01-01", "valid_until": "2026-01-01"}', '{"agreement_no": 93, "affiliate_no": 92}', '{"plan_id": "golden"}'),
    ('agreement', '{"agreement_no": 92, "program_no": 91, "affiliate_group": "gold", "plan_id": "standard", "valid_from": "2025-01-01", "valid_until": "2026-01-01"}', NULL, NULL),
    ('attribution_override', '{"override_no": 91, "program_no": 91, "customer_id": "c", "affiliate_no": 91, "reason": "r"}', '{"override_no": 92}', '{"affiliate_no": 92}'),
    ('suspension_decision', '{"program_no": 91, "affiliate_no": 91, "up_to": "2025-01-01", "kind": "release", "reason": "r"}', '{"affiliate_no": 92}', '{"kind": "forfeit"}'),
    ('schema_version', '{"version": "0.0.0", "installed_at": "2000-01-01"}', '{"version": "0.0.1"}', '{"installed_at": "2001-01-01"}'),
    -- facts
    ('click', '{"click_id": "k", "program_id": "p"}', '{"click_id": "k2"}', '{"landing_url": "u"}'),
    ('visitor_customer', '{"visitor_id": "v", "customer_id": "c"}', '{"visitor_id": "w"}', '{"seen_at": "2025-01-01"}'),
    ('customer', '{"customer_id": "c", "program_id": "p"}', '{"customer_id": "d"}', '{"phase": "one"}'),
    ('customer_pii', '{"customer_id": "c"}', '{"customer_id": "d"}', '{"email": "c@example.com"}'),
    ('customer_alias', '{"customer_id": "c2", "canonical_id": "c"}', '{"customer_id": "c3"}', '{"reason": "r"}'),
    ('account', '{"customer_id": "c", "account_id": "a", "program_id": "p"}', '{"account_id": "b"}', '{"phase": "one"}'),
    ('transaction', '{"customer_id": "c", "transaction_id": "t", "program_id": "p", "transaction_type": "challenge_fee", "status": "completed", "currency": "USD"}', '{"transaction_id": "t2"}', '{"amount": 10}'),
    ('transaction_ref', '{"source": "s", "kind": "charge", "external_id": "x", "transaction_id": "t"}', '{"external_id": "y"}', '{"customer_id": "c"}'),
    ('dispute', '{"dispute_id": "d", "transaction_id": "t"}', '{"dispute_id": "d2"}', '{"amount": 10}'),
    ('event', '{"event_id": "e", "customer_id": "c", "program_id": "p", "event_type": "odd", "occurred_at": "2025-01-01"}', '{"event_id": "e2"}', '{"event_type": "odd"}'),
    ('customer_report', '{"customer_id": "c", "program_id": "p", "is_test": false, "version": 0, "recorded_at": "2025-01-01", "recorded_by": "x"}', '{"version": 1}', NULL),
    ('transaction_report', '{"customer_id": "c", "transaction_id": "t", "program_id": "p", "transaction_type": "challenge_fee", "status": "completed", "currency": "USD", "is_test": false, "version": 0, "recorded_at": "2025-01-01", "recorded_by": "x"}', '{"version": 1}', NULL),
    ('dispute_report', '{"dispute_id": "d", "version": 0, "recorded_at": "2025-01-01", "recorded_by": "x"}', '{"version": 1}', NULL),
    -- decisions and ledger; of a program and affiliates that nothing above is about, so that no row of the rulebook is in use
    ('ownership', '{"customer_id": "c", "program_no": 7, "ownership_no": 1, "affiliate_no": 7, "begins_at": "2025-01-01", "runs_from": "2025-01-01", "ends_at": "2025-02-01", "is_latest": true, "cause": "t"}', '{"customer_id": "d"}', NULL),
    ('conversion', '{"customer_id": "c", "transaction_id": "t", "kind": "transaction", "program_no": 7, "state": "counted", "gross": 10}', '{"transaction_id": "t2"}', NULL),
    ('refund_match', '{"customer_id": "c", "transaction_id": "r", "matched_transaction_id": "t"}', '{"transaction_id": "r2"}', NULL),
    ('commission', '{"customer_id": "c", "subject_id": "t", "subject_kind": "transaction", "rule_no": 7, "affiliate_no": 7, "level": 0, "program_no": 7, "currency": "USD", "accrued": 10, "version": 1, "earned_at": "2025-01-01", "eligible_at": "2025-01-01"}', '{"subject_id": "t2"}', NULL),
    ('entry', '{"customer_id": "c", "subject_id": "t", "subject_kind": "transaction", "rule_no": 7, "affiliate_no": 7, "level": 0, "version": 1, "program_no": 7, "kind": "accrual", "currency": "USD", "amount": 10, "cause": "t", "earned_at": "2025-01-01", "effective_at": "2025-01-01"}', '{"version": 2}', NULL),
    ('conversion_entry', '{"customer_id": "c", "transaction_id": "t", "kind": "transaction", "program_no": 7, "version": 1, "quantity": 1, "gross": 10, "refunded": 0, "charged_back": 0, "charged_back_count": 0, "cause": "t", "earned_at": "2025-01-01", "effective_at": "2025-01-01"}', '{"version": 2}', NULL),
    ('affiliate_position', '{"program_no": 7, "affiliate_no": 7, "kind": "ladder", "scope_no": 7, "window_start": "2025-01-01"}', '{"scope_no": 8}', NULL),
    ('adjustment', '{"adjustment_id": "a", "program_no": 7, "affiliate_no": 7, "kind": "credit", "amount": 10, "reason": "r"}', '{"adjustment_id": "b"}', NULL),
    ('statement_payment', '{"affiliate_no": 7, "program_no": 7, "reference": "r", "up_to": "2025-01-01", "lines": 1, "amount": 10, "currency": "USD"}', '{"reference": "r2"}', NULL),
    -- rollups; of a time that no other test is about
    ('rollup', '{"grain": "day", "period": "1999-01-01", "program_no": 7, "affiliate_no": 7, "basis": "sale", "kind": "transaction", "conversion_type": "challenge_fee", "campaign_no": 0, "product_id": "", "country": "", "method": "click", "currency": "USD", "quantity": 1, "new_customers": 0, "gross": 10, "discount": 0, "refunded_count": 0, "refunded": 0, "charged_back_count": 0, "charged_back": 0, "accrued": 0, "reversed": 0, "paid": 0}', '{"country": "DE"}', NULL),
    ('rollup_click', '{"grain": "day", "period": "1999-01-01", "source_no": 7, "country": "", "clicks": 1, "unique_clicks": 1}', '{"country": "DE"}', NULL),
    ('click_source', '{"source_no": -91, "program_id": "p", "link_id": "l", "affiliate_id": "", "campaign_id": "", "program_no": 91, "affiliate_no": 91, "campaign_no": 0}', '{"source_no": -92, "link_id": "m"}', NULL),
    ('rollup_state', '{"name": "rollup"}', NULL, NULL),
    -- work and records, which others may have written too: no sequence gets there
    ('attachment', '{"attachment_id": "a", "attachment_no": 91, "relation_id": 1259, "table_schema": "pg_catalog", "table_name": "pg_class", "row_name": "pg_class", "kind": "refund", "fields": {"transaction_id": "relname", "original_transaction_id": "relname"}, "known_columns": {}, "on_error": "raise", "capture": "statement"}',
        '{"attachment_id": "b", "attachment_no": 92}', NULL),
    ('pending_input', '{"input_id": -91, "kind": "k", "state": "waiting", "input_key": "i", "payload": {}, "reason": "r"}', '{"input_id": -92}', NULL),
    ('settle_queue', '{"queue_id": -91, "reason": "r"}', '{"queue_id": -92}', NULL),
    ('drain_progress', '{"name": "n"}', '{"name": "m"}', NULL),
    ('review_case', '{"case_id": -91, "kind": "k"}', '{"case_id": -92, "kind": "l"}', NULL),
    ('audit_log', '{"audit_id": -91, "action": "a"}', '{"audit_id": -92}', NULL);

CREATE FUNCTION pg_temp.insert_of(name text, new_row jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT format('INSERT INTO affiliate.%I (%s) SELECT %2$s FROM jsonb_populate_record(NULL::affiliate.%1$I, %3$L)',
        name, string_agg(quote_ident(k), ', ' ORDER BY k), new_row) FROM jsonb_object_keys(new_row) AS k
$$;
-- the first row of the table with something changed
CREATE FUNCTION pg_temp.changed(wanted text, change jsonb) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT pg_temp.insert_of(wanted, s.given || change) FROM sample AS s WHERE s.name = wanted ORDER BY s.no LIMIT 1
$$;
CREATE FUNCTION pg_temp.second(wanted text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT pg_temp.changed(wanted, s.other) FROM sample AS s WHERE s.name = wanted AND s.other IS NOT NULL
$$;
-- UPDATE and DELETE of the second row
CREATE FUNCTION pg_temp.update_of(wanted text, change jsonb) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT format('UPDATE affiliate.%I AS r SET (%s) = (SELECT %2$s FROM jsonb_populate_record(NULL::affiliate.%1$I, %3$L)) WHERE to_jsonb(r) @> %4$L',
        wanted, string_agg(quote_ident(k), ', ' ORDER BY k), change, s.other)
    FROM sample AS s, jsonb_object_keys(change) AS k WHERE s.name = wanted AND s.other IS NOT NULL GROUP BY s.other
$$;
CREATE FUNCTION pg_temp.delete_of(wanted text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT format('DELETE FROM affiliate.%I AS r WHERE to_jsonb(r) @> %L', wanted, s.other) FROM sample AS s WHERE s.name = wanted AND s.other IS NOT NULL
$$;

-- What comes of the statements: 'done', 'done ' and what the question is answered with, or the SQLSTATE and what it names.
-- Nothing of it stays.
CREATE FUNCTION pg_temp.try(statements text, replication_role text DEFAULT 'origin', question text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
    state text; constraint_name text; table_name text; column_name text;
BEGIN
    PERFORM set_config('session_replication_role', replication_role, true);
    EXECUTE statements;
    IF question IS NOT NULL THEN
        EXECUTE 'SELECT ' || question INTO answer;
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'TT000', MESSAGE = concat_ws(' ', 'done', answer);
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, answer = MESSAGE_TEXT, constraint_name = CONSTRAINT_NAME,
        table_name = TABLE_NAME, column_name = COLUMN_NAME;
    RETURN CASE WHEN state = 'TT000' THEN answer
                ELSE concat_ws(' ', state, coalesce(nullif(constraint_name, ''), nullif(concat_ws('.', nullif(table_name, ''), nullif(column_name, '')), ''))) END;
END
$$;

DELETE FROM affiliate.rollup_state; -- there is one row, ever
SET LOCAL session_replication_role = replica;
DO $$
DECLARE
    given record;
    stored_row jsonb;
BEGIN
    FOR given IN SELECT s.no, s.name, pg_temp.insert_of(s.name, s.given) AS statement FROM sample AS s ORDER BY s.no LOOP
        EXECUTE given.statement || format(' RETURNING to_jsonb(%I.*)', given.name) INTO stored_row;
        UPDATE sample AS s SET stored = stored_row WHERE s.no = given.no;
    END LOOP;
END
$$;
SET LOCAL session_replication_role = origin;
