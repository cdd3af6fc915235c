-- What the views and their columns mean, where BI tools look for it.

CREATE FUNCTION affiliate._comment_views() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $setup$
DECLARE
    described record;
BEGIN
    FOR described IN SELECT * FROM affiliate._view_comments() LOOP
        EXECUTE format('COMMENT ON %s IS %L', CASE WHEN described.column_name IS NULL
            THEN format('VIEW affiliate.%I', described.view_name)
            ELSE format('COLUMN affiliate.%I.%I', described.view_name, described.column_name) END, described.description);
    END LOOP;
END
$setup$;
COMMENT ON FUNCTION affiliate._comment_views() IS 'Part of setup(): comments on views and their columns.';

-- One text per column; a name that means the same everywhere is described once, under view *.
CREATE FUNCTION affiliate._view_comments()
RETURNS TABLE (view_name text, column_name text, description text)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
    WITH text_of (view_name, column_name, description) AS (VALUES
        ('conversions', NULL, 'Facts that can earn: whose each is, why, and what of it was taken back.'),
        ('commissions', NULL, 'What each rule gives each beneficiary for each subject, with its state and what is owed.'),
        ('entries', NULL, 'The ledger: every posting to a commission, in the order in which they were written (version).'),
        ('candidates', NULL, 'The touches that competed for each conversion, and how each fared.'),
        ('affiliate_balance', NULL, 'Balance per affiliate, program and currency: pending + held + eligible + negative = accrued - reversed - paid.'),
        ('waiting', NULL, 'What is not settled yet, and why: waiting conversions, the queue, and input that cannot be placed.'),
        ('review_open', NULL, 'Unusual cases that wait for a person; close them with affiliate.review_close().'),
        ('reported', NULL, 'What reports are made of, by numbers: the rollups and, above their watermark, the streams. performance() and the other views read it.'),
        ('performance_daily', NULL, 'Clicks, customers, sales and commissions per day of the sale, program, affiliate, campaign, product, country, type and method, as the sales stand by now. For rates divide sums, or ask performance().'),
        ('performance_monthly', NULL, 'performance_daily per month of the sale.'),
        ('performance_daily_by_event', NULL, 'performance_daily by the day on which it happened: a refund counts on the day of the refund.'),
        ('performance_monthly_by_event', NULL, 'performance_daily_by_event per month.'),
        ('attribution_share', NULL, 'Sales per month, program and what won them.'),
        ('refunds_and_disputes', NULL, 'What was refunded and charged back per day on which it happened, program, affiliate, product and country.'),
        ('attribution_conflicts', NULL, 'Sales that count for which several affiliates competed, per month of the order and pair of affiliates.'),
        ('assists', NULL, 'Touches that did not earn a sale that counts, per month of the order, affiliate, method and reason.'),
        ('review_share', NULL, 'How many sales of a month came to review; 2 to 5 % is normal.'),
        ('rollup_progress', NULL, 'How far the rollups have read the streams.'),
        ('*', 'grain', 'day or month; day_sum and month_sum are the same by program, affiliate, kind, type and currency alone.'),
        ('*', 'period', 'Day, or first day of the month, in the time zone of the program.'),
        ('*', 'day', 'Day in the time zone of the program.'),
        ('*', 'month', 'First day of the month in the time zone of the program.'),
        ('*', 'basis', 'sale: on the day of the sale; shift: what moves from there to the day on which it happened; held: what is held today, on the day of the sale.'),
        ('*', 'counted_by', 'sale date or event date: whether the day is that of the sale or that of what happened.'),
        ('*', 'program_no', 'Number of the program.'),
        ('*', 'affiliate_no', 'Number of the affiliate; 0 for nobody.'),
        ('*', 'campaign_no', 'Number of the campaign; 0 for none.'),
        ('reported', 'kind', 'transaction, registration, event, manual or click.'),
        ('*', 'campaign', 'Campaign of the touch that won, or of the click; null for none.'),
        ('*', 'product', 'Product sold (product_id).'),
        ('*', 'product_id', 'Product sold.'),
        ('*', 'country', 'Country of the customer or click; null where unknown.'),
        ('*', 'conversion_type', 'Transaction type, registration, or kind of event; null for clicks and manual acts.'),
        ('attribution_conflicts', 'affiliate', 'Affiliate who won, or null for nobody.'),
        ('*', 'other_affiliate', 'Affiliate who competed and did not win.'),
        ('*', 'program_name', 'Name of the program.'),
        ('*', 'affiliate_name', 'Name of the affiliate.'),
        ('*', 'other_affiliate_name', 'Name of the affiliate who competed.'),
        ('*', 'campaign_name', 'Name of the campaign.'),
        ('*', 'product_name', 'Name of the product, where it is listed.'),
        ('assists', 'affiliate', 'Affiliate whose touch did not earn.'),
        ('assists', 'code', 'Why it did not.'),
        ('*', 'clicks', 'Clicks on tracking links.'),
        ('*', 'unique_clicks', 'Of them the first of a visitor for an affiliate on a day; clicks without visitor count each.'),
        ('*', 'registrations', 'Customers who registered.'),
        ('*', 'new_customers', 'Customers with their first purchase.'),
        ('*', 'conversions', 'Sales of any type, void ones not counted.'),
        ('*', 'purchases', 'Sales of the kind purchase.'),
        ('*', 'resets', 'Sales of the kind reset.'),
        ('*', 'upgrades', 'Sales of the kind upgrade.'),
        ('*', 'other_sales', 'Sales of any other kind: activations, add-ons, subscriptions and others.'),
        ('*', 'quantity', 'How many.'),
        ('*', 'discount', 'Discounts given on the sales.'),
        ('*', 'refunds', 'Sales of which something was refunded.'),
        ('*', 'refunded_count', 'Sales of which something was refunded.'),
        ('*', 'chargebacks', 'Sales with a dispute that was lost; open ones are in chargeback_report().'),
        ('*', 'charged_back_count', 'Sales with a dispute that was lost.'),
        ('*', 'net_revenue', 'gross - refunded - charged_back; corrections of an amount are not in it.'),
        ('*', 'net_commission', 'accrued - reversed, in the program''s currency.'),
        ('*', 'events', 'Events of any kind; conversion_type says which.'),
        ('*', 'started', 'Evaluations started.'),
        ('*', 'failed', 'Evaluations failed.'),
        ('*', 'passed', 'Evaluations passed, each phase.'),
        ('*', 'funded', 'Funded accounts activated.'),
        ('*', 'share', 'Share of 1.'),
        ('review_share', 'conversions', 'Sales completed in the month.'),
        ('*', 'reviewed', 'Of them, and of registrations, those with a review, and reviews of no sale opened in the month.'),
        ('*', 'reviews', 'Reviews of them.'),
        ('*', 'open', 'Reviews that are open.'),
        ('*', 'in_use', 'Whether reports use the rollups; if not, they count the streams.'),
        ('*', 'watermark', 'Transaction id below which the rollups hold everything.'),
        ('*', 'horizon', 'Oldest transaction that is running: as far as the watermark can go.'),
        ('*', 'rows_above', 'Rows of the streams that reports add by themselves.'),
        ('*', 'refreshed_at', 'When the last step ended.'),
        ('*', 'rebuilt_at', 'When they were last built or rebuilt.'),
        ('*', 'steps', 'Steps done.'),
        ('*', 'folded', 'Rows folded.'),
        ('rollup_progress', 'failed', 'Steps that failed.'),
        ('*', 'failed_at', 'When a step failed last.'),
        ('*', 'program', 'Program (program_id).'),
        ('*', 'affiliate', 'Affiliate (affiliate_id), or null for nobody.'),
        ('*', 'customer_id', 'Canonical id of the customer; empty for what belongs to no customer.'),
        ('*', 'transaction_id', 'Transaction the conversion came from, or the event; empty for a registration.'),
        ('*', 'kind', 'transaction, registration or event.'),
        ('entries', 'kind', 'accrual, adjustment, reversal, void, reinstatement, payment or manual.'),
        ('review_open', 'kind', 'What is unusual.'),
        ('*', 'order_key', 'Order the line belongs to; the lines of an order are attributed once.'),
        ('conversions', 'state', 'pending (not completed), waiting, counted or void.'),
        ('commissions', 'state', 'pending (provisional), held, eligible, paid, reversed, replaced (decided anew: another rule, another affiliate), void or negative.'),
        ('*', 'method', 'How it was won: override, ownership, coupon, click, lead, declared or none.'),
        ('candidates', 'method', 'Kind of touch: override, ownership, coupon, click, lead or declared.'),
        ('conversions', 'code', 'Why it earns nothing, or null.'),
        ('candidates', 'code', 'won, outranked, or why the touch could not win.'),
        ('*', 'is_conflict', 'Whether two or more affiliates competed.'),
        ('*', 'purchase_number', 'Number of the order among the purchases of the customer.'),
        ('*', 'ordered_at', 'When it was ordered: decides touches, windows, plan and agreement.'),
        ('*', 'occurred_at', 'When it was completed: decides purchase number, ladders, rates and holds.'),
        ('*', 'currency', 'Currency of the amounts.'),
        ('*', 'gross', 'Amount charged for the sale, discounts taken off, in its own currency.'),
        ('*', 'refunded', 'Refunded of it.'),
        ('*', 'charged_back', 'Lost of it in disputes.'),
        ('conversions', 'net', 'gross - refunded - charged_back.'),
        ('commissions', 'net', 'accrued - reversed.'),
        ('*', 'fx_rate', 'Rate from the currency of the sale to that of the program, or null.'),
        ('*', 'fx_source', 'Where the rate is from.'),
        ('*', 'fx_valid_from', 'Since when the rate was valid: its age.'),
        ('*', 'plan', 'Plan that decided (plan_id).'),
        ('*', 'plan_version', 'Version of the plan.'),
        ('*', 'rule', 'Name of the rule that pays.'),
        ('*', 'rule_no', 'Number of the rule; 0 for manual acts.'),
        ('*', 'level', '0 for the owner, 1 and more for uplines.'),
        ('*', 'is_test', 'Test facts reach no balance, ladder or statement.'),
        ('*', 'stated_at', 'When it was stated or paid; from then on the decision stands.'),
        ('*', 'version', 'Number of the entry within its commission.'),
        ('*', 'subject_id', 'Transaction, registration, period or manual act.'),
        ('waiting', 'subject_id', 'Transaction, affiliate or key of the input.'),
        ('*', 'subject_kind', 'transaction, registration, period or manual.'),
        ('*', 'accrued', 'Earned with nothing taken back.'),
        ('*', 'reversed', 'Taken back of it.'),
        ('refunds_and_disputes', 'reversed', 'Commission taken back on that day, void sales included; in a row of its own where the program''s currency is not that of the sale, and for uplines.'),
        ('*', 'paid', 'Paid of it.'),
        ('*', 'owed', 'accrued - reversed - paid; negative when more was paid than is earned.'),
        ('*', 'earned_at', 'When the conversion was earned.'),
        ('*', 'eligible_at', 'When the hold ends; infinity while an event is awaited.'),
        ('*', 'hold_reason', 'What is awaited beyond the time, or null.'),
        ('*', 'amount', 'Signed amount of the posting.'),
        ('*', 'cause', 'What led to it.'),
        ('*', 'effective_at', 'When its cause happened.'),
        ('*', 'recorded_at', 'When it was written.'),
        ('*', 'recorded_by', 'Session user who wrote it.'),
        ('*', 'candidate_no', 'Order in which the touches were weighed.'),
        ('*', 'ref', 'Click, coupon, declared id, or what the ownership began with.'),
        ('*', 'touched_at', 'When the touch happened.'),
        ('*', 'detail', 'All that was stored of the touch.'),
        ('*', 'pending', 'Owed, but provisional.'),
        ('*', 'held', 'Owed, the hold is not over.'),
        ('performance_daily', 'held', 'Owed, not final or the hold is not over; null by event.'),
        ('performance_daily', 'eligible', 'Payable now, less what is owed back; null by event.'),
        ('*', 'eligible', 'Owed and payable.'),
        ('*', 'negative', 'Owed by the affiliate: taken back after payment, and debits.'),
        ('*', 'what', 'conversion, queue or input.'),
        ('*', 'reason', 'Why it waits.'),
        ('*', 'since', 'Since when.'),
        ('*', 'due_at', 'When it is to be looked at.'),
        ('*', 'attempts', 'How often settling it failed.'),
        ('*', 'last_error', 'How it failed last.'),
        ('*', 'case_id', 'Number of the case.'),
        ('*', 'severity', 'low, normal or high.'),
        ('*', 'money_at_stake', 'Commission that depends on it, in the program''s currency.'),
        ('*', 'evidence', 'What was seen.'),
        ('*', 'assignee', 'Who looks at it.'),
        ('*', 'opened_at', 'When it was noticed.')
    )
    SELECT v.view_name, NULL::text, v.description FROM text_of AS v WHERE v.column_name IS NULL
    UNION ALL
    (SELECT DISTINCT ON (c.relname, a.attnum) c.relname::text, a.attname::text, t.description
    FROM pg_class AS c
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN text_of AS t ON t.column_name = a.attname AND t.view_name IN (c.relname, '*')
    WHERE c.relnamespace = 'affiliate'::regnamespace AND c.relkind = 'v'
      AND EXISTS (SELECT FROM text_of AS v WHERE v.view_name = c.relname AND v.column_name IS NULL)
    ORDER BY c.relname, a.attnum, t.view_name = '*');
END
$$;
COMMENT ON FUNCTION affiliate._view_comments() IS 'What the views and their columns mean.';
