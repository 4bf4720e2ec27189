#!/usr/bin/env bash
# Says whether the sources keep the house's rules: lint.sh [CHECK…], of: rules format tidy lua.
#
# One line for each rule with its verdict, then what breaks it. The layers (who may include whom)
# are told from file names: everything before the first `_` names a room.
set -uo pipefail
shopt -s nullglob
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

rooms_base=(failure kill mem buf io bounds rng uuid json log progress loop http process version pointer pool arena db jail)
rooms_core=(contract journal bus store script party faults calls trace request file tool grants config code reload schedule trust)
rooms_driver=(sim world check node control serve live worker)
rooms_top=(main command cmd run ctl many replay stepper tell opts interrupt)

# layer_of FILE: base, core, driver, top, or bindings; nothing if its room is not known.
layer_of() {
    local stem=${1##*/} room=
    case $1 in bindings/*) echo bindings && return ;; esac
    [[ $stem != lua_* && $stem != embedded.h ]] || { echo bindings && return; }
    stem=${stem%%.*}
    room=${stem%%_*}
    case " ${rooms_base[*]} " in *" $room "*) echo base ;; esac
    case " ${rooms_core[*]} " in *" $room "*) echo core ;; esac
    case " ${rooms_driver[*]} " in *" $room "*) echo driver ;; esac
    case " ${rooms_top[*]} " in *" $room "*) echo top ;; esac
}

# includes LAYER: `file:line: header` for each header of ours that a file of the layer includes.
includes() {
    local file
    for file in runtime/*.[ch]; do
        [ "$(layer_of "$file")" != "$1" ] ||
            grep -HnE '^# *include "' "$file" | sed -E 's/# *include "([^"]*)".*/ \1/'
    done
}

# headers_not_of LAYER…: those lines of includes() whose header is of another layer.
headers_not_of() {
    local where header
    while read -r where header; do
        case " $* " in *" $(layer_of "$header") "*) ;; *) echo "$where $header" ;; esac
    done
}

# The room of a driver's file; files of one driver may include each other.
driver_of() {
    local stem=${1##*/}
    stem=${stem%%.*}
    case ${stem%%_*} in control) echo node ;; *) echo "${stem%%_*}" ;; esac
}

other_drivers() {
    local where header
    includes driver | while read -r where header; do
        [ "$(layer_of "$header")" = driver ] || continue
        [ "$(driver_of "$header")" = world ] || [ "$(driver_of "$header")" = "$(driver_of "${where%%:*}")" ] ||
            echo "$where $header"
    done
}

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
    local c=(runtime/*.c runtime/*.h bindings/*.c bindings/*.h) file

    for file in runtime/*.[ch]; do
        [ -n "$(layer_of "$file")" ] || echo "$file"
    done | verdict "every file of runtime/ is in a room that lint.sh knows"
    grep -nE '# *include [<"](lua|lauxlib|lualib|luaconf)\.h' runtime/*.[ch] |
        verdict "only bindings/ includes lua.h"
    for file in runtime/*.[ch]; do
        [ "$file" = runtime/main.c ] || grep -HnE '# *include "(lua_|embedded)' "$file"
    done | verdict "of runtime/ only main.c includes headers of bindings/"
    includes base | headers_not_of base | verdict "base includes base only"
    includes core | headers_not_of base core | verdict "core includes core and base only"
    includes driver | headers_not_of base core driver |
        verdict "drivers include no command and no binding"
    other_drivers | verdict "drivers do not include each other (all may include world)"
    calls lua_resume "${c[@]}" | tail -n +2 | verdict "there is no second lua_resume()"
    calls "clock_gettime time gettimeofday clock timespec_get ev_now ev_time" "${c[@]}" |
        grep -vE '^runtime/(loop_[a-z]+|progress)\.c:' | verdict "only loop_*.c and progress.c read a clock"
    calls "rand srand random srandom drand48 lrand48" "${c[@]}" |
        verdict "chance comes from rng.c"
    code 'os%.%a+%s*%(' scripts/af/*.lua | verdict "scripts/af asks the host for time and chance"
    for file in scripts/af/*.lua; do
        ! grep -qE '^function [A-Za-z_]+[.:]' "$file" || grep -q -e '^---@' "$file" || echo "$file"
    done | verdict "public functions of scripts/af are annotated"
    grep -ohE '\bhost\.[a-z_0-9]+' scripts/af/*.lua | sort -u | while read -r name; do
        grep -qE "^(function $name\(|$name =)" scripts/af/_meta/host.lua || echo "$name"
    done | verdict "scripts/af/_meta/host.lua describes what scripts/af uses"
    grep -oE '^function host\.[a-z_0-9]+' scripts/af/_meta/host.lua | while read -r name; do
        grep -qF "\"${name#function host.}\"" bindings/*.c || echo "$name"
    done | verdict "bindings/ provides what scripts/af/_meta/host.lua describes"
    grep -rnE '\b(TODO|FIXME|XXX)\b' --include='*.[ch]' --include='*.lua' --include='*.sh' --include=Makefile \
        --exclude=lint.sh Makefile runtime bindings scripts flows tests |
        verdict "nothing is left for later"
}

# ---- Tools. ----

check_format() {
    local sources=(runtime/*.[ch] bindings/*.[ch] tests/*/*.[ch])
    clang-format --dry-run -Werror "${sources[@]}" 2>&1 | grep -E '^[^ ]+:[0-9]+:[0-9]+: error' |
        cut -d: -f1 | uniq -c | verdict "clang-format (mend: clang-format -i FILE)"
}

# tidy FILES_OF FLAG…: the errors alone; for their stories run clang-tidy on that file.
tidy() {
    local folder=$1
    shift
    printf '%s\n' "$folder"/*.c | xargs -P "${JOBS:-2}" -I{} clang-tidy -quiet {} -- \
        -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wconversion -iquote runtime -iquote bindings \
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
}

[ $# -gt 0 ] || set -- rules format lua tidy
for check in "$@"; do
    "check_$check"
done
exit $failed
