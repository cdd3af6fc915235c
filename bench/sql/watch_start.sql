-- Starts the watch: wall time, and processor time of this backend (what others do on the machine changes only the first).
SELECT pg_backend_pid() AS backend \gset
\setenv BACKEND :backend
\set cpu_started `cut -d ' ' -f 1 /proc/$BACKEND/schedstat 2>/dev/null || echo 0`
SELECT clock_timestamp() AS started \gset
