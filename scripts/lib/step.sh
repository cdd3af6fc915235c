# shellcheck shell=bash
# Running one step of scripts/check: log, counts, time, what to show when it fails.

# count PASSED FAILED: what the current step has to add to the sum.
count() {
    local old_passed=0 old_failed=0
    [ ! -f "$COUNTS" ] || read -r old_passed old_failed <"$COUNTS"
    say "$((old_passed + $1)) $((old_failed + $2))" >"$COUNTS"
}

count_passed() { count 1 0; }
count_failed() { count 0 1; }

# nothing_to_run: for steps that may be empty.
nothing_to_run() {
    say "nothing to run"
    count 0 0
}

# failures FILE: the tests of it that failed, with what was found
failures() { grep -A 3 -E '^not ok|^  DIFFERENT: |\.\.\. FAILED' "$1" || true; }

# run_step NAME: runs step_NAME with its output in a log and adds to `passed` and `failed`.
run_step() {
    local name=$1 log=$LOGS/$1.log status=0 start=$SECONDS ok=0 bad=0 note=
    COUNTS=$LOGS/$name.count
    rm -f "$COUNTS"
    run_job "step_$name" >"$log" 2>&1 || status=$?
    [ ! -f "$COUNTS" ] || read -r ok bad <"$COUNTS"
    # A step that fails without a failed test, or runs nothing without saying so, is a failure itself.
    if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
        bad=1
        note=" (exit status $status)"
    elif [ "$status" -eq 0 ] && [ ! -f "$COUNTS" ]; then
        bad=1
        note=" (no test ran)"
    elif [ "$status" -eq 0 ] && [ "$ok" -eq 0 ] && [ "$bad" -eq 0 ]; then
        note=" (nothing to run)"
    fi
    passed=$((passed + ok))
    failed=$((failed + bad))
    printf '%-10s %6d passed %4d failed %5d s%s\n' "$name" "$ok" "$bad" "$((SECONDS - start))" "$note"
    if [ "$bad" -ne 0 ]; then
        say "---- what failed, of $log"
        failures "$log" | head -n 60
        say "---- its end"
        tail -n 60 "$log"
        if [ -s "$LOGS/$name.diffs" ]; then
            say "---- $LOGS/$name.diffs"
            head -n 200 "$LOGS/$name.diffs"
        fi
        say "----"
    fi
    [ "$name" != build ] || [ "$bad" -eq 0 ] || BUILD_BROKEN=1
}

BUILD_BROKEN=

# For what keeps all further steps from running.
give_up() {
    say "$passed passed, $failed failed"
    exit 1
}

# selected NAME: is the test to run, when ONLY narrows them?
selected() {
    case $1 in *"${ONLY:-}"*) return 0 ;; *) return 1 ;; esac
}

# need_server: starts the private server with the extension set up, once.
SERVER_READY=
need_server() {
    [ -z "$SERVER_READY" ] || return 0
    [ -z "$BUILD_BROKEN" ] || give_up
    if ! { server_start && database_main; } >"$LOGS/server-start.log" 2>&1; then
        cat "$LOGS/server-start.log"
        [ ! -f "$SERVER_DIR/server.log" ] || tail -n 20 "$SERVER_DIR/server.log"
        failed=$((failed + 1))
        say "the server could not be started with the extension set up"
        give_up
    fi
    SERVER_READY=1
}
