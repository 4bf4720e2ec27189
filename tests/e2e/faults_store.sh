#!/usr/bin/env bash
# Each call by which SQLite asks for disk or memory fails, one after the other, once and for ever, in the service and in a
# node: nothing is lost, doubled, given to another or half done. And each state that a power cut may leave is one that
# holds what was confirmed. See tests/lib/faults.py; of a party: faults_party.sh.
source "$(dirname "$0")/../lib/e2e.sh"
plan 16
source "$ROOT/tests/lib/faults.sh"

for of in disk full memory; do
    faults hub 25 --of $of
    faults hub 10 --of $of --ever
    faults node 6 --of $of
    faults node 4 --of $of --ever
done
is_short || most=1000000
check "columns that are not as they should be" /usr/bin/python3 "$ROOT/tests/lib/faults.py" rows "$PROGRAM" "$TMP/faults.so" \
    "$TMP/rows" --most ${most:-30}
is_short || most=10000
check "what a power cut leaves" /usr/bin/python3 "$ROOT/tests/lib/faults.py" images "$PROGRAM" "$TMP/faults.so" "$TMP/images" \
    --most ${most:-300} --step $((${most:-300} / 6))
is_short || most=10000
check "handed out while the disk is waited for" /usr/bin/python3 "$ROOT/tests/lib/faults.py" early "$PROGRAM" "$TMP/faults.so" \
    "$TMP/early" --most ${most:-100}
