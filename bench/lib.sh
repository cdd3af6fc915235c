# shellcheck shell=bash
# Shared by bench/run and the claims: the database, the measurements, the median.

# A measurement that fails half-way is none, also where its figures are taken from its output.
shopt -s inherit_errexit

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

# pgbench_log NAME CLIENTS ARGUMENT...: runs pgbench and adds the latency of each transaction to the log NAME in $LOGS.
pgbench_log() {
    local name=$1 clients=$2
    shift 2
    PGOPTIONS="-c synchronous_commit=off" pgbench -n -M prepared -c "$clients" -j "$clients" --log --log-prefix="$LOGS/log.$name" "$@" \
        >"$HOME_DIR/pgbench.out" 2>&1 || { cat "$HOME_DIR/pgbench.out" >&2; return 1; }
}

# logs_new: forgets what was logged.
logs_new() {
    LOGS=$HOME_DIR/latencies
    rm -rf "$LOGS"
    mkdir "$LOGS"
}

# of_log NAME: "mean median p99" of the latencies logged, in microseconds.
of_log() {
    cat "$LOGS/log.$1".* | awk '{print $3}' | sort -n |
        awk '{v[NR] = $1; sum += $1} END {printf "%.2f %d %d\n", sum / NR, v[int((NR + 1) / 2)], v[int(NR * 0.99)]}'
}

# drain_all: drains until nothing is due; "seconds processor_seconds".
drain_all() { psql_value -F ' ' -f "$BENCH/sql/drain.sql"; }

# click_tables: a bare copy of the clicks' table beside it, as many rows in both.
click_tables() {
    sales_file
    psql_value -c "SET client_min_messages = warning" -c "DROP SCHEMA IF EXISTS bench_click CASCADE" -c "SELECT bench.create_tables('bench_click', '{click}')" \
        -c "INSERT INTO bench_click.click TABLE affiliate.click" >/dev/null
    psql_quiet -c "VACUUM ANALYZE affiliate.click" -c "VACUUM ANALYZE bench_click.click"
}

# sales_per_second PROGRAM AFFILIATES: of eight clients that sell for so many affiliates.
sales_per_second() {
    PGOPTIONS="-c synchronous_commit=off" pgbench -n -M prepared -c 8 -j "$JOBS" -T "$SECONDS_HOT" --random-seed=1 \
        -D program="$1" -D affiliates="$2" -f "$BENCH/pgbench/insert_hot.sql" >"$HOME_DIR/pgbench.out" 2>&1 ||
        { cat "$HOME_DIR/pgbench.out" >&2; return 1; }
    sed -n 's/^tps = \([0-9.]*\) .*/\1/p' "$HOME_DIR/pgbench.out"
}

# hot_in_turn: "sell" for eight affiliates, one, one, eight, so that a machine that changes its speed changes both; what one
# sold goes to $HOT, what eight sold is printed.
hot_in_turn() {
    local eight one
    SECONDS_HOT=$(((SECONDS_EACH + 1) / 2))
    eight=$(sell 8)
    one=$(sell 1)
    one+=" $(sell 1)"
    eight+=" $(sell 8)"
    # shellcheck disable=SC2086
    say "$(median $one) 0.000000" >"$HOT"
    # shellcheck disable=SC2086
    say "$(median $eight) 0.000000"
}

# few_queued: two clients may meet at one slot, then a sale is queued.
few_queued() {
    [ "$(psql_value -c "SELECT 100 * count(*) < (SELECT count(*) FROM affiliate.transaction) FROM affiliate.settle_queue")" = t ] ||
        die "too many sales were queued"
}

# hot_result: what alternate() found out about sales per second.
hot_result() {
    report "one affiliate $(with_commas "$(median "${OURS[@]}")") sales/s, eight $(with_commas "$(median "${BASE[@]}")") sales/s" "sales per second"
}

# year_database SALES CLICKS: a database with a year of them, settled and rolled up; the same one for claims of one size.
year_database() {
    local stamp="$1 $2"
    export PGDATABASE=bench_year
    rm -f "$HOME_DIR/report.sums" "$HOME_DIR/runs"
    [ "$(cat "$HOME_DIR/year" 2>/dev/null)" != "$stamp" ] || ! database_exists bench_year || return 0
    say "$CLAIM: making a year of $(with_commas "$1") sales and $(with_commas "$2") clicks" >&2
    psql_quiet -d postgres -c "SET client_min_messages = warning" -c "DROP DATABASE IF EXISTS bench_year WITH (FORCE)"
    database_create bench_year
    psql_quiet -v sales="$1" -v clicks="$2" -v affiliates=$AFFILIATES -f "$BENCH/sql/year.sql" >/dev/null
    say "$stamp" >"$HOME_DIR/year"
}

# report_seconds ROLLUPS FROM TO: "seconds 0.000000"; both ways must say the same
report_seconds() {
    local got
    got=$(psql_value -v rollups="$1" -v from_day="$2" -v to_day="$3" -f "$BENCH/sql/report.sql")
    [ -s "$HOME_DIR/report.sums" ] || say "${got#* }" >"$HOME_DIR/report.sums"
    [ "${got#* }" = "$(cat "$HOME_DIR/report.sums")" ] || die "$CLAIM: the reports differ: ${got#* } and $(cat "$HOME_DIR/report.sums")"
    say "${got%% *} 0.000000"
}

# firm_tables: the firm's own tables, attached, and the sales as rows of them in $PAYMENTS.
firm_tables() {
    sales_file
    psql_quiet -f "$BENCH/sql/attached.sql" >/dev/null
    PAYMENTS=$SERVER_DIR/payments.copy
    psql_quiet -f "$BENCH/sql/payments.sql" >"$PAYMENTS"
    chmod a+r "$PAYMENTS"
}

# firm_fresh: the firm's tables empty, which is none of our business.
firm_fresh() {
    psql_quiet -c "SET session_replication_role = replica" -c "TRUNCATE firm.payments, firm.payments_raise, firm.payments_bare" \
        -c "VACUUM firm.payments" -c "VACUUM firm.payments_raise" -c "VACUUM firm.payments_bare"
}

# firm_customers: the firm's tables, and customers who are owned.
firm_customers() {
    firm_tables
    CUSTOMERS=40000
    psql_quiet -c "SET client_min_messages = warning" -c "DROP SCHEMA IF EXISTS bench_owned CASCADE"
    psql_value -v affiliates=$AFFILIATES -v customers=$CUSTOMERS -v purchases="${PURCHASES:-3}" -f "$BENCH/sql/insert_latency.sql" >/dev/null
    logs_new
}

# insert_in_turn BASELINE OURS: INSERTs by these scripts in turn, one client; "mean median" latency of the baseline.
insert_in_turn() {
    local order script time=0
    rm -f "$LOGS"/log.*
    for order in "$1 $2" "$2 $1"; do
        for script in $order; do
            fresh affiliate
            firm_fresh
            psql_value -c "SELECT bench.restore('bench_owned', 'affiliate', bench.written_tables())" >/dev/null
            vacuum_tables affiliate "VACUUM ANALYZE"
            pgbench_log "$script" 1 -T "$SECONDS_EACH" --random-seed=$((++time)) -D customers=$CUSTOMERS -f "$BENCH/pgbench/$script.sql" || return 1
            nothing_kept "$MODE"
            [ "$MODE $script" != "queue attached_capture" ] || all_kept
        done
    done
    of_log "$1" | cut -d ' ' -f 1,2
}

# nothing_kept MODE: rows that were not taken in at once are another measurement; in mode queue all are.
nothing_kept() {
    [ "$(psql_value -c "SELECT count(*) FROM affiliate.pending_input WHERE reason <> 'mode $1'")" = 0 ] || die "rows were kept: $(psql_value -c "SELECT reason, count(*) FROM affiliate.pending_input GROUP BY reason")"
}

# all_kept: every row of the attached table.
all_kept() {
    [ "$(psql_value -c "SELECT count(*) > 100 AND count(*) = (SELECT count(*) FROM affiliate.pending_input) FROM firm.payments")" = t ] || die "rows were not kept"
}

# latency_result: what alternate() found out about latencies in microseconds.
latency_result() {
    report "ours $(printf '%.0f' "$(median "${OURS[@]}")") us, baseline $(printf '%.0f' "$(median "${BASE[@]}")") us" "median latency"
}

# median NUMBER...
median() { printf '%s\n' "$@" | sort -g | awk '{v[NR] = $1} END {print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2}'; }

# calculate EXPRESSION [FORMAT]
calculate() { awk "BEGIN {printf \"${2:-%.6f}\", $1}"; }

# with_commas NUMBER
with_commas() { printf '%.0f' "$1" | sed -E ':a; s/^([0-9]+)([0-9]{3})/\1,\2/; ta'; }

# alternate: runs baseline and ours in turn, once to warm up and then ROUNDS times (CLAIM_ROUNDS where it is not set). Each
# measurement gives two numbers, the one that counts and one that a busy machine changes less; ratios in RATIOS and STEADY.
alternate() {
    local round base ours
    RATIOS=() STEADY=() BASE=() OURS=()
    for ((round = 0; round <= ${ROUNDS:-$CLAIM_ROUNDS}; round++)); do
        base=$(measure_baseline)
        ours=$(measure_ours)
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

# report TEXT WHAT: the line of a claim about a ratio. WHAT the second numbers are.
report() {
    local steady=
    [ ${#STEADY[@]} -eq 0 ] || steady="; by $2$(printf ' %.2f' "${STEADY[@]}")"
    verdict "$CLAIM" "$(median "${RATIOS[@]}")" "$1; ratios$(printf ' %.2f' "${RATIOS[@]}")$steady"
}

# verdict NAME VALUE TEXT: the line of a figure, in UNIT, held against MUST and AIM by SENSE, which is <= or >=.
verdict() {
    local word=missed aim=missed
    if [ "$(calculate "($2 $SENSE $MUST)" %d)" = 1 ]; then word=met; else MISSED=1; fi
    [ "$(calculate "($2 $SENSE $AIM)" %d)" = 0 ] || aim=met
    printf '%-16s %5.'"$(calculate "($2 < 0.1 ? 3 : 2)" %d)"'f%s  must %s %s %-6s  aim %s %s %-6s  %s\n' "$1" "$2" "$UNIT" "$SENSE" "$MUST" "$word" "$SENSE" "$AIM" "$aim" "$3" |
        tee -a "$RESULTS"
}
