# flows/psi.lua: who ends well has the plain intersection, whatever is lost, copied or killed on the way.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 27 28
source "$ROOT/tests/lib/counterexample.sh"
source "$ROOT/tests/lib/serve.sh"
flow=$ROOT/flows/psi.lua
runs=1000 pairs=100 large=2000 kills=50
is_short && runs=40 pairs=40 large=300 kills=5

# ---- Faults: an invariant compares each result with the plain intersection. ----
faults=(--drop .1 --duplicate .05 --crash initiator:.02 --crash collaborator:.02)
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --runs "$runs"
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --lose collaborator:1 --runs "$runs"
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --lose initiator:1 --runs "$runs"
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --partition random:0.02 --runs "$runs"
expect_output "0 parties done, 1 failed, 1 lost" "$AFRUN" "$flow" --mock --parties collaborator=1 --lose collaborator:1@0s

# ---- Sets of files: random ones, empty ones, large ones, and rows of a real table. ----
cat >oracle.py <<'PY'
# Pairs of sets as files, each run, and each party's result compared with Python's own intersection.
import json, os, random, subprocess, sys
afrun, flow, pairs, large = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
chance, wrong = random.Random(7), 0
table = open("/usr/lib/python3/dist-packages/sklearn/datasets/data/breast_cancer.csv").read().split("\n")[1:570]

def sets(i):
    if i == 0:
        return [], []
    if i == 1:
        return ["a"], []
    if i == 2:
        return [], ["a", "b"]
    if i == 3:
        return table[:400], table[200:]
    if i == 4:
        return ["%d" % i for i in range(large)], ["%d" % i for i in range(large // 2, large + large // 2)]
    ids = ["p %d" % n for n in range(chance.randrange(1, 80))] + ["é", "患者"]
    return [chance.choices(ids, k=chance.randrange(60)) for _ in range(2)]

for i in range(pairs):
    pair = sets(i)
    for name, items in zip(("initiator-1", "collaborator-1"), pair):
        open(name + ".txt", "w").write("".join(item + "\n" for item in items))
    run = json.loads(subprocess.run([afrun, flow, "--mock", "-q", "--json", "--parties", "collaborator=1", "--arg",
        "file={id}.txt", "--seed", str(i + 1)], stdout=subprocess.PIPE).stdout)
    plain = sorted(set(pair[0]) & set(pair[1]))
    for one in run["party_list"]:
        if one["result"] != {"items": plain, "count": len(plain)}:
            wrong += 1
            print(i, one["id"], str(one["result"])[:300], "expected", str(plain)[:300])
print("%d pairs, %d wrong" % (pairs, wrong))
PY
expect_output "$pairs pairs, 0 wrong" python3 oracle.py "$AFRUN" "$flow" "$pairs" "$large"
# More than a batch: 20,000 points are blinded in a step.
cp -r "$ROOT/flows/psi" . && sed 's/BATCH = 20000/BATCH = 7/' "$flow" >psi.lua
expect_output "$pairs pairs, 0 wrong" python3 oracle.py "$AFRUN" psi.lua "$pairs" 70
expect_output "$runs runs, 0 failed" "$AFRUN" psi.lua --mock "${faults[@]}" --arg size=20 --runs "$runs"
if ! is_short; then
    run "$AFRUN" "$flow" --mock -q --json --parties collaborator=1 --arg size=100000
    says "100,000 items of each" '"count":99999' "$(cut -c1-1000 "$OUT")"
fi

# ---- What can be seen. ----
expect_output "3 parties done" "$AFRUN" "$flow" --mock --arg items='["Müller, Anna","B"]' --trace seen.jsonl
says "what was sent and logged names no item but the result's" 0 \
    "$(grep -v '"kind":"\(done\|start\|header\|run\)"' seen.jsonl | sed 1d | grep -c 'Anna')"

# ---- Every interleaving. ----
for budget in "--drop 1" "--duplicate 1" "--arg tries=2 --lose 1" "--arg tries=2 --crash 1 --timeouts 1"; do
    # shellcheck disable=SC2086
    expect_output "no violation" "$AFRUN" check "$flow" $budget
    says "  exhaustive" "exhaustive" "$(grep -v 'not exhaustive' "$OUT" | tail -n 1)"
done
# A collaborator that forgets in which order it has sent its points.
sed 's/common\[i\] = items\[order\[place\]\]/common[i] = items[place]/' "$flow" >unordered.lua
check "unordered is a change" test "$(diff "$flow" unordered.lua | grep -c '^<')" -eq 1
expect_violation "invariant 'a result is the plain intersection' is broken" "$AFRUN" check unordered.lua --trace run.jsonl
says "  by a run of 10 steps" "shortest run: 10 steps" "$(cat "$OUT")"
runs_again unordered unordered.lua violation invariant failed

# ---- For real: each party under a node, over a service, the processes killed. ----
mkdir flows run && cp -r "$flow" psi flows/
check "a run of which every process may be killed ends" python3 "$ROOT/tests/lib/kill_nodes.py" "$PROGRAM" flows run \
    --play psi --least $kills --peers 'initiator=i;collaborator=c1,c2' --arg size=6 --arg every=2 --arg tries=60
common='{"count": 4, "items": ["patient-000003", "patient-000004", "patient-000005", "patient-000006"]}'
says "all have the intersection" "{\"c1\": $common, \"c2\": $common, \"i\": $common}" "$(cat "$OUT")"
