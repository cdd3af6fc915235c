-- The trigger of plpgsql.sql. Its plans are made while the tables are empty: without this they would read whole tables.
-- psql variables: file, columns.
SET enable_seqscan = off;
SELECT clock_timestamp() AS started \gset
COPY bench_plpgsql.transaction (:columns) FROM :'file';
SELECT extract(epoch FROM clock_timestamp() - :'started');
