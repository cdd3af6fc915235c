-- The trigger of plpgsql.sql. Its plans are made anew after the first rows and ANALYZE: made for empty tables they would
-- read whole tables, and the foreign key's would use a wrong index (ten times slower).
-- psql variables: file, columns, first.
SET enable_seqscan = off;
COPY bench_plpgsql.transaction (:columns) FROM :'first';
ANALYZE bench_plpgsql.transaction, bench_plpgsql.ownership, bench_plpgsql.conversion, bench_plpgsql.conversion_entry, bench_plpgsql.commission,
    bench_plpgsql.entry;
\ir ../sql/watch_start.sql
COPY bench_plpgsql.transaction (:columns) FROM :'file';
\ir ../sql/watch_stop.sql
