-- The rows that settling wrote, written as if somebody had known them before: COPY and plain INSERTs.
-- psql variables: file, columns.
\ir ../sql/watch_start.sql
BEGIN;
COPY bench_base.transaction (:columns) FROM :'file';
INSERT INTO bench_base.ownership TABLE bench_stage.ownership;
INSERT INTO bench_base.conversion TABLE bench_stage.conversion;
INSERT INTO bench_base.conversion_entry TABLE bench_stage.conversion_entry;
INSERT INTO bench_base.commission TABLE bench_stage.commission;
INSERT INTO bench_base.entry TABLE bench_stage.entry;
COMMIT;
\ir ../sql/watch_stop.sql
