# shellcheck shell=bash
# The steps of scripts/check that need the private server.

# count_lines OK-PATTERN FAILED-PATTERN FILE: counts both, returns 1 when something failed.
count_lines() {
    local ok bad
    ok=$(grep -cE "$1" "$3") || true
    bad=$(grep -cE "$2" "$3") || true
    count "$ok" "$bad"
    [ "$bad" -eq 0 ]
}

# regress_results FILE DIFFS: pg_regress before 16 says "test x ... ok", later versions speak TAP.
regress_results() {
    [ ! -s "$2" ] || cp "$2" "$LOGS/$CURRENT.diffs"
    count_lines '(^(test| ) .*\.\.\. ok( |$))|(^ok [0-9])' '(\.\.\. FAILED)|(^not ok [0-9])' "$1"
}

step_regress() {
    CURRENT=regress
    local status=0 names=()
    rm -f "$LOGS/regress.diffs"
    if [ -n "${ONLY:-}" ]; then
        names=("REGRESS=install $(cd "$TREE/sql" && printf '%s\n' *.sql | sed 's/\.sql$//' | grep -vx install | grep -F -- "$ONLY" | tr '\n' ' ')")
    fi
    make -C "$TREE" --no-print-directory -s PG_CONFIG="$PG_CONFIG" "${names[@]}" installcheck \
        >"$LOGS/regress.out" 2>&1 || status=$?
    cat "$LOGS/regress.out"
    regress_results "$LOGS/regress.out" "$TREE/regression.diffs" && return "$status"
}

step_tap() {
    local status=0 files=() file
    while IFS= read -r file; do
        case ${file##*/} in _*) continue ;; esac
        selected "$file" && files+=("$file")
    done < <(cd "$TREE" && find test/tap -name '*.sql' | sort)
    [ ${#files[@]} -gt 0 ] || { say "there are no pgTAP tests"; return 1; }
    psql_quiet -c "SET client_min_messages = warning" -c "CREATE EXTENSION IF NOT EXISTS pgtap SCHEMA public" || return 1
    (cd "$TREE" && pg_prove --verbose --norc --psql-bin "$PGBIN/psql" "${files[@]}") >"$LOGS/tap.out" 2>&1 || status=$?
    # What failed, with the first lines of its diagnostics; tap.out has everything.
    awk '/^test\/tap\/[^ ]* \.\./ { file = $1; next }
         /^(not ok|psql:|ERROR)/ { if (file != "") print file; file = ""; print; left = 8; next }
         /^#/ { if (left-- > 0) print; next }
         /^Test Summary Report|^All tests successful/ { summary = 1 }
         summary { print }
         { left = 0 }' "$LOGS/tap.out"
    # An expected failure ("# todo") is none. A file that dies half-way is one more.
    sed 's/^not \(ok .*# TO[D]O\)/\1/' "$LOGS/tap.out" >"$LOGS/tap.counted"
    count_lines '^ok [0-9]' '^not ok |^  Parse errors:' "$LOGS/tap.counted" && return "$status"
}

step_isolation() {
    CURRENT=isolation
    local status=0 out=$LOGS/isolation tests=() spec database=check_isolation
    local program
    program=$(dirname "$("$PG_CONFIG" --pgxs)")/../test/isolation/pg_isolation_regress
    rm -rf "$LOGS/isolation.diffs" "$out"
    for spec in "$TREE"/test/isolation/specs/*.spec; do
        [ -e "$spec" ] || { nothing_to_run; return; }
        selected "${spec##*/}" && tests+=("$(basename "$spec" .spec)")
    done
    mkdir -p "$out"
    database_fresh $database || return 1
    (cd "$TREE" && "$program" --inputdir=test/isolation --outputdir="$out" --bindir="$PGBIN" --use-existing \
        --dbname=$database "${tests[@]}") >"$LOGS/isolation.out" 2>&1 || status=$?
    cat "$LOGS/isolation.out"
    regress_results "$LOGS/isolation.out" "$out/regression.diffs" && return "$status"
}

# The parts of the demo that compare: each makes a database of its own. Their last line says how many checks there were.
step_demo() {
    local part name ok failures bad=0 any=0
    [ "$AMOUNT" = full ] || export YEAR_PART=50 # of the generated year a fiftieth
    for part in "$TREE"/scripts/demo.d/[0-9][0-9]-*; do
        name=${part##*/}
        grep -q 'checks\.finish(' "$part" || continue
        selected "$name" || continue
        any=1
        say "---- $name"
        (cd "$TREE" && "$part") >"$LOGS/demo-$name.log" 2>&1 || bad=1
        ok=$(sed -n 's/^.*: \([0-9]*\) checks, no difference\.$/\1/p' "$LOGS/demo-$name.log" | tail -n 1)
        failures=$(grep -c '^  DIFFERENT: ' "$LOGS/demo-$name.log") || true
        # One that ends without the line has failed at least once.
        [ -n "$ok" ] || [ "$failures" -gt 0 ] || failures=1
        count "${ok:-0}" "$failures"
        [ "$failures" -eq 0 ] || { bad=1; failures "$LOGS/demo-$name.log"; tail -n 20 "$LOGS/demo-$name.log"; }
        say "${ok:-0} checks, $failures failed (log: $LOGS/demo-$name.log)"
    done
    [ $any = 1 ] || nothing_to_run
    return $bad
}

# database_fresh NAME
database_fresh() {
    psql_quiet -d postgres -c "SET client_min_messages = warning" -c "DROP DATABASE IF EXISTS \"$1\" WITH (FORCE)" &&
        database_create "$1"
}

# programs_run DIRECTORY: runs its executables, each with a database of its own and the amount of work as
# argument; the last line of each says "N passed, N failed".
programs_run() {
    local program name status result start bad=0 any=0 limit=900
    [ "$AMOUNT" != full ] || limit=7200
    for program in "$TREE/$1"/*; do
        if [ ! -f "$program" ] || [ ! -x "$program" ]; then continue; fi
        case ${program##*/} in _*) continue ;; esac
        name=${1##*/}-$(basename "$program")
        any=1
        selected "$name" || continue
        say "---- $name $AMOUNT"
        status=0
        PGDATABASE=check_$(tr -c 'a-z0-9\n' '_' <<<"${name%.*}")
        export PGDATABASE
        database_fresh "$PGDATABASE" || return 1
        start=$SECONDS
        (cd "$TREE" && timeout --foreground -k 30 "$limit" "$program" "$AMOUNT") >"$LOGS/$name.log" 2>&1 || status=$?
        # A failure may be far from the end.
        head -n -40 "$LOGS/$name.log" | failures -
        tail -n 40 "$LOGS/$name.log"
        say "---- $name: exit status $status after $((SECONDS - start)) s (log: $LOGS/$name.log)"
        result=$(tail -n 1 "$LOGS/$name.log" | sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p')
        # A program that fails without saying so, or says nothing, has failed once.
        case "$status $result" in
            "0 "[0-9]*) ;;
            *" "[0-9]*" 0") result="${result% *} 1" ;;
            *" "[0-9]*) ;;
            *) result="0 1" ;;
        esac
        # shellcheck disable=SC2086
        count $result
        [ "${result#* }" -eq 0 ] || bad=1
        psql_quiet -d postgres -c "DROP DATABASE \"$PGDATABASE\" WITH (FORCE)" || bad=1
    done
    [ $any = 1 ] || nothing_to_run
    return $bad
}

# Each is the programs of a directory of test/.
STEPS_PROGRAMS="storm model texts mutation crash restore upgrade"
for step in $STEPS_PROGRAMS; do eval "step_$step() { programs_run test/$step; }"; done
