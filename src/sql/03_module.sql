-- The library itself: its version, and the clock of all decisions.

--| Version of the loaded library.
CREATE FUNCTION affiliate.version() RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'affiliate_version';
COMMENT ON FUNCTION affiliate.version() IS 'Version of the loaded library.';

CREATE FUNCTION affiliate._now() RETURNS timestamptz
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'affiliate_now';
COMMENT ON FUNCTION affiliate._now() IS
    'The clock of decisions: start of the statement (in a procedure that commits, of the current transaction), or the test clock pg_affiliate.now.';
