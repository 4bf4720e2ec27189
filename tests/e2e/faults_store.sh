#!/usr/bin/env bash
# Each call by which SQLite asks for disk or memory fails, one after the other, once and for ever, in the service, in a
# node, in a party and where stores are opened: nothing is lost, doubled, given to another or half done. And
# each state that a power cut may leave is one that holds what was confirmed. See tests/lib/faults.py.
source "$(dirname "$0")/../lib/e2e.sh"

[[ $PROGRAM != *sanitize* ]] || export ASAN_OPTIONS=verify_asan_link_order=0:allocator_may_return_null=1
check "the shim is built" "${CC:-gcc}" -O1 -shared -fPIC -o faults.so "$ROOT/tests/lib/faults.c" -ldl -pthread
count=0
# faults WHAT MOST OPTION…: a sample of so many places; with long tests all of them.
faults() {
    local what=$1 most=$2
    shift 2
    count=$((count + 1))
    is_short || most=${AF_TEST_COUNT:-1000000}
    check "$what $*" /usr/bin/python3 "$ROOT/tests/lib/faults.py" "$what" "$PROGRAM" "$TMP/faults.so" "$TMP/$count" \
        --most "$most" "$@"
    sed 's/^/# /' "$OUT"
}
for of in disk full memory; do
    faults hub 25 --of $of
    faults hub 10 --of $of --ever
    faults node 6 --of $of
    faults node 4 --of $of --ever
    faults party 5 --of $of
    faults open 8 --of $of
done
is_short || for of in disk full memory; do
    faults party 1 --of $of --ever
    faults open 1 --of $of --ever
done
is_short || most=1000000
check "columns that are not as they should be" /usr/bin/python3 "$ROOT/tests/lib/faults.py" rows "$PROGRAM" "$TMP/faults.so" \
    "$TMP/rows" --most ${most:-30}
is_short || most=10000
check "what a power cut leaves" /usr/bin/python3 "$ROOT/tests/lib/faults.py" images "$PROGRAM" "$TMP/faults.so" "$TMP/images" \
    --most ${most:-300} --step $((${most:-300} / 6))
