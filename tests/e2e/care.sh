#!/usr/bin/env bash
# A service and five nodes as operators look after them: every process is killed at random moments, flows are reloaded, stores are backed
# up, and put back where nothing has happened since; where something has, that is refused. Nothing is lost or counted twice.
source "$(dirname "$0")/../lib/e2e.sh"
plan 3

kills=40 rounds=30
is_short || kills=${AF_TEST_COUNT:-1000} rounds=140
care() { # care CASE ARGUMENT…
    local name=$1
    shift
    rm -rf run && mkdir run
    run python3 "$ROOT/tests/lib/care_nodes.py" "$PROGRAM" "$ROOT/flows/fed_avg.lua" run --rounds $rounds "$@"
    local results=$(sed -E 's/( [0-9]+){5}$//' "$OUT") counts=$(grep -oE '( [0-9]+){5}$' "$OUT")
    if [ "$status" -ne 0 ]; then
        not_ok "$name" "$(explain "exit status $status" care_nodes "$@")"
    elif [ "$results" = "${undisturbed:=$results}" ]; then
        ok "$name (kills, reloads, backups, restores, refused ones:$counts)"
    else
        not_ok "$name" "another result: $results
undisturbed: $undisturbed"
    fi
}
care "an undisturbed run"
care "a run that is looked after" --least $kills --seed 1
