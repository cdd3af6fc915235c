# shellcheck shell=bash
# An instance is a copy of the sources with its objects, a copy of PostgreSQL to install into, and a
# private server. `check`, `demo` and `sandbox` have one each and so never meet.
#
#   $BUILD/NAME/            logs of the steps
#   $BUILD/NAME/tree/       the copy of the sources, built in place
#   $BUILD/NAME/server/     pgroot, data, socket, log; or a link to a directory under /var/tmp where the
#                           server's user may not enter the clone

SERVER_USER=$(id -un)

# instance_open NAME
instance_open() {
    INSTANCE=$1
    HOME_DIR=$BUILD/$INSTANCE
    TREE=$HOME_DIR/tree
    mkdir -p "$HOME_DIR" "$TREE"
    if [ "$(id -u)" = 0 ]; then
        SERVER_USER=postgres
        id "$SERVER_USER" >/dev/null 2>&1 || die "there is no user $SERVER_USER to run the server as"
    fi
    SERVER_DIR=$(server_dir)
    PGROOT=$SERVER_DIR/pgroot
    PGBIN=$PGROOT/usr/lib/postgresql/$PG_MAJOR/bin
    CALLERS_PG_CONFIG=${PG_CONFIG:-}
    PG_CONFIG=$PGBIN/pg_config
    DATA=$SERVER_DIR/data
    export PG_CONFIG PATH="$PGBIN:$PATH"
}

# Runs a command as the server's user, in a directory that user may enter.
as_server() {
    if [ "$(id -un)" = "$SERVER_USER" ]; then
        (cd / && exec "$@")
    else
        (cd / && HOME=/ exec setpriv --reuid="$SERVER_USER" --regid="$(id -g "$SERVER_USER")" --init-groups -- "$@")
    fi
}

# Where the server lives: in the build directory when its user may go there.
server_dir() {
    local place=$HOME_DIR/server elsewhere
    if [ -L "$place" ]; then
        elsewhere=$(readlink "$place")
        if [ -d "$elsewhere" ] && [ -O "$elsewhere" ]; then
            say "$elsewhere"
            return
        fi
        rm -f "$place"
    fi
    if [ ! -d "$place" ]; then
        mkdir "$place"
        if ! as_server test -x "$place/." 2>/dev/null; then
            rmdir "$place"
            elsewhere=$(mktemp -d "/var/tmp/pg_affiliate-$INSTANCE.XXXXXX")
            chmod 755 "$elsewhere"
            ln -s "$elsewhere" "$place"
            place=$elsewhere
        fi
    fi
    say "$place"
}

# Forgets the server's files, wherever they are. The server must be stopped.
server_remove() {
    rm -rf "$SERVER_DIR"
    [ ! -L "$HOME_DIR/server" ] || rm -f "$HOME_DIR/server"
}

# Copies PostgreSQL, which finds its files relative to its own place, so that `make install` and the
# server touch nothing outside.
pgroot_make() {
    local lib=/usr/lib/postgresql/$PG_MAJOR share=/usr/share/postgresql/$PG_MAJOR stamp
    [ -x "$lib/bin/pg_config" ] || die "no PostgreSQL $PG_MAJOR in $lib"
    stamp=$(find "$lib" "$share" -type f -printf '%p %s %T@\n' | sort | cksum)
    [ "$(cat "$PGROOT/stamp" 2>/dev/null)" = "$stamp" ] && return
    rm -rf "$PGROOT"
    mkdir -p "$PGROOT/usr/lib/postgresql" "$PGROOT/usr/share/postgresql"
    cp -a "$lib" "$PGROOT/usr/lib/postgresql/"
    cp -a "$share" "$PGROOT/usr/share/postgresql/"
    ln -s /usr/include "$PGROOT/usr/include"
    say "$stamp" >"$PGROOT/stamp"
}

# Everything a build needs, relative to the clone; no git, so that a copy without it works too.
source_files() {
    (cd "$ROOT" && find . -path ./.git -prune -o -path ./build -prune -o -path "./${BUILD#"$ROOT"/}" -prune -o \
        -type f ! -name '*.o' ! -name '*.bc' ! -name '*.d' ! -name '*.so' ! -name '*.pyc' \
        ! -path ./src/pg/exports.list ! -path './results/*' ! -path './regression.*' ! -path './scratch/*' \
        -printf '%P\n' | sort)
}

# Brings the copy of the sources up to date. What did not change keeps its time, and its object stays.
tree_sync() {
    local list=$HOME_DIR/tree.files file executable
    source_files >"$list.new"
    if [ -f "$list" ]; then
        comm -23 "$list" "$list.new" | while IFS= read -r file; do
            rm -f -- "$TREE/$file" "$TREE/${file%.cpp}".{o,bc,d}
        done
    fi
    mv "$list.new" "$list"
    while IFS= read -r file; do
        executable=-
        [ ! -x "$ROOT/$file" ] || executable=+
        if ! cmp -s -- "$ROOT/$file" "$TREE/$file"; then
            mkdir -p -- "$TREE/$(dirname "$file")"
            rm -f -- "$TREE/$file"
            cp -- "$ROOT/$file" "$TREE/$file"
        fi
        chmod "a${executable}x" -- "$TREE/$file"
    done <"$list"
}

# Builds and installs into the copy of PostgreSQL. Arguments go to make. Bitcode, which takes as long again as
# the module itself, is built on request (with_llvm=yes).
tree_build() { tree_make "$@" all && tree_make "$@" install; }
tree_make() {
    make -C "$TREE" --no-print-directory -s -j "$JOBS" PG_CONFIG="$PG_CONFIG" debug_info=no with_llvm=no "$@"
}
