# shellcheck shell=bash
# COPY of a million sales in one statement: the most memory that the backend has of its own, beside the shared buffers.
# Once with everything settled in the statement, once with the budget that there is without a setting.
MUST=128 AIM=64 UNIT=' MB'

prepare() {
    sales_file
    COPIED=$((5 * TRANSACTIONS)) MANY=$SERVER_DIR/sales.many
    for copy in 1 2 3 4 5; do
        awk -F '\t' -v OFS='\t' -v copy=$copy '{$1 = $1 "-" copy; $2 = $2 "-" copy; $10 = $10 "-" copy; print}' "$SALES"
    done >"$MANY"
    chmod a+r "$MANY"
}

# peak BUDGET: the most of RssAnon in MB, looked at every 50 ms.
peak() {
    local file=$HOME_DIR/backend copy pid kb most=0
    fresh affiliate
    rm -f "$file"
    psql_value -v budget="$1" -v backend="$file" -v file="$MANY" -v columns="$COLUMNS_OF_SALE" -f "$BENCH/sql/copy_memory.sql" >/dev/null &
    copy=$!
    until [ -s "$file" ] || ! kill -0 $copy 2>/dev/null; do sleep 0.05; done
    pid=$(cat "$file")
    while kb=$(sed -n 's/^RssAnon:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$pid/status" 2>/dev/null) && [ -n "$kb" ]; do
        [ "$kb" -le $most ] || most=$kb
        sleep 0.05
    done
    wait $copy || die "$CLAIM: the COPY failed"
    # every customer is settled or queued
    [ "$(psql_value -c "SELECT (SELECT count(*) FROM affiliate.transaction) = $COPIED AND NOT EXISTS (SELECT customer_id FROM affiliate.transaction
        EXCEPT SELECT customer_id FROM affiliate.conversion EXCEPT SELECT customer_id FROM affiliate.settle_queue)")" = t ] || die "$CLAIM: some are forgotten"
    calculate "$most / 1024" %.1f
}

measure() {
    SETTLED=$(peak 0)
    psql_value -c "SELECT bench.check_settled()" >/dev/null
    PARTLY=$(peak -1)
    QUEUED=$(psql_value -c "SELECT count(*) FROM affiliate.settle_queue")
}

result() {
    verdict "$CLAIM" "$(printf '%s\n' "$SETTLED" "$PARTLY" | sort -g | tail -n 1)" \
        "$(with_commas $COPIED) rows; everything settled $SETTLED MB, with the usual budget $PARTLY MB ($(with_commas "$QUEUED") customers queued)"
}
