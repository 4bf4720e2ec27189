# faults.sh: calls that fail, by tests/lib/faults.py; sourced after e2e.sh.
#
#     faults WHAT MOST OPTION…    a sample of so many places; with long tests all of them

[[ $PROGRAM != *sanitize* ]] || export ASAN_OPTIONS=verify_asan_link_order=0:allocator_may_return_null=1
check "the shim is built" "${CC:-gcc}" -O1 -shared -fPIC -o faults.so "$ROOT/tests/lib/faults.c" -lsqlite3 -ldl -pthread
fault_runs=0
faults() {
    local what=$1 most=$2
    shift 2
    fault_runs=$((fault_runs + 1))
    is_short || most=${AF_TEST_COUNT:-1000000}
    check "$what $*" /usr/bin/python3 "$ROOT/tests/lib/faults.py" "$what" "$PROGRAM" "$TMP/faults.so" "$TMP/$fault_runs" \
        --most "$most" "$@"
    sed 's/^/# /' "$OUT"
}
