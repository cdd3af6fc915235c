# shellcheck shell=bash
# Shared by bench/run and the claims: the database, the measurements, the median.

# What a claim means is worthless with half a server: these are the settings of all measurements.
BENCH_SETTINGS="-c shared_buffers=1GB -c max_wal_size=32GB -c checkpoint_timeout=1h -c work_mem=16MB -c autovacuum=off
    -c fsync=on -c full_page_writes=on -c jit=off -c synchronous_commit=on -c cron.launch_active_jobs=off"

AFFILIATES=200
COLUMNS_OF_SALE=customer_id,transaction_id,program_id,transaction_type,status,currency,amount,ordered_at,completed_at,order_id,product_id
COLUMNS_OF_SALE+=,challenge_type,account_size,list_price,discount,coupon_codes

psql_value() { psql_quiet -At "$@"; }

# bench_database: a fresh database with the rulebook and the bare tables.
bench_database() {
    psql_quiet -d postgres -c "SET client_min_messages = warning" -c "DROP DATABASE IF EXISTS bench WITH (FORCE)"
    export PGDATABASE=bench
    database_create bench
    psql_quiet -v affiliates=$AFFILIATES -f "$BENCH/sql/setup.sql"
    psql_value -c "SELECT bench.create_tables('bench_base')" >/dev/null
}

# sales_file: generates the sales once and writes them to $SALES, which the server reads.
sales_file() {
    [ -z "${SALES:-}" ] || return 0
    SALES=$SERVER_DIR/sales.copy
    psql_quiet -v affiliates=$AFFILIATES -v transactions="$TRANSACTIONS" -f "$BENCH/sql/sales.sql"
    psql_quiet -c "COPY bench.sale ($COLUMNS_OF_SALE) TO STDOUT" >"$SALES"
    chmod a+r "$SALES"
}

# fresh SCHEMA: its tables empty, and no checkpoint soon.
fresh() {
    psql_value -c "SELECT bench.truncate_tables('$1')" >/dev/null
    vacuum_tables "$1" "VACUUM"
}

# vacuum_tables SCHEMA COMMAND
vacuum_tables() {
    local table args=()
    for table in transaction ownership conversion conversion_entry commission entry; do
        args+=(-c "$2 $1.$table")
    done
    [ "$1" != affiliate ] || args+=(-c "$2 affiliate.settle_queue")
    psql_quiet "${args[@]}" -c CHECKPOINT
}

# timed_copy SCRIPT.sql FILE: "seconds processor_seconds".
timed_copy() { psql_value -F ' ' -v file="$2" -v first="$SALES.first" -v columns="$COLUMNS_OF_SALE" -f "$BENCH/$1"; }

fingerprint() { psql_value -c "SELECT bench.fingerprint('$1')"; }

# same_as EXPECTED SCHEMA: a measurement of other work is none.
same_as() {
    local got
    got=$(fingerprint "$2")
    [ "$1" = "$got" ] || die "the rows in $2 are not the expected ones:"$'\n'"$1"$'\n'"$got"
}

# median NUMBER...
median() { printf '%s\n' "$@" | sort -g | awk '{v[NR] = $1} END {print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2}'; }

# calculate EXPRESSION [FORMAT]
calculate() { awk "BEGIN {printf \"${2:-%.6f}\", $1}"; }

# with_commas NUMBER
with_commas() { printf '%.0f' "$1" | sed -E ':a; s/^([0-9]+)([0-9]{3})/\1,\2/; ta'; }

# alternate: runs baseline and ours in turn, once to warm up and then ROUNDS times. Each measurement gives two numbers,
# the one that counts and one that a busy machine changes less; ratios in RATIOS and STEADY.
alternate() {
    local round base ours
    RATIOS=() STEADY=() BASE=() OURS=()
    for ((round = 0; round <= ROUNDS; round++)); do
        base=$(measure_baseline) && ours=$(measure_ours) || die "$CLAIM: the measurement failed"
        say "$CLAIM round $round: baseline $base ours $ours ratio $(calculate "${ours% *} / ${base% *}" %.2f)" >&2
        [ "$round" -gt 0 ] || continue
        BASE+=("${base% *}") OURS+=("${ours% *}") RATIOS+=("$(calculate "${ours% *} / ${base% *}" %.4f)")
        [ "${base#* }" = 0.000000 ] || STEADY+=("$(calculate "${ours#* } / ${base#* }" %.4f)")
    done
}

# copy_result: what alternate() found out about a COPY.
copy_result() {
    local base ours
    base=$(median "${BASE[@]}") ours=$(median "${OURS[@]}")
    report "ours $(with_commas "$(calculate "$COPIED / $ours")") rows/s, baseline $(with_commas "$(calculate "$COPIED / $base")") rows/s" "processor time"
}

# report TEXT WHAT: the line of a claim. WHAT the second numbers are.
report() {
    local ratio word=missed aim=missed
    ratio=$(median "${RATIOS[@]}")
    if [ "$(calculate "$ratio <= $MUST" %d)" = 1 ]; then word=met; else MISSED=1; fi
    [ "$(calculate "$ratio <= $AIM" %d)" = 0 ] || aim=met
    printf '%-16s %5.2f  must <= %.1f %-6s  aim <= %.1f %-6s  %s; ratios%s; by %s%s\n' "$CLAIM" "$ratio" "$MUST" "$word" \
        "$AIM" "$aim" "$1" "$(printf ' %.2f' "${RATIOS[@]}")" "$2" "$(printf ' %.2f' "${STEADY[@]}")" | tee -a "$RESULTS"
}
