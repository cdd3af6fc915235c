-- Casts between the server's own types, which are found whatever the search_path is: only a superuser can plant them.
CREATE FUNCTION trap.cast_of(text) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM trap.spring(); RETURN 1; END';
CREATE FUNCTION trap.cast_of(numeric) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM trap.spring(); RETURN true; END';
CREATE FUNCTION trap.cast_of(timestamptz) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM trap.spring(); RETURN 1; END';
CREATE FUNCTION trap.cast_of(boolean) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM trap.spring(); RETURN 1; END';
CREATE CAST (text AS numeric) WITH FUNCTION trap.cast_of(text) AS IMPLICIT;
CREATE CAST (numeric AS boolean) WITH FUNCTION trap.cast_of(numeric) AS IMPLICIT;
-- a twin: by name and arguments rules might call it
CREATE CAST (jsonb AS text) WITH FUNCTION trap.jsonb_typeof(jsonb) AS IMPLICIT;
CREATE CAST (timestamptz AS numeric) WITH FUNCTION trap.cast_of(timestamptz) AS IMPLICIT;
CREATE CAST (boolean AS bigint) WITH FUNCTION trap.cast_of(boolean) AS IMPLICIT;
