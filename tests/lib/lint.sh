#!/usr/bin/env bash
# Says whether the sources keep the house's rules: lint.sh [CHECK…], of: rules format tidy lua.
#
# One line for each rule with its verdict, then what breaks it. Who may include whom stands in the
# table of runtime/README.md (layers.lua reads it); symbols are read from the objects of the release
# build.
set -uo pipefail
shopt -s nullglob lastpipe # so that a verdict, which ends a pipe, is this shell's
cd "$(dirname "$0")/../.." || exit 2

failed=0

# verdict RULE: `ok` if standard input is empty, else `FAIL` and what is there.
verdict() {
    local found
    found=$(head -n 40)
    if [ -z "$found" ]; then
        echo "ok    $1"
    else
        echo "FAIL  $1"
        printf '%s\n' "$found" | sed 's/^/      /'
        failed=1
    fi
}

# ---- Rules. ----

# code PATTERN FILE…: lines that match outside comments and strings.
code() {
    lua5.4 - "$@" <<'LUA'
local pattern = arg[1]
for i = 2, #arg do
  local text = io.open(arg[i], "rb"):read("a")
  text = text:gsub("/%*.-%*/", function(comment) return (comment:gsub("[^\n]", "")) end)
  local number = 0
  for line in text:gmatch("([^\n]*)\n") do
    number = number + 1
    line = line:gsub("\\.", ""):gsub("'[^']*'", "''"):gsub('"[^"]*"', '""')
    line = line:gsub(arg[i]:find("%.lua$") and "%-%-.*" or "//.*", "")
    if (" " .. line):find(pattern) then print(("%s:%d:%s"):format(arg[i], number, line)) end
  end
end
LUA
}

# Functions of which only some files may call one: clock reads, lua_resume().
calls() {
    local name names=$1
    shift
    for name in $names; do
        code "[^%w_.>]$name%s*%(" "$@"
    done
}

check_rules() {
    local c file

    mapfile -t c < <(find runtime bindings -name '*.[ch]' | LC_ALL=C sort)
    find runtime -maxdepth 1 -name '*.[ch]' | verdict "no source stands in runtime/ itself"
    lua5.4 tests/lib/layers.lua includes | verdict "includes keep to the table of runtime/README.md"
    lua5.4 tests/lib/layers.lua symbols build/release | verdict "so do symbols, and within bindings/ to its README.md"
    for file in $(find runtime -mindepth 1 -type d); do
        [ -e "$file/README.md" ] || echo "$file has none"
        for header in "$file"/*.[ch]; do
            grep -q "\`$(basename "${header%.*}")[.\`]" "$file/README.md" || echo "$file/README.md leaves out $header"
        done
    done | verdict "each folder's README.md names its files"
    grep -nE '# *include [<"](lua|lauxlib|lualib|luaconf)\.h' $(printf '%s\n' "${c[@]}" | grep ^runtime/) |
        verdict "only bindings/ includes lua.h"
    calls lua_resume "${c[@]}" | tail -n +2 | verdict "there is no second lua_resume()"
    calls "clock_gettime time gettimeofday clock timespec_get ev_now ev_time" "${c[@]}" |
        grep -vE '^runtime/(loop/[a-z]+|base/progress|base/log)\.c:' | verdict "only loop/ reads a clock, and base/ for display"
    calls "rand srand random srandom drand48 lrand48" "${c[@]}" |
        verdict "chance comes from base/rng.c"
    code 'os%.%a+%s*%(' scripts/af/*.lua | verdict "scripts/af asks the host for time and chance"
    grep -ohE '\bhost\.[a-z_0-9]+' scripts/af/*.lua | sort -u | while read -r name; do
        grep -qE "^(function $name\(|$name =)" scripts/af/_meta/host.lua || echo "$name"
    done | verdict "scripts/af/_meta/host.lua describes what scripts/af uses"
    grep -oE '^function host\.[a-z_0-9]+' scripts/af/_meta/host.lua | while read -r name; do
        grep -qF "\"${name#function host.}\"" bindings/*.c || echo "$name"
    done | verdict "bindings/ provides what scripts/af/_meta/host.lua describes"
    grep -L '^plan ' tests/e2e/*.sh tests/regress/*.sh | verdict "tests of the program say first how many cases they have"
    grep -rnE '\b(TODO|FIXME|XXX)\b' --include='*.[ch]' --include='*.lua' --include='*.sh' --include=Makefile \
        --exclude=lint.sh Makefile runtime bindings scripts flows tests |
        verdict "nothing is left for later"
}

# ---- Tools. ----

check_format() {
    local sources
    mapfile -t sources < <(find runtime bindings tests -name '*.[ch]')
    clang-format --dry-run -Werror "${sources[@]}" 2>&1 | grep -E '^[^ ]+:[0-9]+:[0-9]+: error' |
        cut -d: -f1 | uniq -c | verdict "clang-format (mend: clang-format -i FILE)"
}

# tidy FILES_OF FLAG…: the errors alone; for their stories run clang-tidy on that file.
tidy() {
    local folder=$1
    shift
    find "$folder" -name '*.c' | LC_ALL=C sort | xargs -P "${JOBS:-2}" -I{} clang-tidy -quiet {} -- \
        -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wconversion -iquote runtime -iquote bindings -iquote tests \
        -isystem /usr/include/lua5.4 "$@" 2>&1 | grep -E '(error|warning):' | sed "s:^$PWD/::"
}

check_tidy() {
    { tidy runtime; tidy bindings -include tests/lib/lint_lua.h; } | verdict "clang-tidy"
}

check_lua() {
    local folders=()
    for folder in scripts flows tests; do
        [ -z "$(find $folder -name '*.lua' -print -quit)" ] || folders+=("$folder")
    done
    luacheck -q --formatter plain --no-color "${folders[@]}" 2>&1 | verdict "luacheck"
    tests/lib/reference.sh build/release/afrun | verdict "the reference is complete, and its examples run"
}

[ $# -gt 0 ] || set -- rules format lua tidy
for check in "$@"; do
    "check_$check"
done
exit $failed
