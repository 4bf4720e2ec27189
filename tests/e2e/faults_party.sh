#!/usr/bin/env bash
# Each call by which SQLite asks for disk or memory fails, one after the other, once and for ever, in a party that is kept (afrun
# run --state) and where stores are opened: nothing is lost, doubled or half done. See tests/lib/faults.py; behind a kill: faults_resume.sh.
source "$(dirname "$0")/../lib/e2e.sh"
plan 7 13
source "$ROOT/tests/lib/faults.sh"

for of in disk full memory; do
    faults party 5 --of $of
    faults open 8 --of $of
done
is_short || for of in disk full memory; do
    faults party 1 --of $of --ever
    faults open 1 --of $of --ever
done
