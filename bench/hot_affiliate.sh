# shellcheck shell=bash
# Eight clients that sell for one affiliate, against eight clients that sell for an affiliate each: sales per second.
MUST=0.90 AIM=1.0 SENSE='>=' CLAIM_ROUNDS=5

prepare() {
    sales_file # for its clicks
    HOT=$HOME_DIR/hot
}

# sell AFFILIATES: sales per second; everything is settled in the sale itself.
sell() {
    fresh affiliate
    sales_per_second prop "$1"
    few_queued
    drain_all >/dev/null
    psql_value -c "SELECT bench.check_settled()" >/dev/null
}

measure_baseline() { hot_in_turn; }
measure_ours() { cat "$HOT"; } # was measured with the baseline
result() { hot_result; }
