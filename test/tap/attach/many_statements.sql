-- A transaction with more statements than there may be subtransactions of ours: rows are kept, and nothing fails, either.
BEGIN;
SELECT plan(12);
\ir _firm.sql
\ir _disturb.sql
SELECT affiliate.attach('firm.payments', 'transaction', columns => pg_temp.mapping());
SELECT pg_temp.lost() AS lost_before \gset
CREATE FUNCTION pg_temp.odd_rows() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. 50 LOOP
        INSERT INTO firm.payments (id, user_id, total_cents, state, coupon) VALUES (100 + i, 100 + i, 100, 'strange', 'ANN');
    END LOOP;
END
$$;

SELECT lives_ok('SELECT pg_temp.odd_rows()', 'many statements in one transaction');
SELECT is((SELECT count(*) FROM pg_temp.kept WHERE id LIKE '1__'), 50::bigint, 'all rows are kept');
SELECT is((SELECT count(*) FROM pg_temp.kept WHERE id LIKE '1__' AND reason = 'many statements in one transaction'), 34::bigint, 'the later ones without a try');
SELECT is(pg_temp.sell_during('ALTER TABLE affiliate.pending_input ADD CONSTRAINT full_disk CHECK (false) NOT VALID', 'ALTER TABLE affiliate.pending_input DROP CONSTRAINT full_disk', 201), 'lost', 'there, too, nothing fails when nothing can be written');
SELECT is(pg_temp.sell_during('ALTER TABLE affiliate.pending_input RENAME TO away', 'ALTER TABLE affiliate.away RENAME TO pending_input', 202), 'lost', 'or without a table');
SELECT is(pg_temp.sell_during('REVOKE ALL ON SCHEMA affiliate FROM affiliate_owner', 'GRANT ALL ON SCHEMA affiliate TO affiliate_owner', 203), 'many statements in one transaction', 'rights are not needed to keep a row');
SELECT lives_ok('DELETE FROM firm.payments WHERE id = 201', 'DELETE');
CREATE FUNCTION pg_temp.refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'no space'; END$$;
CREATE TRIGGER refuse BEFORE INSERT ON affiliate.pending_input FOR EACH ROW EXECUTE FUNCTION pg_temp.refuse();
SELECT lives_ok('DELETE FROM firm.payments WHERE id = 202', 'DELETE, where nothing can be written');
SELECT lives_ok('TRUNCATE firm.payments', 'TRUNCATE, where nothing can be written');
DROP TRIGGER refuse ON affiliate.pending_input;
SELECT is(pg_temp.lost() - :lost_before, 4::bigint, 'what was lost is counted');
SELECT affiliate.drain(1000);
SELECT is((SELECT count(*) FROM pg_temp.kept WHERE id LIKE '1__' AND reason = 'AF015: transaction status "strange" is not known'), 50::bigint, 'the drain says what is wrong with the rows');
SELECT is_empty($$SELECT * FROM affiliate.verify() WHERE code <> 'trigger'$$, 'verify() finds nothing');
SELECT * FROM finish();
ROLLBACK;
