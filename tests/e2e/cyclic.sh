# flows/cyclic.lua: the model is that of training in sequence, bit for bit, whoever is passed over.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 23
source "$ROOT/tests/lib/counterexample.sh"
source "$ROOT/tests/lib/serve.sh"
flow=$ROOT/flows/cyclic.lua
runs=1000 kills=50
is_short && runs=100 kills=5

# ---- Faults: an invariant trains the counted ones in sequence. ----
faults=(--drop .1 --duplicate .05 --crash coordinator:.02 --crash trainer:.02)
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --lose trainer:1 --runs "$runs"
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --lose coordinator:1 --runs "$runs"
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --partition random:0.02 --runs "$runs"
run "$AFRUN" "$flow" --mock -q --json --lose trainer:1@0s
says "who is lost is passed over" '"status":"done"' "$(jq -c '.party_list[] | select(.id == "coordinator-1")' "$OUT")"
says "  in each round" 4 "$(jq '.party_list[] | select(.id == "coordinator-1") | .result.counted | length' "$OUT")"
expect_output "0 parties done, 1 failed, 3 lost" "$AFRUN" "$flow" --mock --lose trainer:3@0s

# ---- The oracle: the arithmetic in Python; the same program in a row on real data. ----
cp -r "$ROOT/flows/training" .
python3 "$ROOT/tests/lib/tables.py" breast_cancer data --parties trainer-1,trainer-2,trainer-3 --shares 3,2,1
cat >oracle.py <<'PY'
# oracle.py plain ROUNDS | program ROUNDS STEPS RATE: the parameters that training in sequence gives.
import json, struct, subprocess, sys
kind, rounds = sys.argv[1], int(sys.argv[2])
if kind == "plain":
    model = [0.0, 0.0, 0.0]
    for place in [1, 2, 3] * rounds:
        model = [x + 0.3 * (own - x) for x, own in zip(model, (place, place * place, 1 / place))]
else:
    packed = bytes(8 * 31)
    for place in [1, 2, 3] * rounds:
        packed = subprocess.run(["python3", "training/logistic.py", "train", "--data", "data/trainer-%d.csv" % place, "--steps",
                                 sys.argv[3], "--rate", sys.argv[4]], input=packed, stdout=subprocess.PIPE, check=True).stdout
    model = list(struct.unpack("<31d", packed))
print(model)
PY
# same NAME: the coordinator's parameters in $OUT are the oracle's in oracle.txt, bit for bit.
same() {
    python3 - "$OUT" <<'PY' >same.txt 2>&1
import json, sys
run = json.load(open(sys.argv[1]))
got = next(one["result"]["parameters"] for one in run["party_list"] if one["id"] == "coordinator-1")
print(got == json.load(open("oracle.txt")), len(got))
PY
    says "$1" True "$(cat same.txt)"
}
python3 oracle.py plain 4 >oracle.txt
run "$AFRUN" "$flow" --mock -q --json --arg rounds=4
same "the model is that of training in sequence"
python3 oracle.py program 2 3 0.25 >oracle.txt
cp "$flow" .
zeros="parameters=[$(printf '0,%.0s' {1..30})0]"
run "$AFRUN" cyclic.lua --mock -q --json --allow-run python3 --arg train=training/logistic.py --arg 'data=data/{id}.csv' --arg steps=3 \
    --arg rate=0.25 --arg 'options=["--features","30"]' --arg "$zeros" --crash trainer:.05 --drop .1
same "so it is by a program, on real data, with faults"

# ---- Every interleaving. ----
for budget in "--duplicate 1" "--drop 1 --lose 1" "--crash 1 --timeouts 1 --allow-fail"; do
    # shellcheck disable=SC2086
    expect_output "no violation" "$AFRUN" check "$flow" $budget
    says "  exhaustive" "exhaustive" "$(grep -v 'not exhaustive' "$OUT" | tail -n 1)"
done
# A model that comes late is taken for this step's: a training is counted twice.
sed 's/if event.step ~= party.data.step or event.peer_id ~= turn(party) then return false end//' "$flow" >late.lua
check "late is a change" test "$(diff "$flow" late.lua | grep -c '^<')" -eq 1
expect_violation "invariant 'each training is counted once, in order' is broken" \
    "$AFRUN" check late.lua --parties trainer=1 --duplicate 1 --trace run.jsonl
says "  by a run of 3 steps" "shortest run: 3 steps" "$(cat "$OUT")"
runs_again late late.lua violation invariant failed

# ---- For real: each party under a node, over a service, the processes killed. ----
mkdir flows run && cp -r "$flow" training flows/
check "a run of which every process may be killed ends" python3 "$ROOT/tests/lib/kill_nodes.py" "$PROGRAM" flows run \
    --play cyclic --least $kills --peers 'coordinator=c;trainer=t1,t2,t3' --arg every=2 --arg tries=60
python3 oracle.py plain 2 >oracle.txt
says "the model is that of training in sequence, for real" "\"parameters\": $(cat oracle.txt)" "$(cat "$OUT")"
