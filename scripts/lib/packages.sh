# shellcheck shell=bash
# Debian packages: install what is missing, silently when nothing is.

PACKAGES_BUILD="postgresql-$PG_MAJOR postgresql-server-dev-$PG_MAJOR postgresql-$PG_MAJOR-cron
    libboost1.81-dev g++ make"
PACKAGES_CHECK="postgresql-$PG_MAJOR-pgtap libtap-parser-sourcehandler-pgtap-perl
    libboost-test1.81-dev clang-14 libclang-rt-14-dev cmake python3"
PACKAGES_DEMO="python3"

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        if [ -t 0 ]; then sudo "$@"; else sudo -n "$@"; fi
    else
        return 1
    fi
}

missing_packages() {
    local package
    command -v dpkg-query >/dev/null || return 0
    for package in "$@"; do
        case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) in
            installed) ;;
            *) printf '%s ' "$package" ;;
        esac
    done
}

# need_packages PACKAGE...
need_packages() {
    local missing
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || return 0
    say "installing packages: $missing"
    as_root true || die "neither root nor sudo without a password; please install: $missing"
    # shellcheck disable=SC2086
    run_job install_packages $missing >"$BUILD/packages.log" 2>&1 || {
        tail -n 20 "$BUILD/packages.log" >&2
        die "could not install: $missing (all output: $BUILD/packages.log)"
    }
}

# Debian's server package makes a cluster and starts it. Two files that exist only during the
# installation keep it from doing so, and keep running services from being restarted.
install_packages() {
    local cluster_dir=/etc/postgresql-common/createcluster.d policy=/usr/sbin/policy-rc.d
    local no_cluster=$cluster_dir/zz-pg-affiliate.conf
    trap 'remove_install_files' EXIT
    trap 'exit 143' INT TERM HUP
    INSTALL_FILES=("$no_cluster")
    as_root mkdir -p "$cluster_dir"
    say 'create_main_cluster = false' | as_root tee "$no_cluster" >/dev/null
    if [ ! -e "$policy" ]; then
        INSTALL_FILES+=("$policy")
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
    fi
    apt_get update || return 1
    apt_get install -y --no-install-recommends -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
}

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 "$@"
}

remove_install_files() { as_root rm -f "${INSTALL_FILES[@]}"; }
