# shellcheck shell=bash
# The report of a year with ten years of history, against the same with that year alone.
MUST=1.5 AIM=1.1

prepare() {
    year_database $((YEAR_SALES / 10)) $((YEAR_CLICKS / 10))
    rm -f "$HOME_DIR/year" # it will be one no longer
    # each measurement has its own database: one is a copy of the other, with nine years more before
    psql_quiet -d postgres -c "DROP DATABASE IF EXISTS bench_short WITH (FORCE)" -c "CREATE DATABASE bench_short TEMPLATE bench_year"
    psql_quiet -f "$BENCH/sql/nine_years.sql"
}

measure_baseline() { PGDATABASE=bench_short report_seconds 1 2024-01-01 2025-01-01; }
measure_ours() { report_seconds 1 2024-01-01 2025-01-01; }

result() {
    report "with ten years $(calculate "1000 * $(median "${OURS[@]}")" %.0f) ms, with one $(calculate "1000 * $(median "${BASE[@]}")" %.0f) ms; $(with_commas $((YEAR_SALES / 10))) sales a year" ""
}
