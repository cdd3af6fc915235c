# shellcheck shell=bash
# COPY of sales with everything settled, against writing exactly the resulting rows.
MUST=2.0 AIM=1.3

prepare() {
    sales_file
    COPIED=$TRANSACTIONS
    fresh affiliate
    timed_copy sql/copy_settle.sql "$SALES" >/dev/null
    psql_value -c "SELECT bench.check_settled()" -c "SELECT bench.keep('bench_stage')" >/dev/null
    EXPECTED=$(fingerprint affiliate)
    for table in ownership conversion conversion_entry commission entry; do psql_quiet -c "VACUUM ANALYZE bench_stage.$table"; done
}

measure_baseline() {
    fresh bench_base
    timed_copy baseline/copy_settle.sql "$SALES"
    same_as "$EXPECTED" bench_base
}

measure_ours() {
    fresh affiliate
    timed_copy sql/copy_settle.sql "$SALES"
    psql_value -c "SELECT bench.check_settled()" >/dev/null
    same_as "$EXPECTED" affiliate
}

result() { copy_result; }
