-- What an attacker would put into the search_path: twins of everything rules may call, and better matches for what they
-- call by a conversion. Each takes a number of a sequence when it is called, which no rollback gives back.
CREATE SCHEMA trap;
CREATE SEQUENCE trap.sprung;
CREATE FUNCTION trap.spring() RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM pg_catalog.nextval('trap.sprung'); RETURN true; END $$;

DO $$
DECLARE
    word text;
    f record;
    o record;
    body CONSTANT text := ' LANGUAGE plpgsql IMMUTABLE AS ''BEGIN PERFORM trap.spring(); RETURN NULL; END''';
    bait text;
    twin text;
BEGIN
    FOREACH word IN ARRAY affiliate.rule_functions() LOOP
        SELECT quote_ident(p.proname) AS name, pg_get_function_identity_arguments(p.oid) AS arguments, p.prorettype::regtype AS result INTO f
        FROM pg_proc AS p WHERE p.oid = ('pg_catalog.' || word)::regprocedure;
        EXECUTE format('CREATE FUNCTION trap.%s(%s) RETURNS %s', f.name, f.arguments, f.result) || body;
    END LOOP;
    FOREACH word IN ARRAY affiliate.rule_operators() LOOP
        SELECT oprname AS name, nullif(oprleft, 0)::regtype AS l, oprright::regtype AS r, oprresult::regtype AS result INTO o
        FROM pg_operator WHERE oid = ('pg_catalog.' || word)::regoperator;
        twin := 'twin_' || md5(word);
        EXECUTE format('CREATE FUNCTION trap.%s(%s) RETURNS %s', twin, concat_ws(', ', o.l, o.r), o.result) || body;
        EXECUTE format('CREATE OPERATOR trap.%s (FUNCTION = trap.%s, %s RIGHTARG = %s)', o.name, twin, 'LEFTARG = ' || o.l || ',', o.r);
    END LOOP;
    FOREACH bait IN ARRAY ARRAY['round(integer)', 'floor(integer)', 'sign(integer)', 'trunc(bigint)', 'mod(numeric, integer)', 'div(integer, integer)',
                                'numeric_of(text)', 'now()', 'evil(integer)', 'evil(numeric)'] LOOP
        EXECUTE format('CREATE FUNCTION trap.%s RETURNS numeric', bait) || body;
    END LOOP;
    FOREACH bait IN ARRAY ARRAY['+ numeric integer numeric', '- integer numeric numeric', '* numeric integer numeric', '/ numeric integer numeric',
                                '= text integer boolean', '= numeric integer boolean', '> numeric integer boolean', '< bigint numeric boolean',
                                '|| text integer text', '~~ text varchar boolean', '=== numeric integer boolean', '<+> numeric numeric numeric'] LOOP
        twin := 'twin_' || md5(bait);
        EXECUTE format('CREATE FUNCTION trap.%s(%s, %s) RETURNS %s', twin, split_part(bait, ' ', 2), split_part(bait, ' ', 3), split_part(bait, ' ', 4)) || body;
        EXECUTE format('CREATE OPERATOR trap.%s (FUNCTION = trap.%s, LEFTARG = %s, RIGHTARG = %s)', split_part(bait, ' ', 1), twin,
                       split_part(bait, ' ', 2), split_part(bait, ' ', 3));
    END LOOP;
    FOREACH word IN ARRAY ARRAY['text', 'numeric', 'bool', 'int4', 'int8', 'timestamptz', 'timestamp', 'jsonb'] LOOP
        EXECUTE format('CREATE DOMAIN trap.%s AS pg_catalog.%s CHECK (trap.spring())', word, word);
    END LOOP;
END $$;
CREATE DOMAIN trap.euro AS pg_catalog.numeric CHECK (trap.spring());
CREATE TYPE trap.thing AS (a pg_catalog.int4);
CREATE FUNCTION trap.thing_of(pg_catalog.numeric) RETURNS trap.thing LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM trap.spring(); RETURN NULL; END';
CREATE FUNCTION trap.holds(trap.thing) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM trap.spring(); RETURN true; END';
CREATE CAST (pg_catalog.numeric AS trap.thing) WITH FUNCTION trap.thing_of(pg_catalog.numeric) AS IMPLICIT;
CREATE CAST (trap.thing AS boolean) WITH FUNCTION trap.holds(trap.thing) AS IMPLICIT;
CREATE VIEW trap.rule_input AS SELECT 1 AS net;
