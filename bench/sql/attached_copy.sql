-- psql variable: file.
SET pg_affiliate.inline_budget = 0;
\ir watch_start.sql
COPY firm.payments FROM :'file';
\ir watch_stop.sql
