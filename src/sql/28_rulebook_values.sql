-- Values of rulebook rows: what the constraints would refuse with a name only is refused here with the value and what to
-- do. The constraints stay as the net, also for writers that run at the same time.

-- The columns of a rulebook table that hold ids.
CREATE FUNCTION affiliate._id_columns(table_name text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN CASE
        WHEN table_name = 'affiliate_alias' THEN '{source,external_id}'::text[]
        WHEN table_name = 'coupon' THEN '{code}'
        WHEN table_name = 'agreement' THEN '{plan_id,affiliate_group}'
        WHEN table_name = 'attribution_override' THEN '{customer_id,transaction_id}'
        WHEN table_name = 'traffic_source' THEN '{traffic_source}'
        WHEN table_name IN ('plan_rule', 'ladder_band') THEN '{}'
        ELSE ARRAY[table_name || '_id'] END;
END
$$;
COMMENT ON FUNCTION affiliate._id_columns(text) IS 'The columns of a rulebook table that hold ids of 1 to 500 bytes.';

CREATE FUNCTION affiliate._is_amount(value numeric) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN value >= 0 AND value < 1e15 AND length(ltrim(replace(trim_scale(value)::text, '.', ''), '0')) <= 15;
END
$$;
COMMENT ON FUNCTION affiliate._is_amount(numeric) IS 'Is it zero or more, finite, with at most 15 significant digits? Null for null.';

CREATE FUNCTION affiliate._check_rulebook_values() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    new_row jsonb := to_jsonb(NEW);
    windows constant text[] := '{click_window,lead_window,ownership_window,late_grace,cooling_off,hold,termination_tail}';
    amounts constant text[] := '{account_size,list_price,discount_value,monthly_cap,adjust_approval_above}'
        || CASE WHEN TG_TABLE_NAME = 'ladder_band' THEN '{rate,amount}'::text[] END;
    name text;
    value text;
    span interval;
BEGIN
    FOREACH name IN ARRAY affiliate._id_columns(TG_TABLE_NAME) LOOP
        value := new_row ->> name;
        IF btrim(value) = '' OR octet_length(value) > 500 THEN
            RAISE EXCEPTION USING ERRCODE = 'AF018',
                MESSAGE = format('%s of "%s" is %s', name, TG_TABLE_NAME, CASE WHEN btrim(value) = '' THEN 'empty' ELSE 'too long' END),
                DETAIL = CASE WHEN btrim(value) = '' THEN 'It has no character but blanks.'
                              ELSE format('%s has %s bytes.', affiliate._quoted(left(value, 40) || '..'), octet_length(value)) END,
                HINT = 'Ids and codes have 1 to 500 bytes.',
                SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, COLUMN = name;
        END IF;
    END LOOP;
    FOREACH name IN ARRAY windows LOOP
        span := new_row ->> name;
        IF span < interval '0' OR date_part('year', span) <> 0 OR date_part('month', span) <> 0 THEN
            RAISE EXCEPTION USING ERRCODE = 'AF019',
                MESSAGE = format('%s of "%s" %s', name, TG_TABLE_NAME, CASE WHEN span < interval '0' THEN 'is negative' ELSE 'has months or years' END),
                DETAIL = format('It is %s.', affiliate._quoted(span::text)),
                HINT = 'Give zero or more days, hours, minutes and seconds: months and years have no fixed length.',
                SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, COLUMN = name;
        END IF;
    END LOOP;
    FOREACH name IN ARRAY amounts LOOP
        IF NOT affiliate._is_amount((new_row ->> name)::numeric) THEN
            RAISE EXCEPTION USING ERRCODE = 'AF037',
                MESSAGE = format('%s of "%s" is no amount', name, TG_TABLE_NAME),
                DETAIL = format('It is %s.', affiliate._quoted(left(new_row ->> name, 50))),
                HINT = 'Give zero or more, with at most 15 significant digits.',
                SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, COLUMN = name;
        END IF;
    END LOOP;
    IF (new_row ->> 'valid_from')::timestamptz >= (new_row ->> 'valid_until')::timestamptz THEN
        RAISE EXCEPTION USING ERRCODE = 'AF029',
            MESSAGE = format('period of "%s" ends before it begins', TG_TABLE_NAME),
            DETAIL = format('It would be from %s until %s, and the end does not belong to it.', new_row ->> 'valid_from', new_row ->> 'valid_until'),
            HINT = 'Give a valid_until that is later than valid_from.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, COLUMN = 'valid_until';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION affiliate._check_rulebook_values() IS 'Row trigger of rulebook tables: ids have 1 to 500 bytes, windows are no negative spans and have no months, amounts are finite and not negative, periods are not empty.';

CREATE FUNCTION affiliate._check_coupon_overlap() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    other record;
BEGIN
    SELECT c.coupon_no, c.code, c.valid_from, c.valid_until, f.affiliate_id INTO other
    FROM affiliate.coupon AS c LEFT JOIN affiliate.affiliate AS f USING (affiliate_no)
    WHERE c.program_no = NEW.program_no AND c.code_normalised = upper(btrim(NEW.code) COLLATE "C")
      AND tstzrange(c.valid_from, c.valid_until) && tstzrange(NEW.valid_from, NEW.valid_until)
      AND NOT (TG_OP = 'UPDATE' AND c.coupon_no = (to_jsonb(OLD) ->> 'coupon_no')::integer)
    ORDER BY c.valid_from LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'AF035',
            MESSAGE = format('coupon "%s" overlaps another one', NEW.code),
            DETAIL = format('Coupon "%s" of %s is valid from %s until %s.', other.code,
                            coalesce('affiliate "' || other.affiliate_id || '"', 'the house'), other.valid_from, other.valid_until),
            HINT = 'A code belongs to one affiliate at a time, in capitals or small letters: end that row (valid_until) where the new one begins.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = 'coupon_overlap_excl';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION affiliate._check_coupon_overlap() IS 'Row trigger of coupon: names the row that a code would overlap.';

CREATE FUNCTION affiliate._check_agreement_overlap() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    other record;
BEGIN
    -- the first condition of each is that of the index behind the constraint
    SELECT a.plan_id, a.valid_from, a.valid_until, coalesce('affiliate "' || f.affiliate_id, 'group "' || a.affiliate_group) || '"' AS whose
    INTO other
    FROM affiliate.agreement AS a LEFT JOIN affiliate.affiliate AS f USING (affiliate_no)
    WHERE int4range(a.program_no, a.program_no, '[]') && int4range(NEW.program_no, NEW.program_no, '[]')
      AND tstzrange(a.valid_from, a.valid_until) && tstzrange(NEW.valid_from, NEW.valid_until)
      AND (a.affiliate_no IS NOT NULL AND NEW.affiliate_no IS NOT NULL AND int4range(a.affiliate_no, a.affiliate_no, '[]') && int4range(NEW.affiliate_no, NEW.affiliate_no, '[]')
           OR a.affiliate_group IS NOT NULL AND a.affiliate_group = NEW.affiliate_group)
      AND NOT (TG_OP = 'UPDATE' AND a.agreement_no = (to_jsonb(OLD) ->> 'agreement_no')::integer)
    ORDER BY a.valid_from LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'AF035',
            MESSAGE = format('agreement of %s overlaps another one', other.whose),
            DETAIL = format('The one on plan "%s" is in force from %s until %s.', other.plan_id, other.valid_from, other.valid_until),
            HINT = 'There is one agreement at a time: end that row (valid_until) where the new one begins.',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION affiliate._check_agreement_overlap() IS 'Row trigger of agreement: names the row that an agreement would overlap.';
