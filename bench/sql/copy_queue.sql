-- psql variables: file, columns.
SET pg_affiliate.mode = queue;
\ir watch_start.sql
COPY affiliate.transaction (:columns) FROM :'file';
\ir watch_stop.sql
