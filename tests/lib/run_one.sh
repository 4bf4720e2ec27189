#!/usr/bin/env bash
# Runs one test file for run.sh: run_one.sh RESULTS MODE FILE.
#
# Every kind of test prints TAP: a plan `1..N`, and `ok …` or `not ok …` for each case. A file also
# fails if it ends with an error that no case told, ran another number of cases than planned, or
# none at all.
set -uo pipefail
results=$1 mode=$2 file=$3
output=$(mktemp "$results/XXXXXX")
export ASAN_OPTIONS=detect_leaks=1:exitcode=99 UBSAN_OPTIONS=print_stacktrace=1:exitcode=99

case $file in
*.c) stem=${file#tests/} && command=("build/$mode/tests/${stem%.c}") ;;
*.lua) command=(lua5.4 "$file" -o tap) ;;
*) command=(bash "$file") ;;
esac

mkdir "$output.tmp" # goes with the results, whatever is left in it
start_us=${EPOCHREALTIME/./}
{
    CMOCKA_MESSAGE_OUTPUT=TAP LUA_PATH="scripts/?.lua;scripts/?/init.lua;tests/lib/?.lua;;" \
        AFRUN="$PWD/build/$mode/afrun" TMPDIR="$output.tmp" \
        timeout -k 10 "${AF_TEST_TIMEOUT_S:-600}" "${command[@]}" </dev/null >"$output" 2>&1
} 2>/dev/null # bash's own word on a crash; the status tells
status=$?
ms=$(((${EPOCHREALTIME/./} - start_us) / 1000))

skipped=$(grep -cE '^(not )?ok\b.*# SKIP' "$output")
passed=$(grep -E '^ok\b' "$output" | grep -vc '# SKIP')
failed=$(grep -E '^not ok\b' "$output" | grep -vc '# SKIP')
ran=$((passed + failed + skipped))
planned=$(awk -F '[.]+' '/^1[.][.][0-9]+$/ { n += $2 } END { print n + 0 }' "$output")
why=
if [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
    why="not over after ${AF_TEST_TIMEOUT_S:-600} s"
elif [ $ran -eq 0 ] || { [ $ran -eq $skipped ] && [ "$mode" != sanitize ]; }; then # a sanitizer may take none of them
    why="ran no case"
elif [ $ran -ne "$planned" ]; then
    why="ran $ran of $planned cases"
elif [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then
    why="exit status $status"
fi
[ -z "$why" ] || failed=$((failed + 1))

name=${file#tests/}
[ "$mode" != sanitize ] || name="$name (sanitize)"
verdict=pass
[ "$failed" -eq 0 ] || verdict=FAIL
{
    printf '%s  %-44s %4d passed, %d failed%s  %3d.%02d s%s\n' "$verdict" "$name" "$passed" \
        "$failed" "$([ "$skipped" -eq 0 ] || echo ", $skipped skipped")" $((ms / 1000)) \
        $((ms % 1000 / 10)) "${why:+  $why}"
    [ "$failed" -eq 0 ] || sed 's/^/      /' "$output"
} >"$output.line"
flock "$results" cat "$output.line" # whole, where two files end at once
echo "$passed $failed $skipped" >"$output.counts"
[ "$failed" -eq 0 ] || { mkdir -p build/failed && cp "$output" "build/failed/$(tr / . <<<"${file#tests/}").$mode"; }
