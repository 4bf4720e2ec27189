#!/usr/bin/env bash
# A node of a fed_avg with 1 + 4 parties is killed at every place where something could be lost, in
# turn: before and after a commit, at a send, at its confirmation, at an acknowledgement.
source "$(dirname "$0")/../lib/e2e.sh"
plan 12
mkdir flows
cp -r "$ROOT"/flows/{fed_avg.lua,fed_avg,training} flows/

# run_with NAME ARGUMENT…: prints the results and the number of kills.
run_with() {
    rm -rf run && mkdir run
    run python3 "$ROOT/tests/lib/kill_nodes.py" "$PROGRAM" flows run --rounds 1 "$@"
}
run_with
undisturbed=$(sed 's/ [0-9]*$//' "$OUT")
[ "$status" -eq 0 ] && ok "an undisturbed run" || not_ok "an undisturbed run" "$(cat "$ERR")"

# place NAME VICTIM: each time that the victim comes there, until it comes no more.
place() {
    local count killed=1 kills=0
    for ((count = 1; killed > 0; count += step)); do
        run_with --point "$1:$count" --victim "$2"
        killed=$(sed 's/.* //' "$OUT")
        if [ "$status" -ne 0 ] || [ "$(sed 's/ [0-9]*$//' "$OUT")" != "$undisturbed" ]; then
            not_ok "killed at $1, number $count, of $2" "$(explain "exit status $status" kill_nodes)"
            return
        fi
        kills=$((kills + killed))
    done
    if [ $kills -gt 0 ]; then ok "$2 killed at $1: $kills places, the same result"; else not_ok "$2 killed at $1" "never"; fi
}
step=11
is_short || step=1
for victim in a p1; do
    for name in commit-before commit-after send confirmed ack; do place $name $victim; done
done
