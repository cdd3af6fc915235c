\echo Use "ALTER EXTENSION pg_affiliate UPDATE" to load this file. \quit
-- SPDX-License-Identifier: PostgreSQL
-- From 0.1.0 to 0.2.0: what cannot be replaced where it is. Tables are migrated by affiliate.setup().

CREATE TYPE affiliate.ledger_change AS (
    period date, program_no integer, affiliate_no integer, basis text, kind text, conversion_type text, campaign_no integer,
    product_id text, country text, method text, currency text, quantity bigint, new_customers bigint, gross numeric, discount numeric,
    refunded_count bigint, refunded numeric, charged_back_count bigint, charged_back numeric, accrued numeric, reversed numeric, paid numeric);

CREATE TYPE affiliate.click_change AS (
    period date, program_no integer, source_no integer, affiliate_no integer, campaign_no integer, country text, clicks bigint, unique_clicks bigint);

CREATE TYPE affiliate.counted_click AS (
    click_id text, program_no integer, source_no integer, affiliate_no integer, campaign_no integer, country text, visitor_id text,
    clicked_at timestamptz, period date, is_new boolean);

CREATE TYPE affiliate.report_place AS (
    sale_day date, affiliate_no integer, conversion_type text, campaign_no integer, product_id text, country text, method text);

CREATE TYPE affiliate.known_column AS (
    ordinal integer, name text, word text, expression text, origin text, family text, labels text[], samples text[], seen bigint, nulls bigint,
    least numeric, greatest numeric, has_emails boolean, target oid, target_column text, target_kind text, is_implied boolean,
    is_key boolean, is_personal boolean, remark text, looked_up text);

DROP FUNCTION affiliate._cron_hint(text, text);
DROP FUNCTION affiliate._drain_job();
