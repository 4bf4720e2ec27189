# flows/training/: the programs and the Lua modules that flows train with do what their formulas say.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 9
source "$ROOT/tests/lib/serve.sh"
export PYTHONPATH=$ROOT/tests/lib PYTHONDONTWRITEBYTECODE=1
check "the data are there" python3 "$ROOT/tests/lib/tables.py" breast_cancer data --parties a,b --shares 2,1
says "two of three rows go to the first party" "380 189 569" "$(cat data/a.csv | wc -l) $(cat data/b.csv | wc -l) $(cat data/all.csv | wc -l)"

# ---- Logistic regression. ----
cat >logistic.py <<'PY'
import json, struct, subprocess, sys
import central
program, = sys.argv[1:]
def call(*words, given=b""):
    return subprocess.run(["python3", program, *words], input=given, stdout=subprocess.PIPE, check=True).stdout
rows = central.read("data/all.csv")
first = call("first", "--features", "30")
assert first == bytes(8 * 31), first
assert call("rows", "--data", "data/all.csv") == b"569\n"
near = [i / 10 for i in range(31)]
for start, steps, mu in ((near, 1, 0), (near, 7, 0), (near, 4, 0.5)):
    got = struct.unpack("<31d", call("train", "--data", "data/all.csv", "--steps", str(steps), "--rate", "0.3", "--mu", str(mu),
                                     given=struct.pack("<31d", *start)))
    want = central.train(rows, start, steps, 0.3, mu, start)
    assert max(abs(a - b) for a, b in zip(got, want)) < 1e-12, (steps, mu)
    told = json.loads(call("test", "--data", "data/all.csv", given=struct.pack("<31d", *got)))
    loss, accuracy = central.judge(rows, want)
    assert told["rows"] == 569 and abs(told["loss"] - loss) < 1e-9 and told["accuracy"] == accuracy, told
print("as the formulas say")
PY
run python3 logistic.py "$ROOT/flows/training/logistic.py"
says "logistic.py trains" "as the formulas say" "$(cat "$OUT")"

cp -r "$ROOT/flows/training" .
cat >trains.lua <<'LUA'
local af = require "af"
local learner, logistic = require "training.learner", require "training.logistic"
return af.flow { name = "trains", mock = { trainer = 1 }, args = learner.args { numbers = af.list(af.number) },
  roles = { trainer = { start = "training", states = { training = { enter = function(party)
    local model = af.vector.pack(party.args.numbers)
    local after = learner.train(party, model)
    if party.args.train == "training.logistic" then
      af.expect(logistic.chance_of(-1000) == 0 and logistic.chance_of(1000) == 1)
    end
    return af.done { rows = learner.rows(party), model = af.vector.unpack(after), test = learner.test(party, after) }
  end } } } } }
LUA
cat >compare.py <<'PY'
import json, sys
results = [json.loads(open(name).read())["party_list"][0]["result"] for name in ("lua.json", "python.json")]
print(results[0]["rows"], results[0] == results[1] or max(abs(a - b) for a, b in zip(results[0]["model"], results[1]["model"])),
      results[0]["test"]["accuracy"] > 0.9)
PY
numbers="numbers=[$(seq -s, -15 15)]"
train() { "$AFRUN" trains.lua --mock --json --arg "$numbers" --arg data=data/all.csv --arg steps=3 --arg mu=0.25 "$@" 2>err.txt; }
train --arg train=training.logistic >lua.json
train --arg train=training/logistic.py --allow-run python3 >python.json
run python3 compare.py
if [[ $(cat "$OUT") =~ ^569\ (True|[0-9.]+e-1[3-9])\  ]]; then ok "logistic.lua gives what logistic.py gives"; else
    not_ok "logistic.lua gives what logistic.py gives" "$(cat "$OUT" "$ERR" err.txt)"
fi
printf 'a,b\n1,x\n' >data/wrong.csv
expect_error "data/wrong.csv:2: 'x' is no number" 1 "$AFRUN" trains.lua --mock --arg "$numbers" --arg data=data/wrong.csv --arg train=training.logistic
expect_error "data/wrong.csv:2: a field is no number" 1 "$AFRUN" trains.lua --mock --arg "$numbers" --arg data=data/wrong.csv \
    --arg train=training/logistic.py --allow-run python3
expect_error "training/logistic.py train: the model has 3 parameters, expected 31" 1 \
    "$AFRUN" trains.lua --mock --arg numbers=[1,2,3] --arg data=data/all.csv --arg train=training/logistic.py --allow-run python3

# ---- The perceptron: its slope is that of its loss, by differences. ----
cat >mlp.py <<'PY'
import argparse, sys
sys.path.insert(0, sys.argv[1])
import mlp, program
options = argparse.Namespace(features=64, hidden=5, classes=10, seed=3)
model = mlp.Perceptron(options)
rows, labels = program.read_table("digits/all.csv")
w = model.first()
assert len(w) == model.size(64) and w == mlp.Perceptron(options).first()
slope = model.gradient(w, rows, labels)
for i in range(0, len(w), 7):
    def loss(h):
        return model.judge(w[:i] + [w[i] + h] + w[i + 1:], rows, labels)[0]
    assert abs((loss(1e-5) - loss(-1e-5)) / 2e-5 - slope[i]) < 1e-7, i
begun = model.judge(w, rows, labels)
trained = model.judge(program.descend(model, w, rows, labels, 60, 1.0, 0), rows, labels)
assert trained[0] < begun[0] / 4 and trained[1] > 0.9 * len(rows), (begun, trained)
print("it learns")
PY
python3 "$ROOT/tests/lib/tables.py" digits digits --rows 60
run python3 mlp.py "$ROOT/flows/training"
says "mlp.py trains" "it learns" "$(cat "$OUT")"
