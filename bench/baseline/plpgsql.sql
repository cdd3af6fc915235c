-- What a firm would write itself: one row-level trigger with a coupon, click and ownership lookup and one rate.
-- It writes the same rows as settling does for sales that arrive in order, and can nothing else: no refunds, no late
-- news, no re-decisions, no locks against two sales of one customer at once.

SELECT bench.create_tables('bench_plpgsql');
CREATE TABLE bench_plpgsql.rate (program_no integer PRIMARY KEY, rule_no integer NOT NULL, plan_no integer NOT NULL, rate numeric NOT NULL);
INSERT INTO bench_plpgsql.rate VALUES (1, 1, 1, 0.1);

CREATE FUNCTION bench_plpgsql.settle() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    program record;
    owner record;
    coupon record;
    click record;
    winner integer;
    method text;
    number integer;
    paid numeric;
    candidates jsonb[] := '{}';
BEGIN
    SELECT p.program_no, p.click_window, p.ownership_window, r.rule_no, r.plan_no, r.rate INTO program
    FROM affiliate.program AS p JOIN bench_plpgsql.rate AS r USING (program_no) WHERE p.program_id = NEW.program_id;

    SELECT o.affiliate_no, o.begins_at, o.ends_at, o.cause INTO owner
    FROM bench_plpgsql.ownership AS o
    WHERE o.customer_id = NEW.customer_id AND o.program_no = program.program_no AND o.account_id = '' AND o.is_latest;
    IF owner.affiliate_no IS NOT NULL AND NEW.ordered_at >= owner.begins_at AND NEW.ordered_at < owner.ends_at THEN
        winner := owner.affiliate_no;
        method := 'ownership';
        candidates := candidates || jsonb_build_object('at', owner.begins_at, 'ref', owner.cause, 'code', 'won',
                                                       'method', 'ownership', 'affiliate_no', owner.affiliate_no);
    END IF;

    IF NEW.coupon_codes IS NOT NULL THEN
        SELECT c.affiliate_no, c.code_normalised INTO coupon
        FROM affiliate.coupon AS c
        WHERE c.program_no = program.program_no AND c.code_normalised = upper(btrim(NEW.coupon_codes[1]) COLLATE "C")
          AND NEW.ordered_at >= c.valid_from AND NEW.ordered_at < c.valid_until;
        IF coupon.affiliate_no IS NOT NULL THEN
            candidates := candidates || jsonb_build_object('at', NEW.ordered_at, 'ref', coupon.code_normalised,
                'code', CASE WHEN winner IS NULL THEN 'won' ELSE 'outranked' END, 'method', 'coupon', 'affiliate_no', coupon.affiliate_no);
            IF winner IS NULL THEN
                winner := coupon.affiliate_no;
                method := 'coupon';
            END IF;
        END IF;
    END IF;

    SELECT l.affiliate_no, c.click_id, c.clicked_at INTO click
    FROM (SELECT k.click_id, k.link_id, k.clicked_at FROM affiliate.click AS k
          WHERE k.customer_id = NEW.customer_id AND k.clicked_at <= NEW.ordered_at
          UNION ALL
          SELECT k.click_id, k.link_id, k.clicked_at FROM affiliate.visitor_customer AS v
          JOIN affiliate.click AS k ON k.visitor_id = v.visitor_id
          WHERE v.customer_id = NEW.customer_id AND k.clicked_at <= NEW.ordered_at) AS c
    JOIN affiliate.link AS l ON l.link_id = c.link_id
    ORDER BY c.clicked_at DESC, c.click_id DESC LIMIT 1;
    IF click.affiliate_no IS NOT NULL THEN
        candidates := candidates || jsonb_build_object('at', click.clicked_at, 'ref', click.click_id,
            'code', CASE WHEN NEW.ordered_at >= click.clicked_at + program.click_window THEN 'window_expired'
                         WHEN winner IS NULL THEN 'won' ELSE 'outranked' END, 'method', 'click', 'affiliate_no', click.affiliate_no);
        IF winner IS NULL AND NEW.ordered_at < click.clicked_at + program.click_window THEN
            winner := click.affiliate_no;
            method := 'click';
        END IF;
    END IF;

    SELECT coalesce(max(c.purchase_number), 0) + 1 INTO number
    FROM bench_plpgsql.conversion AS c WHERE c.customer_id = NEW.customer_id AND c.program_no = program.program_no;

    IF winner IS NOT NULL AND owner.affiliate_no IS NULL THEN
        INSERT INTO bench_plpgsql.ownership (customer_id, program_no, account_id, ownership_no, affiliate_no, begins_at, runs_from, ends_at,
            is_latest, cause)
        VALUES (NEW.customer_id, program.program_no, '', 1, winner, NEW.ordered_at, NEW.completed_at,
            NEW.completed_at + program.ownership_window, true, NEW.transaction_id);
    END IF;
    INSERT INTO bench_plpgsql.conversion (customer_id, transaction_id, kind, program_no, state, affiliate_no, method, code, is_conflict,
        candidates, order_key, purchase_number, ordered_at, occurred_at, plan_no, currency, ladder_counts, quantity, gross, version)
    VALUES (NEW.customer_id, NEW.transaction_id, 'transaction', program.program_no, 'counted', winner, method,
        CASE WHEN winner IS NULL THEN 'organic' END, false, to_jsonb(candidates), NEW.order_id, number, NEW.ordered_at, NEW.completed_at,
        CASE WHEN winner IS NOT NULL THEN program.plan_no END, NEW.currency, winner IS NOT NULL AND number = 1, 1, NEW.amount, 1);
    INSERT INTO bench_plpgsql.conversion_entry (customer_id, transaction_id, kind, program_no, version, affiliate_no, currency, quantity,
        gross, refunded, charged_back, charged_back_count, cause, earned_at, effective_at)
    VALUES (NEW.customer_id, NEW.transaction_id, 'transaction', program.program_no, 1, winner, NEW.currency, 1,
        NEW.amount, 0, 0, 0, 'report', NEW.completed_at, NEW.completed_at);
    IF winner IS NULL THEN
        RETURN NULL;
    END IF;
    paid := round(NEW.amount * program.rate, 2);
    INSERT INTO bench_plpgsql.commission (customer_id, subject_id, subject_kind, rule_no, affiliate_no, level, program_no, currency, accrued,
        reversed, version, earned_at, eligible_at)
    VALUES (NEW.customer_id, NEW.transaction_id, 'transaction', program.rule_no, winner, 0, program.program_no, 'USD', paid,
        0.00, 1, NEW.completed_at, NEW.completed_at);
    INSERT INTO bench_plpgsql.entry (customer_id, subject_id, subject_kind, rule_no, affiliate_no, level, version, program_no, kind, currency,
        amount, cause, earned_at, effective_at)
    VALUES (NEW.customer_id, NEW.transaction_id, 'transaction', program.rule_no, winner, 0, 1, program.program_no, 'accrual', 'USD',
        paid, 'sale', NEW.completed_at, NEW.completed_at);
    RETURN NULL;
END
$$;
CREATE TRIGGER settle AFTER INSERT ON bench_plpgsql.transaction FOR EACH ROW EXECUTE FUNCTION bench_plpgsql.settle();
