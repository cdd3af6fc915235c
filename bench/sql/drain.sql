-- Until nothing is due, as drain_loop() does it.
\ir watch_start.sql
DO $$ BEGIN LOOP EXIT WHEN affiliate.drain(1000) = 0; COMMIT; END LOOP; END $$;
\ir watch_stop.sql
