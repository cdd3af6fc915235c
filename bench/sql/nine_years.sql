-- Nine years more before the year: the ledger and the clicks again, as many years earlier, by customers of their own; then rolled up.
SET client_min_messages = warning;
SET synchronous_commit = off;
DO $$
DECLARE
    ago integer;
BEGIN
    FOR ago IN 1..9 LOOP
        INSERT INTO affiliate.click SELECT r.* FROM affiliate.click AS c, jsonb_populate_record(c, jsonb_build_object('click_id', c.click_id || '-' || ago, 'visitor_id', c.visitor_id || '-' || ago,
            'clicked_at', c.clicked_at - ago * interval '365 days', 'written_xid', pg_current_xact_id())) AS r WHERE c.click_id NOT LIKE '%-%';
        INSERT INTO affiliate.conversion SELECT r.* FROM affiliate.conversion AS c, jsonb_populate_record(c, jsonb_build_object('customer_id', c.customer_id || '-' || ago, 'transaction_id', c.transaction_id || '-' || ago,
            'ordered_at', c.ordered_at - ago * interval '365 days', 'occurred_at', c.occurred_at - ago * interval '365 days')) AS r WHERE c.transaction_id NOT LIKE '%-%';
        INSERT INTO affiliate.conversion_entry SELECT r.* FROM affiliate.conversion_entry AS c, jsonb_populate_record(c, jsonb_build_object('customer_id', c.customer_id || '-' || ago, 'transaction_id', c.transaction_id || '-' || ago,
            'earned_at', c.earned_at - ago * interval '365 days', 'effective_at', c.effective_at - ago * interval '365 days', 'written_xid', pg_current_xact_id())) AS r
        WHERE c.transaction_id NOT LIKE '%-%';
        INSERT INTO affiliate.commission SELECT r.* FROM affiliate.commission AS c, jsonb_populate_record(c, jsonb_build_object('customer_id', c.customer_id || '-' || ago, 'subject_id', c.subject_id || '-' || ago,
            'earned_at', c.earned_at - ago * interval '365 days', 'eligible_at', c.eligible_at - ago * interval '365 days')) AS r WHERE c.subject_id NOT LIKE '%-%';
        INSERT INTO affiliate.entry SELECT r.* FROM affiliate.entry AS c, jsonb_populate_record(c, jsonb_build_object('customer_id', c.customer_id || '-' || ago, 'subject_id', c.subject_id || '-' || ago,
            'earned_at', c.earned_at - ago * interval '365 days', 'effective_at', c.effective_at - ago * interval '365 days', 'written_xid', pg_current_xact_id())) AS r
        WHERE c.subject_id NOT LIKE '%-%';
    END LOOP;
END
$$;
VACUUM ANALYZE;
CALL affiliate.rollup_catch_up();
VACUUM ANALYZE affiliate.rollup, affiliate.rollup_click;
