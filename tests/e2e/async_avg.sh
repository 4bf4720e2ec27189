# flows/async_avg.lua: updates are folded when they come, each once; nobody is waited for; and with all in the buffer it is fed_avg.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 25 26
source "$ROOT/tests/lib/counterexample.sh"
source "$ROOT/tests/lib/serve.sh"
export PYTHONPATH=$ROOT/tests/lib PYTHONDONTWRITEBYTECODE=1
flow=$ROOT/flows/async_avg.lua
runs=1000
is_short && runs=60

# ---- Faults. ----
faults=(--drop .1 --duplicate .05 --crash participant:.02 --crash aggregator:.02)
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --lose participant:1 --runs $runs
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --lose aggregator:1 --runs $runs
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --partition random:0.02 --runs $runs
cat >ends.py <<'PY'
import json, sys
promised = ["nobody has sent an update", "the aggregator does not answer", "the aggregator failed: nobody has sent an update"]
ends = set()
for line in sys.stdin:
    for one in json.loads(line)["party_list"]:
        ends.add(one["status"] in ("done", "lost") or one["state"] == "finished" or one["reason"] in promised or str(one))
print(ends)
PY
for seed in $(seq 30); do
    "$AFRUN" "$flow" --mock "${faults[@]}" --lose participant:1 --seed "$seed" --json 2>/dev/null </dev/null
done >ends.json
says "all end as promised" "{True}" "$(python3 ends.py <ends.json)"

# ---- Nobody is waited for: two of three are enough, at once. ----
run "$AFRUN" "$flow" --mock --lose participant:1@0s --json
says "who is gone blocks nobody" "2 True" "$(python3 -c 'import json, sys; run = json.load(sys.stdin); print(run["done"], run["virtual_s"] < 1)' <"$OUT")"
expect_output "2 parties done, 0 failed, 1 lost, 1 resting" "$AFRUN" "$flow" --mock --arg buffer=3 --lose participant:1@0s
expect_output "0 parties done, 4 failed" "$AFRUN" "$flow" --mock --partition 'aggregator|participant@0s..1h'

# ---- Oracles: fed_avg's bits; and the formula of the updates as they came. ----
cat >told.py <<'PY'
import json
def model_of(name):
    return [one["result"]["parameters"] for one in json.load(open(name))["party_list"] if one["status"] == "done"][0]
PY
for n in 2 3 7; do
    "$AFRUN" "$flow" --mock --json --parties participant=$n --arg buffer=$n --arg folds=5 --arg steps=2 >async$n.json 2>/dev/null
    "$AFRUN" "$ROOT/flows/fed_avg.lua" --mock --json --parties participant=$n --arg quorum=$n --arg rounds=5 --arg steps=2 >fed$n.json 2>/dev/null
done
says "with all in the buffer it is fed_avg, bit for bit" "True True True" \
    "$(python3 -c 'import told; print(*(told.model_of("async%d.json" % n) == told.model_of("fed%d.json" % n) for n in (2, 3, 7)))')"
cat >order.py <<'PY'
# Folds what the trace says that the aggregator was given, in that order.
import json, math, sys
import fed_oracle as oracle, told
k, folds, constant, name = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "constant", sys.argv[4]
sent, models, taken, buffer, stale = {}, [None, [0.0] * 3], {}, {}, 0
for line in open(name + ".jsonl"):
    step = json.loads(line)
    if step.get("kind") == "send" and step["type"] == "ready":
        sent[step["uuid"]] = step["content"]
    if step.get("kind") != "deliver" or step["type"] != "ready" or len(models) > folds + 1:
        continue
    event, now = sent[step["uuid"]], len(models) - 1
    who, version = event["peer_id"], event["version"]
    if version > taken.get(who, 0):
        taken[who], buffer[who] = version, version
    if len(buffer) == k:
        x, mixed = models[now], []
        for one in sorted(buffer):
            update = oracle.arithmetic(models[buffer[one]], int(one[-1]))
            part = 1 if constant else 1 / math.sqrt(1 + now - buffer[one])
            stale += buffer[one] < now
            mixed.append([part * u + (1 - part) * v for u, v in zip(update, x)])
        models.append(oracle.mean(mixed))
        buffer = {}
far = max(abs(a - b) for a, b in zip(models[folds + 1], told.model_of(name + ".json")))
print("as they came" if far < 1e-12 and stale > 0 else (far, stale))
PY
order() { # order K FOLDS STALENESS SEED
    "$AFRUN" "$flow" --mock --json --parties participant=4 --arg buffer="$1" --arg folds="$2" --arg staleness="$3" --latency 10ms..2s --seed "$4" \
        --trace order.jsonl >order.json 2>/dev/null
    says "updates count as they came, $1 at once, $3, seed $4" "as they came" "$(python3 order.py "$1" "$2" "$3" order 2>&1)"
}
order 1 9 root 1
order 1 9 root 2
order 2 8 root 3
order 3 8 constant 4

# ---- Every interleaving. ----
small=(--parties participant=2 --arg folds=2 --arg buffer=1 --arg tries=1)
expect_output "exhaustive: no violation" "$AFRUN" check "$flow" "${small[@]}" --drop 1
expect_output "exhaustive: no violation" "$AFRUN" check "$flow" "${small[@]}" --lose 1
expect_output "no violation" "$AFRUN" check "$flow" "${small[@]}" --crash 1
expect_output "exhaustive: no violation" "$AFRUN" check "$flow" "${small[@]}" --timeouts 1 --allow-fail
is_short || expect_output "exhaustive: no violation" "$AFRUN" check "$flow" --parties participant=3 --arg folds=2 --arg buffer=2 --arg tries=1 --drop 1

# ---- For real: each party under a node, over a service, the processes killed. ----
kills=5
is_short || kills=50
mkdir flows run && cp -r "$ROOT"/flows/{async_avg.lua,training} flows/
run python3 "$ROOT/tests/lib/kill_nodes.py" "$PROGRAM" flows run --play async_avg --least $kills \
    --peers 'aggregator=a;participant=p1,p2,p3' --arg buffer=3 --arg folds=5 --arg steps=2 --arg every=2 --arg tries=60 --arg linger=0.1
if [ "$status" -eq 0 ]; then ok "a run of which every process may be killed ends"; else
    not_ok "a run of which every process may be killed ends" "$(explain "exit status $status" kill_nodes)"
fi
cp "$OUT" killed.txt
says "  with the bits of a simulated run" "True" "$(python3 -c 'import json, re, told
real = json.loads(re.sub(r" [0-9]+$", "", open("killed.txt").read().strip()))
print(all(one["parameters"] == told.model_of("fed3.json") for one in real.values()) and len(real) == 4)' 2>&1)"

# ---- Mistakes. ----
mistake() { # mistake NAME INVARIANT STEPS SED
    rm -rf "$1" && cp -r flows "$1" && sed -i "$4" "$1/async_avg.lua"
    check "$1 is a change" test "$(diff "$flow" "$1/async_avg.lua" | grep -c '^<')" -eq 1
    expect_violation "invariant '$2' is broken" "$AFRUN" check "$1/async_avg.lua" "${small[@]}" --first --duplicate 1
    says "  after $3 steps" "shortest run: $3 steps" "$(cat "$OUT")"
}
mistake stays_in_the_buffer "an update is folded once" 3 's/data.version, data.buffer = data.version + 1, {}/data.version = data.version + 1/'
mistake copies_count "an update is folded once" 4 's/if event.version <= (data.taken\[id\] or 0) or/if event.version == 0 or/'
