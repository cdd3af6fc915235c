# shellcheck shell=bash
# One INSERT of an owned customer's sale, against the same INSERT into the bare table. One client decides; beside it stands
# what a client on every core gets, since a processor that waits for one client falls asleep and takes its time to wake.
MUST=3.0 AIM=2.0
CUSTOMERS=40000 PURCHASES=${PURCHASES:-3}

prepare() {
    psql_value -v affiliates=$AFFILIATES -v customers=$CUSTOMERS -v purchases=$PURCHASES -f "$BENCH/sql/insert_latency.sql" >/dev/null
    LATENCIES=$HOME_DIR/latencies
    : >"$LATENCIES"
}

# pgbench_run SCRIPT [CLIENTS]: "mean median" latency in microseconds; those and the 99th percentile go to $LATENCIES, named
# SCRIPT or SCRIPT_CLIENTS.
pgbench_run() {
    local log=$HOME_DIR/pgbench_log clients=${2:-1}
    rm -f "$log".*
    PGOPTIONS="-c synchronous_commit=off" pgbench -n -M prepared -c "$clients" -j "$clients" -T "$SECONDS_EACH" --random-seed="$clients" \
        -D customers=$CUSTOMERS --log --log-prefix="$log" -f "$BENCH/pgbench/$1.sql" >"$HOME_DIR/pgbench.out" 2>&1 ||
        { cat "$HOME_DIR/pgbench.out" >&2; return 1; }
    cat "$log".* | awk '{print $3}' | sort -n |
        awk -v name="$1${2:+_$2}" '{v[NR] = $1; sum += $1}
            END {printf "%s %.2f %d %d\n", name, sum / NR, v[int((NR + 1) / 2)], v[int(NR * 0.99)]}' >>"$LATENCIES"
    tail -n 1 "$LATENCIES" | cut -d ' ' -f 2,3
}

measure_baseline() {
    fresh bench_base
    psql_value -c "SELECT bench.restore('bench_owned', 'bench_base', '{transaction}')" >/dev/null
    vacuum_tables bench_base "VACUUM ANALYZE"
    pgbench_run insert_bare
    pgbench_run insert_bare "$JOBS" >/dev/null
}

measure_ours() {
    fresh affiliate
    psql_value -c "SELECT bench.restore('bench_owned', 'affiliate', bench.written_tables())" >/dev/null
    vacuum_tables affiliate "VACUUM ANALYZE"
    pgbench_run insert_settled
    psql_value -c "SELECT bench.check_settled()" >/dev/null
    pgbench_run insert_settled "$JOBS" >/dev/null
    # Two clients may meet at one customer: then a sale is queued.
    [ "$(psql_value -c "SELECT 1000 * count(*) < (SELECT count(*) FROM affiliate.transaction) FROM affiliate.settle_queue")" = t ] ||
        die "too many sales were queued"
}

# latency SCRIPT FIELD: the median of the rounds, without the first; fields are 2 mean, 3 median, 4 99th percentile.
latency() {
    local values
    mapfile -t values < <(awk -v name="$1" -v field="$2" '$1 == name && rounds++ {print $field}' "$LATENCIES")
    median "${values[@]}"
}

# latencies SCRIPT
latencies() { printf '%.0f us (median %.0f, p99 %.0f)' "$(latency "$1" 2)" "$(latency "$1" 3)" "$(latency "$1" 4)"; }

result() {
    local ours base
    ours=$(latency "insert_settled_$JOBS" 2) base=$(latency "insert_bare_$JOBS" 2)
    report "ours $(latencies insert_settled), baseline $(latencies insert_bare); with $JOBS clients $(calculate "$ours / $base" %.2f) ($(printf '%.0f against %.0f us' "$ours" "$base"))" \
        "median latency"
}
