# shellcheck shell=bash
# For scripts/lint-*: each prints what breaks its rule, as file:line: text, and fails when there is any.

# forbid PATTERN MESSAGE FILE...: no line may match the extended regular expression. A line whose pattern
# stands only in a // comment does not count.
LINT_STATUS=0
forbid() {
    local pattern=$1 message=$2 file found
    shift 2
    for file in "$@"; do
        found=$(sed -E 's@(^|[[:space:]])//.*$@@' "$ROOT/$file" | grep -nE -- "$pattern" | sed "s|^|$file:|") || true
        [ -z "$found" ] || complain "$message:"$'\n'"$found"
    done
}

complain() {
    say "$*"
    LINT_STATUS=1
}

# files FIND-ARGUMENTS...: paths relative to the clone.
files() { (cd "$ROOT" && find "$@" -type f 2>/dev/null | sort); }
