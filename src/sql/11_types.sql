-- Row types of internal functions.

CREATE TYPE affiliate.known_program AS (program_no integer, currency text);
COMMENT ON TYPE affiliate.known_program IS 'Number and currency of a program.';
