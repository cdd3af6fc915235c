-- What test/crash/kill asks its server.
CREATE EXTENSION amcheck;
CREATE ROLE crash_boss SUPERUSER;
-- Which clients rest (a regular expression); emptied by recovery.
CREATE UNLOGGED TABLE public.quiet (who text);

-- The logs of the clients (_load.sh); is_last: nothing followed.
CREATE TABLE public.said (round integer, client text, sync text, verb text, kind text COLLATE "C", key text COLLATE "C", amount text, is_last boolean);

-- What the load speaks of, as it can be found again.
CREATE VIEW public.present AS
    SELECT CASE t.transaction_type WHEN 'refund' THEN 'refund' ELSE k.kind END AS kind, t.transaction_id AS key, '' AS amount
        FROM affiliate.transaction AS t CROSS JOIN LATERAL unnest('{sale,queued,unknown}'::text[]) AS k (kind)
    UNION ALL SELECT 'full', transaction_id, '' FROM affiliate.transaction WHERE status = 'refunded'
    UNION ALL SELECT 'both', t.transaction_id, '' FROM affiliate.transaction AS t JOIN affiliate.transaction AS r ON r.transaction_id = 'refund_' || t.transaction_id
    UNION ALL SELECT 'copy', substring(transaction_id FROM '(.*)_'), '' FROM affiliate.transaction WHERE transaction_id ~ 'copy' GROUP BY 2 HAVING count(*) = 20
    UNION ALL SELECT 'click', click_id, '' FROM affiliate.click
    UNION ALL SELECT 'event', event_id, '' FROM affiliate.event
    UNION ALL SELECT 'dispute', dispute_id, '' FROM affiliate.dispute
    UNION ALL SELECT 'won', dispute_id, '' FROM affiliate.dispute WHERE outcome = 'won'
    UNION ALL SELECT 'adjust', adjustment_id, '' FROM affiliate.adjustment
    UNION ALL SELECT 'approve', a.adjustment_id, '' FROM affiliate.adjustment AS a
        JOIN affiliate.entry AS e ON e.subject_id = a.adjustment_id AND e.subject_kind = 'manual' WHERE a.state = 'approved'
    UNION ALL SELECT 'reassign', transaction_id, '' FROM affiliate.attribution_override
    UNION ALL SELECT 'review', case_id::text, '' FROM affiliate.review_case WHERE state = 'closed'
    UNION ALL SELECT 'payment', reference, amount::text FROM affiliate.statement_payment;

CREATE TABLE public.there (kind text COLLATE "C", key text COLLATE "C", amount text); -- what public.present is after the recovery
CREATE VIEW public.spoken AS
    SELECT s.*, t.kind IS NOT NULL AS is_there,
           sync = 'on' OR s.kind IN ('adjust', 'approve', 'reassign', 'review', 'payment')
               OR client = 'durable' AND s.kind IN ('sale', 'both', 'refund', 'full', 'dispute', 'won') AS is_forced
    FROM public.said AS s
    LEFT JOIN public.there AS t ON (t.kind, t.key) = (s.kind, s.key) AND (s.verb <> 'A' OR t.amount = coalesce(s.amount, ''));

-- What is sent in one transaction, and is there in part.
CREATE VIEW public.halved AS
    SELECT s.* FROM public.spoken AS s
    JOIN (SELECT 'both', replace(transaction_id, 'refund_', '') FROM affiliate.transaction
          UNION SELECT 'copy', substring(transaction_id FROM '(.*)_') FROM affiliate.transaction) AS part (kind, key) USING (kind, key)
    WHERE s.verb = 'S' AND NOT s.is_there;

-- Sales whose commission is not a tenth of what is left of them.
CREATE VIEW public.wrong AS
    SELECT t.transaction_id, t.customer_id, e.earned AS want, c.earned AS have
    FROM affiliate.transaction AS t
    CROSS JOIN LATERAL (
        SELECT coalesce(t.refunded_amount, 0)
             + (SELECT coalesce(sum(r.amount), 0) FROM affiliate.transaction AS r WHERE r.transaction_id = 'refund_' || t.transaction_id)
             + (SELECT coalesce(sum(coalesce(d.amount, 100)), 0) FROM affiliate.dispute AS d WHERE d.transaction_id = t.transaction_id AND d.outcome = 'lost')) AS b (taken_back)
    CROSS JOIN LATERAL (SELECT CASE t.coupon_codes WHEN '{NOBODYS}' THEN 0 ELSE (100 - least(100, b.taken_back)) * 0.10 END) AS e (earned)
    CROSS JOIN LATERAL (SELECT coalesce(sum(c.accrued - c.reversed), 0) FROM affiliate.commission AS c
                        WHERE (c.customer_id, c.subject_id, c.subject_kind) = (t.customer_id, t.transaction_id, 'transaction')) AS c (earned)
    WHERE t.transaction_type = 'challenge_fee'
      AND (c.earned <> e.earned OR NOT EXISTS (SELECT FROM affiliate.conversion AS v
                                               WHERE (v.customer_id, v.transaction_id, v.kind) = (t.customer_id, t.transaction_id, 'transaction')));
CREATE VIEW public.queued AS
    SELECT customer_id FROM affiliate.settle_queue WHERE customer_id IS NOT NULL
    UNION SELECT t.customer_id FROM affiliate.settle_queue AS q JOIN affiliate.transaction AS t USING (transaction_id);

CREATE VIEW public.posted_twice AS
    SELECT customer_id, subject_id, affiliate_no, count(*) FROM affiliate.entry WHERE kind = 'accrual'
    GROUP BY customer_id, subject_id, subject_kind, rule_no, affiliate_no, level HAVING count(*) > 1;

-- An index that is not sound is an error.
CREATE VIEW public.unsound AS
    SELECT c.relname, bt_index_parent_check(c.oid, true, true)::text AS message FROM pg_class AS c JOIN pg_am AS m ON m.oid = c.relam
    WHERE m.amname = 'btree' AND c.relkind = 'i' AND c.relnamespace = 'affiliate'::regnamespace
    UNION ALL
    SELECT c.relname, h.msg FROM pg_class AS c CROSS JOIN LATERAL verify_heapam(c.oid) AS h WHERE c.relkind = 'r' AND c.relnamespace = 'affiliate'::regnamespace;
