-- What is kept of rows, and a sale while something is wrong.
CREATE FUNCTION pg_temp.lost() RETURNS bigint LANGUAGE sql AS $$SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM affiliate.attached_rows_lost$$;
CREATE VIEW pg_temp.kept AS SELECT coalesce(payload -> 'after', payload -> 'before') ->> 'id' AS id, state, reason, input_id FROM affiliate.pending_input WHERE kind = 'attached';

-- disturb STATEMENT, sell, undo STATEMENT: what was said of the row, or how many were lost
CREATE FUNCTION pg_temp.sell_during(disturb text, undo text, sale integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    lost_before bigint := pg_temp.lost();
BEGIN
    EXECUTE disturb;
    EXECUTE format('INSERT INTO firm.payments (id, user_id, total_cents, coupon) VALUES (%s, %1$s, 1000, ''ANN'')', sale);
    EXECUTE undo;
    RETURN coalesce((SELECT k.reason FROM pg_temp.kept AS k WHERE k.id = sale::text),
                    CASE WHEN pg_temp.lost() > lost_before THEN 'lost' WHEN EXISTS (SELECT FROM affiliate.transaction WHERE transaction_id = sale::text) THEN 'a fact' ELSE 'nothing' END);
END
$$;
