# shellcheck shell=bash
# A thousand refunds of sales of the past year, each a statement of its own, and a refresh of the rollups, against summing the
# ledger streams anew.
MUST=0.1 AIM=0.02

prepare() {
    year_database "$YEAR_SALES" "$YEAR_CLICKS"
}

measure_baseline() {
    psql_value -f "$BENCH/sql/recount.sql" | sed 's/$/ 0.000000/'
}

measure_ours() {
    local began run
    say again >>"$HOME_DIR/runs" # in a subshell: a variable would be forgotten
    run=$(wc -l <"$HOME_DIR/runs")
    psql_quiet -c VACUUM
    began=$(date +%s.%N)
    PGOPTIONS="-c synchronous_commit=off -c pg_affiliate.inline_budget=0" pgbench -n -M prepared -c 1 -t 1000 -D run="$run" -D sales="$YEAR_SALES" -f "$BENCH/pgbench/late_refund.sql" >"$HOME_DIR/pgbench.out" 2>&1 ||
        { cat "$HOME_DIR/pgbench.out" >&2; return 1; }
    psql_quiet -c "CALL affiliate.rollup_catch_up()"
    calculate "$(date +%s.%N) - $began" '%.6f 0.000000\n'
}

result() {
    [ "$(psql_value -c "SELECT count(*) FROM affiliate.verify() WHERE code LIKE 'rollup%'")" = 0 ] || die "$CLAIM: the rollups are wrong"
    report "1,000 refunds and a refresh $(median "${OURS[@]}") s, recount $(median "${BASE[@]}") s; $(with_commas "$YEAR_SALES") sales" ""
}
