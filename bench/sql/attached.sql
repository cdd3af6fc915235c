-- The sales as the table of a firm that knows nothing of affiliates: payments (attached), payments_raise (attached with
-- on_error => 'raise') and payments_bare, alike.
SET client_min_messages = warning;
SELECT affiliate.detach(a.attachment) FROM affiliate.attachments AS a WHERE a.state <> 'detached';
DROP SCHEMA IF EXISTS firm CASCADE;
CREATE SCHEMA firm;
CREATE TABLE firm.payments_bare (
    id bigint PRIMARY KEY, user_id text NOT NULL, order_number text NOT NULL, product text, kind text, account_size integer, list_cents bigint, discount_cents bigint,
    total_cents bigint NOT NULL, currency text NOT NULL, state text NOT NULL, coupon text, created_at timestamptz NOT NULL DEFAULT now(), paid_at timestamptz, note text);
CREATE INDEX ON firm.payments_bare (user_id);
CREATE TABLE firm.payments (LIKE firm.payments_bare INCLUDING ALL);
CREATE TABLE firm.payments_raise (LIKE firm.payments_bare INCLUDING ALL);
SELECT affiliate.attach(t, 'transaction', jsonb_build_object(
    'transaction_id', $$'txn_' || lpad(id::text, 9, '0')$$,
    'customer_id', 'user_id',
    'program_id', $$'prop'$$,
    'order_id', 'order_number',
    'product_id', 'product',
    'challenge_type', 'kind',
    'account_size', 'account_size',
    'list_price', 'list_cents / 100.0',
    'discount', 'discount_cents / 100.0',
    'amount', 'total_cents / 100.0',
    'currency', 'currency',
    'status', $$CASE state WHEN 'paid' THEN 'completed' WHEN 'open' THEN 'pending' WHEN 'charged_back' THEN 'chargeback' ELSE state END$$,
    'coupon_codes', 'CASE WHEN coupon IS NOT NULL THEN ARRAY[coupon] END',
    'ordered_at', 'created_at',
    'completed_at', 'paid_at'), on_error => CASE t::text WHEN 'firm.payments' THEN 'capture' ELSE 'raise' END)
FROM unnest('{firm.payments,firm.payments_raise}'::regclass[]) AS t;
