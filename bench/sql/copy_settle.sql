-- psql variables: file, columns.
SET pg_affiliate.inline_budget = 0;
\ir watch_start.sql
COPY affiliate.transaction (:columns) FROM :'file';
\ir watch_stop.sql
