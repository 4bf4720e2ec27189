#!/usr/bin/env bash
# Which lines the tests run: coverage.sh [FILE…], after `make MODE=coverage all units`; without files
# all tests. A table by folder; line by line in build/coverage/html.
#
# Counters are in a file that all processes share, so what is killed counts, and so does a worker.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
merged=build/coverage/merged ours=build/coverage/lines.info
rm -rf build/coverage/counts
AF_TEST_MODES=coverage tests/lib/run.sh "$@"
status=$?
programs=(build/coverage/afrun)
while read -r unit; do programs+=(--object "$unit"); done < <(find build/coverage/tests/unit -type f -executable | sort)
{
    llvm-profdata merge -sparse build/coverage/counts/*.profraw -o $merged &&
        llvm-cov export --format=lcov --instr-profile=$merged "${programs[@]}" "$PWD"/{runtime,bindings} >$ours &&
        llvm-cov show --format=html --instr-profile=$merged "${programs[@]}" --output-dir=build/coverage/html \
            "$PWD"/{runtime,bindings}
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
