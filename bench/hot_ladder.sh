# shellcheck shell=bash
# As hot_affiliate, with a plan whose rate depends on the affiliate's sales of the month, while the drain ranks them.
MUST=0.90 AIM=1.0 SENSE='>=' CLAIM_ROUNDS=5

prepare() {
    sales_file
    HOT=$HOME_DIR/hot
    psql_quiet -v affiliates=$AFFILIATES -f "$BENCH/sql/ladder.sql"
}

# sell AFFILIATES: sales per second; every sale has its place on the ladder in the end, and some had before.
sell() {
    local drain
    fresh affiliate
    psql_quiet -c "TRUNCATE affiliate.affiliate_position"
    psql_quiet -c "CALL affiliate.drain_loop('$SECONDS_HOT s')" &
    drain=$!
    sales_per_second ladder "$1"
    wait "$drain"
    [ "$(psql_value -c "SELECT count(*) > 0 FROM affiliate.affiliate_position")" = t ] || die "the drain ranked nobody"
    drain_all >/dev/null
    [ "$(psql_value -c "SELECT (SELECT sum(counted) FROM affiliate.affiliate_position) = (SELECT count(*) FROM affiliate.transaction)
        AND (SELECT count(*) FROM affiliate.commission) = (SELECT count(*) FROM affiliate.transaction)")" = t ] || die "sales without a place on the ladder"
}

measure_baseline() { hot_in_turn; }
measure_ours() { cat "$HOT"; } # was measured with the baseline
result() { hot_result; }
