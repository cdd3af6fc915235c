-- Every trigger does what it is for, and under session_replication_role = replica exactly where it is ENABLE ALWAYS. Two tests
-- for each (test/mutation/expected names them): "trigger", and "always" or "origin". The triggers that tell of changes of the
-- rulebook are in rulebook_triggers.sql.
BEGIN;
\ir _rows.sql
\ir _triggers.sql

-- append-only, never deleted, never truncated
INSERT INTO attempt SELECT t, t || '_append_only', 'always', format(s, t, c), NULL, 'AF020 ' || t
FROM unnest('{transaction_report,customer_report,dispute_report,entry,conversion_entry,audit_log,statement_payment}'::text[]) AS t
JOIN sample AS r ON r.name = t CROSS JOIN LATERAL (SELECT min(k) AS c FROM jsonb_object_keys(r.given) AS k) AS k,
    unnest('{UPDATE affiliate.%I SET %I = %2$I,DELETE FROM affiliate.%I}'::text[]) AS s;
INSERT INTO attempt SELECT t, t || '_append_only_truncate', 'always', format('TRUNCATE affiliate.%I', t), NULL, 'AF020 ' || t
FROM unnest('{transaction_report,customer_report,dispute_report,entry,conversion_entry,audit_log,statement_payment}'::text[]) AS t;
INSERT INTO attempt SELECT t, t || '_never_deleted', 'always', format('DELETE FROM affiliate.%I', t), NULL, 'AF021 ' || t
FROM unnest('{click,visitor_customer,customer,customer_alias,account,transaction,transaction_ref,dispute,event,commission}'::text[]) AS t;
INSERT INTO attempt SELECT t, t || '_never_truncated', 'always', format('TRUNCATE affiliate.%I CASCADE', t), NULL, 'AF021 ' || t
FROM unnest('{click,visitor_customer,customer,customer_alias,account,transaction,transaction_ref,dispute,event,commission}'::text[]) AS t;
INSERT INTO attempt VALUES ('event', 'event_unchanged', 'origin', pg_temp.second('event') || ';' || pg_temp.update_of('event', '{"reason": "r"}'), NULL, 'AF011 event');
INSERT INTO attempt VALUES ('click', 'click_unchanged', 'origin', pg_temp.second('click') || ';' || pg_temp.update_of('click', '{"landing_url": "u"}'), NULL, 'AF011 click');

-- what decided money stays as it was (I14)
INSERT INTO attempt VALUES
    ('conversion', 'conversion_stated', 'always', $$UPDATE affiliate.conversion SET stated_at = '2025-01-01'; UPDATE affiliate.conversion SET fx_rate = 2$$, NULL, 'AF028 conversion'),
    ('commission', 'commission_overpayment', 'always', 'UPDATE affiliate.commission SET reversed = 5, paid = 6', NULL, 'AF032 commission.paid'),
    ('attachment', 'attachment_check', 'origin', pg_temp.changed('attachment', '{"attachment_id": "c", "attachment_no": 93, "relation_id": 0}'), NULL, 'AF053 attachment'),
    ('attachment', 'attachment_check', 'origin', $$UPDATE affiliate.attachment SET relation_id = 0, filter = 'true'$$, NULL, 'AF053 attachment'),
    ('customer_alias', 'customer_alias_check', 'origin', pg_temp.changed('customer_alias', '{"customer_id": "c3", "canonical_id": "c2"}'), NULL, 'AF026 customer_alias'),
    ('customer_alias', 'customer_alias_check', 'origin', $$UPDATE affiliate.customer_alias SET canonical_id = 'd'$$, NULL, 'AF026 customer_alias');
CREATE FUNCTION pg_temp.in_use() RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(';', pg_temp.changed('commission', '{"subject_id": "u", "program_no": 91, "affiliate_no": 91, "rule_no": 91, "ladder_no": 91}'),
        pg_temp.changed('conversion', '{"transaction_id": "u", "program_no": 91, "affiliate_no": 91, "currency": "EUR", "fx_valid_from": "2025-01-01"}'))
$$;
INSERT INTO attempt SELECT t, t || '_in_use', 'origin', pg_temp.in_use() || ';' || format(s, t, w, c), NULL, 'AF022 ' || t
FROM (VALUES ('program', 'program_no = 91', 'program_id = ''q'''), ('affiliate', 'affiliate_no = 91', 'affiliate_no = 99'), ('currency', 'currency = ''USD''', 'currency = ''BBB'''),
    ('plan', 'plan_no = 91', 'version = 5'), ('ladder', 'ladder_no = 91', 'mode = ''retroactive'''), ('fx_rate', 'from_currency = ''USD''', 'rate = 2'),
    ('plan_rule', 'rule_no = 91', 'amount = ''1'''), ('ladder_band', 'ladder_no = 91', 'rate = 0.5')) AS w (t, w, c),
    unnest('{DELETE FROM affiliate.%I WHERE %s,UPDATE affiliate.%I SET %3$s WHERE %2$s}'::text[]) AS s;
INSERT INTO attempt SELECT t, t || '_in_use', 'origin', pg_temp.in_use() || ';' || pg_temp.second(t), NULL, 'AF022 ' || t FROM unnest('{plan_rule,ladder_band}'::text[]) AS t;

-- values
INSERT INTO attempt SELECT t, t || '_values', 'origin', s, NULL, wanted || t || '.' || c
FROM (VALUES ('program', 'program_id', 'AF018 ', '""'), ('affiliate', 'affiliate_id', 'AF018 ', '""'), ('affiliate_alias', 'external_id', 'AF018 ', '""'),
    ('campaign', 'campaign_id', 'AF018 ', '""'), ('traffic_source', 'traffic_source', 'AF018 ', '""'), ('link', 'link_id', 'AF018 ', '""'), ('coupon', 'code', 'AF018 ', '""'),
    ('product', 'list_price', 'AF037 ', '-1'), ('plan', 'plan_id', 'AF018 ', '""'), ('ladder', 'ladder_id', 'AF018 ', '""'), ('ladder_band', 'amount', 'AF037 ', '-1'),
    ('plan_rule', 'hold', 'AF019 ', '"1 month"'), ('agreement', 'valid_until', 'AF029 ', '"2024-01-01"'), ('attribution_override', 'customer_id', 'AF018 ', '""')) AS w (t, c, wanted, v)
CROSS JOIN LATERAL (SELECT s.other, format('{"%s": %s}', w.c, w.v)::jsonb AS bad FROM sample AS s WHERE s.name = w.t AND s.other IS NOT NULL) AS x,
    unnest(ARRAY[pg_temp.changed(w.t, x.other || x.bad), pg_temp.second(w.t) || ';' || pg_temp.update_of(w.t, x.bad)]) AS s;
INSERT INTO attempt SELECT t, t || g, 'origin', s, NULL, wanted
FROM (VALUES ('coupon', '_values_overlap', '{"code": "ann"}', 'AF035 coupon_overlap_excl'), ('agreement', '_values_overlap', '{"affiliate_no": 91}', 'AF035 agreement'),
    ('program', '_currency', '{"currency": "ZZZ"}', 'AF013 program'), ('fx_rate', '_currency', '{"from_currency": "ZZZ"}', 'AF013 fx_rate'),
    ('plan_rule', '_texts', '{"transaction_types": ["tombola"]}', 'AF014 plan_rule')) AS w (t, g, bad, wanted),
    LATERAL (SELECT s.other || bad::jsonb AS bad FROM sample AS s WHERE s.name = t AND s.other IS NOT NULL) AS x,
    unnest(ARRAY[pg_temp.changed(t, x.bad), pg_temp.second(t) || ';' || pg_temp.update_of(t, w.bad::jsonb)]) AS s;
INSERT INTO attempt SELECT 'affiliate_upline', 'affiliate_upline_close', 'origin', s, NULL, wanted FROM (VALUES
    (pg_temp.changed('affiliate_upline', '{"affiliate_no": 92, "upline_no": 91}'), 'AF023 affiliate_upline'),
    (pg_temp.changed('affiliate_upline', '{"affiliate_no": 92, "upline_no": 93}') || ';UPDATE affiliate.affiliate_upline SET upline_no = 91 WHERE affiliate_no = 92', 'AF023 affiliate_upline'),
    (pg_temp.changed('affiliate_upline', '{"affiliate_no": 92, "upline_no": 93}') || ';DELETE FROM affiliate.affiliate_upline WHERE level = 2', 'AF025 affiliate_upline.level')) AS w (s, wanted);
INSERT INTO attempt SELECT 'affiliate_upline', 'affiliate_upline_lock', 'origin', s, $$EXISTS (SELECT FROM pg_locks AS l
    WHERE l.locktype = 'advisory' AND l.pid = pg_backend_pid() AND l.objsubid = 1
      AND (l.classid::bigint << 32 | l.objid::bigint) = hashtextextended('affiliate.affiliate_upline', 0))$$, 'done true' FROM unnest(ARRAY[pg_temp.second('affiliate_upline'),
    'DELETE FROM affiliate.affiliate_upline', 'UPDATE affiliate.affiliate_upline SET valid_until = valid_until']) AS s;

-- facts: what was said stays, and who is concerned is settled; with pg_affiliate.mode = queue the queue tells whom
INSERT INTO attempt SELECT t, t || '_fact_update', 'origin', pg_temp.second(t) || ';' || pg_temp.update_of(t, change::jsonb), NULL, 'AF011'
FROM (VALUES ('transaction', '{"currency": "EUR"}'), ('dispute', '{"transaction_id": "t2"}'), ('customer', '{"program_id": "q"}'), ('customer_pii', '{"customer_id": "e"}'),
    ('account', '{"customer_id": "d"}'), ('visitor_customer', '{"customer_id": "d"}'), ('transaction_ref', '{"transaction_id": "t2"}')) AS w (t, change);
CREATE TEMP VIEW fact AS SELECT name, news, $$EXISTS (SELECT FROM affiliate.settle_queue AS q
    WHERE q.queue_id > (SELECT m.queue_id FROM mark AS m) AND q.reason IN ('mode queue', 'isolation level'))$$::text AS is_queued
FROM sample WHERE name IN ('transaction', 'dispute', 'customer', 'account', 'customer_alias', 'visitor_customer', 'transaction_ref', 'event');
INSERT INTO attempt SELECT name, name || '_settle_insert', 'origin', pg_temp.second(name), is_queued, 'done true' FROM fact;
-- of what is in the queue only the UPDATE's is looked for
INSERT INTO attempt SELECT name, name || '_settle_update', 'origin', pg_temp.second(name) || ';DELETE FROM affiliate.settle_queue;' || pg_temp.update_of(name, news), is_queued, 'done true' FROM fact;

\ir _tried.sql
SELECT * FROM finish();
ROLLBACK;
