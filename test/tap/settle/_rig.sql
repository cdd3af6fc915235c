-- What the tests of attribution and money share: a clock, five affiliates, and short descriptions of outcomes.
-- pg_temp.program() makes a program with a plan of one rule, ten percent of the net; tests add what they are about.
SET LOCAL client_min_messages = warning;
SET LOCAL TimeZone = 'UTC';
SET LOCAL pg_affiliate.now = '2025-06-30 12:00+00';
SET LOCAL pg_affiliate.inline_budget = 0;
INSERT INTO affiliate.affiliate (affiliate_id) VALUES ('ann'), ('bob'), ('cyd'), ('dan'), ('eve');

CREATE FUNCTION pg_temp.clock(at timestamptz) RETURNS void LANGUAGE sql AS $$
    SELECT FROM set_config('pg_affiliate.now', at::text, true)
$$;
CREATE FUNCTION pg_temp.of(wanted text) RETURNS integer LANGUAGE sql STABLE AS $$
    SELECT affiliate_no FROM affiliate.affiliate WHERE affiliate_id = wanted
$$;
CREATE FUNCTION pg_temp.no(wanted text) RETURNS integer LANGUAGE sql STABLE AS $$
    SELECT program_no FROM affiliate.program WHERE program_id = wanted
$$;

-- Coupons ANN, BOB, CYD, DAN, EVE of each program are those of the affiliates; HOUSE is the firm's.
CREATE FUNCTION pg_temp.program(program text, amount text DEFAULT 'net * 0.10', condition text DEFAULT 'true', currency text DEFAULT 'USD')
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    new_program integer;
    new_plan integer;
    new_rule integer;
BEGIN
    INSERT INTO affiliate.program (program_id, currency, default_plan_id) VALUES (program, currency, 'standard')
    RETURNING program_no INTO new_program;
    INSERT INTO affiliate.plan (program_no, plan_id, valid_from) VALUES (new_program, 'standard', '2020-01-01') RETURNING plan_no INTO new_plan;
    INSERT INTO affiliate.plan_rule (plan_no, sequence_no, name, condition, amount) VALUES (new_plan, 1, 'first', condition, amount)
    RETURNING rule_no INTO new_rule;
    INSERT INTO affiliate.coupon (program_no, code, affiliate_no)
    SELECT new_program, upper(affiliate_id), affiliate_no FROM affiliate.affiliate WHERE affiliate_id IN ('ann', 'bob', 'cyd', 'dan', 'eve')
    UNION ALL SELECT new_program, 'HOUSE', NULL;
    RETURN new_rule;
END
$$;
CREATE FUNCTION pg_temp.plan_of(in_program text, wanted text DEFAULT 'standard') RETURNS integer LANGUAGE sql STABLE AS $$
    SELECT max(plan_no) FROM affiliate.plan JOIN affiliate.program USING (program_no) WHERE program_id = in_program AND plan_id = wanted
$$;

-- Whatever waits is done until nothing is due; what was settled already does not change.
CREATE FUNCTION pg_temp.drain() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    rounds integer := 0;
BEGIN
    -- by name, since one transaction settles only so many statements by itself
    PERFORM affiliate.resettle(ARRAY(SELECT customer_id FROM affiliate.transaction WHERE customer_id <> ''
                                     UNION SELECT customer_id FROM affiliate.customer
                                     UNION SELECT customer_id FROM affiliate.event WHERE customer_id <> ''));
    DELETE FROM affiliate.settle_queue WHERE kind = 'customer' AND due_at <= affiliate._now();
    WHILE affiliate.drain(100000) > 0 LOOP
        rounds := rounds + 1;
        IF rounds > 20 THEN
            RAISE EXCEPTION 'the drain does not come to an end';
        END IF;
    END LOOP;
END
$$;

-- 't1 ann coupon #1 30' = won by ann with a coupon, the first purchase, earns 30 in all; 't2 nobody organic #2'.
CREATE FUNCTION pg_temp.outcome(in_program text, wanted text DEFAULT '%') RETURNS text LANGUAGE sql STABLE AS $$
    SELECT string_agg(concat_ws(' ', c.transaction_id, nullif(c.state, 'counted'), coalesce(f.affiliate_id, 'nobody'), nullif(c.method, 'none'),
        c.code, '#' || c.purchase_number,
        (SELECT string_agg(concat(k.net, CASE WHEN k.level > 0 THEN '^' || k.level END), ' ' ORDER BY k.level) FROM (
            SELECT trim_scale(sum(m.accrued - m.reversed)) AS net, m.level FROM affiliate.commission AS m
            WHERE (m.customer_id, m.subject_id, m.subject_kind, m.program_no) = (c.customer_id, c.transaction_id, c.kind, c.program_no)
            GROUP BY m.level HAVING sum(m.accrued - m.reversed) <> 0) AS k)), ', ' ORDER BY c.transaction_id)
    FROM affiliate.conversion AS c
    JOIN affiliate.program AS p USING (program_no)
    LEFT JOIN affiliate.affiliate AS f USING (affiliate_no)
    WHERE p.program_id = in_program AND c.transaction_id LIKE wanted AND c.kind = 'transaction'
$$;
-- 'coupon ann won, click bob outranked'
CREATE FUNCTION pg_temp.candidates(wanted text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT string_agg(concat_ws(' ', method, affiliate, code), ', ' ORDER BY candidate_no) FROM affiliate.candidates
    WHERE transaction_id = wanted AND kind = 'transaction'
$$;
-- 'ann 30 reversed 12 void' per commission
CREATE FUNCTION pg_temp.money(wanted text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT string_agg(concat_ws(' ', f.affiliate_id, trim_scale(c.accrued), CASE WHEN c.reversed <> 0 THEN 'reversed ' || trim_scale(c.reversed) END,
        CASE WHEN c.paid <> 0 THEN 'paid ' || trim_scale(c.paid) END, CASE WHEN c.is_void THEN 'void' END,
        CASE WHEN c.is_provisional THEN 'provisional' END), ', ' ORDER BY c.level, c.rule_no, f.affiliate_id)
    FROM affiliate.commission AS c JOIN affiliate.affiliate AS f USING (affiliate_no) WHERE c.subject_id = wanted
$$;
-- 'accrual 30, reversal -12' per commission, in the order of posting
CREATE FUNCTION pg_temp.entries(wanted text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT string_agg(concat_ws(' ', e.kind, trim_scale(e.amount)), ', ' ORDER BY e.level, e.rule_no, e.affiliate_no, e.version)
    FROM affiliate.entry AS e WHERE e.subject_id = wanted
$$;
-- '1 of 300, refunded 120, charged back 0 (0)'
CREATE FUNCTION pg_temp.counts(wanted text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT format('%s of %s, refunded %s, charged back %s (%s)', sum(quantity), trim_scale(sum(gross)), trim_scale(sum(refunded)),
        trim_scale(sum(charged_back)), sum(charged_back_count))
    FROM affiliate.conversion_entry WHERE transaction_id = wanted AND kind = 'transaction'
$$;
CREATE FUNCTION pg_temp.reviews(customer text DEFAULT '%') RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(string_agg(concat_ws(' ', kind, subject_id), ', ' ORDER BY kind, subject_id), 'none') FROM affiliate.review_case
    WHERE customer_id LIKE customer
$$;
-- 'ann 2025-03-01..2025-05-30', the begin of what is covered and the end
CREATE FUNCTION pg_temp.owned(customer text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(string_agg(concat_ws(' ', nullif(o.account_id, ''), f.affiliate_id || CASE WHEN o.is_latest THEN '' ELSE ' (ended)' END,
        to_char(o.begins_at, 'MM-DD') || '..' || coalesce(to_char(nullif(o.ends_at, 'infinity'), 'MM-DD'), 'for ever')), ', '
        ORDER BY o.account_id, o.ownership_no), 'nobody')
    FROM affiliate.ownership AS o JOIN affiliate.affiliate AS f USING (affiliate_no) WHERE o.customer_id = customer
$$;
CREATE FUNCTION pg_temp.violations() RETURNS SETOF text LANGUAGE sql STABLE AS $$
    SELECT concat_ws(' ', code, customer_id, subject, detail) FROM affiliate.verify() WHERE code NOT IN ('trigger', 'object_owner', 'privilege')
$$;
