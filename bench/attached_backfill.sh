# shellcheck shell=bash
# Rows per second of backfill() of an attached table, against those of a COPY of the same sales into affiliate.transaction.
MUST=0.7 AIM=1.0 SENSE='>='

prepare() {
    firm_tables
    firm_fresh
    psql_quiet -c "SET session_replication_role = replica" -c "COPY firm.payments FROM '$PAYMENTS'" -c "VACUUM ANALYZE firm.payments"
    fresh affiliate
    timed_copy sql/copy_settle.sql "$SALES" >/dev/null
    EXPECTED=$(fingerprint affiliate)
}

measure_baseline() {
    fresh affiliate
    rows_per_second "$(timed_copy sql/copy_settle.sql "$SALES")"
    same_as "$EXPECTED" affiliate
}

measure_ours() {
    fresh affiliate
    rows_per_second "$(timed_copy sql/attached_backfill.sql "$PAYMENTS")"
    nothing_kept on
    same_as "$EXPECTED" affiliate
}

# rows_per_second "SECONDS ..."
rows_per_second() { calculate "$TRANSACTIONS / ${1% *}" '%.0f 0.000000\n'; }

result() { report "ours $(with_commas "$(median "${OURS[@]}")") rows/s, baseline $(with_commas "$(median "${BASE[@]}")") rows/s" "rows per second"; }
