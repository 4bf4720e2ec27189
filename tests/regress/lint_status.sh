#!/usr/bin/env bash
# lint.sh ended with 0 whatever it had found: its verdicts were told in a subshell.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 1
mkdir -p there/tests/lib there/runtime/base
cp "$ROOT"/tests/lib/{lint.sh,layers.lua} there/tests/lib
printf 'int af_x; /* %s */\n' TO''DO >there/runtime/base/x.c # no README names it, either
run there/tests/lib/lint.sh rules
if [ "$status" -ne 0 ] && grep -q '^FAIL  nothing is left for later' "$OUT"; then
    ok "what breaks a rule is told by the status"
else
    not_ok "what breaks a rule is told by the status" "$(explain "status $status" lint.sh rules)"
fi
