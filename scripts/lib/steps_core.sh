# shellcheck shell=bash
# The steps of scripts/check that need no server.

step_build() {
    local symbol ours clash llvm=yes
    [ "$AMOUNT" != quick ] || llvm=no
    tree_build WERROR=1 with_llvm=$llvm || return 1
    count_passed
    ours=$(nm -D --defined-only "$TREE/pg_affiliate.so" | awk '{print $3}') || return 1
    for symbol in $ours; do
        case $symbol in
            affiliate_* | pg_finfo_affiliate_* | Pg_magic_func | _PG_init | _PG_fini) ;;
            *) say "exported, but not in src/pg/exports.txt: $symbol"; count_failed; return 1 ;;
        esac
    done
    count_passed
    clash=$(comm -12 <(sort <<<"$ours") <(nm -D --defined-only "$PGBIN/postgres" | awk '{print $3}' | sort))
    if [ -n "$clash" ]; then
        say "the server has symbols of the same name: $clash"
        count_failed
        return 1
    fi
    count_passed
}

# Every scripts/lint-* is one rule: quiet and 0 when it holds.
step_lint() {
    local rule bad=0
    for rule in "$ROOT"/scripts/lint-*; do
        selected "${rule##*/}" || continue
        if "$rule"; then
            say "ok ${rule##*/}"
            count_passed
        else
            say "not ok ${rule##*/}"
            count_failed
            bad=1
        fi
    done
    return $bad
}

# core_build DIRECTORY CMAKE-ARGUMENTS...
core_build() {
    local dir=$HOME_DIR/$1
    shift
    cmake -S "$TREE" -B "$dir" -DAFFILIATE_WERROR=ON "$@" && cmake --build "$dir" -j "$JOBS"
}

# cases_said REPORT WORD: how many cases "passed" or were "skipped".
cases_said() { sed -n "s/^ *\\([0-9]*\\) test cases\\{0,1\\} out of [0-9]* $2\$/\\1/p" <<<"$1" | tail -n 1; }

# unit_run DIRECTORY: runs the unit tests built there and counts the cases.
unit_run() {
    local dir=$HOME_DIR/$1 status=0 out total ok left_out
    local args=(--report_level=short --color_output=no --log_level=error)
    [ -z "${ONLY:-}" ] || args+=("--run_test=*${ONLY}*")
    [ -x "$dir/unit_tests" ] || { say "there are no unit tests"; return 1; }
    out=$("$dir/unit_tests" "${args[@]}" 2>&1) || status=$?
    say "$out"
    ok=$(cases_said "$out" passed)
    total=$(sed -n 's/^ *[0-9]* test cases\{0,1\} out of \([0-9]*\) [a-z]*$/\1/p' <<<"$out" | tail -n 1)
    left_out=0
    [ -z "${ONLY:-}" ] || left_out=$(cases_said "$out" skipped)
    ok=${ok:-0}
    total=$((${total:-0} - ${left_out:-0}))
    # Killed by a sanitizer: no report is written.
    [ "$status" -eq 0 ] || [ "$total" -gt "$ok" ] || total=$((ok + 1))
    count "$ok" "$((total - ok))"
    return "$status"
}

# With the module's own objects of the core: what is tested is what runs, and it is compiled once.
step_unit() {
    local library=build/libaffiliate_core.a
    tree_make WERROR=1 $library &&
        core_build unit -DCMAKE_CXX_COMPILER=g++ -DCMAKE_BUILD_TYPE=None -DAFFILIATE_CORE_LIBRARY="$TREE/$library" &&
        unit_run unit
}

# The core without -fwrapv, so that a signed overflow shows.
step_ubsan() {
    core_build ubsan -DCMAKE_CXX_COMPILER=clang++-14 -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS=-O1 \
        -DAFFILIATE_SANITIZE=undefined &&
        UBSAN_OPTIONS=print_stacktrace=1 unit_run ubsan
}

step_asan() {
    core_build asan -DCMAKE_CXX_COMPILER=g++ -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS=-O1 \
        -DAFFILIATE_SANITIZE=address && unit_run asan
}

# A short run of each fuzzer, in full of a million executions of each parser, and of 100,000 of the whole kernel, which is
# none and does some fifty a second; seeds are in test/fuzz/corpus/NAME, what it found stays in the build directory.
step_fuzz() {
    local seconds=20 wanted source name corpus args ran bad=0
    [ "$AMOUNT" != full ] || seconds=7200
    core_build fuzz -DCMAKE_CXX_COMPILER=clang++-14 -DAFFILIATE_FUZZ=ON -DAFFILIATE_SANITIZE=address,undefined || return 1
    for source in "$TREE"/test/fuzz/*_fuzz.cpp; do
        [ -e "$source" ] || { say "there are no fuzzers"; return 1; }
        name=$(basename "$source" .cpp)
        selected "$name" || continue
        case $AMOUNT:$name in
            full:settle_fuzz) wanted=100000 ;;
            full:*) wanted=1000000 ;;
            *:settle_fuzz) wanted=100 ;;
            *) wanted=10000 ;;
        esac
        corpus=$HOME_DIR/corpus/$name
        mkdir -p "$corpus"
        args=("-max_total_time=$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 "-artifact_prefix=$LOGS/$name-")
        [ ! -f "$TREE/test/fuzz/$name.dict" ] || args+=("-dict=$TREE/test/fuzz/$name.dict")
        [ "$AMOUNT" != full ] || args+=("-runs=$wanted")
        args+=("$corpus")
        [ ! -d "$TREE/test/fuzz/corpus/$name" ] || args+=("$TREE/test/fuzz/corpus/$name")
        say "---- $name"
        if "$HOME_DIR/fuzz/$name" "${args[@]}" >"$LOGS/$name.log" 2>&1; then
            tail -n 8 "$LOGS/$name.log"
            ran=$(sed -n 's/^stat::number_of_executed_units: *\([0-9]*\)$/\1/p' "$LOGS/$name.log")
            if [ "${ran:-0}" -ge "$wanted" ]; then
                count_passed
            else
                say "not ok $name: ${ran:-0} executions in $seconds s, wanted $wanted"
                count_failed
                bad=1
            fi
        else
            tail -n 60 "$LOGS/$name.log"
            count_failed
            bad=1
        fi
    done
    return $bad
}

# Every PostgreSQL on this machine, and that of the caller's PG_CONFIG, with and without bitcode, each in a copy of its own.
step_compile() {
    local config version llvm dir bad=0
    for config in /usr/lib/postgresql/*/bin/pg_config ${CALLERS_PG_CONFIG:+"$CALLERS_PG_CONFIG"}; do
        [ -x "$config" ] || { say "there is no program $config"; return 1; }
        version=$("$config" --version)
        for llvm in yes no; do
            dir=$HOME_DIR/compile
            rm -rf "$dir"
            mkdir -p "$dir/tree"
            (cd "$TREE" && tr '\n' '\0' <"$HOME_DIR/tree.files" | xargs -0 cp -p --parents -t "$dir/tree" --) || return 1
            if make -C "$dir/tree" --no-print-directory -s -j "$JOBS" PG_CONFIG="$config" WERROR=1 with_llvm=$llvm all &&
                make -C "$dir/tree" --no-print-directory -s PG_CONFIG="$config" with_llvm=$llvm DESTDIR="$dir/root" install; then
                say "ok $version with_llvm=$llvm"
                count_passed
            else
                say "not ok $version with_llvm=$llvm"
                count_failed
                bad=1
            fi
            rm -rf "$dir"
        done
    done
    return $bad
}
