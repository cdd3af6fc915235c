-- Customers who have bought ten times, and one id that many guests share; all of it settled.
-- psql variables: customers, guest_sales, affiliates.
SET client_min_messages = warning;
SELECT bench.truncate_tables('affiliate');
SET pg_affiliate.inline_budget = 0;
CREATE FUNCTION bench.sell(customer text, first integer, last integer, affiliates integer) RETURNS void LANGUAGE sql AS $$
    INSERT INTO affiliate.transaction (customer_id, transaction_id, program_id, transaction_type, status, currency, amount, ordered_at, completed_at,
        order_id, product_id, challenge_type, account_size, list_price, discount, coupon_codes)
    SELECT customer, format('early-%s-%s', customer, sale), 'prop', 'challenge_fee', 'completed', 'USD', 314.10,
        now() - interval '45 days' + sale * interval '1 minute', now() - interval '45 days' + sale * interval '1 minute',
        format('order-%s-%s', customer, sale), 'two-step-50k', 'two_step', 50000, 349.00, 34.90, ARRAY['code' || 1 + sale % affiliates]
    FROM generate_series(first, last) AS sale
$$;
SELECT bench.sell('customer-' || n, 1, 10, 1 + n % :affiliates) FROM generate_series(1, :customers) AS n;
SELECT bench.sell('guest', 1, :guest_sales, :affiliates);
DO $$ BEGIN LOOP EXIT WHEN affiliate.drain(1000) = 0; COMMIT; END LOOP; END $$;

CREATE FUNCTION bench.check_queue(customer text, sales bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) FROM affiliate.settle_queue) <> sales OR (SELECT count(*) FROM affiliate.settle_queue WHERE customer_id = customer) <> sales THEN
        RAISE EXCEPTION 'not the sales of % are queued', customer;
    END IF;
END
$$;
CREATE FUNCTION bench.check_guest() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM affiliate.transaction AS t LEFT JOIN affiliate.commission AS c ON c.customer_id = t.customer_id AND c.subject_id = t.transaction_id
               WHERE t.customer_id = 'guest' AND c.accrued IS NULL) THEN
        RAISE EXCEPTION 'not everything of the guest was settled';
    END IF;
END
$$;
SELECT bench.check_queue(NULL, 0), bench.check_guest();
