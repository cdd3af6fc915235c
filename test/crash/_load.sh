# shellcheck shell=bash
# The mixed load of test/crash/kill: what its clients send. Every client is a psql that is fed for ever. It says in its log
#
#   S KIND KEY           before it sends something
#   A KIND KEY [AMOUNT]  when COMMIT has returned: acknowledged
#   E KIND KEY SQLSTATE  when it was refused
#
# so a log that ends with S had something in flight when the server died. KIND and KEY find it again (public.present).

# send KIND KEY STATEMENTS: must go through; psql ends at an error
send() { printf '%s\n' "\\echo S $1 $2" "$3" "\\echo A $1 $2"; }
# ask KIND KEY CALL: an operator's call, which may be refused; CALL gives an amount or nothing
ask() {
    printf '%s\n' "\\set amount ''" "\\echo S $1 $2" "SELECT $3 AS amount \\gset" \
        "\\if :ERROR" "\\echo E $1 $2 :LAST_ERROR_SQLSTATE" "\\else" "\\echo A $1 $2 :amount" "\\endif"
}

# sale CUSTOMER ID COUPON CLICK: of 100.00 on 1 March
COLUMNS_SOLD="customer_id, transaction_id, program_id, transaction_type, status, currency, amount, ordered_at, completed_at, coupon_codes, click_id"
sale() {
    echo "INSERT INTO affiliate.transaction ($COLUMNS_SOLD) VALUES ('$1', '$2', 'main', 'challenge_fee', 'completed', 'USD', 100, '2025-03-01', '2025-03-01', $3, $4);"
}
ANN="'{ANN}'"
# refund ID SALE CUSTOMER AMOUNT
refund() {
    echo "INSERT INTO affiliate.transaction (customer_id, transaction_id, original_transaction_id, program_id, transaction_type, status, currency, amount, completed_at)
        VALUES ('$3', '$1', '$2', 'main', 'refund', 'completed', 'USD', $4, '2025-03-05');"
}
resend() { # ID: the same sale once more
    echo "INSERT INTO affiliate.transaction ($COLUMNS_SOLD) SELECT $COLUMNS_SOLD FROM affiliate.transaction WHERE transaction_id = '$1'
        ON CONFLICT (transaction_id) DO UPDATE SET status = excluded.status, completed_at = excluded.completed_at;"
}

# seller NAME: sales by INSERT, every other one to a customer that all sellers share; upserts, clicks, take-backs of all kinds, events
seller() {
    local i key customer
    for ((i = 1; ; i++)); do
        key=$1_$i
        customer=$key
        [ $((i % 2)) = 0 ] || customer=${1%%_*}_shared$((i % 20))
        case $((i % 16)) in
            2) send click "click_$key" "INSERT INTO affiliate.click (click_id, affiliate_id, customer_id, clicked_at) VALUES ('click_$key', 'ann', '$key', '2025-02-28 12:00Z');"
               send sale "$key" "$(sale "$customer" "$key" NULL "'click_$key'")" ;;
            4) send both "$key" "BEGIN; $(sale "$customer" "$key" "$ANN" NULL) $(refund "refund_$key" "$key" "$customer" 40) COMMIT;" ;;
            6) send unknown "$key" "$(sale "$customer" "$key" "'{NOBODYS}'" NULL)" ;;
            8) send queued "$key" "SET pg_affiliate.mode = queue; $(sale "$customer" "$key" "$ANN" NULL) RESET pg_affiliate.mode;" ;;
            *) send sale "$key" "$(sale "$customer" "$key" "$ANN" NULL)" ;;
        esac || return
        case $((i % 16)) in
            1 | 9) send refund "refund_$key" "$(refund "refund_$key" "$key" "$customer" 30)" ;;
            3) send full "$key" "UPDATE affiliate.transaction SET status = 'refunded', refunded_amount = 100, refunded_at = '2025-03-05' WHERE transaction_id = '$key';" ;;
            5) send full "$key" "UPDATE affiliate.transaction SET status = 'refunded', refunded_amount = 100, refunded_at = '2025-03-02' WHERE transaction_id = '$key';" ;;
            7 | 10) send dispute "$key" "INSERT INTO affiliate.dispute (dispute_id, transaction_id, amount, opened_at, closed_at, outcome) VALUES ('$key', '$key', 25, '2025-03-06', '2025-03-07', 'lost');" ;;
            11) send dispute "$key" "INSERT INTO affiliate.dispute (dispute_id, transaction_id, opened_at, closed_at, outcome) VALUES ('$key', '$key', '2025-03-06', '2025-03-07', 'lost');"
                send won "$key" "UPDATE affiliate.dispute SET outcome = 'won', closed_at = '2025-03-08' WHERE dispute_id = '$key';" ;;
            14) send event "$key" "INSERT INTO affiliate.event (event_id, customer_id, event_type, occurred_at, transaction_id) VALUES ('$key', '$customer', 'evaluation_passed', '2025-03-08', '$key');" ;;
            12 | 13) send sale "$key" "$(resend "$key")" ;;
        esac || return
    done
}

# loader NAME: COPY of 20 sales at a time
loader() {
    local i line
    for ((i = 1; ; i++)); do
        send copy "$1_$i" "COPY affiliate.transaction ($COLUMNS_SOLD) FROM STDIN;
$(for line in {1..20}; do printf '%s\t' "$1_${i}_$line" "$1_${i}_$line" main challenge_fee completed USD 100 2025-03-01 2025-03-01 '{ANN}'; echo '\N'; done)
\\." || return
    done
}

# operator NAME: adjusts and approves; reassigns a sale of its own, takes back more than it was and closes the review of it; pays
operator() {
    local i key
    for ((i = 1; ; i++)); do
        key=$1_$i
        ask adjust "$key" "left(affiliate.adjust('bob', 'main', 1.25, 'credit', 'crash', '$key'), 0)"
        echo 'SET SESSION AUTHORIZATION crash_boss;'
        ask approve "$key" "affiliate.adjust_approve('$key')"
        echo 'RESET SESSION AUTHORIZATION;'
        send sale "$key" "$(sale "$key" "$key" "$ANN" NULL)"
        ask reassign "$key" "left(affiliate.reassign('$key', 'main', 'bob', reason => 'crash', transaction_id => '$key')::text, 0)"
        send refund "refund_$key" "$(refund "refund_$key" "$key" "$key" 140)"
        echo "SELECT coalesce(min(case_id), 0) AS case_id, count(*) > 0 AS is_open FROM affiliate.review_case WHERE state = 'open' AND customer_id = '$key' \\gset"
        echo '\if :is_open'
        ask review :case_id "affiliate.review_close(:case_id, 'ignore', 'crash')"
        echo '\endif'
        case $((i % 4)) in
            0) ask payment "$key" "(SELECT amount FROM affiliate.record_payment('ann', 'main', '2025-03-20', '$key'))" ;;
            2) ask payment "$key" "(SELECT amount FROM affiliate.record_payment('bob', 'main', '2025-03-20', '$key'))" ;;
        esac || return
    done
}

# drainer: loops one after the other; of two at once one returns at once
drainer() { while echo "CALL affiliate.drain_loop('0.3 s'); SELECT pg_sleep(0.05);"; do :; done; }

refresher() { while echo "CALL affiliate.rollup_catch_up(); SELECT pg_sleep(0.05);"; do :; done; }

# client NAME on|off FEEDER ARGUMENT...: with that synchronous_commit. It rests while its name matches a row of public.quiet.
client() {
    local name=$1 sync=$2 stop=1
    shift 2
    [ "$1" != operator ] || stop=0
    "$@" | sed "s/^\\\\echo S \\|^CALL /SELECT pg_sleep(60) FROM public.quiet WHERE '$name' ~ who;\\n&/" |
        PGOPTIONS="$PGOPTIONS -c synchronous_commit=$sync" psql -X -q -At -v ON_ERROR_STOP=$stop -v VERBOSITY=sqlstate \
            >"$WORK/log/$name.$sync" 2>"$WORK/log/$name.$sync.err" &
    CLIENTS+=("$!")
}
