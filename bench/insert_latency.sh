# shellcheck shell=bash
# One INSERT of an owned customer's sale, against the same INSERT into the bare table. One client decides; beside it stands
# what a client on every core (two at least) gets, since a processor that waits for one client falls asleep and takes its time to wake.
MUST=3.0 AIM=2.0
CUSTOMERS=40000 PURCHASES=${PURCHASES:-3}
CLIENTS=$((JOBS > 1 ? JOBS : 2)) # the many

prepare() {
    sales_file # for its clicks, so that the tables are those of a firm with links, whatever claim ran before
    psql_value -v affiliates=$AFFILIATES -v customers=$CUSTOMERS -v purchases=$PURCHASES -f "$BENCH/sql/insert_latency.sql" >/dev/null
    logs_new
    LATENCIES=$LOGS/of_rounds
    : >"$LATENCIES"
}

# run_both CLIENTS TIMES: both INSERTs in turn, so that a machine that changes its speed changes both. Not in shorter runs: each
# new session meets all of the shared memory for the first time, as those of a firm's backend do not.
run_both() {
    local time script
    rm -f "$LOGS"/log.*
    for ((time = 1; time <= $2; time++)); do
        for script in insert_bare insert_settled; do
            pgbench_log "$script" "$1" -T "$SECONDS_EACH" --random-seed=$((100 * $1 + time)) -D customers=$CUSTOMERS \
                -f "$BENCH/pgbench/$script.sql" || return 1
        done
    done
    for script in insert_bare insert_settled; do
        say "${script}_$1 $(of_log "$script")" >>"$LATENCIES"
    done
}

# of_round SCRIPT: "mean median" latency in microseconds of one client, of the present round.
of_round() { awk -v name="$1_1" '$1 == name {found = $2 " " $3} END {print found}' "$LATENCIES"; }

measure_baseline() {
    fresh bench_base
    fresh affiliate
    psql_value -c "SELECT bench.restore('bench_owned', 'bench_base', '{transaction}')" \
        -c "SELECT bench.restore('bench_owned', 'affiliate', bench.written_tables())" >/dev/null
    vacuum_tables bench_base "VACUUM ANALYZE"
    vacuum_tables affiliate "VACUUM ANALYZE"
    run_both 1 2
    psql_value -c "SELECT bench.check_settled()" >/dev/null
    run_both "$CLIENTS" 1
    # Two clients may meet at one customer: then a sale is queued.
    [ "$(psql_value -c "SELECT 1000 * count(*) < (SELECT count(*) FROM affiliate.transaction) FROM affiliate.settle_queue")" = t ] ||
        die "too many sales were queued"
    of_round insert_bare
}

measure_ours() { of_round insert_settled; } # was measured with the baseline

# latency SCRIPT FIELD: the median of the rounds, without the first; fields are 2 mean, 3 median, 4 99th percentile.
latency() {
    local values
    mapfile -t values < <(awk -v name="$1" -v field="$2" '$1 == name && rounds++ {print $field}' "$LATENCIES")
    median "${values[@]}"
}

# latencies SCRIPT
latencies() { printf '%.0f us (median %.0f, p99 %.0f)' "$(latency "$1_1" 2)" "$(latency "$1_1" 3)" "$(latency "$1_1" 4)"; }

result() {
    local ours base
    ours=$(latency "insert_settled_$CLIENTS" 2) base=$(latency "insert_bare_$CLIENTS" 2)
    report "ours $(latencies insert_settled), baseline $(latencies insert_bare); with $CLIENTS clients $(calculate "$ours / $base" %.2f) ($(printf '%.0f against %.0f us' "$ours" "$base"))" \
        "median latency"
}
