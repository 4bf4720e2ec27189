#!/usr/bin/env bash
# Runs the tests: run.sh [FILE…]; without files all of them. See tests/README.md.
#
# A line for each file, the whole output of those that fail (kept in build/failed, too), and the
# totals alone on the last line.
# Exit status 1 if a case failed, or if nothing ran.
#
#     AF_TEST_LONG=1       full counts, and the program's tests against the sanitize build as well
#     AF_TEST_JOBS=N       files at a time (one more than there are processors: most wait half of their time)
#     AF_TEST_TIMEOUT_S=N  the time of one file (600, long: 3600)
set -uo pipefail
shopt -s nullglob
cd "$(dirname "$0")/../.." || exit 2

if [ -n "${AF_TEST_LONG:-}" ]; then
    export AF_TEST_DOCUMENTS=${AF_TEST_DOCUMENTS:-500000} # random documents of a test
    export AF_TEST_TIMEOUT_S=${AF_TEST_TIMEOUT_S:-3600}
fi
results=$(mktemp -d)
rm -rf build/failed
trap 'rm -rf "$results"' EXIT

# The lines of `jobs`: build mode and file.
list_jobs() {
    local file modes
    for file in "$@"; do
        modes=${AF_TEST_MODES:-release}
        case $file in
        tests/unit/*) modes=${AF_TEST_MODES:-release sanitize} ;;
        *.lua) modes=- ;;
        *) [ -z "${AF_TEST_LONG:-}" ] || modes="release sanitize" ;;
        esac
        for mode in $modes; do
            echo "$mode $file"
        done
    done
}

[ $# -gt 0 ] || set -- tests/unit/*/test_*.c tests/unit/*/*/test_*.c tests/lua/*_test.lua tests/e2e/*.sh tests/regress/*.sh
list_jobs "$@" | xargs -r -P "${AF_TEST_JOBS:-$(($(nproc) + 1))}" -L 1 tests/lib/run_one.sh "$results"

passed=0 failed=0 skipped=0
for result in "$results"/*.counts; do
    read -r file_passed file_failed file_skipped <"$result"
    passed=$((passed + file_passed)) failed=$((failed + file_failed)) skipped=$((skipped + file_skipped))
done
echo "$passed passed, $failed failed$([ $skipped -eq 0 ] || echo ", $skipped skipped")"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
