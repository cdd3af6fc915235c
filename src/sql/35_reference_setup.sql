-- Reference rows: currencies, transaction types, status words and event types. A firm adds its own and may change these.

CREATE FUNCTION affiliate._setup_reference() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $setup$
BEGIN
    -- ISO 4217, list one
    INSERT INTO affiliate.currency (currency, exponent)
    SELECT code, exponent
    FROM (VALUES
        (0, 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XAG XAU XBA XBB XBC XBD XDR XOF XPD XPF
             XPT XSU XTS XUA XXX'),
        (2, 'AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD
             CDF CHE CHF CHW CNY COP COU CRC CUC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP
             GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL
             MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN
             QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD
             TWD TZS UAH USD USN UYU UZS VED VES WST XCD YER ZAR ZMW'),
        (3, 'BHD IQD JOD KWD LYD OMR TND'),
        (4, 'CLF UYW')
    ) AS list (exponent, codes), regexp_split_to_table(codes, '\s+') AS code
    ON CONFLICT DO NOTHING;

    INSERT INTO affiliate.transaction_type (transaction_type, effect, sale_kind, description) VALUES
        ('challenge_fee', 'sale', 'purchase', 'A challenge is bought.'),
        ('reset_fee', 'sale', 'reset', 'A failed or running challenge is started anew.'),
        ('upgrade_fee', 'sale', 'upgrade', 'An account becomes larger; the difference is paid.'),
        ('activation_fee', 'sale', 'activation', 'A funded account is activated.'),
        ('addon_fee', 'sale', 'addon', 'An extra to a challenge or account.'),
        ('subscription_fee', 'sale', 'subscription', 'A period of a subscription.'),
        ('payout', 'cost', 'other', 'The trader''s profit split: a cost of the firm.'),
        ('refund', 'refund', 'other', 'Money given back for an earlier sale.'),
        ('chargeback', 'chargeback', 'other', 'A dispute that the firm lost.'),
        ('adjustment', 'correction', 'other', 'A signed correction of an earlier sale.'),
        ('credit', 'credit', 'other', 'Promotional credit: reported, earns nothing.')
    ON CONFLICT DO NOTHING;

    INSERT INTO affiliate.transaction_status (status, effect)
    SELECT effect, effect
    FROM unnest('{pending,completed,failed,cancelled,refunded,refund_failed,disputed,chargeback,dispute_won,reinstated}'::text[]) AS effect
    UNION ALL
    VALUES ('paid', 'completed'), ('approved', 'completed'), ('succeeded', 'completed'),
           ('canceled', 'cancelled'), ('voided', 'cancelled'), ('declined', 'failed')
    ON CONFLICT DO NOTHING;

    INSERT INTO affiliate.event_type (event_type, effect, description) VALUES
        ('challenge_purchased', 'challenge_purchased', 'A challenge was bought.'),
        ('evaluation_started', 'evaluation_started', 'Trading began: account_size, start_date.'),
        ('evaluation_failed', 'evaluation_failed', 'The drawdown was hit or the time is over: reason, days_active.'),
        ('reset_purchased', 'reset_purchased', 'A challenge was started anew: original_challenge_id or original_account_id.'),
        ('evaluation_passed', 'evaluation_passed', 'A phase was passed: phase, is_final, days_to_pass.'),
        ('funded', 'funded', 'The funded account was activated: account_size, profit_split.'),
        ('funded_activated', 'funded', 'The same.'),
        ('funded_account_activated', 'funded', 'The same.'),
        ('chargeback_filed', 'chargeback_filed', 'The payment was charged back: transaction_id, reason.')
    ON CONFLICT DO NOTHING;
END
$setup$;
COMMENT ON FUNCTION affiliate._setup_reference() IS 'Part of setup(): adds the reference rows that are missing.';
