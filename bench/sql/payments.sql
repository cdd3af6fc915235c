-- The sales as rows of that table, in the order of time.
COPY (SELECT substr(transaction_id, 5)::bigint, customer_id, order_id, product_id, challenge_type, account_size::integer, (list_price * 100)::bigint, (discount * 100)::bigint,
             (amount * 100)::bigint, currency, 'paid', coupon_codes[1], ordered_at, completed_at, NULL
      FROM bench.sale ORDER BY transaction_id) TO STDOUT
