#!/usr/bin/env bash
# Runs each fuzzer that was built for so many seconds: fuzz.sh SECONDS FUZZER….
#
# Starts from tests/fuzz/corpus/<stem>; what it finds of interest is kept in build/fuzz/corpus, a
# crash in build/fuzz.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=$1
shift
for fuzzer in "$@"; do
    stem=${fuzzer##*/fuzz_}
    found=build/fuzz/corpus/$stem
    mkdir -p "$found" "tests/fuzz/corpus/$stem"
    options=(-max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -artifact_prefix=build/fuzz/)
    [ ! -f "tests/fuzz/$stem.dict" ] || options+=(-dict="tests/fuzz/$stem.dict")
    log=build/fuzz/$stem.log
    echo "fuzz $stem for $seconds s"
    if ! "$fuzzer" "${options[@]}" "$found" "tests/fuzz/corpus/$stem" >"$log" 2>&1; then
        tail -n 60 "$log"
        exit 1
    fi
    tail -n 1 "$log"
done
