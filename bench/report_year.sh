# shellcheck shell=bash
# performance() of all affiliates by month over a year, against the same question as one aggregate over facts and ledger.
MUST=0.05 AIM=0.01

prepare() { year_database "$YEAR_SALES" "$YEAR_CLICKS"; }

measure_baseline() { report_seconds 0 2024-01-01 2025-01-01; }
measure_ours() { report_seconds 1 2024-01-01 2025-01-01; }

result() {
    report "performance() $(calculate "1000 * $(median "${OURS[@]}")" %.0f) ms, one aggregate $(calculate "1000 * $(median "${BASE[@]}")" %.0f) ms; $(with_commas "$YEAR_SALES") sales, $(with_commas "$YEAR_CLICKS") clicks" ""
}
