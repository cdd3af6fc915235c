-- Row types of internal functions.

CREATE TYPE affiliate.known_program AS (program_no integer, currency text);
COMMENT ON TYPE affiliate.known_program IS 'Number and currency of a program.';

CREATE TYPE affiliate.ledger_change AS (
    period date, program_no integer, affiliate_no integer, basis text, kind text, conversion_type text, campaign_no integer,
    product_id text, country text, method text, currency text, quantity bigint, new_customers bigint, gross numeric, discount numeric,
    refunded_count bigint, refunded numeric, charged_back_count bigint, charged_back numeric, accrued numeric, reversed numeric, paid numeric);
COMMENT ON TYPE affiliate.ledger_change IS 'What streams add to a day of affiliate.rollup.';

CREATE TYPE affiliate.click_change AS (
    period date, program_no integer, source_no integer, affiliate_no integer, campaign_no integer, country text, clicks bigint, unique_clicks bigint);
COMMENT ON TYPE affiliate.click_change IS 'What clicks add to a day of affiliate.rollup_click. source_no is null while affiliate.click_source does not know what they name.';

CREATE TYPE affiliate.counted_click AS (
    click_id text, program_no integer, source_no integer, affiliate_no integer, campaign_no integer, country text, visitor_id text,
    clicked_at timestamptz, period date, is_new boolean);
COMMENT ON TYPE affiliate.counted_click IS 'A click as the rollups see it: with the names resolved, and on its day.';

CREATE TYPE affiliate.report_place AS (
    sale_day date, affiliate_no integer, conversion_type text, campaign_no integer, product_id text, country text, method text);
COMMENT ON TYPE affiliate.report_place IS 'Where reports show a conversion, as one of its entries says.';

CREATE TYPE affiliate.known_column AS (
    ordinal integer, name text, word text, expression text, origin text, family text, labels text[], samples text[], seen bigint, nulls bigint,
    least numeric, greatest numeric, has_emails boolean, target oid, target_column text, target_kind text, is_implied boolean,
    is_key boolean, is_personal boolean, remark text, looked_up text);
COMMENT ON TYPE affiliate.known_column IS 'What attach_suggest() knows of a column of a table, of a key in its JSON, or of a column of a row that it refers to.';
