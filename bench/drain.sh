# shellcheck shell=bash
# The drain settles queued customers, each with a sale, against settling them inside the COPY that brings the sales.
MUST=1.3 AIM=1.0

prepare() {
    COPIED=$TRANSACTIONS SALES=$SERVER_DIR/sales.drain
    psql_quiet -v sales="$TRANSACTIONS" -v affiliates=$AFFILIATES -f "$BENCH/sql/one_sale_each.sql" >"$SALES"
    chmod a+r "$SALES"
    logs_new
    WHOLE=$LOGS/whole # seconds of COPY and drain
    : >"$WHOLE"
    fresh affiliate
    drain_all >/dev/null # the clicks of other claims
    timed_copy sql/copy_settle.sql "$SALES" >/dev/null
    EXPECTED=$(fingerprint affiliate)
}

measure_baseline() {
    fresh affiliate
    timed_copy sql/copy_settle.sql "$SALES"
    psql_value -c "SELECT bench.check_settled()" >/dev/null
    same_as "$EXPECTED" affiliate
}

measure_ours() {
    local copied drained
    fresh affiliate
    copied=$(timed_copy sql/copy_queue.sql "$SALES")
    [ "$(psql_value -c "SELECT count(DISTINCT customer_id) FROM affiliate.settle_queue")" = "$TRANSACTIONS" ] || die "not all customers were queued"
    psql_quiet -c CHECKPOINT
    drained=$(drain_all)
    calculate "${copied% *} + ${drained% *}" '%.6f\n' >>"$WHOLE"
    psql_value -c "SELECT bench.check_settled()" >/dev/null
    same_as "$EXPECTED" affiliate
    say "$drained"
}

result() {
    local whole
    mapfile -t whole < <(tail -n +2 "$WHOLE")
    report "ours $(with_commas "$(calculate "$COPIED / $(median "${OURS[@]}")")") customers/s, baseline $(with_commas "$(calculate "$COPIED / $(median "${BASE[@]}")")"); COPY and drain together $(calculate "$(median "${whole[@]}") / $(median "${BASE[@]}")" %.2f)" "processor time"
}
