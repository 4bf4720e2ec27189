# `afrun check` on flows made by chance: it counts as a brute force does, and reductions change nothing of
# what it finds: kinds, places, the length of the shortest run, how runs end, what is never reached.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
count=$(is_short && echo 300 || echo 5000)
[[ $AFRUN == *sanitize* ]] && count=40
run python3 "$ROOT/tests/lib/check_random.py" "$AFRUN" 0 "$count"
if [ "$status" -eq 0 ]; then ok "$count settings"; else not_ok "$count settings" "$(explain "they differ")"; fi
