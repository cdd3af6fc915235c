# shellcheck shell=bash
# The private server of an instance: no TCP, a socket directory and data directory of its own.

DATABASE=affiliate

server_running() { [ -f "$DATA/postmaster.pid" ] && as_server "$PGBIN/pg_ctl" -D "$DATA" status >/dev/null 2>&1; }

server_create() {
    [ ! -f "$DATA/PG_VERSION" ] || return 0
    rm -rf "$DATA"
    mkdir "$DATA"
    chown "$SERVER_USER" "$DATA"
    chmod 700 "$DATA"
    as_server "$PGBIN/initdb" -D "$DATA" -U postgres --auth=trust -E UTF8 --locale=C.UTF-8 \
        >"$SERVER_DIR/initdb.log" 2>&1 || { cat "$SERVER_DIR/initdb.log" >&2; return 1; }
    cat >>"$DATA/postgresql.conf" <<CONF
listen_addresses = ''
timezone = 'UTC'
log_timezone = 'UTC'
max_connections = 200
max_prepared_transactions = 20
max_worker_processes = 16
shared_buffers = '128MB'
wal_level = logical
max_wal_size = '2GB'
log_line_prefix = '%m [%p] %q%a@%d '
shared_preload_libraries = 'pg_cron'
cron.database_name = '$DATABASE'
cron.use_background_workers = on
cron.log_run = on
CONF
}

# The socket's path may have 107 bytes at most.
socket_dir() {
    local dir=$SERVER_DIR/socket
    if [ ${#dir} -gt 85 ]; then
        dir=$(mktemp -d /tmp/pg_affiliate.XXXXXX)
    else
        mkdir -p "$dir"
    fi
    chown "$SERVER_USER" "$dir"
    chmod 700 "$dir"
    say "$dir"
}

# Starts the server unless it runs, and exports how to reach it. SERVER_OPTIONS, for example
# "-c fsync=off", go to the server.
server_start() {
    if server_running; then
        server_environment
        return
    fi
    server_create
    rm -f "$SERVER_DIR/environment"
    local socket port
    socket=$(socket_dir)
    port=$((20000 + RANDOM % 40000))
    : >>"$SERVER_DIR/server.log"
    chown "$SERVER_USER" "$SERVER_DIR/server.log"
    without_lock as_server "$PGBIN/pg_ctl" -D "$DATA" -w -t 120 -s -l "$SERVER_DIR/server.log" \
        -o "-k '$socket' -p $port ${SERVER_OPTIONS:-}" start </dev/null || {
        tail -n 20 "$SERVER_DIR/server.log" >&2
        return 1
    }
    printf 'export PGHOST=%q PGPORT=%q PGUSER=postgres PGDATABASE=%q\n' "$socket" "$port" "$DATABASE" \
        >"$SERVER_DIR/environment"
    server_environment
}

server_environment() {
    # shellcheck source=/dev/null
    . "$SERVER_DIR/environment"
}

server_stop() {
    local socket
    if server_running; then
        as_server "$PGBIN/pg_ctl" -D "$DATA" -m fast -w -t 60 -s stop ||
            as_server "$PGBIN/pg_ctl" -D "$DATA" -m immediate -w -t 60 -s stop
    fi
    if [ -f "$SERVER_DIR/environment" ]; then
        server_environment
        socket=$PGHOST
        case $socket in /tmp/pg_affiliate.*) rm -rf "$socket" ;; esac
        rm -f "$SERVER_DIR/environment"
    fi
}

psql_quiet() { psql -X -q -v ON_ERROR_STOP=1 "$@"; }

# database_create NAME: a database with the extension set up.
database_create() {
    psql_quiet -d postgres -c "CREATE DATABASE \"$1\"" 
    database_set_up "$1"
}

database_set_up() {
    psql_quiet -d "$1" >/dev/null <<'SQL'
SET client_min_messages = warning;
CREATE EXTENSION pg_affiliate;
SELECT affiliate.setup();
SQL
}

database_exists() { [ -n "$(psql -X -At -d postgres -c "SELECT 1 FROM pg_database WHERE datname = '$1'")" ]; }

# The database that pg_cron works in.
database_main() {
    database_exists "$DATABASE" || psql_quiet -d postgres -c "CREATE DATABASE \"$DATABASE\""
    psql_quiet -d "$DATABASE" -c "SET client_min_messages = warning" -c "CREATE EXTENSION IF NOT EXISTS pg_cron"
    if [ -z "$(psql -X -At -d "$DATABASE" -c "SELECT 1 FROM pg_extension WHERE extname = 'pg_affiliate'")" ]; then
        database_set_up "$DATABASE"
    fi
}
