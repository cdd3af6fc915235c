-- What each subject has earned, and what became of each sale. Of a sale that was charged back the row says no more than that:
-- where its first state was lost nobody knows that it has earned, and lost, something. Of one that failed and was deleted
-- there may be no trace. A line of 0 is what is left where an earlier sale came later and gave the customer to another affiliate.
CREATE VIEW public.charged_back AS SELECT id::text FROM firm.payments WHERE state = 'charged_back';
SELECT 'commission', subject_id, subject_kind, customer_id, affiliate_no, level, trim_scale(accrued), trim_scale(reversed), is_void, hold_reason, eligible_at
FROM affiliate.commission WHERE subject_id NOT IN (TABLE public.charged_back) AND (accrued, reversed) <> (0, 0);
SELECT 'conversion', transaction_id, kind, customer_id, state, affiliate_no, method, code, purchase_number, ordered_at, occurred_at, taken_back_at, quantity, trim_scale(gross), trim_scale(refunded), trim_scale(charged_back)
FROM affiliate.conversion WHERE transaction_id NOT IN (TABLE public.charged_back) AND (kind <> 'transaction' OR EXISTS (SELECT FROM firm.payments WHERE id::text = transaction_id));
