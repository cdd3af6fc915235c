# shellcheck shell=bash
# COPY of sales into a firm's own table that is attached, against COPY of the same sales into affiliate.transaction.
MUST=1.4 AIM=1.2

prepare() {
    firm_tables
    COPIED=$TRANSACTIONS
    fresh affiliate
    timed_copy sql/copy_settle.sql "$SALES" >/dev/null
    psql_value -c "SELECT bench.check_settled()" >/dev/null
    EXPECTED=$(fingerprint affiliate)
}

measure_baseline() {
    fresh affiliate
    timed_copy sql/copy_settle.sql "$SALES"
    same_as "$EXPECTED" affiliate
}

measure_ours() {
    fresh affiliate
    firm_fresh
    timed_copy sql/attached_copy.sql "$PAYMENTS"
    nothing_kept on
    same_as "$EXPECTED" affiliate
}

result() { copy_result; }
