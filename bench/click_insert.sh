# shellcheck shell=bash
# One INSERT of a click, against the same INSERT into a table with the same columns, defaults, CHECKs and indexes.
MUST=1.15 AIM=1.05

prepare() {
    click_tables
    logs_new
    SEEDS=$LOGS/seeds # used so far: clicks are never deleted, and no id comes twice
    : >"$SEEDS"
}

# Each twice, the first one last the second time, so that a machine that changes its speed changes both.
measure_baseline() {
    local order schema seed
    rm -f "$LOGS"/log.*
    for order in "bench_click affiliate" "affiliate bench_click"; do
        seed=$(wc -l <"$SEEDS")
        say "$seed" >>"$SEEDS"
        for schema in $order; do
            pgbench_log $schema 1 -T "$SECONDS_EACH" --random-seed="$seed" -f "$BENCH/pgbench/click_$schema.sql" || return 1
        done
    done
    of_log bench_click | cut -d ' ' -f 1,2
}

measure_ours() { of_log affiliate | cut -d ' ' -f 1,2; } # was measured with the baseline

result() {
    report "ours $(printf '%.0f' "$(median "${OURS[@]}")") us, baseline $(printf '%.0f' "$(median "${BASE[@]}")") us" "median latency"
}
