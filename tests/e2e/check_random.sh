# `afrun check` on flows made by chance, with helper modules, deferred events, upgrades, all kinds of faults: it counts as a brute
# force does, and reductions change nothing of what it finds: kinds, places, the length of the shortest run, how runs end,
# what is never reached. Counterexamples replay, and what random simulations come to was found.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 3
count=5000 seeds=1000 states=20000
is_short && count=300 seeds=10 states=4000
[[ $AFRUN == *sanitize* ]] && count=40 seeds=10 states=4000
run python3 "$ROOT/tests/lib/check_random.py" "$AFRUN" 0 "$count" "$seeds" "$states"
if [ "$status" -eq 0 ]; then ok "$count settings: $(cat "$OUT")"; else not_ok "$count settings" "$(explain "they differ")"; fi
# One that told a run of 13 steps as the shortest where 11 do: the search for shorter ones was over when it had come by as many
# violations as it was for, of which one was another.
expect_output "1 compared" python3 "$ROOT/tests/lib/check_random.py" "$AFRUN" 3322 1 10 20000
