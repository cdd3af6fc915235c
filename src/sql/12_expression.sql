-- Rule texts: conditions and amounts of plan rules (docs/rule-expressions.md).

--| Checks the text of a rule: `kind` is `condition` (true or false) or `amount` (a number). Returns when
--| the text may be used; otherwise raises `AF001` for what rules may not use and `AF002` for what does
--| not parse, names an unknown column or has the wrong type, with the character and a hint.
CREATE FUNCTION affiliate.check_rule_text(kind text, expression text) RETURNS void
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'affiliate_check_rule_text';
COMMENT ON FUNCTION affiliate.check_rule_text(text, text) IS
    'Raises an error with position and hint unless the text can be the condition or the amount of a rule.';

--| Checks the text as `check_rule_text` does and evaluates it for one row; the result as text: `true`,
--| `false` or a number, null where the expression is null. Reads no table.
CREATE FUNCTION affiliate.evaluate_rule_text(
    kind text, expression text, input affiliate.rule_input) RETURNS text
    LANGUAGE c STABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'affiliate_evaluate_rule_text';
COMMENT ON FUNCTION affiliate.evaluate_rule_text(text, text, affiliate.rule_input) IS
    'What the condition or the amount of a rule gives for one row.';

--| Signatures of the functions that rules may call, all in `pg_catalog`.
CREATE FUNCTION affiliate.rule_functions() RETURNS text[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'affiliate_rule_functions';
COMMENT ON FUNCTION affiliate.rule_functions() IS 'Signatures of the functions that rules may call.';

--| Signatures of the operators that rules may use, all in `pg_catalog`.
CREATE FUNCTION affiliate.rule_operators() RETURNS text[]
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'affiliate_rule_operators';
COMMENT ON FUNCTION affiliate.rule_operators() IS 'Signatures of the operators that rules may use.';

CREATE FUNCTION affiliate._number_text(value text) RETURNS text
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'affiliate_number_text';
COMMENT ON FUNCTION affiliate._number_text(text) IS
    'The text itself, if rules may read it as a number; they call this before each cast of a text to numeric.';
