#!/usr/bin/env bash
# Lua as we compile it, from the Debian source of the version that is installed: lua.sh LIBRARY PURPOSE FLAG…. For tests it checks
# its callers (LUA_USE_APICHECK): a call from C with too few values on the stack, or with no room for more, ends the process then,
# where the packaged one goes on with whatever lies in memory. In MODE=fast it is linked with the rest, and learns as the rest does.
#
# The source, with the patches of Debian, is fetched by the machine's own sources of packages, with lists of our own beside apt's,
# and stays in ~/.cache/afrun-lua. Where it cannot be had, LIBRARY is the packaged library; that PURPOSE is missed, and why, is told.
# SMALL=FLAG: for all that no message passes. AR: what makes an archive of such objects.
set -uo pipefail
out=$1 purpose=$2
shift 2
hot=" lapi lauxlib ldebug ldo lfunc lgc lmem lobject lstring ltable ltm lvm "
version=$(dpkg-query -W -f '${source:Version}' liblua5.4-dev 2>/dev/null)
cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/afrun-lua
sources=$cache/$version
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The machine's entries, with sources in place of packages.
write_entries() {
    local file
    mkdir -p "$work/parts" "$work/lists/partial" "$work/cache/archives/partial"
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [ ! -f "$file" ] || sed -n 's/^deb\([ \t]\)/deb-src\1/p' "$file"
    done >"$work/sources.list"
    for file in /etc/apt/sources.list.d/*.sources; do
        [ ! -f "$file" ] || sed 's/^Types:.*/Types: deb-src/' "$file" >"$work/parts/${file##*/}"
    done
}

# The source is in $sources; else why holds the reason.
fetch() {
    local apt=(timeout 120 apt-get -q -o "Dir::Etc::sourcelist=$work/sources.list" -o "Dir::Etc::sourceparts=$work/parts"
        -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=root
        -o Acquire::http::Timeout=10 -o Acquire::Retries=1)
    [ ! -e "$sources/src/lapi.c" ] || return 0
    command -v dpkg-source >/dev/null || { why="dpkg-source is not installed (package dpkg-dev)" && return 1; }
    write_entries
    "${apt[@]}" update >"$work/log" 2>&1 # one source that cannot be reached is not all of them
    (cd "$work" && "${apt[@]}" source "lua5.4=$version") >"$work/log" 2>&1 ||
        { why=$(grep -m 1 '^E: ' "$work/log" || tail -n 1 "$work/log") && return 1; }
    mkdir -p "$cache" && mv -T "$work"/lua5.4-*/ "$sources" 2>/dev/null
    [ -e "$sources/src/lapi.c" ] || { why="$cache cannot be written" && return 1; }
}

compile() {
    local name=$1 small=${SMALL:-}
    shift
    [[ $hot != *" $name "* ]] || small=
    "${CC:-gcc}" -std=gnu99 -w -DLUA_COMPAT_5_3 -DLUA_USE_LINUX "$@" $small -c "$sources/src/$name.c" -o "$objects/$name.o"
}

# The objects keep their place, as what is learned is told by it.
build() {
    local objects=${out%/*}/lua name
    rm -rf "$objects" && mkdir -p "$objects"
    for name in $(cd "$sources/src" && ls l*.c | grep -vxE 'luac?\.c'); do
        compile "${name%.c}" "$@" 2>"$work/log" || { why="it does not build: $(grep -m 1 error "$work/log")" && return 1; }
    done
    "${AR:-ar}" qcs "$work/lua.a" "$objects"/*.o && mv "$work/lua.a" "$out"
}

why="liblua5.4-dev is no package here"
if [ -z "$version" ] || ! fetch || ! build "$@"; then
    echo "skipped: $purpose: $why" >&2
    cp "$("${CC:-gcc}" -print-file-name=liblua5.4.a)" "$out"
fi
