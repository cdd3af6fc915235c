-- What the tests of questions share: a program, a plan with two rules, an upline, and a digest of every row there is.
\ir ../settle/_rig.sql
SELECT pg_temp.program('q') AS rule \gset
UPDATE affiliate.program SET ownership_kind = 'fixed', ownership_window = '30 days', click_window = '72 hours' WHERE program_id = 'q';
INSERT INTO affiliate.affiliate_upline (affiliate_no, upline_no) VALUES (pg_temp.of('ann'), pg_temp.of('eve'));
INSERT INTO affiliate.plan_rule (plan_no, sequence_no, rule_group, name, amount, beneficiary, level)
VALUES (pg_temp.plan_of('q'), 2, 'upline', 'override', 'net * 0.02', 'upline', 1);
INSERT INTO affiliate.product (program_no, product_id, account_size, list_price) VALUES (pg_temp.no('q'), '50k', 50000, 300);

-- md5 of every table, queue and reviews included
CREATE FUNCTION pg_temp.content() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    content text := '';
    part text;
    name text;
BEGIN
    FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'affiliate'::regnamespace AND relkind = 'r' ORDER BY relname LOOP
        EXECUTE format('SELECT concat(count(*), md5(coalesce(string_agg(t::text, E''\n'' ORDER BY t::text COLLATE "C"), ''''))) FROM affiliate.%I AS t', name) INTO part;
        content := content || name || part;
    END LOOP;
    RETURN md5(content);
END
$$;
CREATE FUNCTION pg_temp.ask(customer text, at timestamptz DEFAULT NULL, coupons text[] DEFAULT NULL, click text DEFAULT NULL, declared text DEFAULT NULL)
RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', coalesce(affiliate, 'nobody'), method, code) FROM affiliate.attribute(customer, at, coupons, click, declared, 'q')
$$;
-- 'ann 30.00 USD first, eve^1 6.00 USD override'
CREATE FUNCTION pg_temp.quote(customer text, amount numeric, coupons text[] DEFAULT NULL, click text DEFAULT NULL, at timestamptz DEFAULT NULL,
    currency text DEFAULT NULL, details jsonb DEFAULT '{}', product text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(concat(affiliate, CASE WHEN level > 0 THEN '^' || level END, ' ', commission, ' ', commission_currency, ' ', rule), ', ' ORDER BY level), 'nothing')
    FROM affiliate.quote_commission(customer, amount, coupons => coupons, click => click, at => at, currency => currency, details => details, product => product, program => 'q')
$$;
