-- psql variables: file, columns.
SET pg_affiliate.inline_budget = 0;
SELECT clock_timestamp() AS started \gset
COPY affiliate.transaction (:columns) FROM :'file';
SELECT extract(epoch FROM clock_timestamp() - :'started');
