# flows/hetero_round.lua: the model is that of one place with all columns, and gradients go with their batch.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 21 22
source "$ROOT/tests/lib/counterexample.sh"
source "$ROOT/tests/lib/serve.sh"
export PYTHONPATH=$ROOT/tests/lib PYTHONDONTWRITEBYTECODE=1
flow=$ROOT/flows/hetero_round.lua
runs=1000 kills=50
is_short && runs=30 kills=5

# ---- Faults. ----
faults=(--drop .1 --duplicate .05 --crash host:.02 --crash collaborator:.02)
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --lose collaborator:1 --runs "$runs"
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --lose host:1 --runs "$runs"
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --partition random:0.02 --runs "$runs"
run "$AFRUN" "$flow" --mock -q --json --lose collaborator:1@60ms --latency 5ms
says "who is lost has the round begun again, three times at most" "the round was reset too often" "$(cat "$OUT")"

# ---- The oracle: one place with all columns. ----
cat >oracle.py <<'PY'
# oracle.py make: three parties' columns of breast_cancer, of not quite the same rows. oracle.py RUN…: the weights of
# minibatches in one place, beside those of runs.
import json, random, sys
import central, tables
names, columns = ["host-1", "collaborator-1", "collaborator-2"], [range(0, 5), range(5, 20), range(20, 30)]
rows = {"%03d" % i: row for i, row in enumerate(tables.standardise(tables.load("breast_cancer")))}
chance = random.Random(1)
has = {name: sorted(chance.sample(sorted(rows), 500)) for name in names}
if sys.argv[1] == "make":
    for name, part in zip(names, columns):
        with open(name + ".csv", "w") as out:
            for i in chance.sample(has[name], 500):
                fields = [rows[i][c] for c in part] + ([rows[i][30]] if name == "host-1" else [])
                out.write(i + "," + ",".join(map(repr, fields)) + "\n")
    sys.exit()
common = sorted(set.intersection(*map(set, has.values())))
train, test = common[:-60], common[-60:]
w = [0.0] * 31
for _ in range(3):
    for k in range(0, len(train), 50):
        w = central.train([rows[i] for i in train[k:k + 50]], w, 1, 0.5)
loss, accuracy = central.judge([rows[i] for i in test], w)
for name in sys.argv[1:]:
    got = {one["id"]: one["result"] for one in json.load(open(name))["party_list"]}
    weights = got["host-1"]["weights"][:-1] + got["collaborator-1"]["weights"] + got["collaborator-2"]["weights"] + \
        got["host-1"]["weights"][-1:]
    test = got["host-1"]["test"]
    print(got["host-1"]["rows"] == len(common), max(abs(a - b) for a, b in zip(w, weights)) < 1e-12,
          abs(test["loss"] - loss) < 1e-12, test["accuracy"] == accuracy, accuracy > 0.9)
PY
cp -r "$flow" "$ROOT/flows/psi.lua" "$ROOT/flows/psi" "$ROOT/flows/training" .
check "there are three parties' columns" python3 oracle.py make
columns=(--mock -q --json --arg 'data={id}.csv' --arg rounds=3 --arg batch=50 --arg test_rows=60 --arg rate=0.5)
"$AFRUN" hetero_round.lua "${columns[@]}" >plain.json 2>err.txt
"$AFRUN" hetero_round.lua "${columns[@]}" --drop .05 --crash collaborator:.01 --seed 3 >faults.json 2>err.txt
run python3 oracle.py plain.json faults.json
says "split logistic regression is that of one place" "True True True True True" "$(head -n 1 "$OUT")"
says "with faults, too" "True True True True True" "$(tail -n 1 "$OUT")"

# ---- Every interleaving. ----
small=(--arg rounds=1 --arg test_rows=0 --arg tries=2)
known=(--arg 'rows=["row-03","row-04","row-05"]')
expect_output "exhaustive: no violation" "$AFRUN" check "$flow" "${small[@]}"
for budget in "--drop 1" "--duplicate 1" "--lose 1"; do
    # shellcheck disable=SC2086
    expect_output "exhaustive: no violation" "$AFRUN" check "$flow" "${small[@]}" "${known[@]}" $budget
done
is_short || expect_output "exhaustive within --away 1: no violation" "$AFRUN" check "$flow" "${small[@]}" "${known[@]}" --crash 1 --away 1
# Gradients are taken for any batch: those that come late go with another one.
sed 's/source = the_host, label = label, every = silence/source = the_host, every = silence/' "$flow" >any_batch.lua
check "any_batch is a change" test "$(diff "$flow" any_batch.lua | grep -c '^<')" -eq 1
late=(--parties collaborator=1 --arg rounds=1 --arg test_rows=0 --arg tries=1 --arg 'rows=["row-03","row-04","row-05","row-06"]'
    --timeouts 1 --allow-fail)
expect_output "exhaustive: no violation" "$AFRUN" check "$flow" "${late[@]}"
expect_violation "invariant 'gradients go with the batch that they came from' is broken" \
    "$AFRUN" check any_batch.lua "${late[@]}" --trace run.jsonl
says "  by a run of 18 steps" "shortest run: 18 steps" "$(cat "$OUT")"
runs_again any_batch any_batch.lua violation invariant failed

# ---- For real: each party under a node, over a service, the processes killed. ----
mkdir flows run && cp -r "$flow" psi.lua psi training flows/
check "a run of which every process may be killed ends" python3 "$ROOT/tests/lib/kill_nodes.py" "$PROGRAM" flows run \
    --play hetero_round --least $kills --peers 'host=h;collaborator=c1,c2' --arg every=2 --arg tries=60
cat >real.py <<'PY'
# The example's columns, as the flow makes them.
import json, sys
import central
ids = range(3, 8)
rows = [[float(i * 2 % 5 - 2), float(i * 3 % 5 - 2), i % 2] for i in ids]
w = [0.0] * 3
for _ in range(2):
    for k in (0, 2):
        w = central.train(rows[k:k + 2], w, 1, 0.3)
text = open(sys.argv[1]).read()
got = json.loads(text[:text.rindex("}") + 1])
weights = got["c1"]["weights"] + got["c2"]["weights"] + got["h"]["weights"]
print(max(abs(a - b) for a, b in zip(w, weights)) < 1e-12, weights, w)
PY
says "the weights are the oracle's, for real" True "$(python3 real.py "$OUT" 2>&1)"
