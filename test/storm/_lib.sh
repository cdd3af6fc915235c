# shellcheck shell=bash
# What the storms share. A storm is started with PGHOST, PGPORT, PGUSER, PGDATABASE, PG_CONFIG and quick | normal | full;
# its database is its own and has the extension set up. It ends with "N passed, N failed".
set -uo pipefail

AMOUNT=${1:-normal}
PASSED=0 FAILED=0
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
export PGOPTIONS="-c client_min_messages=warning -c TimeZone=UTC -c pg_affiliate.now=2025-03-20T12:00:00Z -c pg_affiliate.inline_budget=0"

# by_amount QUICK NORMAL FULL: the one for this amount of work
by_amount() { case $AMOUNT in quick) echo "$1" ;; full) echo "$3" ;; *) echo "$2" ;; esac; }

sql() { psql -X -q -At -v ON_ERROR_STOP=1 "$@"; }
value() { sql -c "$1"; }

# is NAME HAVE WANT
is() {
    if [ "$2" = "$3" ]; then
        echo "ok - $1"
        PASSED=$((PASSED + 1))
    else
        printf 'not ok - %s\n  have: %s\n  want: %s\n' "$1" "$2" "$3"
        FAILED=$((FAILED + 1))
    fi
}
# none NAME QUERY: finds no row
none() {
    local found
    found=$(value "$2") || found="exit status $? $found"
    is "$1" "$found" ""
}
# happened NAME NUMBER: the rare event that the storm is about
happened() {
    if [ "${2:-0}" -gt 0 ] 2>/dev/null; then
        echo "ok - $1 ($2 times)"
        PASSED=$((PASSED + 1))
    else
        echo "not ok - $1 never happened: this storm shows nothing"
        FAILED=$((FAILED + 1))
    fi
}

# clients N TRANSACTIONS FILE... : pgbench with one or several scripts, each client with :i = 0 and :run = $RUN; all must get
# through. Beside them the rollups are refreshed.
clients() {
    local n=$1 transactions=$2 file files=() out failed load refused=
    shift 2
    for file in "$@"; do files+=(-f "$file"); done
    out=$WORK/bench.$RANDOM
    pgbench -n -c "$n" -j 2 -t "$transactions" --max-tries=1000 -D i=0 -D run="${RUN:-0}" "${files[@]}" >"$out" 2>&1 &
    load=$!
    while kill -0 $load 2>/dev/null; do
        refresh_rollups || refused=1
        sleep 0.1
    done
    if ! wait $load || [ -n "$refused" ]; then
        cat "$out"
        return 1
    fi
    failed=$(sed -n 's/^number of failed transactions: \([0-9]*\).*/\1/p' "$out")
    [ "${failed:-0}" = 0 ] || { cat "$out"; return 1; }
}

# as the job does it
refresh_rollups() { PGOPTIONS="$PGOPTIONS -c default_transaction_isolation=read\\ committed" sql -c 'CALL affiliate.rollup_catch_up()'; }

# drain_all: until nothing is due
drain_all() {
    local done=1
    while [ "$done" != 0 ]; do done=$(value 'SELECT affiliate.drain(2000)') || return; done
}
queued_ever() { value "SELECT coalesce(pg_sequence_last_value('affiliate.settle_queue_queue_id_seq'), 0)"; }

# what must hold after every storm
calm() {
    refresh_rollups
    is "verify() compares the rollups${1:+ ($1)}" "$(value 'SELECT affiliate._rollup_watermark() IS NOT NULL')" t
    is "verify() finds nothing${1:+ ($1)}" "$(value 'SELECT count(*) FROM affiliate.verify()')" 0
    value "SELECT * FROM affiliate.verify() LIMIT 5"
    is "no deadlock${1:+ ($1)}" "$(value 'SELECT pg_stat_clear_snapshot(); SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()' | tail -n 1)" 0
    none "every event counts${1:+ ($1)}" "SELECT event_id FROM affiliate.event AS e WHERE NOT EXISTS (
        SELECT FROM affiliate.conversion AS c WHERE (c.customer_id, c.transaction_id, c.kind) = (e.customer_id, e.event_id, 'event') AND c.quantity = 1) LIMIT 5"
    is "nothing is left in the queue${1:+ ($1)}" "$(value 'SELECT count(*) FROM affiliate.settle_queue WHERE due_at <= affiliate._now()')" 0
    is "settling everybody again posts nothing${1:+ ($1)}" \
        "$(value "SELECT affiliate.resettle(ARRAY(SELECT DISTINCT customer_id FROM affiliate.transaction WHERE customer_id <> ''))")" 0
}

finish() {
    echo "$PASSED passed, $FAILED failed"
    [ "$FAILED" -eq 0 ]
    exit
}

# rulebook AMOUNT-EXPRESSION: program main, affiliates ann and bob with coupons ANN and BOB; and rollups of nothing yet
rulebook() {
    sql <<SQL
INSERT INTO affiliate.program (program_id, currency, default_plan_id, adjust_approval) VALUES ('main', 'USD', 'standard', 'always');
INSERT INTO affiliate.affiliate (affiliate_id) VALUES ('ann'), ('bob');
INSERT INTO affiliate.plan (program_no, plan_id, valid_from) SELECT program_no, 'standard', '2020-01-01' FROM affiliate.program;
INSERT INTO affiliate.plan_rule (plan_no, sequence_no, name, amount) SELECT plan_no, 1, 'rule', '$1' FROM affiliate.plan;
INSERT INTO affiliate.coupon (program_no, code, affiliate_no) SELECT program_no, upper(affiliate_id), affiliate_no FROM affiliate.program, affiliate.affiliate;
CALL affiliate.rollup_catch_up();
SQL
}
