# flows/fed_avg.lua: whoever is lost and whenever, the result depends only on who is left.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
flow=$ROOT/flows/fed_avg.lua
long=${AF_TEST_LONG:-}
seeds=${AF_TEST_COUNT:-$([ -n "$long" ] && echo 1000 || echo 100)}
runs=${AF_TEST_COUNT:-$([ -n "$long" ] && echo 2000 || echo 100)}

expect_output "fed_avg: 4 parties done, 0 failed; 57 messages, 0 dropped, 0 unexpected" \
    "$AFRUN" "$flow" --mock --trace plain.jsonl
if grep -qE '"kind":"(timeout|late|unexpected)"' plain.jsonl; then
    not_ok "without faults no timeout fires" "$(grep -E '"kind":"(timeout|late)"' plain.jsonl)"
else
    ok "without faults no timeout fires"
fi

# Bit for bit: all seeds that lose the same two of ten end with the same parameters.
for seed in $(seq "$seeds"); do
    "$AFRUN" "$flow" --mock -q --parties participant=10 --arg rounds=5 --lose participant:2 \
        --seed "$seed" --trace run.jsonl >out.txt 2>err.txt </dev/null ||
        echo "seed $seed: exit status $? $(head -n 1 err.txt)" >>broken.txt
    lost=$(grep '"kind":"lost"' run.jsonl | sed 's/.*"party":"\([^"]*\)".*/\1/' | sort | xargs)
    result=$(grep '"kind":"done","party":"aggregator-1"' run.jsonl | sed 's/.*"result"://')
    echo "$lost $result" >>results.txt
done
if [ ! -e broken.txt ]; then ok "$seeds seeds end well"; else
    not_ok "$seeds seeds end well" "$(head broken.txt)"
fi
pairs=$(cut -d' ' -f1-2 results.txt | sort -u | wc -l)
results=$(sort -u results.txt | wc -l)
if [ "$pairs" -eq "$results" ] && [ "$pairs" -gt 1 ]; then
    ok "as many results as pairs of lost parties: $pairs"
else
    not_ok "$pairs pairs of lost parties" "$results results: $(sort results.txt | uniq -c | head)"
fi
if grep -vqE '^participant-[0-9]+ participant-[0-9]+ \{"parameters":\[[0-9.,e-]+\],' results.txt; then
    not_ok "each run loses two, and has a result" "$(grep -v '"parameters"' results.txt | head)"
else
    ok "each run loses two, and has a result"
fi
if grep -vq '"rounds":5}' results.txt; then not_ok "all rounds are run"; else ok "all rounds are run"; fi

# With nobody lost the result does not depend on the seed either.
for seed in 1 2 3; do
    "$AFRUN" "$flow" --mock --seed $seed --trace run.jsonl >/dev/null 2>&1
    grep '"party":"aggregator-1","result"' run.jsonl | sed 's/.*"result"://'
done | sort -u >same.txt
if [ "$(wc -l <same.txt)" -eq 1 ]; then ok "latency does not change the result"; else
    not_ok "latency does not change the result" "$(cat same.txt)"
fi

# Late joiners: a participant that cannot be reached at first takes part later, and ends with all.
expect_output "4 parties done, 0 failed" "$AFRUN" "$flow" --mock --arg rounds=10 \
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
