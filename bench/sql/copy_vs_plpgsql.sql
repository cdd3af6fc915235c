-- The same steps as in baseline/copy_vs_plpgsql.sql.
-- psql variables: file, columns, first.
SET pg_affiliate.inline_budget = 0;
COPY affiliate.transaction (:columns) FROM :'first';
ANALYZE affiliate.transaction, affiliate.ownership, affiliate.conversion, affiliate.conversion_entry, affiliate.commission, affiliate.entry;
\ir watch_start.sql
COPY affiliate.transaction (:columns) FROM :'file';
\ir watch_stop.sql
