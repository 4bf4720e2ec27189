# flows/swarm.lua: a round has one model, whoever aggregates, and the rounds go on while a majority lives.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 30 34
source "$ROOT/tests/lib/counterexample.sh"
source "$ROOT/tests/lib/serve.sh"
flow=$ROOT/flows/swarm.lua
runs=1000
is_short && runs=60

# ---- Faults. ----
faults=(--drop .1 --duplicate .05 --crash peer:.02)
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --lose peer:1 --runs $runs
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --lose peer:2 --runs $runs
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --partition random:0.02 --runs $runs
cat >ends.py <<'PY'
import json, sys
ends = {}
for line in sys.stdin:
    for one in json.loads(line)["party_list"]:
        end = one["status"] if one["status"] in ("lost", "done") else one["state"] if one["state"] == "finished" else one["reason"]
        ends[end] = ends.get(end, 0) + 1
print(ends)
PY
count=30
is_short || count=300
for seed in $(seq $count); do
    "$AFRUN" "$flow" --mock "${faults[@]}" --lose peer:1 --seed "$seed" --json 2>/dev/null </dev/null
done >ends.json
says "with a majority all that live come to the end, whoever is lost" "{'finished': $((3 * count)), 'lost': $count}" \
    "$(python3 ends.py <ends.json | sed -E "s/\{('lost': [0-9]+), ('finished': [0-9]+)\}/{\2, \1}/")"
run "$AFRUN" "$flow" --mock --parties peer=4 --lose peer:2@0s --arg attempts=2 --json
says "without one they fail, and say why" "{'no majority answers': 2, 'lost': 2}" "$(python3 ends.py <"$OUT" | sed -E "s/\{('lost': 2), (.*)\}/{\2, \1}/")"
# Eight, twenty rounds, and all that passes: every one of them comes to the end.
expect_output "20 runs, 0 failed" "$AFRUN" "$flow" --mock --parties peer=8 --arg rounds=20 --drop .02 --duplicate .02 --crash peer:.02 --runs 20
run "$AFRUN" "$flow" --mock --parties peer=8 --arg rounds=20 --partition 'peer-3|peer-1,peer-2@20ms..40s' --drop .02 --crash peer:.02 --json
says "eight end twenty rounds in spite of passing faults" "{'finished': 8}" "$(python3 ends.py <"$OUT")"
# Who was away is told what was closed.
run "$AFRUN" "$flow" --mock --partition 'peer-4|peer-1,peer-2,peer-3@0s..400s' --json
says "who returns is told what was closed" "{'finished': 4}" "$(python3 ends.py <"$OUT")"

# ---- The oracle: fed_avg's bits, for the same contributors. ----
cat >models.py <<'PY'
import json, sys
def models_of(name):
    return [one["result"]["parameters"] for one in json.load(open(name))["party_list"] if one["status"] == "done"]
if __name__ == "__main__":
    every = [model for name in sys.argv[1:] for model in models_of(name)]
    print("one" if every and all(model == every[0] for model in every) else every)
PY
for n in 3 5; do
    "$AFRUN" "$flow" --mock --json --parties peer=$n --arg rounds=5 --arg steps=2 --arg linger=0.001 >swarm$n.json 2>/dev/null
    "$AFRUN" "$ROOT/flows/fed_avg.lua" --mock --json --parties participant=$n --arg quorum=$n --arg rounds=5 --arg steps=2 >fed$n.json 2>/dev/null
    says "$n peers have fed_avg's model, bit for bit" one "$(python3 models.py swarm$n.json fed$n.json)"
done

# ---- Every interleaving. ----
small=(--parties peer=3 --arg tries=1 --arg attempts=2 --arg rounds=1)
two=(--parties peer=3 --arg tries=1 --arg attempts=2 --arg rounds=2)
expect_output "exhaustive: no violation" "$AFRUN" check "$flow" "${small[@]}" --lose 1
expect_output "exhaustive: no violation" "$AFRUN" check "$flow" "${small[@]}" --drop 1
expect_output "no violation" "$AFRUN" check "$flow" "${small[@]}" --crash 1
expect_output "exhaustive: no violation" "$AFRUN" check "$flow" "${two[@]}" --lose 1
expect_output "exhaustive: no violation" "$AFRUN" check "$flow" "${small[@]}" --timeouts 2 --allow-fail
if ! is_short; then
    expect_output "exhaustive: no violation" "$AFRUN" check "$flow" "${small[@]}" --timeouts 3 --allow-fail
    expect_output "no violation" "$AFRUN" check "$flow" "${two[@]}" --crash 1
    expect_output "exhaustive: no violation" "$AFRUN" check "$flow" "${two[@]}" --timeouts 1 --allow-fail
    expect_output "exhaustive: no violation" "$AFRUN" check "$flow" "${small[@]}" --drop 1 --timeouts 2 --allow-fail
fi

# ---- For real: each party under a node, over a service, the processes killed. ----
kills=5
is_short || kills=50
mkdir flows run && cp -r "$ROOT"/flows/{swarm.lua,training} flows/
run python3 "$ROOT/tests/lib/kill_nodes.py" "$PROGRAM" flows run --play swarm --least $kills \
    --peers 'peer=p1,p2,p3' --arg rounds=5 --arg steps=2 --arg every=2 --arg tries=60 --arg linger=0.1
if [ "$status" -eq 0 ]; then ok "a run of which every process may be killed ends"; else
    not_ok "a run of which every process may be killed ends" "$(explain "exit status $status" kill_nodes)"
fi
cp "$OUT" killed.txt
says "  with the bits of a simulated run" "3 True" "$(python3 -c 'import json, re, models
real = json.loads(re.sub(r" [0-9]+$", "", open("killed.txt").read().strip()))
print(len(real), all(one["parameters"] == models.models_of("fed3.json")[0] for one in real.values()))' 2>&1)"

# ---- Mistakes. ----
mistake() { # mistake NAME STEPS SED OPTION…
    rm -rf "$1" && cp -r flows "$1" && sed -i "$3" "$1/swarm.lua"
    check "$1 is a change" test "$(diff "$flow" "$1/swarm.lua" | grep -c '^<')" -eq 1
    expect_violation "invariant 'a round has one model' is broken" "$AFRUN" check "$1/swarm.lua" "${small[@]}" --first --allow-fail "${@:4}" \
        --trace run.jsonl
    says "  after $2 steps" "shortest run: $2 steps" "$(cat "$OUT")"
    runs_again "  $1" "$1/swarm.lua" failed
}
mistake views_collide 11 's/^  return next_one > seen and next_one or next_one + n$/  return seen + 1/' --timeouts 3
mistake forgets_what_was_accepted 12 's/  local file = data.best or publish/  local file = publish/' --timeouts 2
