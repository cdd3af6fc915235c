-- rule_input: the one row type that conditions and amounts of plan rules see.

CREATE TYPE affiliate.rule_input AS (
    -- what was sold
    transaction_type         text,
    sale_kind                text,
    product                  text,
    product_family           text,
    challenge_type           text,
    phase                    text,
    account_size             numeric,
    account_currency         text,
    -- money, in the program's currency, unrounded
    list_price               numeric,
    discount                 numeric,
    tax                      numeric,
    fee                      numeric,
    wallet_credit            numeric,
    gross                    numeric,
    base                     numeric,
    refunded                 numeric,
    net                      numeric,
    collected                numeric,
    -- the same in the currency of the sale
    currency                 text,
    original_gross           numeric,
    original_net             numeric,
    fx_rate                  numeric,
    -- the customer's history
    purchase_number          integer,
    is_first_purchase        boolean,
    days_since_first_purchase   integer,
    months_since_first_purchase integer,
    days_since_signup        integer,
    days_since_original      integer,
    -- the customer
    customer_country         text,
    customer_language        text,
    kyc_status               text,
    sales_status             text,
    -- how the customer came
    method                   text,
    days_since_touch         integer,
    coupon_code              text,
    coupon_kind              text,
    coupon_discount          numeric,
    campaign                 text,
    traffic_source           text,
    -- who earns
    affiliate                text,
    affiliate_group          text,
    partner_type             text,
    affiliate_country        text,
    beneficiary              text,
    level                    integer,
    -- the ladder of the rule, where it has one
    ladder_position          integer,
    band                     integer,
    band_rate                numeric,
    band_amount              numeric,
    band_label               text,
    -- when
    ordered_at               timestamptz,
    completed_at             timestamptz,
    metadata                 jsonb
);

COMMENT ON TYPE affiliate.rule_input IS
    'What the condition and the amount of a plan rule may name: one sale as one beneficiary sees it. Money is in the program''s currency, unrounded, unless the name says original.';
