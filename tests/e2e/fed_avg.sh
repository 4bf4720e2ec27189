# flows/fed_avg.lua: whoever is lost and whenever, the others end with one model.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
flow=$ROOT/flows/fed_avg.lua
long=${AF_TEST_LONG:-}
seeds=${AF_TEST_COUNT:-$([ -n "$long" ] && echo 1000 || echo 30)}
runs=${AF_TEST_COUNT:-$([ -n "$long" ] && echo 2000 || echo 40)}

expect_output "fed_avg: 3 parties done, 0 failed, 1 resting; 124 messages, 0 dropped, 0 unexpected" \
    "$AFRUN" "$flow" --mock --trace plain.jsonl
if grep -qE '"kind":"(timeout|unexpected)"' plain.jsonl; then
    not_ok "without faults no timeout fires" "$(grep -E '"kind":"timeout"' plain.jsonl)"
else
    ok "without faults no timeout fires"
fi

# Whoever is lost, and whenever: the others end all rounds with the same parameters, and a run twice is the same run.
for seed in $(seq "$seeds"); do
    for file in run.jsonl again.jsonl; do
        "$AFRUN" "$flow" --mock -q --parties participant=10 --arg rounds=5 --lose participant:2 \
            --seed "$seed" --trace $file >out.txt 2>err.txt </dev/null ||
            echo "seed $seed: exit status $? $(head -n 1 err.txt)" >>broken.txt
        [ "$seed" -le 5 ] || break
    done
    [ "$seed" -gt 5 ] || cmp -s run.jsonl again.jsonl || echo "seed $seed: another trace" >>broken.txt
    ends=$(grep '"kind":"done"' run.jsonl | sed 's/.*"result"://' | sort | uniq -c)
    grep -qE '^ +8 \{"parameters":\[[0-9.,e-]+\],"rounds":5\}\}$' <<<"$ends" || echo "seed $seed: $ends" >>broken.txt
done
if [ ! -e broken.txt ]; then ok "$seeds seeds end well, all with the same parameters"; else
    not_ok "$seeds seeds end well, all with the same parameters" "$(head broken.txt)"
fi

# With nobody lost the result does not depend on the seed either.
for seed in 1 2 3; do
    "$AFRUN" "$flow" --mock --seed $seed --trace run.jsonl >/dev/null 2>&1
    grep '"kind":"done","party":"participant-' run.jsonl | sed 's/.*"result"://'
done | sort -u >same.txt
if [ "$(wc -l <same.txt)" -eq 1 ]; then ok "latency does not change the result"; else
    not_ok "latency does not change the result" "$(cat same.txt)"
fi

# Late joiners: a participant that cannot be reached at first takes part later, and ends with all.
expect_output "3 parties done, 0 failed, 1 resting" "$AFRUN" "$flow" --mock --arg rounds=10 \
    --latency 5s..9s --partition 'participant-3|aggregator-1@0s..130s' --trace late.jsonl
sizes=$(grep -o '"calculators":\[[^]]*\]' late.jsonl | uniq | tr -cd ',\n' | awk '{ print length + 1 }')
if [ "$(echo "$sizes" | xargs)" = "2 3" ]; then ok "two train, then three"; else
    not_ok "two train, then three" "$sizes"
fi

# Without a quorum it fails, and says so to all.
expect_error "aggregator-1 failed: no quorum is left" 1 \
    "$AFRUN" "$flow" --mock --arg quorum=4
expect_output "0 parties done, 2 failed, 2 lost" "$AFRUN" "$flow" --mock --lose participant:2

faults=(--drop 0.02 --duplicate 0.02 --crash participant:0.02 --crash aggregator:0.02)
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" \
    --parties participant=10 --arg rounds=5 --runs "$runs"
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --fifo \
    --partition random:0.02 --lose participant:1 --parties participant=4 --runs "$runs"
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock --drop 0.2 --duplicate 0.2 --runs "$runs"

# With a quorum alive it ends, and does not fail: neither the aggregator, nor anybody who is left.
for seed in $(seq "$seeds"); do
    "$AFRUN" "$flow" --mock "${faults[@]}" --lose participant:1 --parties participant=4 --seed "$seed" 2>/dev/null </dev/null
done | sed 's/;.*//' | sort -u >ends.txt
if [ "$(cat ends.txt)" = "fed_avg: 3 parties done, 0 failed, 1 lost, 1 resting" ]; then
    ok "$seeds runs with faults and a quorum end well"
else
    not_ok "$seeds runs with faults and a quorum end well" "$(cat ends.txt)"
fi

# Every interleaving, at its smallest.
expect_output "fed_avg: 7,136 states, 13,716 transitions, depth 40, exhaustive: no violation" \
    "$AFRUN" check "$flow" --parties participant=2 --arg rounds=2
expect_output "exhaustive: no violation" "$AFRUN" check "$flow" --parties participant=1 --arg rounds=1 --arg quorum=1 \
    --arg tries=2 --drop 1
expect_output "exhaustive: no violation" "$AFRUN" check "$flow" --parties participant=2 --arg rounds=1 --arg tries=2 --lose 1
