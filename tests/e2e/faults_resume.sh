#!/usr/bin/env bash
# Each call by which SQLite asks for disk or memory fails, one after the other, once and for ever, where a node and a kept party
# begin anew behind a kill: what passes is waited for, and nothing is lost, doubled or broken. See tests/lib/faults.py.
source "$(dirname "$0")/../lib/e2e.sh"
plan 8
source "$ROOT/tests/lib/faults.sh"

is_short || eighth="--step 8"
faults resume 12 --of memory ${eighth:-}
faults resume 20 --of memory --first 680 --last 740 # about where a node has opened its file, and finishes a reload
for of in disk full; do
    faults resume 4 --of $of ${eighth:-}
done
for of in disk full memory; do
    faults resume 4 --of $of --ever ${eighth:-}
done
