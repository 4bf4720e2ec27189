#!/usr/bin/env bash
# A Lua that checks its callers (LUA_USE_APICHECK): checked_lua.sh LIBRARY. A call from C with too few
# values on the stack, or with no room for more, ends the process then, where the packaged one goes on
# with whatever lies in memory.
#
# It is built from the Debian source of the version that is installed. The source is fetched by the
# machine's own sources of packages, with lists of our own beside apt's, and stays in ~/.cache/afrun-lua.
# Where it cannot be had, LIBRARY is the packaged library, and the reason is told.
set -uo pipefail
out=$1
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
    command -v dpkg-source >/dev/null || { why="dpkg-source is not installed" && return 1; }
    write_entries
    "${apt[@]}" update >"$work/log" 2>&1 # one source that cannot be reached is not all of them
    (cd "$work" && "${apt[@]}" source "lua5.4=$version") >"$work/log" 2>&1 ||
        { why=$(grep -m 1 '^E: ' "$work/log" || tail -n 1 "$work/log") && return 1; }
    mkdir -p "$cache" && mv -T "$work"/lua5.4-*/ "$sources" 2>/dev/null
    [ -e "$sources/src/lapi.c" ] || { why="$cache cannot be written" && return 1; }
}

build() {
    local objects
    objects=$(cd "$sources/src" && ls l*.c | grep -vxE 'luac?\.c' | sed 's/c$/o/')
    (cd "$work" && for object in $objects; do echo "$sources/src/${object%o}c"; done |
        xargs -P 2 -n 4 "${CC:-gcc}" -std=gnu99 -O2 -g -fPIC -DLUA_COMPAT_5_3 -DLUA_USE_LINUX -DLUA_USE_APICHECK -c &&
        ar qcs lua.a $objects) >"$work/log" 2>&1 || { why="it does not build: $(grep -m 1 error "$work/log")" && return 1; }
    mv "$work/lua.a" "$out"
}

why="liblua5.4-dev is no package here"
if [ -z "$version" ] || ! fetch || ! build; then
    echo "skipped: a Lua that checks its callers: $why" >&2
    cp "$(gcc -print-file-name=liblua5.4.a)" "$out"
fi
