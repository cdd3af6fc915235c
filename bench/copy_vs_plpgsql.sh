# shellcheck shell=bash
# COPY of sales with everything settled, against a row-level PL/pgSQL trigger that writes the same rows.
MUST=0.9 AIM=0.6

prepare() {
    sales_file
    # Both begin with some rows, so that the plans of the trigger are made for a table with rows.
    FIRST=$((TRANSACTIONS / 40)) COPIED=$((TRANSACTIONS - TRANSACTIONS / 40))
    head -n "$FIRST" "$SALES" >"$SALES.first"
    tail -n +"$((FIRST + 1))" "$SALES" >"$SALES.rest"
    chmod a+r "$SALES".*
    psql_value -f "$BENCH/baseline/plpgsql.sql" >/dev/null
    fresh affiliate
    timed_copy sql/copy_settle.sql "$SALES" >/dev/null
    EXPECTED=$(fingerprint affiliate)
}

measure_baseline() {
    fresh bench_plpgsql
    timed_copy baseline/copy_vs_plpgsql.sql "$SALES.rest"
    same_as "$EXPECTED" bench_plpgsql
}

measure_ours() {
    fresh affiliate
    timed_copy sql/copy_vs_plpgsql.sql "$SALES.rest"
    psql_value -c "SELECT bench.check_settled()" >/dev/null
    same_as "$EXPECTED" affiliate
}

result() { copy_result; }
