-- attach_suggest() on the database of a prop trading firm: enums, CHECKs, lineage, events.
BEGIN;
SELECT plan(28);
\ir _suggest.sql
\o /dev/null
\ir ../../attach/fixtures/prop_firm.sql
\o

SELECT is(affiliate.attach_suggest('prop_firm.users'), $expected$-- prop_firm.users looks like customer: its name, an e-mail address, a name, a registration, a country or language.
-- Read from the catalog and 14 sampled rows. What is marked unsure was guessed.
SELECT affiliate.attach('prop_firm.users', 'customer', jsonb_build_object(
    'customer_id',        'id',
    'signup_date',        'registered_at',
    'last_modified_date', 'updated_at',
    'lang_id',            'language',
    'country_code',       'country_code',
    'kyc_status_id',      'kyc_status',
    'click_id',           'click_id',
    'affiliate_id',       'affiliate_code', -- unsure: must be an id or alias of affiliate.affiliate
    'is_test',            'is_test IS TRUE'
    ));
-- Personal data, never mapped: email, full_name, password_hash$expected$, 'prop_firm.users');
SELECT lives_ok($$SELECT pg_temp.run(affiliate.attach_suggest('prop_firm.users'))$$, 'the script runs');
SELECT results_eq($$SELECT count(*), count(affiliate_id), count(click_id), count(*) FILTER (WHERE is_test), count(country_code), max(signup_date) FROM filled_customer$$,
    $$VALUES (14::bigint, 4::bigint, 4::bigint, 1::bigint, 13::bigint, timestamptz '2025-01-19 20:00+00')$$, 'traders');

SELECT is(affiliate.attach_suggest('prop_firm.challenge_accounts'), $expected$-- prop_firm.challenge_accounts looks like account: its name, a size, a phase, a challenge.
-- Read from the catalog and 20 sampled rows. What is marked unsure was guessed.
SELECT affiliate.attach('prop_firm.challenge_accounts', 'account', jsonb_build_object(
    'account_id',          'id',
    'customer_id',         'user_id',
    'challenge_type',      'challenge_type',
    'phase',               $$CASE phase::text
                                 WHEN 'phase_1' THEN 'phase_1'
                                 WHEN 'phase_2' THEN 'phase_2'
                                 WHEN 'funded' THEN 'funded'
                                 WHEN 'breached' THEN 'failed'
                                 ELSE phase::text END$$,
    'account_size',        'account_size',
    'account_currency',    'upper(currency)',
    'previous_account_id', 'previous_account_id',
    'previous_kind',       $$CASE origin
                                 WHEN 'purchase' THEN 'purchase'
                                 WHEN 'reset' THEN 'reset'
                                 WHEN 'upgrade' THEN 'upgrade'
                                 WHEN 'phase_change' THEN 'phase_login'
                                 ELSE origin END$$,
    'opened_at',           'created_at'
    ));
-- Not used: login, server$expected$, 'prop_firm.challenge_accounts');
SELECT lives_ok($$SELECT pg_temp.run(affiliate.attach_suggest('prop_firm.challenge_accounts'))$$, 'the script runs');
SELECT results_eq($$SELECT account_id, phase, previous_account_id, previous_kind FROM filled_account WHERE account_id IN ('5001', '5003', '5012', '5017', '5018', '5019') ORDER BY 1$$,
    $$VALUES ('5001' COLLATE "C", 'phase_1', NULL COLLATE "C", 'purchase'), ('5003', 'failed', NULL, 'purchase'), ('5012', 'funded', '5004', 'phase_login'),
        ('5017', 'phase_1', '5003', 'reset'), ('5018', 'phase_2', '5006', 'phase_login'), ('5019', 'phase_1', '5005', 'upgrade')$$, 'phases and lineage');

SELECT is(affiliate.attach_suggest('prop_firm.orders'), $expected$-- prop_firm.orders looks like transaction: its name, an amount, a currency, a status, a customer, a date of payment.
-- Read from the catalog and 26 sampled rows. What is marked unsure was guessed.
SELECT affiliate.attach('prop_firm.orders', 'transaction', jsonb_build_object(
    'transaction_id',      'id',
    'customer_id',         'user_id',
    'amount',              'amount',
    'currency',            'currency',
    'status',              $$CASE status::text
                                 WHEN 'awaiting_payment' THEN 'pending'
                                 WHEN 'paid' THEN 'completed'
                                 WHEN 'cancelled' THEN 'cancelled'
                                 WHEN 'refunded' THEN 'refunded'
                                 WHEN 'partially_refunded' THEN 'refunded'
                                 WHEN 'disputed' THEN 'disputed'
                                 WHEN 'charged_back' THEN 'chargeback'
                                 ELSE status::text END$$,
    'transaction_type',    $$CASE order_type::text
                                 WHEN 'challenge' THEN 'challenge_fee'
                                 WHEN 'reset' THEN 'reset_fee'
                                 WHEN 'upgrade' THEN 'upgrade_fee'
                                 WHEN 'activation' THEN 'activation_fee'
                                 WHEN 'add_on' THEN 'addon_fee'
                                 ELSE order_type::text END$$, -- unsure about "gift_card"
    'ordered_at',          'created_at',
    'completed_at',        'paid_at',
    'status_at',           'updated_at', -- unsure whether every edit changes it
    'refunded_amount',     'amount_refunded',
    'account_id',          'challenge_account_id',
    'original_account_id', 'original_account_id',
    'challenge_type',      'challenge_type',
    'account_size',        'account_size',
    'discount',            'discount_amount',
    'coupon_codes',        $$string_to_array(coupon_code, ',')$$,
    'click_id',            'click_id'
    ));
-- Personal data, never mapped: ip_address$expected$, 'prop_firm.orders');
SELECT lives_ok($$SELECT pg_temp.run(affiliate.attach_suggest('prop_firm.orders'))$$, 'the script runs');
SELECT is_empty($$SELECT f.transaction_id FROM filled_transaction AS f JOIN prop_firm.orders AS o ON o.id::text = f.transaction_id
    WHERE (f.amount, f.currency, f.refunded_amount, f.customer_id, f.account_id) IS DISTINCT FROM (o.amount, o.currency, o.amount_refunded, o.user_id::text, o.challenge_account_id::text)$$, 'amounts are those of the orders');
SELECT is_empty($$SELECT * FROM pg_temp.foreign_words()$$, 'every word is one of ours');
SELECT results_eq($$SELECT status, count(*) FROM filled_transaction GROUP BY status ORDER BY status$$, $$VALUES ('cancelled' COLLATE "C", 1::bigint), ('chargeback', 1), ('completed', 20),
    ('disputed', 1), ('pending', 1), ('refunded', 2)$$, 'words');
SELECT results_eq($$SELECT transaction_type, count(*) FROM filled_transaction GROUP BY 1 ORDER BY 1$$, $$VALUES ('activation_fee' COLLATE "C", 1::bigint), ('addon_fee', 1), ('challenge_fee', 21),
    ('gift_card', 1), ('reset_fee', 1), ('upgrade_fee', 1)$$, 'types, and the one that the comment names');

SELECT is(affiliate.attach_suggest('prop_firm.refunds'), $expected$-- prop_firm.refunds looks like refund: its name, an amount, a reason, what was paid.
-- Read from the catalog and 4 sampled rows. What is marked unsure was guessed.
SELECT affiliate.attach('prop_firm.refunds', 'refund', jsonb_build_object(
    'transaction_id',          $$'refund-' || id$$, -- numbers of sales are ids already
    'original_transaction_id', 'order_id', -- the id under which prop_firm.orders is attached
    'amount',                  'amount',
    'ordered_at',              'created_at',
    'refund_reason',           'reason'
    ));$expected$, 'prop_firm.refunds');
SELECT lives_ok($$SELECT pg_temp.run(affiliate.attach_suggest('prop_firm.refunds'))$$, 'the script runs');
SELECT results_eq($$SELECT transaction_id, original_transaction_id, amount FROM filled_transaction ORDER BY 1$$,
    $$VALUES ('refund-1' COLLATE "C", '9006' COLLATE "C", NULL), ('refund-2', '9007', 25), ('refund-3', '9007', 15), ('refund-4', '9011', 5800.00)$$, 'refunds');

SELECT is(affiliate.attach_suggest('prop_firm.disputes'), $expected$-- prop_firm.disputes looks like dispute: its name, an amount, a reason, what was paid.
-- Read from the catalog and 5 sampled rows. What is marked unsure was guessed.
SELECT affiliate.attach('prop_firm.disputes', 'dispute', jsonb_build_object(
    'dispute_id',     'id',
    'transaction_id', 'order_id', -- the id under which prop_firm.orders is attached
    'amount',         'amount',
    'reason',         'reason_code',
    'opened_at',      'opened_at',
    'closed_at',      'closed_at',
    'outcome',        $$CASE status
                            WHEN 'open' THEN NULL
                            WHEN 'under_review' THEN NULL
                            WHEN 'won' THEN 'won'
                            WHEN 'lost' THEN 'lost'
                            ELSE status END$$ -- unsure about "expired"
    ));$expected$, 'prop_firm.disputes');
SELECT lives_ok($$SELECT pg_temp.run(affiliate.attach_suggest('prop_firm.disputes'))$$, 'the script runs');
SELECT results_eq($$SELECT dispute_id, transaction_id, outcome, amount FROM filled_dispute ORDER BY 1$$,
    $$VALUES ('1' COLLATE "C", '9009' COLLATE "C", 'lost', 249.99), ('2', '9013', NULL, NULL), ('3', '9012', 'won', 99.99), ('4', '9014', NULL, 499.99), ('5', '9015', 'expired', 899.99)$$,
    'outcomes, and the one that the comment names');

SELECT is(affiliate.attach_suggest('prop_firm.payouts'), $expected$-- prop_firm.payouts looks like transaction: its name, an amount, a status, a customer, a date of payment.
-- Read from the catalog and 3 sampled rows. What is marked unsure was guessed.
SELECT affiliate.attach('prop_firm.payouts', 'transaction', jsonb_build_object(
    'transaction_id',   $$'payout-' || id$$, -- numbers of sales are ids already
    'customer_id',      'user_id',
    'amount',           'amount_usd',
    'currency',         $$'USD'$$, -- by the name of the amount
    'status',           $$CASE lower(status)
                              WHEN 'paid' THEN 'completed'
                              WHEN 'pending' THEN 'pending'
                              WHEN 'rejected' THEN 'failed'
                              ELSE lower(status) END$$, -- words of a sample, others stay as they are
    'transaction_type', $$'payout'$$, -- unsure: by the name of the table
    'ordered_at',       'requested_at',
    'completed_at',     'paid_at',
    'account_id',       'account_id'
    ));
-- Personal data, never mapped: iban$expected$, 'prop_firm.payouts');
SELECT lives_ok($$SELECT pg_temp.run(affiliate.attach_suggest('prop_firm.payouts'))$$, 'the script runs');
SELECT results_eq($$SELECT transaction_id, transaction_type, status, currency, amount FROM filled_transaction ORDER BY 1$$,
    $$VALUES ('payout-1' COLLATE "C", 'payout' COLLATE "C", 'completed' COLLATE "C", 'USD' COLLATE "C", 812.40), ('payout-2', 'payout', 'pending', 'USD', 300), ('payout-3', 'payout', 'failed', 'USD', 50)$$, 'payouts');

SELECT is(affiliate.attach_suggest('prop_firm.account_events'), $expected$-- prop_firm.account_events looks like event: its name, a type of event, when it happened, to whom it happened.
-- Read from the catalog and 7 sampled rows. What is marked unsure was guessed.
SELECT affiliate.attach('prop_firm.account_events', 'event', jsonb_build_object(
    'event_id',    'id',
    'event_type',  $$CASE lower(event_type)
                         WHEN 'account_breached' THEN 'evaluation_failed'
                         WHEN 'challenge_started' THEN 'evaluation_started'
                         WHEN 'funded' THEN 'funded'
                         WHEN 'phase_passed' THEN 'evaluation_passed'
                         ELSE lower(event_type) END$$, -- unsure about "password_changed"; words of a sample, others stay as they are
    'occurred_at', 'occurred_at',
    'customer_id', 'user_id',
    'account_id',  'account_id',
    'phase',       $$CASE lower(phase)
                         WHEN 'funded' THEN 'funded'
                         WHEN 'phase_1' THEN 'phase_1'
                         WHEN 'phase_2' THEN 'phase_2'
                         ELSE lower(phase) END$$, -- words of a sample, others stay as they are
    'reason',      'reason'
    ));
-- Not used: payload (may hold personal data; map single keys)$expected$, 'prop_firm.account_events');
SELECT lives_ok($$SELECT pg_temp.run(affiliate.attach_suggest('prop_firm.account_events'))$$, 'the script runs');
SELECT results_eq($$SELECT event_id, event_type, account_id FROM filled_event ORDER BY 1$$, $$VALUES ('1' COLLATE "C", 'evaluation_started' COLLATE "C", '5003' COLLATE "C"), ('2', 'evaluation_failed', '5003'),
    ('3', 'evaluation_passed', '5004'), ('4', 'evaluation_passed', '5004'), ('5', 'funded', '5012'), ('6', 'password_changed', '5017'), ('7', 'evaluation_failed', '5008')$$, 'events, and the one that the comment names');

SELECT is(affiliate.attach_suggest('prop_firm.clicks'), $expected$-- prop_firm.clicks looks like click: its name, a click, a page, a referrer, a visitor or campaign.
-- Read from the catalog and 14 sampled rows. What is marked unsure was guessed.
SELECT affiliate.attach('prop_firm.clicks', 'click', jsonb_build_object(
    'click_id',     'click_id',
    'clicked_at',   'clicked_at',
    'visitor_id',   'visitor_id',
    'customer_id',  'user_id',
    'sub1',         'sub1',
    'affiliate_id', 'affiliate_id', -- unsure: must be an id or alias of affiliate.affiliate
    'campaign_id',  'campaign',
    'parameters',   'params',
    'landing_url',  'landing_url',
    'referrer',     'referrer',
    'country',      'country'
    ));
-- Personal data, never mapped: ip, user_agent$expected$, 'prop_firm.clicks');
SELECT lives_ok($$SELECT pg_temp.run(affiliate.attach_suggest('prop_firm.clicks'))$$, 'the script runs');
SELECT results_eq($$SELECT count(*), count(customer_id), count(affiliate_id), count(campaign_id), count(sub1), min(clicked_at) FROM filled_click$$,
    $$VALUES (14::bigint, 4::bigint, 13::bigint, 7::bigint, 2::bigint, timestamptz '2025-01-02 13:00+00')$$, 'clicks');
SELECT is_empty($$SELECT * FROM wrong_type$$, 'times are timestamptz');

SELECT * FROM finish();
ROLLBACK;
