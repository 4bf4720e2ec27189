# flows/sync_state.lua: what a run shows, and that no fault makes it fail.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 24
flow=$ROOT/flows/sync_state.lua
runs=${AF_TEST_COUNT:-$([ -n "${AF_TEST_LONG:-}" ] && echo 1000 || echo 200)}

# query, sync, sync_resp and the notice, for each of three; and nothing else.
expect_output "sync_state: 4 parties done, 0 failed; 12 messages, 0 dropped, 0 unexpected; " \
    "$AFRUN" "$flow" --mock --trace plain.jsonl
last_line='^sync_state: 4 parties done, 0 failed; 12 messages, 0 dropped, 0 unexpected; '
last_line+='[0-9]+\.[0-9]{3} s virtual, [0-9]+ ms; seed 1$'
if tail -n 1 "$OUT" | grep -qE "$last_line"; then
    ok "the last line has its form"
else
    not_ok "the last line has its form" "$(tail -n 1 "$OUT")"
fi
if grep -q '"kind":"timeout"' plain.jsonl; then
    not_ok "without faults no timeout fires" "$(grep '"kind":"timeout"' plain.jsonl)"
else
    ok "without faults no timeout fires"
fi
for party in initiator-1 participant-1 participant-2 participant-3; do
    if grep -q "\"kind\":\"done\",\"party\":\"$party\"" plain.jsonl; then
        ok "$party is done"
    else
        not_ok "$party is done" "$(grep "$party" plain.jsonl)"
    fi
done
if grep -q '"current_round":11' plain.jsonl; then ok "the round is 11"; else not_ok "the round is 11"; fi
expect_output '"round":7' "$AFRUN" "$flow" --mock --arg round=7 --json

expect_output "query" "$AFRUN" chart plain.jsonl
for word in initiator-1 participant-3 waiting_response sync_resp '✓ done {"synced":3}' \
    "4 parties, 4 done"; do
    if grep -qF -e "$word" "$OUT"; then ok "the chart shows $word"; else
        not_ok "the chart shows $word" "$(cat "$OUT")"
    fi
done

# --json: one object, and it says the same.
check "--json" "$AFRUN" "$flow" --mock --json
if [ "$(wc -l <"$OUT")" -eq 1 ] && python3 - "$OUT" <<'END'; then ok "--json is one object"; else
import json, sys
run = json.load(open(sys.argv[1]))
assert run["outcome"] == "ok" and run["flow"] == "sync_state" and run["seed"] == 1, run
assert run["done"] == run["parties"] == 4 and run["messages"] == 12, run
assert [p["id"] for p in run["party_list"]][0] == "initiator-1", run
assert run["party_list"][0]["result"] == {"synced": 3}, run
assert run["party_list"][1]["result"] == {"aggregator": "initiator-1", "round": 11}, run
END
    not_ok "--json is one object" "$(cat "$OUT")"
fi

expect_output "101 parties done" "$AFRUN" "$flow" --mock --parties participant=100

faults=(--drop 0.05 --duplicate 0.05 --crash participant:0.05)
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --runs "$runs"
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --fifo --runs "$runs"
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" \
    --crash initiator:0.05 --partition random:0.05 --parties participant=5 --runs "$runs"
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock --drop 0.3 --duplicate 0.3 \
    --latency 1ms..20s --runs "$runs"
