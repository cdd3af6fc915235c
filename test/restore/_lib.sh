# shellcheck shell=bash
# What the restore tests share: private servers of their own beside the check's, digests, a history and what comes after it.
# They are started like the storms, whose words (is, happened, sql, value) they use.
RESTORE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=test/storm/_lib.sh
. "$RESTORE/../storm/_lib.sh"
for part in common instance server; do
    # shellcheck source=/dev/null
    . "$RESTORE/../../scripts/lib/$part.sh"
done

PRIVATE=$(mktemp -d /var/tmp/pg_affiliate-restore.XXXXXX)
chmod 755 "$PRIVATE"
at_exit rm -rf "$WORK" "$PRIVATE"
SERVERS=()
at_exit stop_servers
stop_servers() { for name in "${SERVERS[@]}"; do use "$name" && server_stop; done; }

[ "$(id -u)" != 0 ] || SERVER_USER=postgres
PGBIN=$("$PG_CONFIG" --bindir)
DATABASE=shop
# Nothing here is about crashes.
SERVER_OPTIONS="-c fsync=off ${SERVER_OPTIONS:-}"

# use NAME: from now on psql talks to this server, to its database shop
use() {
    SERVER_DIR=$PRIVATE/$1 DATA=$PRIVATE/$1/data
    [ ! -f "$SERVER_DIR/environment" ] || server_environment
}

# server NAME [SETTING...]: makes a server of its own initdb; with COPY_OF=other the files of another one that is stopped
server() {
    mkdir -p "$PRIVATE/$1"
    use "$1"
    if [ -n "${COPY_OF:-}" ]; then
        cp -a "$PRIVATE/$COPY_OF/data" "$DATA"
    else
        server_create || exit 1
        printf '%s\n' "shared_preload_libraries = ''" "${@:2}" >>"$DATA/postgresql.conf"
    fi
    start "$1"
}

start() {
    use "$1"
    SERVERS+=("$1")
    server_start || exit 1
}
stop() {
    use "$1"
    server_stop
}
# use_up N: so many transaction ids
use_up() {
    # each subtransaction that writes takes one
    sql -d postgres -c "CREATE TABLE used_up (i int); DO \$\$ BEGIN FOR i IN 1 .. $1 LOOP BEGIN INSERT INTO used_up VALUES (i); EXCEPTION WHEN raise_exception THEN NULL; END; END LOOP; END \$\$"
}

# digest [continued]: a line "name|rows|md5" for each table and view of the schema, but those that reports() stands for.
# `continued` leaves out what differs between two servers that did the same: clocks, transaction ids, and numbers of sequences,
# which skip some after a promotion.
digest() {
    local row='t::text' but='{reported,rollup_progress,attachments,backfill_progress}'
    [ "${1:-}" != continued ] || but='{reported,rollup_progress,attachments,backfill_progress,rollup,rollup_click,rollup_state,click_source}'
    # the audit of a new row has them, too; the object of a closed review is its number
    [ "${1:-}" != continued ] || row="regexp_replace((to_jsonb(t) - '{recorded_at,enqueued_at,created_at,installed_at,queue_id,audit_id,case_id,coupon_no,
        object,settled,written_xid,inserted_xid,cluster,ready_xid,click_xid,system_identifier}'::text[])::text,
        '\"(created_at|coupon_no)\": (\"[^\"]*\"|[0-9]+)', '', 'g')"
    sql -v row="$row" -v but="$but" <<'SQL' | sort
SET max_parallel_workers_per_gather = 0;
SELECT string_agg(format('SELECT %L, count(*), md5(coalesce(string_agg(row, chr(10) ORDER BY row COLLATE "C"), %L)) FROM (SELECT %s AS row FROM %s AS t) AS r',
                         -- tables and columns have other numbers where they were restored
                         c.relname, '', CASE c.relname WHEN 'attachment' THEN '(to_jsonb(t) - ''{relation_id,known_columns,backfill}''::text[])::text' ELSE :'row' END,
                         c.oid::regclass), ' UNION ALL ' ORDER BY c.relname)
FROM pg_class AS c WHERE c.relnamespace = 'affiliate'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND c.relname <> ALL (:'but') \gexec
SQL
}

# reports: the sums that people look at. The rows of rollups are another matter: built anew they are fewer.
reports() {
    sql <<'SQL' | sort
SELECT b, p FROM (VALUES ('sale'), ('event')) AS v (b), affiliate.performance('2025-02-01', '2025-04-01', '{day,program,affiliate,campaign,product,country,conversion_type,method}', '{}', b) AS p;
SELECT t FROM affiliate.top_affiliates('2025-02-01', '2025-04-01') AS t;
SELECT f FROM affiliate.funnel('2025-02-01', '2025-04-01', '{program,affiliate}') AS f;
SQL
}

# catalog: everything that setup() answers for, as rows; the system identifier, which is a default, as "here"
catalog() {
    local here
    here=$(value 'SELECT system_identifier FROM pg_control_system()')
    sql -c 'BEGIN' -f "$RESTORE/../tap/catalog/_digest.sql" -c 'SELECT * FROM pg_temp.digest() ORDER BY what COLLATE "C", name COLLATE "C", detail COLLATE "C"' | sed "s/'$here'/here/"
}

# same NAME FILE FILE: the files are equal, and not empty; shows where they are not
same() {
    local differing
    differing=$(diff "$2" "$3" | grep '^[<>]' | cut -c 1-300 | head -n 12)
    [ -s "$2" ] || differing="nothing to compare"
    is "$1" "$differing" ""
}

# history: rows of every kind, some of them waiting for the drain
history() {
    sql -v customers="$CUSTOMERS" -f "$RESTORE/_history.sql" >/dev/null || exit 1
}
# continue_work: what is due is drained; then sales, refunds, clicks, payments, a new program; and drained
continue_work() { sql -f "$RESTORE/_continue.sql" >/dev/null; }

# identities_behind: identity columns whose sequence would give a number that is there already
identities_behind() {
    sql <<'SQL'
SELECT string_agg(format('SELECT %L WHERE (SELECT CASE WHEN s.is_called THEN s.last_value ELSE s.last_value - 1 END FROM %s AS s) < (SELECT max(%I) FROM %s)',
                         a.attrelid::regclass || '.' || a.attname, pg_get_serial_sequence(a.attrelid::regclass::text, a.attname), a.attname, a.attrelid::regclass),
                  ' UNION ALL ' ORDER BY a.attrelid)
FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
WHERE c.relnamespace = 'affiliate'::regnamespace AND c.relkind IN ('r', 'p') AND a.attidentity <> '' \gexec
SQL
}
