-- How rule texts are refused: message, DETAIL with the character, HINT.
\set VERBOSITY default
\set SHOW_CONTEXT never

SELECT affiliate.check_rule_text('condition', 'product = ''two_step'' AND net >= 100');
SELECT affiliate.check_rule_text('amount', 'round(net * 0.15, 2)');

-- not in the vocabulary
SELECT affiliate.check_rule_text('condition', 'ordered_at > now()');
SELECT affiliate.check_rule_text('condition', 'product ~ ''^two''');
SELECT affiliate.check_rule_text('condition', 'product IN (SELECT ''two_step'')');
SELECT affiliate.check_rule_text('condition', 'ordered_at > ''yesterday''');
SELECT affiliate.check_rule_text('condition', 'ordered_at::date = ''2025-01-01''');
SELECT affiliate.check_rule_text('condition', 'net > 1 AND round(purchase_number) = 1');
SELECT affiliate.check_rule_text('condition', 'net > 1 FROM pg_class');
SELECT affiliate.check_rule_text('amount', 'net::numeric(10,2)');
SELECT affiliate.check_rule_text('condition', '''äöü'' = product AND random() > 0');
SELECT affiliate.check_rule_text('condition', repeat('NOT ', 2000) || 'true');
SELECT affiliate.check_rule_text('condition', repeat(' ', 10000) || 'true');

-- not understood
SELECT affiliate.check_rule_text('condition', 'prodct = ''two_step''');
SELECT affiliate.check_rule_text('condition', 'metadata.channel = ''tv''');
SELECT affiliate.check_rule_text('condition', 'net > ''many''');
SELECT affiliate.check_rule_text('condition', 'net > 100 AND');
SELECT affiliate.check_rule_text('condition', 'net');
SELECT affiliate.check_rule_text('amount', 'product');
SELECT affiliate.check_rule_text('amount', 'round(purchase_number)');
SELECT affiliate.check_rule_text('amount', '');
SELECT affiliate.check_rule_text('percentage', 'net');

-- the data is at fault
SELECT affiliate.evaluate_rule_text('amount', '(metadata ->> ''points'')::numeric',
    jsonb_populate_record(NULL::affiliate.rule_input, '{"metadata": {"points": "a lot"}}'));

-- the position is kept where PL/pgSQL calls
DO $$ BEGIN PERFORM affiliate.check_rule_text('condition', 'net > 1 AND net >> 2'); END $$;
DO $$ BEGIN PERFORM affiliate.check_rule_text('condition', 'net > 1 AND net > ''x'''); END $$;
