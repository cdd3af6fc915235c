-- Prints "seconds processor_seconds".
SELECT extract(epoch FROM clock_timestamp() - :'started') AS seconds \gset
\set cpu_stopped `cut -d ' ' -f 1 /proc/$BACKEND/schedstat 2>/dev/null || echo 0`
SELECT round(:seconds, 6), round((:cpu_stopped - :cpu_started) / 1e9, 6);
