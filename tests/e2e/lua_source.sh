#!/usr/bin/env bash
# Lua from its source: in the sanitize build it ends the process where C calls it wrongly; without the source, the
# packaged one is taken, and the reason is told.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 4

cat >wrong.c <<'C'
#include <lauxlib.h>
int main(void)
{
    lua_State *lua = luaL_newstate();
    lua_pushnil(lua);
    lua_pop(lua, 2); // one more than there is
    return 0;
}
C
lua=$ROOT/build/sanitize/liblua.a packaged=$(gcc -print-file-name=liblua5.4.a)
check "a wrong call compiles" gcc -o wrong wrong.c $(pkg-config --cflags lua5.4) "$lua" -lm -ldl
if cmp -s "$lua" "$packaged"; then
    skip 1 "the source of Lua was not to be had"
else
    run ./wrong
    if [ $status -eq 134 ] && grep -q 'Assertion' "$ERR"; then ok "and ends the process"; else not_ok "and ends the process" "$status $(cat "$ERR")"; fi
fi

# A machine that knows the package, and has nothing that fetches its source.
mkdir bin home
printf '#!/bin/sh\necho 5.4.0-0\n' >bin/dpkg-query
printf '#!/bin/sh\necho "E: no source here" >&2\nexit 100\n' | tee bin/apt-get >bin/dpkg-source
chmod +x bin/*
expect_error "skipped: a Lua that checks its callers: E: no source here" 0 env PATH="$TMP/bin:$PATH" \
    HOME="$TMP/home" XDG_CACHE_HOME= "$ROOT/scripts/tool/lua.sh" there.a "a Lua that checks its callers"
check "and takes the packaged one" cmp there.a "$packaged"
