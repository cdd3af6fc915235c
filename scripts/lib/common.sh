# shellcheck shell=bash
# Messages, cleaning up, locks, jobs that a signal can stop.

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# at_exit COMMAND...: run when the script ends, whatever the reason; the last registered first.
EXIT_COMMANDS=()
at_exit() { EXIT_COMMANDS+=("$(printf '%q ' "$@")"); }

run_exit_commands() {
    local status=$? i
    trap '' INT TERM HUP
    trap - EXIT
    set +e
    stop_job
    for ((i = ${#EXIT_COMMANDS[@]} - 1; i >= 0; i--)); do
        eval "${EXIT_COMMANDS[i]}"
    done
    exit "$status"
}
trap run_exit_commands EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# run_job COMMAND...: like calling it, but in a process group of its own, so that a signal to the
# script ends the job with all its children at once.
JOB_PID=
run_job() {
    local status=0
    set -m
    ( trap - EXIT INT TERM HUP; set +m; "$@" ) </dev/null &
    JOB_PID=$!
    set +m
    wait "$JOB_PID" || status=$?
    # What it left in the background.
    kill -TERM -- "-$JOB_PID" 2>/dev/null || true
    JOB_PID=
    return "$status"
}

stop_job() {
    local pid=$JOB_PID i
    [ -n "$pid" ] || return 0
    JOB_PID=
    kill -TERM -- "-$pid" 2>/dev/null || return 0
    for ((i = 0; i < 50; i++)); do
        kill -0 -- "-$pid" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -KILL -- "-$pid" 2>/dev/null || true
}

# lock NAME: one holder per build directory; waits for the other one.
lock() {
    local fd
    exec {fd}>"$BUILD/$1.lock"
    if ! flock -n "$fd"; then
        say "waiting for another run in $BUILD to end ($1.lock)"
        flock "$fd"
    fi
    LOCK_FD=$fd
}

# In front of anything that stays behind, so that it does not keep the lock.
without_lock() {
    if [ -n "${LOCK_FD:-}" ]; then
        eval '"$@"' "$LOCK_FD>&-"
    else
        "$@"
    fi
}
