-- Every constraint and unique index refuses what it is for, by its own name: no trigger speaks first here. One test for each
-- (test/mutation/expected names it), with an attempt for each part of a condition.
BEGIN;
\ir _rows.sql

CREATE TEMP TABLE attempt (what text, name text, constraint_name text, change jsonb);
CREATE FUNCTION pg_temp.long() RETURNS text LANGUAGE sql AS $$SELECT repeat('x', 501)$$;

INSERT INTO attempt SELECT 'check', split_part(k, '.', 1), split_part(k, '.', 2), unnest(changes::jsonb[]) FROM (VALUES
    ('currency.currency_code_check', ARRAY['{"currency": "usd"}', '{"currency": "US"}', '{"currency": "USDOLLARS00"}']),
    ('currency.currency_exponent_check', ARRAY['{"exponent": -1}', '{"exponent": 13}']),
    ('fx_rate.fx_rate_rate_check', ARRAY['{"rate": 0}', '{"rate": 1e15}', '{"rate": 0.1234567890123456}', '{"rate": "NaN"}']),
    ('fx_rate.fx_rate_pair_check', ARRAY['{"to_currency": "USD"}']),
    ('program.program_precedence_check', ARRAY['{"precedence": []}', '{"precedence": ["coupon", "coupon"]}', '{"precedence": ["coupon", "luck"]}']),
    ('program.program_reasons_check', ARRAY['{"chargeback_reasons": [null]}', '{"chargeback_reasons": [""]}',
        '{"success_bonus_reasons": [null]}', '{"success_bonus_reasons": [""]}']),
    ('program.program_click_choice_check', ARRAY['{"click_choice": "any"}']),
    ('program.program_later_coupon_check', ARRAY['{"later_coupon": "any"}']),
    ('program.program_later_click_check', ARRAY['{"later_click": "any"}']),
    ('program.program_window_end_check', ARRAY['{"window_end": "any"}']),
    ('program.program_bind_at_check', ARRAY['{"bind_at": "any"}']),
    ('program.program_bind_purchase_check', ARRAY['{"bind_purchase": "any"}']),
    ('program.program_ownership_kind_check', ARRAY['{"ownership_kind": "any"}']),
    ('program.program_count_ladder_unit_check', ARRAY['{"count_ladder_unit": "any"}']),
    ('program.program_plan_change_check', ARRAY['{"plan_change": "any"}']),
    ('program.program_on_dispute_opened_check', ARRAY['{"on_dispute_opened": "any"}']),
    ('program.program_success_bonus_refund_check', ARRAY['{"success_bonus_refund": "any"}']),
    ('program.program_ladder_reversal_check', ARRAY['{"ladder_reversal": "any"}']),
    ('program.program_upgrade_counts_check', ARRAY['{"upgrade_counts": "any"}']),
    ('program.program_adjust_approval_check', ARRAY['{"adjust_approval": "any"}']),
    ('program.program_adjust_approval_above_check', ARRAY['{"adjust_approval_above": -1}', '{"adjust_approval_above": 1e15}']),
    ('affiliate.affiliate_initial_status_check', ARRAY['{"initial_status": "any"}']),
    ('affiliate_status.affiliate_status_status_check', ARRAY['{"status": "any"}']),
    ('affiliate_upline.affiliate_upline_level_check', ARRAY['{"level": 0}', '{"level": 21}']),
    ('affiliate_upline.affiliate_upline_self_check', ARRAY['{"upline_no": 91}']),
    ('affiliate_upline.affiliate_upline_period_check', ARRAY['{"valid_until": "2025-01-01"}']),
    ('coupon.coupon_discount_kind_check', ARRAY['{"discount_kind": "any"}']),
    ('coupon.coupon_discount_value_check', ARRAY['{"discount_value": -1}', '{"discount_value": 1e15}', '{"discount_kind": "percent", "discount_value": 100.01}']),
    ('coupon.coupon_redemption_limit_check', ARRAY['{"redemption_limit": 0}']),
    ('coupon.coupon_period_check', ARRAY['{"valid_until": "2025-01-01"}']),
    ('transaction_type.transaction_type_effect_check', ARRAY['{"effect": "any"}']),
    ('transaction_type.transaction_type_sale_kind_check', ARRAY['{"sale_kind": "any"}']),
    ('transaction_status.transaction_status_effect_check', ARRAY['{"effect": "any"}']),
    ('ladder.ladder_metric_check', ARRAY['{"metric": "any"}']),
    ('ladder.ladder_window_check', ARRAY['{"ladder_window": "any"}']),
    ('ladder.ladder_mode_check', ARRAY['{"mode": "any"}']),
    ('ladder_band.ladder_band_from_position_check', ARRAY['{"from_position": 0}', '{"band": 0}']),
    ('ladder_band.ladder_band_values_check', ARRAY['{"rate": 1e15}', '{"rate": 0.1234567890123456}', '{"amount": -1e15}', '{"amount": 0.1234567890123456}']),
    ('plan_rule.plan_rule_beneficiary_check', ARRAY['{"beneficiary": "any"}', '{"level": 1}', '{"beneficiary": "upline", "level": 0}', '{"beneficiary": "upline", "level": 21}']),
    ('plan_rule.plan_rule_rounding_check', ARRAY['{"rounding": "any"}']),
    ('plan_rule.plan_rule_scale_check', ARRAY['{"scale": -1}', '{"scale": 13}']),
    ('plan_rule.plan_rule_take_back_check', ARRAY['{"take_back": "any"}']),
    ('plan_rule.plan_rule_hold_kind_check', ARRAY['{"hold_kind": "any", "hold_until_kyc": "k"}']),
    ('plan_rule.plan_rule_hold_event_check', ARRAY['{"hold_kind": "event"}', '{"hold_kind": "earlier", "hold_until_type": "t", "hold_until_kyc": "k"}']),
    ('plan_rule.plan_rule_monthly_cap_check', ARRAY['{"monthly_cap": -1}', '{"monthly_cap": 1e15}']),
    ('plan_rule.plan_rule_live_inputs_check', ARRAY['{"live_inputs": ["weather"]}']),
    ('agreement.agreement_scope_check', ARRAY['{"affiliate_no": null}', '{"affiliate_group": "gold"}']),
    ('agreement.agreement_period_check', ARRAY['{"valid_until": "2025-01-01"}']),
    ('attribution_override.attribution_override_period_check', ARRAY['{"valid_from": "infinity"}']),
    ('attribution_override.attribution_override_paid_lines_check', ARRAY['{"paid_lines": "any"}']),
    ('attribution_override.attribution_override_reason_check', ARRAY['{"reason": " "}']),
    ('suspension_decision.suspension_decision_kind_check', ARRAY['{"kind": "any"}']),
    ('suspension_decision.suspension_decision_reason_check', ARRAY['{"reason": " "}']),
    ('click.click_clicked_at_check', ARRAY['{"clicked_at": "infinity"}']),
    ('customer.customer_times_check', ARRAY['{"signup_date": "infinity"}', '{"last_modified_date": "-infinity"}']),
    ('customer_alias.customer_alias_other_check', ARRAY['{"customer_id": "c"}']),
    ('account.account_previous_kind_check', ARRAY['{"previous_kind": "any"}']),
    ('dispute.dispute_target_check', ARRAY['{"transaction_id": null}', '{"transaction_id": null, "ref_source": "s", "ref_kind": "k"}',
        '{"transaction_id": null, "ref_source": "s", "ref_external_id": "x"}', '{"transaction_id": null, "ref_kind": "k", "ref_external_id": "x"}']),
    ('dispute.dispute_outcome_check', ARRAY['{"outcome": "any"}']),
    ('dispute.dispute_lost_amount_check', ARRAY['{"outcome": "partial"}', '{"outcome": "lost", "lost_amount": 1}', '{"lost_amount": 1}']),
    ('dispute.dispute_times_check', ARRAY['{"opened_at": "infinity"}', '{"closed_at": "infinity"}']),
    ('conversion.conversion_taken_back_check', ARRAY['{"refunded": -1}', '{"charged_back": -1}', '{"refunded": 6, "charged_back": 5}', '{"gross": -10, "refunded": 11}']),
    ('commission.commission_reversed_check', ARRAY['{"reversed": -1}', '{"reversed": 11}', '{"accrued": -5}', '{"accrued": -5, "reversed": -1, "subject_kind": "manual"}']),
    ('commission.commission_paid_check', ARRAY['{"paid": 11}', '{"paid": -1}', '{"accrued": -5, "paid": -6, "subject_kind": "manual"}']),
    ('entry.entry_amount_check', ARRAY['{"amount": 0}']),
    ('affiliate_position.affiliate_position_kind_check', ARRAY['{"kind": "any"}']),
    ('adjustment.adjustment_kind_check', ARRAY['{"kind": "any"}']),
    ('adjustment.adjustment_amount_check', ARRAY['{"amount": 0}', '{"amount": 1e15}']),
    ('adjustment.adjustment_reason_check', ARRAY['{"reason": " "}']),
    ('adjustment.adjustment_state_check', ARRAY['{"state": "any", "decided_at": "2025-01-01", "decided_by": "x"}']),
    ('adjustment.adjustment_decided_check', ARRAY['{"decided_at": "2025-01-01"}', '{"decided_by": "x"}', '{"state": "approved", "decided_by": "x"}',
        '{"state": "rejected", "decided_at": "2025-01-01"}']),
    ('pending_input.pending_input_state_check', ARRAY['{"state": "any"}']),
    ('settle_queue.settle_queue_kind_check', ARRAY['{"kind": "any"}']),
    ('review_case.review_case_state_check', ARRAY['{"state": "any"}']),
    ('review_case.review_case_severity_check', ARRAY['{"severity": "any"}']),
    ('review_case.review_case_action_check', ARRAY['{"state": "closed", "closed_at": "2025-01-01", "closed_by": "x", "action": "any"}']),
    ('review_case.review_case_closed_check', ARRAY['{"closed_at": "2025-01-01", "closed_by": "x", "action": "ignore"}', '{"state": "closed", "closed_by": "x", "action": "ignore"}',
        '{"state": "closed", "closed_at": "2025-01-01", "action": "ignore"}', '{"state": "closed", "closed_at": "2025-01-01", "closed_by": "x"}']),
    ('statement_payment.statement_payment_reference_check', ARRAY['{"reference": " "}', format('{"reference": "%s"}', pg_temp.long())]),
    ('statement_payment.statement_payment_amount_check', ARRAY['{"amount": 0}', '{"lines": 0}'])) AS w (k, changes);

-- windows are spans without months
INSERT INTO attempt SELECT 'check', split_part(k, '.', 1), split_part(k, '.', 2), jsonb_build_object(c, span)
FROM (VALUES
    ('program.program_click_window_check', '{click_window}'::text[]), ('program.program_lead_window_check', '{lead_window}'),
    ('program.program_ownership_window_check', '{ownership_window}'), ('program.program_late_grace_check', '{late_grace}'),
    ('program.program_cooling_off_check', '{cooling_off}'), ('plan_rule.plan_rule_hold_check', '{hold}'),
    ('ladder_band.ladder_band_ownership_window_check', '{ownership_window}'),
    ('campaign.campaign_windows_check', '{click_window,lead_window,ownership_window}'),
    ('traffic_source.traffic_source_windows_check', '{click_window,lead_window,ownership_window}'),
    ('agreement.agreement_windows_check', '{click_window,lead_window,ownership_window,termination_tail}')) AS w (k, columns),
    unnest(columns) AS c, unnest('{-1 s,1 month,1 year}'::text[]) AS span;
-- ids have 1 to 500 bytes
INSERT INTO attempt SELECT 'check', split_part(k, '.', 1), split_part(k, '.', 2), jsonb_build_object(c, id)
FROM (VALUES
    ('program.program_id_check', '{program_id}'::text[]), ('affiliate.affiliate_id_check', '{affiliate_id}'),
    ('affiliate_alias.affiliate_alias_id_check', '{external_id}'), ('campaign.campaign_id_check', '{campaign_id}'), ('link.link_id_check', '{link_id}'),
    ('coupon.coupon_code_check', '{code}'), ('product.product_id_check', '{product_id}'), ('plan.plan_id_check', '{plan_id}')) AS w (k, columns),
    unnest(columns) AS c, unnest(ARRAY['', pg_temp.long()]) AS id;
INSERT INTO attempt VALUES ('check', 'affiliate_alias', 'affiliate_alias_id_check', jsonb_build_object('source', pg_temp.long()));
-- ids of facts: the function in the CHECK says what is wrong
INSERT INTO attempt SELECT 'check', t, t || '_ids_check', jsonb_build_object(c, id)
FROM (VALUES
    ('click', '{click_id}'::text[], '{visitor_id,customer_id}'::text[]), ('visitor_customer', '{visitor_id,customer_id}', '{}'), ('customer', '{customer_id}', '{}'),
    ('customer_pii', '{customer_id}', '{}'), ('customer_alias', '{customer_id,canonical_id}', '{}'),
    ('account', '{customer_id,account_id}', '{challenge_id,previous_account_id}'),
    ('transaction', '{transaction_id}', '{customer_id,order_id,account_id,original_transaction_id,original_account_id,original_challenge_id}'),
    ('transaction_ref', '{external_id,transaction_id}', '{source,kind}'),
    ('dispute', '{dispute_id}', '{transaction_id,customer_id,ref_external_id,ref_source,ref_kind}')) AS w (t, given, optional),
    LATERAL (SELECT c, unnest(ARRAY['', pg_temp.long()]) AS id FROM unnest(given) AS c
             UNION ALL SELECT c, pg_temp.long() FROM unnest(optional) AS c) AS i;

-- keys: the first row once more, with something else that is no part of the key
INSERT INTO attempt SELECT what, split_part(k, '.', 1), split_part(k, '.', 2), change::jsonb FROM (VALUES
    ('primary key', 'program.program_pkey', '{"program_id": "q"}'), ('unique', 'program.program_program_id_key', '{"program_no": 92}'),
    ('primary key', 'affiliate.affiliate_pkey', '{"affiliate_id": "x"}'), ('unique', 'affiliate.affiliate_affiliate_id_key', '{"affiliate_no": 94}'),
    ('primary key', 'affiliate_status.affiliate_status_pkey', '{"status": "suspended"}'),
    ('primary key', 'affiliate_upline.affiliate_upline_pkey', '{}'), ('exclude', 'affiliate_upline.affiliate_upline_overlap_excl', '{"upline_no": 93, "valid_from": "2025-12-31"}'),
    ('primary key', 'affiliate_alias.affiliate_alias_pkey', '{"affiliate_no": 92}'),
    ('primary key', 'campaign.campaign_pkey', '{"campaign_id": "winter"}'), ('unique', 'campaign.campaign_campaign_id_key', '{"campaign_no": 92}'),
    ('primary key', 'traffic_source.traffic_source_pkey', '{}'),
    ('primary key', 'link.link_pkey', '{"link_id": "m"}'), ('unique', 'link.link_link_id_key', '{"link_no": 92}'),
    ('primary key', 'coupon.coupon_pkey', '{"code": "x"}'), ('exclude', 'coupon.coupon_overlap_excl', '{"coupon_no": 92, "code": " ann ", "valid_from": "2025-12-31", "valid_until": "infinity"}'),
    ('primary key', 'product.product_pkey', '{}'), ('primary key', 'currency.currency_pkey', '{"exponent": 3}'), ('primary key', 'fx_rate.fx_rate_pkey', '{"rate": 2}'),
    ('primary key', 'transaction_type.transaction_type_pkey', '{"effect": "cost"}'), ('primary key', 'transaction_status.transaction_status_pkey', '{"effect": "failed"}'),
    ('primary key', 'plan.plan_pkey', '{"plan_id": "golden"}'), ('unique', 'plan.plan_version_key', '{"plan_no": 92, "valid_from": "2026-01-01"}'),
    ('unique', 'plan.plan_valid_from_key', '{"plan_no": 92, "version": 2}'),
    ('primary key', 'ladder.ladder_pkey', '{"ladder_id": "x"}'), ('unique', 'ladder.ladder_ladder_id_key', '{"ladder_no": 92}'),
    ('primary key', 'ladder_band.ladder_band_pkey', '{"from_position": 2}'), ('unique', 'ladder_band.ladder_band_from_position_key', '{"band": 2}'),
    ('primary key', 'plan_rule.plan_rule_pkey', '{"sequence_no": 2}'), ('unique', 'plan_rule.plan_rule_sequence_key', '{"rule_no": 92}'),
    ('primary key', 'agreement.agreement_pkey', '{"program_no": 92}'),
    ('exclude', 'agreement.agreement_affiliate_overlap_excl', '{"agreement_no": 93, "valid_from": "2025-12-31", "valid_until": "infinity"}'),
    ('exclude', 'agreement.agreement_group_overlap_excl', '{"agreement_no": 93, "affiliate_no": null, "affiliate_group": "gold", "valid_from": "2025-12-31", "valid_until": "infinity"}'),
    ('primary key', 'attribution_override.attribution_override_pkey', '{"reason": "s"}'), ('primary key', 'suspension_decision.suspension_decision_pkey', '{"kind": "forfeit"}'),
    ('primary key', 'schema_version.schema_version_pkey', '{}'),
    ('primary key', 'click.click_pkey', '{"visitor_id": "v"}'), ('primary key', 'visitor_customer.visitor_customer_pkey', '{}'), ('primary key', 'customer.customer_pkey', '{"phase": "one"}'),
    ('primary key', 'customer_pii.customer_pii_pkey', '{}'), ('primary key', 'customer_alias.customer_alias_pkey', '{"canonical_id": "d"}'), ('primary key', 'account.account_pkey', '{}'),
    ('primary key', 'transaction.transaction_pkey', '{"customer_id": "d", "amount": 10}'), ('primary key', 'transaction_ref.transaction_ref_pkey', '{"transaction_id": "t2"}'),
    ('primary key', 'dispute.dispute_pkey', '{"transaction_id": "t2"}'), ('primary key', 'customer_report.customer_report_pkey', '{}'),
    ('primary key', 'transaction_report.transaction_report_pkey', '{}'), ('primary key', 'dispute_report.dispute_report_pkey', '{}'),
    ('primary key', 'ownership.ownership_pkey', '{"is_latest": false}'), ('unique index', 'ownership.ownership_latest_key', '{"ownership_no": 2}'),
    ('primary key', 'conversion.conversion_pkey', '{"affiliate_no": 8}'), ('primary key', 'refund_match.refund_match_pkey', '{"matched_transaction_id": "t2"}'),
    ('primary key', 'commission.commission_pkey', '{"accrued": 20}'), ('primary key', 'entry.entry_pkey', '{"kind": "payment", "amount": -10}'),
    ('primary key', 'conversion_entry.conversion_entry_pkey', '{"quantity": -1}'), ('primary key', 'affiliate_position.affiliate_position_pkey', '{"counted": 1}'),
    ('primary key', 'adjustment.adjustment_pkey', '{"amount": 20}'), ('primary key', 'statement_payment.statement_payment_pkey', '{"amount": 20}'),
    ('primary key', 'pending_input.pending_input_pkey', '{}'), ('primary key', 'settle_queue.settle_queue_pkey', '{}'), ('primary key', 'drain_progress.drain_progress_pkey', '{}'),
    ('primary key', 'review_case.review_case_pkey', '{"kind": "l"}'), ('unique index', 'review_case.review_case_subject_key', '{"case_id": -92}'),
    ('primary key', 'audit_log.audit_log_pkey', '{}')) AS w (what, k, change);

-- what is referred to is there
INSERT INTO attempt SELECT 'foreign key', split_part(k, '.', 1), split_part(k, '.', 2), change::jsonb FROM (VALUES
    ('affiliate_status.affiliate_status_affiliate_fkey', '{"affiliate_no": 99}'), ('affiliate_alias.affiliate_alias_affiliate_fkey', '{"external_id": "y", "affiliate_no": 99}'),
    ('affiliate_upline.affiliate_upline_affiliate_fkey', '{"affiliate_no": 99}'), ('affiliate_upline.affiliate_upline_upline_fkey', '{"affiliate_no": 93, "upline_no": 99}'),
    ('campaign.campaign_program_fkey', '{"campaign_no": 92, "program_no": 99}'), ('traffic_source.traffic_source_program_fkey', '{"program_no": 99}'),
    ('link.link_program_fkey', '{"link_no": 92, "link_id": "m", "program_no": 99}'), ('link.link_affiliate_fkey', '{"link_no": 92, "link_id": "m", "affiliate_no": 99}'),
    ('link.link_campaign_fkey', '{"link_no": 92, "link_id": "m", "campaign_no": 99}'), ('coupon.coupon_program_fkey', '{"coupon_no": 92, "program_no": 99}'),
    ('coupon.coupon_affiliate_fkey', '{"coupon_no": 92, "code": "B", "affiliate_no": 99}'), ('coupon.coupon_campaign_fkey', '{"coupon_no": 92, "code": "B", "campaign_no": 99}'),
    ('product.product_program_fkey', '{"program_no": 99}'), ('plan.plan_program_fkey', '{"plan_no": 92, "program_no": 99}'), ('ladder.ladder_program_fkey', '{"ladder_no": 92, "program_no": 99}'),
    ('ladder_band.ladder_band_ladder_fkey', '{"ladder_no": 99}'), ('plan_rule.plan_rule_plan_fkey', '{"rule_no": 92, "plan_no": 99}'),
    ('plan_rule.plan_rule_ladder_fkey', '{"rule_no": 92, "sequence_no": 2, "ladder_no": 99}'), ('agreement.agreement_program_fkey', '{"agreement_no": 93, "program_no": 99}'),
    ('agreement.agreement_affiliate_fkey', '{"agreement_no": 93, "affiliate_no": 99}'), ('attribution_override.attribution_override_program_fkey', '{"override_no": 92, "program_no": 99}'),
    ('attribution_override.attribution_override_affiliate_fkey', '{"override_no": 92, "affiliate_no": 99}'), ('suspension_decision.suspension_decision_program_fkey', '{"program_no": 99}'),
    ('suspension_decision.suspension_decision_affiliate_fkey', '{"affiliate_no": 99}'), ('entry.entry_commission_fkey', '{"version": 2, "currency": "EUR"}')) AS w (k, change);

SELECT plan(count(DISTINCT (name, constraint_name))::integer) FROM attempt;
-- Under replica no trigger refuses an INSERT; foreign keys are not checked then, and so are tried as everybody meets them.
SELECT is(string_agg(format('%s: %s', change, pg_temp.try(pg_temp.changed(name, change), CASE what WHEN 'foreign key' THEN 'origin' ELSE 'replica' END)), E'\n' ORDER BY change),
          string_agg(format('%s: %s', change, CASE WHEN constraint_name LIKE '%\_ids\_check' THEN 'AF018' ELSE
              CASE what WHEN 'check' THEN '23514 ' WHEN 'foreign key' THEN '23503 ' WHEN 'exclude' THEN '23P01 ' ELSE '23505 ' END || constraint_name END), E'\n' ORDER BY change),
          format('%s %s.%s', what, name, constraint_name))
FROM attempt GROUP BY what, name, constraint_name ORDER BY name, constraint_name;
SELECT * FROM finish();
ROLLBACK;
