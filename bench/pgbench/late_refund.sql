\set n random(1, :sales)
UPDATE affiliate.transaction SET refunded_amount = coalesce(refunded_amount, 0) + 1, refunded_at = completed_at + interval '30 days' + :run * interval '1 day' WHERE transaction_id = 't' || :n;
