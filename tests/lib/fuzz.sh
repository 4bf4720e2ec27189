#!/usr/bin/env bash
# Runs each fuzzer that was built for so many seconds, as many at a time as there are processors: fuzz.sh SECONDS FUZZER….
#
# Starts from tests/fuzz/corpus/<stem>; what it finds of interest is kept in build/fuzz/corpus, a
# crash in build/fuzz.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=$1
shift
if [ $# -gt 1 ]; then
    printf '%s\0' "$@" | xargs -0 -n 1 -P "$(nproc)" tests/lib/fuzz.sh "$seconds"
    exit
fi
stem=${1##*/fuzz_}
found=build/fuzz/corpus/$stem
mkdir -p "$found" "tests/fuzz/corpus/$stem"
options=(-max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -artifact_prefix=build/fuzz/)
[ ! -f "tests/fuzz/$stem.dict" ] || options+=(-dict="tests/fuzz/$stem.dict")
log=build/fuzz/$stem.log
echo "fuzz $stem for $seconds s"
if ! "$1" "${options[@]}" "$found" "tests/fuzz/corpus/$stem" >"$log" 2>&1; then
    tail -n 60 "$log"
    exit 1
fi
echo "fuzz $stem: $(tail -n 1 "$log")"
