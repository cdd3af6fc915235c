# shellcheck shell=bash
# Shared by the scripts of this directory; sourced, never run.
# Sets ROOT (the clone) and BUILD (everything generated), and loads scripts/lib/*.sh.

set -euo pipefail
umask 022
export LC_ALL=C.UTF-8
unset CDPATH PGHOST PGPORT PGUSER PGDATABASE PGPASSWORD PGPASSFILE PGSERVICE PGOPTIONS PGDATA
export PSQLRC=/dev/null

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
BUILD=${PG_AFFILIATE_BUILD:-$ROOT/build}
PG_MAJOR=${PG_MAJOR:-15}
JOBS=${JOBS:-$(nproc)}
mkdir -p "$BUILD"
BUILD=$(cd "$BUILD" && pwd -P)

for part in "$ROOT"/scripts/lib/*.sh; do
    # shellcheck source=/dev/null
    . "$part"
done
unset part
