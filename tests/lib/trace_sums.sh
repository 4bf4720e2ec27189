#!/usr/bin/env bash
# The SHA-256 of the traces of all flows: trace_sums.sh SEEDS PROGRAM…; a line for each flow and seed.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
seeds=$1
shift
for flow in flows/*.lua flows/protocols/*.lua; do
    [[ $flow != *_test.lua ]] || continue
    for seed in $(seq "$seeds"); do
        sum=$("$@" "$flow" --mock --drop 0.02 --seed "$seed" --trace - 2>/dev/null | grep '^{' | sha256sum)
        echo "${sum%% *} $flow $seed"
    done
done
