# shellcheck shell=bash
# What goes wrong in the rounds of test/storm/attached, and how it is shown to have happened. Each disturb_NAME goes on while the
# process with the given number does, and leaves nothing broken. Clients wait for it, outside of transactions, see _attached_gate.
HELD=4        # seconds for which others hold a lock
LONGEST=1500  # milliseconds that a statement may take; it is our limit of 0.1 s that ends it
STALL=2000    # and as long as the machine keeps somebody waiting who is alone, but not so long that a lock could be the cause
KEPT=$WORK/kept # reasons, as they were seen
export DONE=$WORK/done # what was done to disturb, once per time

# needed ROUND: how many different lines its DONE will have; 0 where one may hinder another
needed() {
    case $1 in
        locks) echo 6 ;;
        disk) echo 3 ;;
        missing) echo 11 ;;
        changes) echo 21 ;;
        all) echo 0 ;;
    esac
}
# did STATEMENT: while the clients work
did() { ! goes_on "$load" || echo "${1//$'\n'/ }" >>"$DONE"; }
done_once() { is "$1: all that disturbs was done while they worked" "$(sort -u "$DONE" | wc -l)" "$(needed "$1")"; }
# times TEXT: how often what has the text was done
times() { grep -cF -- "$1" "$DONE"; }

quietly() { psql -X -q -At -v VERBOSITY=sqlstate "$@" >/dev/null 2>&1; }
goes_on() { kill -0 "$1" 2>/dev/null; }
server_log() { echo "$(dirname "$(value 'SHOW data_directory')")/server.log"; }
log_lines() { grep -c 'pg_affiliate could not keep rows of attachment' "$(server_log)"; }
# hold STATEMENT...: holds what it takes for a while
hold() {
    { echo 'BEGIN;' && printf '%s;\n' "$@" && printf '%s\n' "\\! ! kill -0 $load || echo '$1' >>'$DONE'" "SELECT pg_sleep($HELD);" 'ROLLBACK;'; } | quietly -v ON_ERROR_STOP=1
}
# during STATEMENTS UNDO: something is broken for a moment. A client that waits for others waits not for long.
during() {
    local tries
    PGOPTIONS="$OPTIONS -c lock_timeout=300" quietly -1 -v ON_ERROR_STOP=1 -c "$1" || return
    did "$1"
    sleep 0.3
    see
    for ((tries = 0; tries < 300; tries++)); do
        ! quietly -1 -v ON_ERROR_STOP=1 -c "$2" || return 0
        sleep 0.05
    done
    echo "not undone: $1"
}
see() { psql -X -q -At -c "SELECT reason FROM affiliate.pending_input WHERE kind = 'attached'" >>"$KEPT" 2>/dev/null; }
# said PATTERN: how many of the kept rows say so
said() { sort -u "$KEPT" | grep -cE "$1"; }

disturb_locks() {
    (while goes_on "$1"; do hold 'LOCK TABLE affiliate.pending_input IN ACCESS EXCLUSIVE MODE' 'LOCK TABLE affiliate.transaction IN ACCESS EXCLUSIVE MODE' && sleep 0.5; done) &
    (while goes_on "$1"; do sleep 0.5 && hold 'LOCK TABLE affiliate.settle_queue, affiliate.commission IN ACCESS EXCLUSIVE MODE' && hold 'LOCK TABLE affiliate.program, affiliate.coupon, affiliate.plan_rule IN ACCESS EXCLUSIVE MODE' && sleep 0.5; done) &
    (while goes_on "$1"; do hold 'ALTER SEQUENCE affiliate.pending_input_input_id_seq INCREMENT 1' && sleep 0.5; done) &
    (while goes_on "$1"; do hold 'ALTER SEQUENCE affiliate.attached_rows_lost INCREMENT 1' && sleep 0.5; done) &
    (while goes_on "$1"; do hold 'SELECT count(*) FROM (SELECT FROM affiliate.attachment FOR UPDATE) AS a' 'LOCK TABLE affiliate.attachment, affiliate.customer IN ACCESS EXCLUSIVE MODE' && sleep 0.5; done) &
    wait_others "$1"
}
# wait_others LOAD: until the jobs of this shell but the load have ended
wait_others() {
    local pid
    for pid in $(jobs -p); do [ "$pid" = "$1" ] || wait "$pid"; done
    see
}
check_locks() {
    done_once locks
    happened "locks: rows were kept because a table was locked" "$(said 'a table of pg_affiliate is locked|the rulebook is locked|lock timeout')"
    check_lost locks
}
check_lost() {
    happened "$1: statements lost their rows" "$(lost)"
    happened "$1: the log says so" $(($(log_lines) - log_before))
}

disturb_disk() {
    while goes_on "$1"; do
        during 'ALTER TABLE affiliate.pending_input ADD CONSTRAINT full_disk CHECK (false) NOT VALID; ALTER TABLE affiliate.transaction ADD CONSTRAINT full_disk CHECK (false) NOT VALID' \
            'ALTER TABLE affiliate.pending_input DROP CONSTRAINT full_disk; ALTER TABLE affiliate.transaction DROP CONSTRAINT full_disk'
        during 'ALTER TABLE affiliate.transaction ADD CONSTRAINT full_disk_of_facts CHECK (false) NOT VALID' 'ALTER TABLE affiliate.transaction DROP CONSTRAINT full_disk_of_facts'
        during "CREATE FUNCTION public.no_space() RETURNS trigger LANGUAGE plpgsql AS \$\$BEGIN IF hashtext((to_jsonb(NEW) - 'input_id')::text) % 2 = 0 THEN RAISE disk_full; END IF; RETURN NEW; END\$\$;
            CREATE TRIGGER no_space BEFORE INSERT ON affiliate.pending_input FOR EACH ROW EXECUTE FUNCTION public.no_space(); CREATE TRIGGER no_space AFTER INSERT ON affiliate.entry FOR EACH ROW EXECUTE FUNCTION public.no_space();
            CREATE TRIGGER no_space BEFORE INSERT ON affiliate.settle_queue FOR EACH ROW EXECUTE FUNCTION public.no_space()" 'DROP FUNCTION public.no_space() CASCADE'
    done
    see
}
check_disk() {
    done_once disk
    happened "disk: it was full" "$(times 'full_disk CHECK')"
    happened "disk: only facts could not be written" "$(times full_disk_of_facts)"
    happened "disk: some inserts failed" "$(times no_space)"
    happened "disk: rows were kept because a fact could not be written" "$(said 'disk_full|full_disk')"
    check_lost disk
}

disturb_missing() {
    local table
    while goes_on "$1"; do
        for table in transaction pending_input commission customer; do
            during "ALTER TABLE affiliate.$table RENAME TO away" "ALTER TABLE affiliate.away RENAME TO $table"
        done
        during 'REVOKE ALL ON SCHEMA affiliate FROM affiliate_owner' 'GRANT ALL ON SCHEMA affiliate TO affiliate_owner'
        during 'REVOKE ALL ON affiliate.transaction, affiliate.customer FROM affiliate_owner' 'GRANT ALL ON affiliate.transaction, affiliate.customer TO affiliate_owner'
        during 'ALTER SEQUENCE affiliate.pending_input_input_id_seq RENAME TO away' 'ALTER SEQUENCE affiliate.away RENAME TO pending_input_input_id_seq'
        during "UPDATE affiliate.schema_version SET version = '99.1'" 'UPDATE affiliate.schema_version SET version = affiliate.version()'
        during "UPDATE affiliate.schema_version SET version = '0.0.1'" 'UPDATE affiliate.schema_version SET version = affiliate.version()'
        during 'ALTER SCHEMA affiliate RENAME TO away' 'ALTER SCHEMA away RENAME TO affiliate'
        during 'DROP FUNCTION firm.word(text)' "$WORD"
    done
    see
}
WORD="CREATE OR REPLACE FUNCTION firm.word(text) RETURNS text LANGUAGE plpgsql STABLE AS \$\$
BEGIN
    RETURN CASE \$1 WHEN 'paid' THEN 'completed' WHEN 'open' THEN 'pending' WHEN 'charged_back' THEN 'chargeback' ELSE \$1 END;
END
\$\$"
check_missing() {
    done_once missing
    happened "missing: rows were kept because a table was missing" "$(said 'does not exist|is missing')"
    happened "missing: because a right was missing" "$(said 'permission denied')"
    happened "missing: because the versions differ" "$(said 'library of another version')"
    happened "missing: because a function was missing" "$(said 'function firm.word')"
    check_lost missing
}

# What others do meanwhile: configuration, DDL, attach() again, setup(), the drain and the rest of us; some of it is stopped.
disturb_changes() {
    (while goes_on "$1"; do
        changing "SELECT public.attach_one('users')" && changing "SELECT public.attach_one('payments')" && changing "SELECT public.attach_one('disputes')"
        changing "INSERT INTO affiliate.coupon (program_no, code, affiliate_no) SELECT program_no, 'C' || random(), affiliate_no FROM affiliate.program, affiliate.affiliate"
        changing "INSERT INTO affiliate.affiliate (affiliate_id) VALUES ('a' || random()); SELECT pg_sleep(0.2)"
        changing "$WORD"
        changing "UPDATE affiliate.program SET time_zone = CASE time_zone WHEN 'UTC' THEN 'Asia/Tokyo' ELSE 'UTC' END"
        [ "${SETS_UP:-1}" = 0 ] || changing 'SELECT affiliate.setup()' # which makes what is missing
    done) &
    (while goes_on "$1"; do
        changing 'ALTER TABLE firm.payments ADD COLUMN extra integer DEFAULT 7'
        changing 'DROP INDEX IF EXISTS firm.extra'
        LOCK_TIMEOUT=5000 changing 'CREATE INDEX CONCURRENTLY extra ON firm.payments (user_id)'
        changing 'ANALYZE firm.payments, firm.refunds, affiliate.pending_input, affiliate.transaction'
        LOCK_TIMEOUT=5000 changing 'REINDEX TABLE CONCURRENTLY firm.payments'
        changing 'ALTER TABLE firm.disputes ADD CHECK (cents > 0) NOT VALID'
        changing 'ALTER TABLE firm.payments DROP COLUMN extra'
        changing 'REINDEX TABLE affiliate.pending_input'
    done) &
    (while goes_on "$1"; do
        changing 'SELECT affiliate.drain(50)'
        PGOPTIONS="$OPTIONS -c statement_timeout=$((RANDOM % 40 + 1))" quietly -c 'SELECT affiliate.drain(1000)'
        PGOPTIONS="$OPTIONS -c default_transaction_isolation=serializable" quietly -c 'SELECT affiliate.drain(50)'
        changing 'SELECT affiliate.replay()'
        changing "SELECT count(*) FROM affiliate.reconcile('firm.payments:transaction', repair => true)"
        changing 'CALL affiliate.backfill($$firm.payments:transaction$$, 50)'
        see
        changing 'TABLE affiliate.attachments'
    done) &
    wait_others "$1"
    quietly -c 'ALTER TABLE firm.payments DROP COLUMN IF EXISTS extra' -c 'DROP INDEX IF EXISTS firm.extra'
}
changing() { PGOPTIONS="${PGOPTIONS} -c lock_timeout=${LOCK_TIMEOUT:-500}" quietly -v ON_ERROR_STOP=1 -c "$1" && did "$1"; }
check_changes() {
    local what
    done_once changes
    for what in attach_one INSERT UPDATE setup 'ADD COLUMN' 'CREATE INDEX' ANALYZE 'REINDEX TABLE CONC' 'ADD CHECK' 'DROP COLUMN' 'REINDEX TABLE aff' drain replay reconcile backfill attachments; do
        happened "changes: $what" "$(times "$what")"
    done
}

disturb_all() {
    local HELD=0.6
    (SETS_UP=0 && disturb_changes "$1") &
    (disturb_missing "$1") &
    (disturb_disk "$1") &
    (disturb_locks "$1") &
    wait_others "$1"
    value 'SELECT affiliate.setup()' >/dev/null
}
check_all() { check_lost all; }
