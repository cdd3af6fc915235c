-- A firm that knows nothing of pg_affiliate: its tables, a function that its mappings use, and what its clients do, the same
-- each time. Everything has a time of its own, so that the order in which rows arrive does not matter.
CREATE SCHEMA firm;
CREATE TABLE firm.users (id integer PRIMARY KEY, country text, created_at timestamptz NOT NULL);
CREATE TABLE firm.payments (
    id bigint PRIMARY KEY, user_id integer, cents bigint NOT NULL, state text NOT NULL, coupon text, size numeric NOT NULL DEFAULT 1000,
    bought_at timestamptz NOT NULL, paid_at timestamptz, state_at timestamptz, note text, doc jsonb
);
CREATE TABLE firm.refunds (id text PRIMARY KEY, payment_id bigint REFERENCES firm.payments DEFERRABLE INITIALLY DEFERRED, cents bigint, at timestamptz NOT NULL);
CREATE TABLE firm.disputes (id text PRIMARY KEY, payment_id bigint NOT NULL, cents bigint, status text NOT NULL, opened timestamptz NOT NULL, closed timestamptz);
CREATE FUNCTION firm.word(text) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE $1 WHEN 'paid' THEN 'completed' WHEN 'open' THEN 'pending' WHEN 'charged_back' THEN 'chargeback' ELSE $1 END;
END
$$;

CREATE FUNCTION public.attach_one(of_table text, on_capture text DEFAULT 'statement') RETURNS text LANGUAGE sql AS $$
    SELECT affiliate.attach(format('firm.%I', of_table)::regclass, m.kind, m.fields, filter => m.filter, capture => on_capture)
    FROM (VALUES
        ('users', 'customer', '{"customer_id": "id", "country_code": "country", "signup_date": "created_at"}'::jsonb, NULL),
        ('payments', 'transaction', '{"transaction_id": "id", "customer_id": "user_id", "amount": "cents / 100.0", "coupon_codes": "ARRAY[coupon]", "status": "firm.word(state)", "ordered_at": "bought_at",
            "completed_at": "paid_at", "status_at": "state_at", "account_size": "size", "product_id": "doc ->> ''product''"}', 'cents <> 1'),
        ('refunds', 'refund', '{"transaction_id": "''re_'' || id", "original_transaction_id": "payment_id", "amount": "cents / 100.0", "completed_at": "at"}', NULL),
        ('disputes', 'dispute', '{"dispute_id": "id", "transaction_id": "payment_id", "amount": "cents / 100.0", "opened_at": "opened", "closed_at": "closed",
            "outcome": "CASE WHEN status IN (''won'', ''lost'') THEN status END"}', NULL)) AS m (of_table, kind, fields, filter)
    WHERE m.of_table = attach_one.of_table
$$;
CREATE FUNCTION public.attach_all(on_capture text DEFAULT 'statement') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    GRANT USAGE ON SCHEMA firm TO affiliate_mapping;
    PERFORM public.attach_one(t, on_capture) FROM unnest('{users,payments,refunds,disputes}'::text[]) AS t;
END
$$;

-- a number below n for a question k about a user
CREATE FUNCTION public.dice(u integer, k text, n integer) RETURNS integer LANGUAGE sql IMMUTABLE RETURN (('x' || substr(md5(u || k), 1, 7))::bit(28)::integer % n);
-- What a client does for one of its users: statements in order. Payments are 100 * user + 1 and so on.
CREATE FUNCTION public.story(u integer) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    at text := format('timestamptz ''2025-02-01'' + %s * interval ''1 hour''', public.dice(u, 'at', 600));
    p bigint := u * 100;
    garbage integer := public.dice(u, 'garbage', 12);
    coupon text := (ARRAY['ANN', 'BOB', 'ann', 'nobody', ''])[1 + public.dice(u, 'coupon', 5)];
    state text := (ARRAY['paid', 'paid', 'open', 'failed', 'strange'])[1 + public.dice(u, 'state', 5)];
    note text := (ARRAY['', E'\x01 \\ " \n', 'üñí 😀', repeat('long ', 5000)])[1 + public.dice(u, 'note', 4)];
BEGIN
    RETURN NEXT format('INSERT INTO firm.users VALUES (%s, %L, %s);', u, (ARRAY['DE', 'US', 'nowhere', NULL])[1 + public.dice(u, 'country', 4)], at);
    RETURN NEXT format('INSERT INTO firm.payments (id, user_id, cents, state, coupon, bought_at, paid_at, note, doc) VALUES (%s, %s, 10000, %L, %L, %s, CASE WHEN %3$L IN (''paid'', ''strange'') THEN %5$s + interval ''5 minutes'' END, %6$L, ''{"product": "p1"}''),'
        ' (%7$s, %2$s, 20000, ''paid'', %4$L, %5$s + interval ''1 minute'', %5$s + interval ''6 minutes'', %6$L, ''["no object"]'');', p + 1, u, state, coupon, at, note, p + 2);
    IF state IN ('open', 'strange') AND public.dice(u, 'later', 2) = 0 THEN
        RETURN NEXT format('UPDATE firm.payments SET state = ''paid'', paid_at = %s + interval ''5 minutes'', note = ''paid'' WHERE id = %s;', at, p + 1);
    END IF;
    -- what the filter leaves out, what cannot be a fact for now or for good, and what cannot be settled for now
    IF garbage = 0 THEN
        RETURN NEXT format('INSERT INTO firm.payments (id, user_id, cents, state, bought_at) VALUES (%s, %s, 1, ''strange'', %s);', p + 3, u, at);
    ELSIF garbage = 1 THEN
        RETURN NEXT format('INSERT INTO firm.payments (id, user_id, cents, state, coupon, bought_at, paid_at) VALUES (%s, %s, 5000, repeat(%L, 300), ''ANN'', %s, %4$s);', p + 3, u, state, at);
    ELSIF garbage = 2 THEN
        RETURN NEXT format('INSERT INTO firm.payments (id, user_id, cents, state, coupon, bought_at, paid_at, size) VALUES (%s, %s, 3000, ''paid'', ''ANN'', %s + interval ''3 minutes'', %3$s + interval ''3 minutes'', 0);', p + 3, u, at);
    ELSIF garbage = 3 THEN
        RETURN NEXT format('INSERT INTO firm.payments (id, user_id, cents, state, coupon, bought_at, doc) VALUES (%s, NULL, -77, '''', %L, ''infinity'', ''null'');', p + 3, repeat('x', 2000));
    ELSIF garbage = 4 THEN
        RETURN NEXT format('INSERT INTO firm.refunds VALUES (''none%s'', NULL, 100, %s);', u, at);
    ELSIF garbage = 5 THEN -- statements that fail by themselves
        RETURN NEXT format('INSERT INTO firm.users VALUES (%s, ''again'', now());', u);
        RETURN NEXT format('INSERT INTO firm.payments (id, user_id, cents, state, bought_at) VALUES (%s, %s, 1000, ''paid'', NULL);', p + 3, u);
    END IF;
    IF public.dice(u, 'refund', 5) < 2 THEN
        RETURN NEXT format('INSERT INTO firm.refunds VALUES (''%s'', %s, %s, %s + interval ''3 days'');', u, p + 2, 100 * (1 + public.dice(u, 'part', 90)), at);
    END IF;
    IF public.dice(u, 'dispute', 4) = 0 THEN
        RETURN NEXT format('INSERT INTO firm.disputes VALUES (''d%s'', %s, 2500, ''open'', %s + interval ''4 days'');', u, p + 2, at);
        RETURN NEXT format('UPDATE firm.disputes SET status = %L, closed = %s + interval ''6 days'' WHERE id = ''d%s'';', (ARRAY['won', 'lost'])[1 + public.dice(u, 'won', 2)], at, u);
    END IF;
    IF public.dice(u, 'chargeback', 5) = 0 THEN
        RETURN NEXT format('UPDATE firm.payments SET state = ''charged_back'', state_at = %s + interval ''2 days'' WHERE id = %s AND state = ''paid'';', at, p + 1);
    END IF;
    RETURN NEXT format('INSERT INTO firm.payments AS o (id, user_id, cents, state, coupon, bought_at, paid_at) VALUES (%s, %s, 4000, ''paid'', ''BOB'', %s, %3$s) ON CONFLICT (id) DO UPDATE SET doc = jsonb_build_object(''product'', excluded.cents), note = o.note || ''again'';', p + 2, u, at);
    RETURN NEXT format('MERGE INTO firm.payments AS o USING (VALUES (%s, %s), (%s, %2$s)) AS n (id, user_id) ON o.id = n.id WHEN MATCHED THEN UPDATE SET note = ''merged'''
        ' WHEN NOT MATCHED THEN INSERT (id, user_id, cents, state, coupon, bought_at, paid_at) VALUES (n.id, n.user_id, 600, ''paid'', ''ANN'', %4$s + interval ''4 minutes'', %4$s + interval ''4 minutes'');', p + 1, u, p + 4, at);
    IF public.dice(u, 'delete', 6) = 0 THEN
        RETURN NEXT format('DELETE FROM firm.payments WHERE id = %s AND state = ''failed'';', p + 1);
    END IF;
END
$$;

-- The script of a client: its users are those whose number is `client` modulo 8, from the n-th to another, and it has a way of its own to do things.
-- Before each user, outside of transactions, it calls the program that the environment has as GATE, if any.
CREATE FUNCTION public.script(client integer, users integer, first_user integer DEFAULT 1) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    u integer;
    s text;
    step integer;
BEGIN
    FOR n IN first_user .. users LOOP
        u := n * 8 + client;
        step := 0;
        RETURN NEXT CASE WHEN client <> 6 OR n % 8 = 1 THEN format('\! ${GATE:-:} %s %s', n, users) END;
        RETURN NEXT CASE client
            WHEN 1 THEN format('BEGIN; INSERT INTO firm.payments (id, user_id, cents, state, coupon, bought_at) VALUES (%s, 1, 777, ''paid'', ''ANN'', now()); ROLLBACK; BEGIN;', u * 100 + 50)
            WHEN 2 THEN 'BEGIN ISOLATION LEVEL REPEATABLE READ;'
            WHEN 3 THEN 'BEGIN ISOLATION LEVEL SERIALIZABLE;'
            WHEN 4 THEN CASE n % 3 WHEN 0 THEN format('BEGIN; INSERT INTO firm.payments (id, user_id, cents, state, coupon, bought_at) VALUES (%s, 1, 777, ''paid'', ''ANN'', now()); PREPARE TRANSACTION :''gid''; ROLLBACK PREPARED :''gid'';', u * 100 + 50)
                ELSE '' END || 'BEGIN;'
            WHEN 5 THEN CASE n % 4 WHEN 0 THEN format('BEGIN; INSERT INTO firm.refunds VALUES (''nothing%s'', -1, 5, now()); COMMIT;', u) ELSE '' END
                || format('BEGIN; INSERT INTO firm.refunds VALUES (''early%s'', %s, 50, timestamptz ''2025-03-10 10:00Z'');', u, u * 100 + 2)
            WHEN 6 THEN CASE n % 8 WHEN 1 THEN 'BEGIN;' END
            WHEN 7 THEN CASE n % 3 WHEN 0 THEN 'SET session_replication_role = replica;' WHEN 1 THEN 'SET session_replication_role = DEFAULT;' END END;
        FOR s IN SELECT * FROM public.story(u) LOOP
            step := step + 1;
            -- a transaction that has failed does nothing more
            CONTINUE WHEN client BETWEEN 1 AND 6 AND (s LIKE '%''again''%' OR s LIKE '% ''paid'', NULL);');
            RETURN NEXT s;
            RETURN NEXT CASE step WHEN 3 THEN 'SELECT pg_sleep(0.2) \g /dev/null' END;
            IF client = 1 AND step = 2 THEN
                RETURN NEXT format('SAVEPOINT a; UPDATE firm.payments SET cents = 88888 WHERE user_id = %s; INSERT INTO firm.payments (id, user_id, cents, state, coupon, bought_at) VALUES (%s, 1, 777, ''strange'', ''ANN'', now());'
                    ' SAVEPOINT b; DELETE FROM firm.payments WHERE user_id = %1$s; ROLLBACK TO a;', u, u * 100 + 51);
            END IF;
        END LOOP;
        RETURN NEXT CASE WHEN client = 4 THEN 'PREPARE TRANSACTION :''gid''; COMMIT PREPARED :''gid'';' WHEN client BETWEEN 1 AND 5 OR client = 6 AND (n % 8 = 0 OR n = users) THEN 'COMMIT;' END;
        IF client = 6 AND n % 8 = 0 THEN
            RETURN NEXT format(E'COPY firm.payments (id, user_id, cents, state, coupon, bought_at, paid_at) FROM stdin;\n%s\n\\.',
                (SELECT string_agg(concat_ws(E'\t', u * 100 + 10 + i, u, 100 * i, CASE i % 9 WHEN 0 THEN 'strange' ELSE 'paid' END, 'BOB', timestamptz '2025-03-01 10:00Z' + i * interval '1 minute', timestamptz '2025-03-01 12:00Z'), E'\n') FROM generate_series(1, 60) AS i));
        END IF;
    END LOOP;
    RETURN NEXT 'SET session_replication_role = DEFAULT;';
END
$$;
