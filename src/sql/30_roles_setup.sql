-- Roles: one owner without login, and three group roles to grant to people and programs.

CREATE FUNCTION affiliate._setup_roles() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp SET client_min_messages = warning
AS $setup$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES
            ('affiliate_owner', 'pg_affiliate: owns every table of schema affiliate; no one logs in as this role'),
            ('affiliate_mapping', 'pg_affiliate: evaluates the mappings of attached tables, with no right but what is granted for them; no one logs in as this role'),
            ('affiliate_reader', 'pg_affiliate: reads everything but personal data'),
            ('affiliate_writer', 'pg_affiliate: writes facts (clicks, customers, transactions, disputes), and asks what a checkout asks'),
            ('affiliate_admin', 'pg_affiliate: writes the rulebook and makes the operator''s calls')) AS v (role_name, description)
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.role_name) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted.role_name);
            EXECUTE format('COMMENT ON ROLE %I IS %L', wanted.role_name, wanted.description);
        END IF;
    END LOOP;

    -- Functions with the owner's rights must never have more rights than the tables need.
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'affiliate_owner' AND (rolcanlogin OR rolsuper OR rolcreaterole OR rolcreatedb)) THEN
        ALTER ROLE affiliate_owner NOLOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'affiliate_mapping' AND (rolcanlogin OR rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls)) THEN
        ALTER ROLE affiliate_mapping NOLOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB NOBYPASSRLS;
    END IF;
    IF NOT pg_has_role('affiliate_admin', 'affiliate_reader', 'MEMBER') THEN
        GRANT affiliate_reader TO affiliate_admin;
    END IF;
END
$setup$;
COMMENT ON FUNCTION affiliate._setup_roles() IS 'Part of setup(): creates the roles that are missing.';
