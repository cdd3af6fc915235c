-- Statements inside of a statement: triggers of the firm that write the row that is being written. The last state counts.
BEGIN;
SELECT plan(12);
\ir _firm.sql
CREATE VIEW pg_temp.facts AS SELECT transaction_id, trim_scale(amount) AS amount FROM affiliate.transaction;
CREATE FUNCTION firm.add_fee() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE firm.payments SET total_cents = total_cents * 2, note = 'with fee' WHERE id = NEW.id;
    IF NEW.note = 'again' THEN
        UPDATE firm.payments SET total_cents = total_cents + 100 WHERE id = NEW.id;
    ELSIF NEW.note = 'undone' THEN
        BEGIN
            UPDATE firm.payments SET total_cents = 900000 WHERE id = NEW.id;
            RAISE EXCEPTION 'undone';
        EXCEPTION WHEN raise_exception THEN
        END;
    ELSIF NEW.note = 'moved' THEN
        UPDATE firm.payments SET id = NEW.id + 100 WHERE id = NEW.id;
    ELSIF NEW.note = 'deleted' THEN
        DELETE FROM firm.payments WHERE id = NEW.id;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER add_fee AFTER INSERT ON firm.payments FOR EACH ROW EXECUTE FUNCTION firm.add_fee();
SELECT affiliate.attach('firm.payments', 'transaction', columns => pg_temp.mapping());
INSERT INTO firm.payments (id, user_id, total_cents, coupon) VALUES (1, 7, 10000, 'ANN'), (2, 8, 20000, 'ANN');
SELECT results_eq('SELECT * FROM pg_temp.facts ORDER BY 1', $$VALUES ('1' COLLATE "C", 200::numeric), ('2', 400)$$, 'what the trigger wrote is what counts');
SELECT results_eq('SELECT * FROM pg_temp.net()', $$VALUES ('1', 20::numeric), ('2', 40)$$, 'and earns');
UPDATE firm.payments SET total_cents = 500 WHERE id = 1;
SELECT is((SELECT amount FROM pg_temp.facts WHERE transaction_id = '1'), 5::numeric, 'later statements count again');
INSERT INTO firm.payments (id, user_id, total_cents, note) VALUES (3, 7, 1000, 'again'), (4, 7, 1000, 'undone'), (6, 7, 1000, 'deleted');
SELECT results_eq($$SELECT * FROM pg_temp.facts WHERE transaction_id > '2' ORDER BY 1$$, $$VALUES ('3' COLLATE "C", 21::numeric), ('4', 20), ('6', 20)$$, 'two of them, one that is undone, a DELETE');
SELECT is((SELECT count(*) FROM affiliate.pending_input), 1::bigint, 'the deleted row is kept once, as deleted');
SELECT affiliate.drain(100);

-- kept
SET LOCAL pg_affiliate.mode = 'queue';
INSERT INTO firm.payments (id, user_id, total_cents) VALUES (11, 7, 1000);
SET LOCAL pg_affiliate.mode = 'on';
SELECT affiliate.drain(100);
SELECT is((SELECT amount FROM pg_temp.facts WHERE transaction_id = '11'), 20::numeric, 'also where rows are kept');

-- only what is not mapped
CREATE OR REPLACE FUNCTION firm.add_fee() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE firm.payments SET note = 'seen' WHERE id = NEW.id;
    RETURN NULL;
END
$$;
INSERT INTO firm.payments (id, user_id, total_cents) VALUES (12, 7, 1000);
SELECT is((SELECT amount FROM pg_temp.facts WHERE transaction_id = '12'), 10::numeric, 'an inner statement without news does not count');

-- an inner statement that is undone reports nothing
CREATE OR REPLACE FUNCTION firm.add_fee() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE firm.payments SET total_cents = 900000 WHERE id = NEW.id;
    RAISE EXCEPTION 'undone';
EXCEPTION WHEN raise_exception THEN
    RETURN NULL;
END
$$;
INSERT INTO firm.payments (id, user_id, total_cents) VALUES (13, 7, 1000);
SELECT is((SELECT amount FROM pg_temp.facts WHERE transaction_id = '13'), 10::numeric, 'the outer statement counts then');

-- row triggers
CREATE OR REPLACE FUNCTION firm.add_fee() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE firm.payments SET total_cents = total_cents * 2 WHERE id = NEW.id;
    RETURN NULL;
END
$$;
SELECT affiliate.attach('firm.payments', 'transaction', columns => pg_temp.mapping(), capture => 'row_always');
INSERT INTO firm.payments (id, user_id, total_cents) VALUES (14, 7, 1000), (15, 7, 2000);
SELECT results_eq($$SELECT * FROM pg_temp.facts WHERE transaction_id IN ('14', '15') ORDER BY 1$$, $$VALUES ('14' COLLATE "C", 20::numeric), ('15', 40)$$, 'with row triggers');
ALTER TRIGGER add_fee ON firm.payments RENAME TO zz_add_fee;
INSERT INTO firm.payments (id, user_id, total_cents) VALUES (16, 7, 1000);
SELECT is((SELECT amount FROM pg_temp.facts WHERE transaction_id = '16'), 20::numeric, 'whichever fires first');

-- cascades
CREATE TABLE firm.users (id integer PRIMARY KEY);
INSERT INTO firm.users SELECT DISTINCT user_id FROM firm.payments;
ALTER TABLE firm.payments ADD FOREIGN KEY (user_id) REFERENCES firm.users ON DELETE CASCADE;
SELECT affiliate.attach('firm.payments', 'transaction', columns => pg_temp.mapping());
DELETE FROM firm.users WHERE id = 8;
SELECT affiliate.drain(100);
SELECT is((SELECT count(*) FROM affiliate.review_case WHERE kind = 'row_deleted' AND subject_id = '2'), 1::bigint, 'a cascade deletes like a DELETE');
SELECT is_empty($$SELECT problem, fact_key FROM affiliate.reconcile('firm.payments:transaction') WHERE problem <> 'gone'$$, 'the facts are what the table says');
SELECT * FROM finish();
ROLLBACK;
