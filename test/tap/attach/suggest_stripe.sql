-- attach_suggest() on copies of Stripe's objects: minor units, seconds, metadata, no foreign keys.
BEGIN;
SELECT plan(20);
\ir _suggest.sql
\o /dev/null
\ir ../../attach/fixtures/stripe.sql
\o

SELECT is(affiliate.attach_suggest('stripe.customers'), $expected$-- stripe.customers looks like customer: its name, an e-mail address, a name.
-- Read from the catalog and 15 sampled rows. What is marked unsure was guessed.
SELECT affiliate.attach('stripe.customers', 'customer', jsonb_build_object(
    'customer_id',  'id',
    'signup_date',  'to_timestamp(created)',
    'affiliate_id', $$metadata ->> 'affiliate_id'$$, -- unsure: must be an id or alias of affiliate.affiliate
    'is_test',      'livemode IS FALSE'
    ));
-- Personal data, never mapped: address, email, name, phone, shipping
-- Not used: object, description, balance, currency, default_source, delinquent, invoice_prefix, preferred_locales (may hold personal data; map single keys), tax_exempt, deleted, updated_at, last_synced_at$expected$, 'stripe.customers');
SELECT lives_ok($$SELECT pg_temp.run(affiliate.attach_suggest('stripe.customers'))$$, 'the script runs');
SELECT results_eq($$SELECT count(*), count(affiliate_id), count(*) FILTER (WHERE is_test), min(signup_date) FROM filled_customer$$,
    $$VALUES (15::bigint, 4::bigint, 1::bigint, timestamptz '2025-02-02 01:00+00')$$, 'customers');

SELECT is(affiliate.attach_suggest('stripe.charges'), $expected$-- stripe.charges looks like transaction: its name, an amount, a currency, a status, a customer.
-- Read from the catalog and 29 sampled rows. What is marked unsure was guessed.
-- stripe.payment_intents is about the same sales: do not attach it too, or each counts twice.
SELECT affiliate.attach('stripe.charges', 'transaction', jsonb_build_object(
    'transaction_id',  'id',
    'customer_id',     'customer', -- unsure: or metadata ->> 'user_id' (28 of 29 rows), if your other tables know customers by it; unsure: 1 of 29 rows have none
    'amount',          $$amount / CASE WHEN upper(currency) IN ('BIF', 'CLP', 'DJF', 'GNF', 'JPY', 'KMF', 'KRW', 'MGA', 'PYG', 'RWF', 'UGX', 'VND', 'VUV', 'XAF', 'XOF', 'XPF') THEN 1
                                       WHEN upper(currency) IN ('BHD', 'JOD', 'KWD', 'OMR', 'TND') THEN 1000 ELSE 100.0 END$$,
    'currency',        'upper(currency)',
    'status',          $$CASE status
                             WHEN 'failed' THEN 'failed'
                             WHEN 'pending' THEN 'pending'
                             WHEN 'succeeded' THEN CASE WHEN captured IS FALSE THEN 'pending' ELSE 'completed' END
                             ELSE status END$$,
    'ordered_at',      'to_timestamp(created)',
    'refunded_amount', $$amount_refunded / CASE WHEN upper(currency) IN ('BIF', 'CLP', 'DJF', 'GNF', 'JPY', 'KMF', 'KRW', 'MGA', 'PYG', 'RWF', 'UGX', 'VND', 'VUV', 'XAF', 'XOF', 'XPF') THEN 1
                                                WHEN upper(currency) IN ('BHD', 'JOD', 'KWD', 'OMR', 'TND') THEN 1000 ELSE 100.0 END$$,
    'account_size',    $$(metadata ->> 'account_size')::numeric$$, -- unsure: numbers as text
    'coupon_codes',    $$string_to_array(metadata ->> 'coupon', ',')$$,
    'click_id',        $$metadata ->> 'click_id'$$,
    'is_test',         'livemode IS FALSE'
    ));
-- transaction_type: no column, challenge_fee is taken.
-- Personal data, never mapped: receipt_email
-- Not used: object, paid, "order", source (may hold personal data; map single keys), dispute, invoice, outcome (may hold personal data; map single keys), captured, refunded, description, failure_code, failure_message, payment_intent, balance_transaction, payment_method_details (may hold personal data; map single keys), updated_at, last_synced_at$expected$, 'stripe.charges');
SELECT lives_ok($$SELECT pg_temp.run(affiliate.attach_suggest('stripe.charges'))$$, 'the script runs');
SELECT results_eq($$SELECT currency, sum(amount)::numeric(12, 3), sum(refunded_amount)::numeric(12, 3), count(*) FROM filled_transaction GROUP BY currency ORDER BY currency$$,
    $$VALUES ('EUR' COLLATE "C", 1434.000, 0.000, 6::bigint), ('JPY', 15000.000, 5000.000, 1), ('KWD', 42.000, 0.000, 1), ('USD', 5449.000, 154.000, 21)$$, 'yen are whole, dinars have thousandths');
SELECT is_empty($$SELECT * FROM pg_temp.foreign_words()$$, 'every word is one of ours');
SELECT results_eq($$SELECT status, count(*) FROM filled_transaction GROUP BY status ORDER BY status$$,
    $$VALUES ('completed' COLLATE "C", 26::bigint), ('failed', 1), ('pending', 2)$$, 'what is authorized only is pending');
SELECT results_eq($$SELECT customer_id IS NULL, count(*), count(click_id), count(coupon_codes), count(account_size), count(*) FILTER (WHERE is_test), min(ordered_at) FROM filled_transaction GROUP BY 1 ORDER BY 1$$,
    $$VALUES (false, 28::bigint, 6::bigint, 4::bigint, 27::bigint, 1::bigint, timestamptz '2025-03-01 13:53:40+00'), (true, 1, 0, 0, 1, 0, '2025-03-07 08:47:00+00')$$, 'what the metadata names');

SELECT is(affiliate.attach_suggest('stripe.payment_intents'), $expected$-- stripe.payment_intents looks like transaction: its name, an amount, a currency, a status, a customer.
-- Read from the catalog and 30 sampled rows. What is marked unsure was guessed.
-- unsure: stripe.charges is about the same sales, and nearer to the money: attach that one instead. With both each sale counts twice.
SELECT affiliate.attach('stripe.payment_intents', 'transaction', jsonb_build_object(
    'transaction_id', 'id',
    'customer_id',    'customer', -- unsure: or metadata ->> 'user_id' (30 of 30 rows), if your other tables know customers by it; unsure: 1 of 30 rows have none
    'amount',         $$amount / CASE WHEN upper(currency) IN ('BIF', 'CLP', 'DJF', 'GNF', 'JPY', 'KMF', 'KRW', 'MGA', 'PYG', 'RWF', 'UGX', 'VND', 'VUV', 'XAF', 'XOF', 'XPF') THEN 1
                                      WHEN upper(currency) IN ('BHD', 'JOD', 'KWD', 'OMR', 'TND') THEN 1000 ELSE 100.0 END$$,
    'currency',       'upper(currency)',
    'status',         $$CASE status
                            WHEN 'canceled' THEN 'cancelled'
                            WHEN 'requires_capture' THEN 'pending'
                            WHEN 'requires_payment_method' THEN 'pending'
                            WHEN 'succeeded' THEN 'completed'
                            WHEN 'requires_confirmation' THEN 'pending'
                            WHEN 'requires_action' THEN 'pending'
                            WHEN 'processing' THEN 'pending'
                            ELSE status END$$,
    'ordered_at',     'to_timestamp(created)',
    'account_size',   $$(metadata ->> 'account_size')::numeric$$, -- unsure: numbers as text
    'coupon_codes',   $$string_to_array(metadata ->> 'coupon', ',')$$,
    'click_id',       $$metadata ->> 'click_id'$$,
    'is_test',        'livemode IS FALSE'
    ));
-- transaction_type: no column, challenge_fee is taken.
-- Personal data, never mapped: client_secret, receipt_email
-- Not used: object, amount_received, canceled_at, cancellation_reason, capture_method, description, invoice, latest_charge, payment_method, updated_at, last_synced_at$expected$, 'stripe.payment_intents');
SELECT lives_ok($$SELECT pg_temp.run(affiliate.attach_suggest('stripe.payment_intents'))$$, 'the script runs');
SELECT is_empty($$SELECT * FROM pg_temp.foreign_words()$$, 'every word is one of ours');
SELECT results_eq($$SELECT status, count(*) FROM filled_transaction GROUP BY status ORDER BY status$$, $$VALUES ('cancelled' COLLATE "C", 1::bigint), ('completed', 27), ('pending', 2)$$, 'words');

SELECT is(affiliate.attach_suggest('stripe.refunds'), $expected$-- stripe.refunds looks like refund: its name, an amount, a reason, what was paid.
-- Read from the catalog and 6 sampled rows. What is marked unsure was guessed.
SELECT affiliate.attach('stripe.refunds', 'refund', jsonb_build_object(
    'transaction_id',          'id',
    'original_transaction_id', 'charge', -- the id under which stripe.charges is attached
    'amount',                  $$amount / CASE WHEN upper(currency) IN ('BIF', 'CLP', 'DJF', 'GNF', 'JPY', 'KMF', 'KRW', 'MGA', 'PYG', 'RWF', 'UGX', 'VND', 'VUV', 'XAF', 'XOF', 'XPF') THEN 1
                                               WHEN upper(currency) IN ('BHD', 'JOD', 'KWD', 'OMR', 'TND') THEN 1000 ELSE 100.0 END$$,
    'currency',                'upper(currency)',
    'status',                  $$CASE status
                                     WHEN 'failed' THEN 'failed'
                                     WHEN 'pending' THEN 'pending'
                                     WHEN 'succeeded' THEN 'completed'
                                     WHEN 'requires_action' THEN 'pending'
                                     WHEN 'canceled' THEN 'cancelled'
                                     ELSE status END$$,
    'ordered_at',              'to_timestamp(created)',
    'refund_reason',           'reason'
    ));
-- Not used: object, balance_transaction, metadata (may hold personal data; map single keys), payment_intent, receipt_number, updated_at, last_synced_at$expected$, 'stripe.refunds');
SELECT lives_ok($$SELECT pg_temp.run(affiliate.attach_suggest('stripe.refunds'))$$, 'the script runs');
SELECT results_eq($$SELECT currency, status, count(*), sum(amount)::numeric(12, 2), count(*) FILTER (WHERE original_transaction_id LIKE 'ch\_%') FROM filled_transaction GROUP BY 1, 2 ORDER BY 1, 2$$,
    $$VALUES ('EUR' COLLATE "C", 'failed' COLLATE "C", 1::bigint, 179.00, 1::bigint), ('JPY', 'completed', 1, 5000.00, 1), ('USD', 'completed', 3, 154.00, 3), ('USD', 'pending', 1, 10.00, 1)$$, 'refunds');

SELECT is(affiliate.attach_suggest('stripe.disputes'), $expected$-- stripe.disputes looks like dispute: its name, an outcome, an amount, a reason, what was paid.
-- Read from the catalog and 5 sampled rows. What is marked unsure was guessed.
SELECT affiliate.attach('stripe.disputes', 'dispute', jsonb_build_object(
    'dispute_id',     'id',
    'transaction_id', 'charge', -- the id under which stripe.charges is attached
    'amount',         $$amount / CASE WHEN upper(currency) IN ('BIF', 'CLP', 'DJF', 'GNF', 'JPY', 'KMF', 'KRW', 'MGA', 'PYG', 'RWF', 'UGX', 'VND', 'VUV', 'XAF', 'XOF', 'XPF') THEN 1
                                      WHEN upper(currency) IN ('BHD', 'JOD', 'KWD', 'OMR', 'TND') THEN 1000 ELSE 100.0 END$$,
    'reason',         'reason',
    'opened_at',      'to_timestamp(created)',
    'outcome',        $$CASE status
                            WHEN 'lost' THEN 'lost'
                            WHEN 'needs_response' THEN NULL
                            WHEN 'under_review' THEN NULL
                            WHEN 'warning_closed' THEN 'won'
                            WHEN 'won' THEN 'won'
                            WHEN 'warning_needs_response' THEN NULL
                            WHEN 'warning_under_review' THEN NULL
                            WHEN 'prevented' THEN 'won'
                            ELSE status END$$
    ));
-- Not used: object, currency, evidence (may hold personal data; map single keys), evidence_details (may hold personal data; map single keys), is_charge_refundable, livemode, metadata (may hold personal data; map single keys), payment_intent, updated_at, last_synced_at$expected$, 'stripe.disputes');
SELECT lives_ok($$SELECT pg_temp.run(affiliate.attach_suggest('stripe.disputes'))$$, 'the script runs');
SELECT results_eq($$SELECT reason, outcome, amount::numeric(12, 3) FROM filled_dispute ORDER BY reason, outcome$$,
    $$VALUES ('duplicate', NULL, 20.000), ('fraudulent', 'lost', 119.000), ('fraudulent', 'won', 219.000), ('general', NULL, 42.000), ('product_not_received', 'won', 139.000)$$, 'outcomes and amounts');
SELECT is_empty($$SELECT * FROM wrong_type$$, 'times are timestamptz');

SELECT * FROM finish();
ROLLBACK;
