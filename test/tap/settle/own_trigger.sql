-- A firm's own triggers on tables that the kernel writes fire, those with a transition table too: then an INSERT statement
-- is used instead of a direct insert. So do added CHECKs: what a row refuses is queued, the sale stands.
BEGIN;
SELECT plan(14);
\ir _sell.sql
SELECT pg_temp.sell('t1');
SELECT is(pg_temp.entries('t1'), 'accrual 10', 'without own triggers');

CREATE TEMP TABLE seen (how text, subject_id text, amount numeric);
GRANT ALL ON seen TO PUBLIC;
CREATE FUNCTION public.see_statement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO seen SELECT 'statement', subject_id, amount FROM added;
    RETURN NULL;
END
$$;
CREATE FUNCTION public.see_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO seen VALUES (TG_ARGV[0], NEW.subject_id, NEW.amount);
    RETURN NEW;
END
$$;
CREATE TRIGGER own_statement AFTER INSERT ON affiliate.entry REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION public.see_statement();
SELECT pg_temp.sell('t2');
SELECT is(pg_temp.entries('t2'), 'accrual 10', 'the sale earns');
SELECT results_eq('SELECT how, subject_id, trim_scale(amount) FROM seen', $$VALUES ('statement', 't2', 10::numeric)$$, 'a statement trigger with a transition table fires, once, with the row');

CREATE TRIGGER own_before BEFORE INSERT ON affiliate.entry FOR EACH ROW EXECUTE FUNCTION public.see_row('before');
CREATE TRIGGER own_after AFTER INSERT ON affiliate.entry FOR EACH ROW EXECUTE FUNCTION public.see_row('after');
SELECT pg_temp.sell('t3');
SELECT set_eq($$SELECT how, trim_scale(amount) FROM seen WHERE subject_id = 't3'$$, $$VALUES ('before', 10::numeric), ('after', 10), ('statement', 10)$$, 'row triggers too');
UPDATE affiliate.transaction SET refunded_amount = 100, refunded_at = '2025-06-20' WHERE transaction_id = 't3';
SELECT set_eq($$SELECT how, trim_scale(amount) FROM seen WHERE subject_id = 't3' AND amount < 0$$, $$VALUES ('before', -10::numeric), ('after', -10), ('statement', -10)$$, 'for a reversal as well');

DROP TRIGGER own_statement ON affiliate.entry;
DROP TRIGGER own_before ON affiliate.entry;
DROP TRIGGER own_after ON affiliate.entry;
SELECT pg_temp.sell('t4');
SELECT is((SELECT count(*) FROM seen WHERE subject_id = 't4'), 0::bigint, 'dropped: seen by nobody');
SELECT is(pg_temp.entries('t4'), 'accrual 10', 'and the sale earns');

ALTER TABLE affiliate.entry ADD CONSTRAINT entry_own_check CHECK (subject_id <> 't5');
SELECT lives_ok($$SELECT pg_temp.sell('t5')$$, 'a CHECK of the firm''s own does not break the sale');
SELECT results_eq($$SELECT customer_id COLLATE "default", reason LIKE '%entry_own_check%' FROM affiliate.settle_queue WHERE customer_id = 't5'$$, $$VALUES ('t5', true)$$,
    'it is queued, with the reason');
ALTER TABLE affiliate.entry DROP CONSTRAINT entry_own_check;
SELECT pg_temp.drain();
SELECT is(pg_temp.entries('t5'), 'accrual 10', 'and settled once the row may be written');

-- The kernel's entries are not looked up in affiliate.commission, whose rows it has just written. All others are, and so is
-- every reference to a table of the firm's.
SELECT throws_ok($$INSERT INTO affiliate.entry (customer_id, subject_id, subject_kind, rule_no, affiliate_no, level, version, program_no, kind, currency, amount, cause, earned_at, effective_at)
    SELECT customer_id, 'nobody''s', subject_kind, rule_no, affiliate_no, level, version, program_no, kind, currency, amount, cause, earned_at, effective_at
    FROM affiliate.entry WHERE subject_id = 't1'; SET CONSTRAINTS ALL IMMEDIATE$$, '23503', NULL, 'an entry without a commission is refused');
CREATE TABLE public.own_partner (affiliate_no integer PRIMARY KEY);
ALTER TABLE affiliate.entry ADD CONSTRAINT entry_own_fkey FOREIGN KEY (affiliate_no) REFERENCES public.own_partner NOT VALID;
SELECT pg_temp.sell('t6');
SELECT is((SELECT reason LIKE '%entry_own_fkey%' FROM affiliate.settle_queue WHERE customer_id = 't6'), true, 'a foreign key of the firm''s own is checked');
INSERT INTO public.own_partner VALUES (pg_temp.of('ann'));
SELECT pg_temp.drain();
SELECT is(pg_temp.entries('t6'), 'accrual 10', 'and lets through what it finds');
ALTER TABLE affiliate.entry DROP CONSTRAINT entry_own_fkey;
SELECT pg_temp.sell('t7');
SELECT is(pg_temp.entries('t7'), 'accrual 10', 'dropped: checked no more');

SELECT * FROM finish();
ROLLBACK;
