# flows/fed_avg.lua's arithmetic: training in many places is training in one, and each option is what its paper says.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 16 17
source "$ROOT/tests/lib/serve.sh"
export PYTHONPATH=$ROOT/tests/lib PYTHONDONTWRITEBYTECODE=1
cp -r "$ROOT"/flows/{fed_avg.lua,fed_avg,training} .
py() { cat >script.py && run python3 script.py; } # what stands behind it, as a program
tables() { python3 "$ROOT/tests/lib/tables.py" "$@"; }
names() { seq -s, -f participant-%g "$1"; }
# fed FILE COUNT ARGUMENT…: a simulated run of so many participants, all of whom are needed; what it answers goes to FILE.
fed() {
    local file=$1 count=$2
    shift 2
    "$AFRUN" fed_avg.lua --mock --json --parties participant="$count" --arg quorum="$count" "$@" >"$file" 2>err.txt
}
logistic=(--arg train=training.logistic --arg size=31 --arg rate=0.3 --arg 'data=data/{id}.csv')
cat >told.py <<'PY'
import json
def model_of(name):
    parties = json.load(open(name))["party_list"]
    models = [one["result"]["parameters"] for one in parties if one["status"] == "done"]
    assert models and all(one == models[0] for one in models), parties
    return models[0]
def far(a, b):
    assert len(a) == len(b)
    return max(abs(x - y) / max(1, abs(x)) for x, y in zip(a, b))
PY

# ---- One step in each round is a step of all data in one place; by cards, and sorted by the label and of unlike sizes. ----
tables breast_cancer data --parties "$(names 4)"
fed even.json 4 "${logistic[@]}" --arg rounds=8
rm -r data && tables breast_cancer data --parties "$(names 4)" --shares 1,2,3,8 --sorted
fed skewed.json 4 "${logistic[@]}" --arg rounds=8
fed program.json 4 --arg train=training/logistic.py --arg options='["--features","30"]' --arg rate=0.3 --arg 'data=data/{id}.csv' \
    --arg rounds=8 --allow-run python3
py <<'PY'
import central, told
want = central.train(central.read("data/all.csv"), [0.0] * 31, 8, 0.3)
for name in "even", "skewed", "program":
    print(name, told.far(told.model_of(name + ".json"), want) < 1e-12)
PY
says "one local step is a step of training in one place, to 1e-12" "even True skewed True program True" "$(xargs <"$OUT")"

# ---- Five local steps, twenty rounds: as good as a hundred steps in one place. ----
rm -r data && tables breast_cancer data --parties "$(names 4)" && cp data/all.csv all.csv
fed five.json 4 "${logistic[@]}" --arg rounds=20 --arg steps=5 --arg test=all.csv --trace five.jsonl
py <<'PY'
import central, told
rows = central.read("all.csv")
ours = central.judge(rows, told.model_of("five.json"))
theirs = central.judge(rows, central.train(rows, [0.0] * 31, 100, 0.3))
print("loss", ours[0] < 1.01 * theirs[0], "accuracy", abs(ours[1] - theirs[1]) <= 0.01 and theirs[1] > 0.95, ours, theirs)
PY
says "five local steps, twenty rounds: loss and accuracy are those of training in one place" "loss True accuracy True" "$(cat "$OUT")"

# ---- A perceptron on digits: five steps, twenty rounds are as good as a hundred in one place. (Minutes: in the long form.) ----
if ! is_short; then
    rm -r data && tables digits data --parties "$(names 3)" --rows 600
    shape=(--features 64 --hidden 12 --classes 10)
    fed digits.json 3 --arg train=training/mlp.py --arg "options=$(printf '"%s",' "${shape[@]}" | sed 's/^/[/;s/,$/]/')" --arg rate=0.5 \
        --arg 'data=data/{id}.csv' --arg rounds=20 --arg steps=5 --arg linger=0 --allow-run python3 --arg test=data/all.csv
    python3 training/mlp.py first "${shape[@]}" | python3 training/mlp.py train "${shape[@]}" --data data/all.csv --steps 100 --rate 0.5 |
        python3 training/mlp.py test "${shape[@]}" --data data/all.csv >central.json
    py <<'PY'
import json
ours = json.load(open("digits.json"))["party_list"][0]["result"]["report"]["test"]
theirs = json.load(open("central.json"))
print(abs(ours["accuracy"] - theirs["accuracy"]) <= 0.01 and theirs["accuracy"] > 0.9, ours, theirs)
PY
    says "a perceptron that is trained in three places is as good as one that is trained in one" True "$(cat "$OUT")"
fi

# ---- FedProx: with 0 it is FedAvg, bit for bit; else as its formula says. ----
sed '/mu ~= 0/d' training/learner.lua >without.lua
check "there is a learner without FedProx" test "$(diff without.lua training/learner.lua | grep -c '^>')" -eq 1
fed with.json 3 --arg steps=4 --arg mu=0
fed prox.json 3 --arg steps=4 --arg mu=0.7
cp training/learner.lua learner.lua && cp without.lua training/learner.lua
fed without.json 3 --arg steps=4
cp learner.lua training/learner.lua
py <<'PY'
import fed_oracle as oracle, told
x = [0.0] * 3
for _ in range(3):
    x = oracle.mean([oracle.arithmetic(x, place, steps=4, mu=0.7) for place in (1, 2, 3)])
print(told.model_of("with.json") == told.model_of("without.json"), told.far(told.model_of("prox.json"), x) < 1e-12)
PY
says "mu = 0 is FedAvg bit for bit, another is its formula" "True True" "$(cat "$OUT")"

# ---- Server optimisers and robust means. ----
cat >liar.py <<'PY'
# What participant-1 sends is turned around, a hundredfold.
import re
text = open("training/learner.lua").read()
made = text.replace("function learner.train(", "local function honest(") + ""
assert made != text
made = made.replace("return learner\n", """function learner.train(party, model)
  local trained = honest(party, model)
  if party.id ~= "participant-1" then return trained end
  return vector.axpy(-100, vector.sub(trained, model), model)
end

return learner
""")
open("training/learner.lua", "w").write(made)
PY
for server in avg avgm adagrad adam yogi; do fed $server.json 3 --arg server=$server --arg rounds=6; done
py <<'PY'
import fed_oracle as oracle, told
for name, step in oracle.STEPS.items():
    x, state = [0.0] * 3, {}
    for _ in range(6):
        x = step(x, oracle.mean([oracle.arithmetic(x, place) for place in (1, 2, 3)]), state)
    print(name, told.far(told.model_of(name + ".json"), x) < 1e-12)
PY
says "the server's optimisers are a reference's, to 1e-12" "avg True avgm True adagrad True adam True yogi True" "$(xargs <"$OUT")"

robust="median:3 trimmed:3 krum:5 bulyan:7 norm_clip:3"
python3 liar.py
for one in $robust; do fed "${one%:*}.json" "${one#*:}" --arg robust="${one%:*}" --arg rounds=4; done
fed multi.json 7 --arg robust=krum --arg chosen=4 --arg rounds=4
py <<'PY'
import fed_oracle as oracle, told
def honest_or_not(x, place):
    trained = oracle.arithmetic(x, place)
    return trained if place > 1 else [a - 100 * (t - a) for a, t in zip(x, trained)]
for name, count, m in (("median", 3, 1), ("trimmed", 3, 1), ("krum", 5, 1), ("bulyan", 7, 1), ("norm_clip", 3, 1), ("multi", 7, 4)):
    x = [0.0] * 3
    for _ in range(4):
        x = oracle.ROBUST[name if m == 1 else "krum"]([honest_or_not(x, place) for place in range(1, count + 1)], x, 1, m, 1.0)
    print(name, told.far(told.model_of(name + ".json"), x) < 1e-12)
PY
says "the robust means are a reference's" "median True trimmed True krum True bulyan True norm_clip True multi True" "$(xargs <"$OUT")"
cp training/learner.lua liar.lua
for one in median:3 trimmed:3 krum:5 bulyan:7 norm_clip:12 none:3; do
    rm -r data && tables breast_cancer data --parties "$(names "${one#*:}")"
    for learner in learner liar; do
        cp $learner.lua training/learner.lua
        fed "${one%:*}_$learner.json" "${one#*:}" "${logistic[@]}" --arg rounds=20 --arg steps=5 --arg robust="${one%:*}" --arg clip=0.2
    done
done
py <<'PY'
import central, told
rows = central.read("all.csv")
for name in "median", "trimmed", "krum", "bulyan", "norm_clip", "none":
    honest, lied = [central.judge(rows, told.model_of("%s_%s.json" % (name, learner)))[1] for learner in ("learner", "liar")]
    print(name, lied >= honest - 0.01 if name != "none" else lied < honest - 0.1, end=" ")
PY
says "one of the least number turned around, a hundredfold, costs a robust mean 1 % at most, and the plain one more" \
    "median True trimmed True krum True bulyan True norm_clip True none True" "$(cat "$OUT")"
cp learner.lua training/learner.lua
for one in median:2:3 trimmed:2:3 krum:4:5 bulyan:6:7; do
    IFS=: read -r name quorum least <<<"$one"
    expect_error "$name with faulty = 1 needs $least updates, and a quorum of $quorum may be all there are" 1 \
        "$AFRUN" fed_avg.lua --mock --parties participant=8 --arg robust=$name --arg quorum=$quorum
done
expect_error "krum of 5 updates, 1 of them faulty, chooses at most 2" 1 \
    "$AFRUN" fed_avg.lua --mock --parties participant=5 --arg robust=krum --arg quorum=5 --arg chosen=3

# ---- Privacy: what is added, and what it is worth. ----
private=(--arg size=100 --arg clip=2 --arg noise=3 --arg rounds=1 --arg linger=0)
for seed in 1 2 3 4 5 6 7 8 9 10; do fed noise_$seed.json 2 "${private[@]}" --seed $seed; done
py <<'PY'
# The model of one round: the mean of two clipped updates, each with noise of deviation 6.
import math
import fed_oracle as oracle, told
def clipped(v):
    size = math.sqrt(math.fsum(x * x for x in v))
    return [x * 2 / size for x in v]
want = oracle.mean([clipped(oracle.arithmetic([0.0] * 100, place)) for place in (1, 2)])
noise = [(a - b) * math.sqrt(2) for seed in range(1, 11) for a, b in zip(told.model_of("noise_%d.json" % seed), want)]
deviation = math.sqrt(math.fsum(x * x for x in noise) / len(noise))
print("deviation", 5.6 < deviation < 6.4, "mean", abs(math.fsum(noise) / len(noise)) < 0.6, "drawn anew", len(set(noise)) > 990)
PY
says "noise has the deviation and the mean that it is to have" "deviation True mean True drawn anew True" "$(cat "$OUT")"
# What moves further than `clip` is clipped, and what is cut to the grid is not further than a step of it from what it was.
fed clipped.json 2 --arg size=100 --arg rounds=1 --arg clip=0.5 --arg noise=0.000001
fed near.json 2 --arg rounds=3 --arg clip=100 --arg noise=0.00001
py <<'PY'
import math
import fed_oracle as oracle, told
x = [0.0] * 3
for _ in range(3):
    x = oracle.mean([oracle.arithmetic(x, place) for place in (1, 2)])
size = math.sqrt(oracle.far(told.model_of("clipped.json"), [0.0] * 100))
print("clipped", 0.49 < size < 0.5001, "near", told.far(told.model_of("near.json"), x) < 0.02)
PY
says "an update is clipped, and else near to what it was" "clipped True near True" "$(cat "$OUT")"
fed many.json 2 --arg size=100 --arg clip=2 --arg linger=0 --arg rounds=5 --arg noise=20 --arg delta=0.000001
fed none.json 2 --arg linger=0
py <<'PY'
import json
import fed_oracle as oracle
def report_of(name):
    return json.load(open(name))["party_list"][0]["result"]["report"]
for name, rounds, noise, delta in (("noise_1", 1, 3, 1e-5), ("many", 5, 20, 1e-6)):
    told, want = report_of(name + ".json")["privacy"], oracle.epsilon(rounds, noise, delta)
    assert told["delta"] == delta and sorted(told["epsilon"]) == ["participant-1", "participant-2"], told
    print(all(want <= one < 1.001 * want for one in told["epsilon"].values()))
print("privacy" in report_of("none.json"))
PY
says "the report tells the epsilon of each participant, and none where there is no noise" "True True False" "$(xargs <"$OUT")"
