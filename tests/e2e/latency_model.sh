#!/usr/bin/env bash
# `afrun run --latency-model`: delays by link, drawn as they were measured.
source "$(dirname "$0")/../lib/e2e.sh"
plan 19
flow=$ROOT/flows/sync_state.lua
cat >model.json <<'J'
{"afrun_latency_model": 1, "links": [
  {"from": "participant-2", "to": "*", "up_to_us": [7999, 8000], "counts": [0, 3]},
  {"from": "participant", "to": "initiator", "up_to_us": [100, 300, 1000], "counts": [0, 2, 1], "least_us": -3}
]}
J
expect_output "4 parties done" "$AFRUN" "$flow" --mock --latency-model model.json --latency 1s..1s --trace run.jsonl --seed 1
# delays FROM: of each contract of it, in microseconds, sorted, without repeats
delays() {
    python3 - "$1" <<'PY'
import json, sys
sent, took = {}, set()
for line in open("run.jsonl"):
    row = json.loads(line)
    if row.get("kind") == "send" and row["party"].startswith(sys.argv[1]): sent[row["uuid"]] = row["t"]
    elif row.get("uuid") in sent: took.add(row["t"] - sent.pop(row["uuid"]))
print(*sorted(took))
PY
}
expect_output 8000000 delays participant-2
expect_output 1000000000 delays initiator
if delays participant-1 | python3 -c 'import sys; all_ns = [int(w) for w in sys.stdin.read().split()]; sys.exit(not all_ns or not all(101000 <= ns <= 1000000 for ns in all_ns))'; then
    ok "a role's link has its own delays"
else
    not_ok "a role's link has its own delays" "$(delays participant-1)"
fi
cp run.jsonl first.jsonl
tr -d '\n' <model.json >line.json
check "the model itself may stand in the option" "$AFRUN" "$flow" --mock --latency-model "$(cat model.json)" --latency 1s..1s --trace run.jsonl --seed 1
check "and gives the same run" cmp first.jsonl run.jsonl
rm model.json
expect_output "all the same" "$AFRUN" replay first.jsonl "$flow"
check "another seed is another run" sh -c '! "$AFRUN" "$1" --mock --latency-model line.json --seed 2 --trace - | cmp -s - first.jsonl' sh "$flow"

# ---- What is none. ----
refused() { # refused TEXT MODEL
    printf '%s' "$2" >bad.json
    expect_error "--latency-model: $1" 2 "$AFRUN" "$flow" --mock --latency-model bad.json
}
refused "is no model of latencies" '{}'
refused "is no model of latencies" 'not JSON'
refused "is a model of another version than 1" '{"afrun_latency_model":2,"links":[]}'
refused "link 0 is none" '{"afrun_latency_model":1,"links":[]}'
refused "link 1 needs 'from' and 'to'" '{"afrun_latency_model":1,"links":[{"from":"a","up_to_us":[1],"counts":[1]}]}'
refused "link 1 needs 'up_to_us' and 'counts'" '{"afrun_latency_model":1,"links":[{"from":"a","to":"b","up_to_us":[1,2],"counts":[1]}]}'
refused "link 2 has bounds that do not grow" \
    '{"afrun_latency_model":1,"links":[{"from":"a","to":"b","up_to_us":[1],"counts":[1]},{"from":"a","to":"b","up_to_us":[2,2],"counts":[1,1]}]}'
refused "link 1 has a count that is none" '{"afrun_latency_model":1,"links":[{"from":"a","to":"b","up_to_us":[2],"counts":[-1]}]}'
refused "link 1 has no message" '{"afrun_latency_model":1,"links":[{"from":"a","to":"b","up_to_us":[2],"counts":[0]}]}'
refused "link 1 has 'up_to_us' or 'counts' that are no lists" '{"afrun_latency_model":1,"links":[{"from":"a","to":"b","up_to_us":[2.5],"counts":[1]}]}'
expect_error "--latency-model: 'gone.json' cannot be read: No such file" 2 "$AFRUN" "$flow" --mock --latency-model gone.json
