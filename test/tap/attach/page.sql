-- The SQL of docs/attach.md, from its top to its end. What commits (CALL backfill) is done by reconcile() here: sql/tables.sql has it.
BEGIN;
\ir _firm.sql
INSERT INTO affiliate.coupon (program_no, code, affiliate_no) VALUES (91, 'ANNA10', 91);
\set attach `cat docs/attach.md`
CREATE TEMP TABLE statement AS
SELECT row_number() OVER (ORDER BY b.no, s.no) AS no, regexp_replace(s.text, 'CALL affiliate.backfill\((.*)\)', 'SELECT * FROM affiliate.reconcile(\1, repair => true)') AS text
FROM (SELECT :'attach'::text AS page) AS p
CROSS JOIN LATERAL regexp_matches(p.page, E'```sql\n(.*?)```', 'g') WITH ORDINALITY AS b (block, no)
CROSS JOIN LATERAL regexp_split_to_table(b.block[1], E';[ \t]*\n') WITH ORDINALITY AS s (text, no)
WHERE s.text ~ '\S' AND s.text !~ '^\s*(BEGIN|ROLLBACK)\s*$';
SELECT plan(6 + count(*)::integer) FROM statement;
SELECT cmp_ok((SELECT count(*) FROM statement), '>=', 18::bigint, 'the page has statements');
SELECT lives_ok(text, 'it runs: ' || left(text, 60)) FROM statement ORDER BY no;
SELECT results_eq('SELECT * FROM pg_temp.net()', $$VALUES ('1', 30::numeric), ('2', 0), ('3', 10)$$, 'sales earn, and a chargeback takes back');
SELECT is((SELECT count(*) FROM affiliate.customer), 1::bigint, 'the customer is there');
SELECT set_eq('SELECT attachment::text, state FROM affiliate.attachments', $$VALUES ('shop.users:customer', 'attached'), ('shop.payments:transaction', 'attached'), ('shop.refunds:refund', 'detached')$$,
    'the tables are attached, and one is let go of');
SELECT is_empty($$SELECT * FROM affiliate.reconcile('shop.payments:transaction')$$, 'no difference is left');
SELECT is_empty('SELECT * FROM affiliate.verify()', 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
