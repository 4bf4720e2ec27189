#!/usr/bin/env bash
# Which lines the tests run: coverage.sh [FILE…], after `make MODE=coverage all units`; without files
# all tests. A table by folder; line by line in build/coverage/html.
#
# A process that is killed tells nothing, nor does a worker, which may write no file: what only they
# run counts as not run.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
all=build/coverage/all.info ours=build/coverage/lines.info
find build/coverage -name '*.gcda' -delete
AF_TEST_MODES=coverage tests/lib/run.sh "$@"
status=$?
{
    lcov -q --capture --directory build/coverage --output-file $all &&
        lcov -q --extract $all "$PWD/runtime/*" "$PWD/bindings/*" --output-file $ours &&
        genhtml -q --prefix "$PWD" --output-directory build/coverage/html $ours
} >build/coverage/log 2>&1 || { cat build/coverage/log && exit 1; }

# A file's lines that there are (LF) and that were run (LH), added up.
awk -v top="$PWD/" -F '[:,]' '
    function row(name, n, of) { printf "%-18s %6d of %6d lines  %5.1f %%\n", name, n, of, 100 * n / of }
    /^SF:/ { folder = substr($2, length(top) + 1); sub("/[^/]*$", "", folder) }
    /^LF:/ { lines[folder] += $2; all += $2 }
    /^LH:/ { run[folder] += $2; all_run += $2 }
    END {
        for (folder in lines)
            row(folder, run[folder], lines[folder])
        row("~", all_run, all)
    }' $ours | LC_ALL=C sort | sed 's/^~    /all  /'
exit $status
