# shellcheck shell=bash
# A server of its own for a test that kills it, restores into it or needs several. Sourced after test/storm/_lib.sh; the
# programs are those of PG_CONFIG, so what is tested is what the check has installed.
for part in common instance server; do
    # shellcheck source=/dev/null
    . "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib/$part.sh"
done
at_exit rm -rf "$WORK"

# private_server NAME OPTIONS: a new cluster under /var/tmp, started; psql and all others find it from then on. What the
# check's own server was started with (fsync = off) does not count here.
private_server() {
    [ "$(id -u)" != 0 ] || SERVER_USER=postgres
    PGBIN=$("$PG_CONFIG" --bindir)
    PATH=$PGBIN:$PATH
    SERVER_DIR=$(mktemp -d "/var/tmp/pg_affiliate-$1.XXXXXX") || exit 1
    chmod 755 "$SERVER_DIR"
    DATA=$SERVER_DIR/data
    SERVER_OPTIONS=$2
    at_exit private_server_remove
    server_start || exit 1
}

private_server_remove() {
    server_stop
    rm -rf "$SERVER_DIR"
}

# processes_of PARENT: its children
processes_of() { cat /proc/[0-9]*/stat 2>/dev/null | awk -v parent="$1" '{ pid = $1; sub(/^.*\) /, ""); if ($2 == parent) print pid }'; }

# process_state PID: R, S, T, Z ...; nothing when there is none
process_state() { sed 's/^.*) \(.\).*/\1/' "/proc/$1/stat" 2>/dev/null; }

# server_kill: kill -9 of all its processes in one go. Its first process is halted before the others are listed, so that it
# neither starts one that is missed nor sees one of them die. Where nobody buries the dead, the number of the first one stays
# taken, and the next start would think that it lives: nobody is left, so the file with the number can go.
server_kill() {
    local first pid pids
    first=$(head -n 1 "$DATA/postmaster.pid")
    kill -STOP "$first"
    until [ "$(process_state "$first")" = T ]; do sleep 0.01; done
    mapfile -t pids < <(processes_of "$first")
    kill -KILL "${pids[@]}" "$first"
    for pid in "${pids[@]}" "$first"; do
        while [[ $(process_state "$pid") = [!Z] ]]; do sleep 0.01; done
    done
    rm -f "$DATA/postmaster.pid"
}
