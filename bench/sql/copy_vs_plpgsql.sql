-- The same steps as in baseline/copy_vs_plpgsql.sql.
-- psql variables: file, columns, first.
SET pg_affiliate.inline_budget = 0;
COPY affiliate.transaction (:columns) FROM :'first';
ANALYZE affiliate.transaction, affiliate.ownership, affiliate.conversion, affiliate.conversion_entry, affiliate.commission, affiliate.entry;
SELECT clock_timestamp() AS started \gset
COPY affiliate.transaction (:columns) FROM :'file';
SELECT extract(epoch FROM clock_timestamp() - :'started');
