#!/usr/bin/env bash
# A node whose operators are in a hurry: orders of all kinds come by chance while it is at others, workers die, a service stands still or
# has a task end, clients go away, and it is told to end amid all that. It answers each, and ends as it is told.
source "$(dirname "$0")/../lib/e2e.sh"
plan 3
rounds=150
[ -z "${AF_TEST_LONG:-}" ] || rounds=${AF_TEST_COUNT:-1500} # in the sanitize build, too
for bus in local http nats; do
    if [ $bus = nats ] && ! command -v nats-server >/dev/null; then
        skip 1 "there is no nats-server"
        continue
    fi
    rm -rf run && mkdir run
    run python3 "$ROOT/tests/lib/hasty.py" "$PROGRAM" run --bus $bus --rounds $rounds
    if [ "$status" -eq 0 ]; then
        ok "over $bus it does what it is asked, or says why not ($(cat "$OUT"): done, refused, starts)"
    else
        not_ok "over $bus it does what it is asked, or says why not" "$(explain "exit status $status" hasty --bus $bus; grep -h -A 20 'ERROR: ' run/*err)"
    fi
done
