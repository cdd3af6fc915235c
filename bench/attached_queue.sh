# shellcheck shell=bash
# With pg_affiliate.mode = queue: one INSERT into an attached table, against the INSERT into the same table unattached.
MUST=1.5 AIM=1.3

MODE=queue

prepare() { firm_customers; }

measure_baseline() {
    psql_quiet -c "LOAD 'pg_affiliate'" -c "ALTER DATABASE bench SET pg_affiliate.mode = queue"
    insert_in_turn attached_bare attached_capture
    psql_quiet -c "LOAD 'pg_affiliate'" -c "ALTER DATABASE bench RESET pg_affiliate.mode"
    psql_quiet -c "TRUNCATE affiliate.pending_input"
}

measure_ours() { of_log attached_capture | cut -d ' ' -f 1,2; } # was measured with the baseline
result() { latency_result; }
