# shellcheck shell=bash
# One INSERT of a sale of a customer who has 20,000 (an id that many guests share), against one of a customer who has ten.
# The guest's sales are settled by the drain: large_drain is how long it takes for all of them.
MUST=2.0 AIM=1.2
GUEST_SALES=${GUEST_SALES:-20000} CUSTOMERS=2000 SALES_EACH=500

prepare() {
    sales_file # for its clicks
    psql_value -v affiliates=$AFFILIATES -v customers=$CUSTOMERS -v guest_sales="$GUEST_SALES" -f "$BENCH/sql/large_case_file.sql" >/dev/null
    vacuum_tables affiliate "VACUUM ANALYZE"
    logs_new
    DRAINS=$LOGS/drains
    : >"$DRAINS"
}

# inserts SCRIPT: "median mean" latency in microseconds; the mean has the beginning of the session in it.
inserts() {
    rm -f "$LOGS/log.$1".*
    pgbench_log "$1" 1 -t $SALES_EACH -D customers=$CUSTOMERS -f "$BENCH/pgbench/$1.sql" || return 1
    of_log "$1" | awk '{print $2, $1}'
}

measure_baseline() {
    inserts insert_ten
    psql_value -c "SELECT bench.check_queue(NULL, 0)" >/dev/null
}

measure_ours() {
    inserts insert_guest
    psql_value -c "SELECT bench.check_queue('guest', $SALES_EACH)" >/dev/null
    drain_all | cut -d ' ' -f 1 >>"$DRAINS"
    psql_value -c "SELECT bench.check_queue(NULL, 0)" -c "SELECT bench.check_guest()" >/dev/null
}

result() {
    local drains
    report "ours $(printf '%.0f' "$(median "${OURS[@]}")") us, baseline $(printf '%.0f' "$(median "${BASE[@]}")") us" "mean latency"
    mapfile -t drains < <(tail -n +2 "$DRAINS")
    MUST=2 AIM=1 UNIT=' s'
    verdict large_drain "$(median "${drains[@]}")" "to settle a customer with $(with_commas "$GUEST_SALES") sales; runs$(printf ' %.2f' "${drains[@]}")"
}
