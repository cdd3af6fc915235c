# shellcheck shell=bash
# COPY of clicks, against the same COPY into a table with the same columns, defaults, CHECKs and indexes.
MUST=1.15 AIM=1.05

prepare() {
    click_tables
    COPIED=$TRANSACTIONS CLICKS=$SERVER_DIR/clicks.copy ROUND=0
    psql_quiet -v clicks="$TRANSACTIONS" -v affiliates=$AFFILIATES -f "$BENCH/sql/clicks.sql" >"$CLICKS"
}

# Other ids for each round: clicks are never deleted.
measure_baseline() {
    sed "s/^/$(date +%s%N)-/" "$CLICKS" >"$CLICKS.round"
    chmod a+r "$CLICKS.round"
    psql_quiet -c CHECKPOINT
    psql_value -F ' ' -v table=bench_click.click -v file="$CLICKS.round" -f "$BENCH/sql/click_copy.sql"
}

measure_ours() {
    psql_quiet -c CHECKPOINT
    psql_value -F ' ' -v table=affiliate.click -v file="$CLICKS.round" -f "$BENCH/sql/click_copy.sql"
    [ "$(clicks_in affiliate)" = "$(clicks_in bench_click)" ] || die "the clicks differ"
}

clicks_in() { psql_value -c "SELECT count(*), sum(hashtextextended(concat_ws('|', click_id, program_id, link_id, clicked_at, visitor_id), 0)::numeric) FROM $1.click"; }

result() { copy_result; }
