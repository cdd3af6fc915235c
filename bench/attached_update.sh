# shellcheck shell=bash
# An UPDATE of an attached table that touches no mapped column, against the same UPDATE of the table unattached.
MUST=1.4 AIM=1.2

prepare() {
    firm_tables
    logs_new
}

measure_baseline() {
    local order script
    psql_quiet -c "SET session_replication_role = replica" -c "TRUNCATE firm.payments, firm.payments_bare" -c "COPY firm.payments FROM '$PAYMENTS'" \
        -c "INSERT INTO firm.payments_bare TABLE firm.payments" -c "VACUUM ANALYZE firm.payments" -c "VACUUM ANALYZE firm.payments_bare" -c CHECKPOINT
    rm -f "$LOGS"/log.*
    for order in "update_bare update_attached" "update_attached update_bare"; do
        for script in $order; do
            pgbench_log "$script" 1 -T "$SECONDS_EACH" --random-seed=1 -D rows="$TRANSACTIONS" -f "$BENCH/pgbench/$script.sql" || return 1
        done
    done
    of_log update_bare | cut -d ' ' -f 1,2
}

measure_ours() { of_log update_attached | cut -d ' ' -f 1,2; } # was measured with the baseline
result() { latency_result; }
