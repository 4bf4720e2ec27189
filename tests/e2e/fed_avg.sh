# flows/fed_avg.lua: whoever is lost and whenever, the others end with one model.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 31 33
source "$ROOT/tests/lib/counterexample.sh"
source "$ROOT/tests/lib/serve.sh"
flow=$ROOT/flows/fed_avg.lua
long=${AF_TEST_LONG:-}
seeds=${AF_TEST_COUNT:-$([ -n "$long" ] && echo 1000 || echo 30)}
runs=${AF_TEST_COUNT:-$([ -n "$long" ] && echo 2000 || echo 40)}

expect_output "fed_avg: 3 parties done, 0 failed, 1 resting; 112 messages, 0 dropped, 0 unexpected" \
    "$AFRUN" "$flow" --mock --trace plain.jsonl
if grep -qE '"kind":"(timeout|unexpected)"' plain.jsonl; then
    not_ok "without faults no timeout fires" "$(grep -E '"kind":"timeout"' plain.jsonl)"
else
    ok "without faults no timeout fires"
fi

# Whoever is lost, and whenever: the others end all rounds with the same parameters, and a run twice is the same run.
for seed in $(seq "$seeds"); do
    for file in run.jsonl again.jsonl; do
        "$AFRUN" "$flow" --mock -q --parties participant=10 --arg rounds=5 --lose participant:2 \
            --seed "$seed" --trace $file >out.txt 2>err.txt </dev/null ||
            echo "seed $seed: exit status $? $(head -n 1 err.txt)" >>broken.txt
        [ "$seed" -le 5 ] || break
    done
    [ "$seed" -gt 5 ] || cmp -s run.jsonl again.jsonl || echo "seed $seed: another trace" >>broken.txt
    ends=$(grep '"kind":"done"' run.jsonl | sed 's/.*"result"://' | sort | uniq -c)
    grep -qE '^ +8 \{"parameters":\[[0-9.,e-]+\],"rounds":5\}\}$' <<<"$ends" || echo "seed $seed: $ends" >>broken.txt
done
if [ ! -e broken.txt ]; then ok "$seeds seeds end well, all with the same parameters"; else
    not_ok "$seeds seeds end well, all with the same parameters" "$(head broken.txt)"
fi

# With nobody lost the result does not depend on the seed either.
for seed in 1 2 3; do
    "$AFRUN" "$flow" --mock --seed $seed --trace run.jsonl >/dev/null 2>&1
    grep '"kind":"done","party":"participant-' run.jsonl | sed 's/.*"result"://'
done | sort -u >same.txt
if [ "$(wc -l <same.txt)" -eq 1 ]; then ok "latency does not change the result"; else
    not_ok "latency does not change the result" "$(cat same.txt)"
fi

# Late joiners: a participant that cannot be reached at first takes part later, and ends with all.
expect_output "3 parties done, 0 failed, 1 resting" "$AFRUN" "$flow" --mock --arg rounds=10 \
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

# With a quorum alive it ends, and does not fail: neither the aggregator, nor anybody who is left.
for seed in $(seq "$seeds"); do
    "$AFRUN" "$flow" --mock "${faults[@]}" --lose participant:1 --parties participant=4 --seed "$seed" 2>/dev/null </dev/null
done | sed 's/;.*//' | sort -u >ends.txt
if [ "$(cat ends.txt)" = "fed_avg: 3 parties done, 0 failed, 1 lost, 1 resting" ]; then
    ok "$seeds runs with faults and a quorum end well"
else
    not_ok "$seeds runs with faults and a quorum end well" "$(cat ends.txt)"
fi

# Under worse: an end that the header promises, of each party. (That no two models differ is an invariant.)
worse=(--drop .1 --duplicate .05 --crash participant:.02 --crash aggregator:.02)
hard=1000
is_short && hard=60
expect_output "$hard runs, 0 failed" "$AFRUN" "$flow" --mock "${worse[@]}" --lose participant:1 --runs $hard
expect_output "$hard runs, 0 failed" "$AFRUN" "$flow" --mock "${worse[@]}" --lose aggregator:1 --runs $hard
expect_output "$hard runs, 0 failed" "$AFRUN" "$flow" --mock "${worse[@]}" --partition random:0.02 --runs $hard
cat >ends.py <<'PY'
import json, sys
promised = ["no quorum is left", "the aggregator does not answer", "the aggregator failed: no quorum is left"]
for line in sys.stdin:
    for one in json.loads(line)["party_list"]:
        good = one["status"] in ("done", "lost") or one["status"] == "active" and one["state"] == "finished"
        if not good and one["reason"] not in promised:
            print(one)
print("over")
PY
for seed in $(seq "$seeds"); do
    "$AFRUN" "$flow" --mock "${worse[@]}" --lose participant:1 --seed "$seed" --json 2>/dev/null </dev/null
done >ends.json
says "$seeds runs under worse end as promised" over "$(python3 ends.py <ends.json | head -n 5 | grep -n . | sed 's/^1:over/over/')"

# A participant trains once a round: begun anew from the same model, its answer is the same file. (Else privacy would pay twice.)
run "$AFRUN" "$flow" --mock --parties participant=2 --arg noise=1 --arg tries=2 --partition 'participant-2|aggregator-1@44ms..25s' --trace again.jsonl
grep '"kind":"send","party":"participant-1"' again.jsonl | grep -oE '"file_url":"[^"]*","label":"[01].1"' | sort -u >answers.txt
says "a round that is begun anew has the same answer" "2 labels, 1 file" \
    "$(wc -l <answers.txt) labels, $(sed 's/,"label.*//' answers.txt | sort -u | wc -l) file"

# For real, each party under a node, over a service, whose processes are killed: the bits of a simulated run.
kills=5
is_short || kills=50
python3 "$ROOT/tests/lib/tables.py" breast_cancer data --parties participant-1,participant-2,participant-3 --shares 1,2,3 --rows 120
for i in 1 2 3; do cp data/participant-$i.csv data/p$i.csv; done
mkdir flows run && cp -r "$ROOT"/flows/{fed_avg.lua,fed_avg,training} flows/
real=(--arg rounds=4 --arg steps=3 --arg quorum=3 --arg train="$PWD/flows/training/logistic.py" --arg data="$PWD/data/{id}.csv"
    --arg 'options=["--features","30"]')
"$AFRUN" "$flow" --mock --json "${real[@]}" --allow-run python3 --allow-read "$PWD" >mock.json 2>"$ERR"
run python3 "$ROOT/tests/lib/kill_nodes.py" "$PROGRAM" flows run --play fed_avg --least $kills --allow-run python3 \
    --peers 'aggregator=a;participant=p1,p2,p3' "${real[@]}" --arg every=2 --arg tries=60 --arg linger=0.1
cat >same.py <<'PY'
import json, re, sys
told = open(sys.argv[1]).read()
real = json.loads(re.sub(r" [0-9]+$", "", told.strip()))
mock = json.load(open("mock.json"))["party_list"]
models = [one["parameters"] for one in real.values()] + [one["result"]["parameters"] for one in mock if one["status"] == "done"]
print(len(models), "models,", "one" if all(model == models[0] for model in models) and len(models[0]) == 31 else models)
PY
cp "$OUT" killed.txt
if [ "$status" -eq 0 ]; then ok "a training of which every process may be killed ends"; else
    not_ok "a training of which every process may be killed ends" "$(explain "exit status $status" kill_nodes)"
fi
says "  and the model is that of a simulated run, bit for bit" "7 models, one" "$(python3 same.py killed.txt 2>&1)"

# Every interleaving, at its smallest.
expect_output "fed_avg: 7,136 states, 13,716 transitions, depth 40, exhaustive: no violation" \
    "$AFRUN" check "$flow" --parties participant=2 --arg rounds=2
expect_output "exhaustive: no violation" "$AFRUN" check "$flow" --parties participant=1 --arg rounds=1 --arg quorum=1 \
    --arg tries=2 --drop 1
expect_output "exhaustive: no violation" "$AFRUN" check "$flow" --parties participant=2 --arg rounds=1 --arg tries=1 --lose 1
expect_output "exhaustive: no violation" "$AFRUN" check "$flow" --parties participant=2 --arg rounds=2 --arg tries=1 --drop 1
expect_output "no violation" "$AFRUN" check "$flow" --parties participant=1 --arg quorum=1 --arg rounds=2 --arg tries=2 --crash 1
if ! is_short; then
    expect_output "exhaustive: no violation" "$AFRUN" check "$flow" --parties participant=2 --arg rounds=2 --arg quorum=1 --arg tries=1 --lose 1
    expect_output "exhaustive within --away 1: no violation" "$AFRUN" check "$flow" --parties participant=2 --arg rounds=2 --arg tries=2 \
        --crash 1 --away 1
fi

# Mistakes that a check finds: mistake NAME INVARIANT STEPS FILE SED OPTION…
mistake() {
    local name=$1 what=$2 steps=$3 file=$4 change=$5
    rm -rf "$name" && cp -r flows "$name"
    sed -i "$change" "$name/$file"
    check "$name is a change" test "$(diff "flows/$file" "$name/$file" | grep -c '^<')" -eq 1
    expect_violation "invariant '$what' is broken" "$AFRUN" check "$name/fed_avg.lua" --first --arg quorum=1 --arg tries=1 "${@:6}"
    says "  after $steps steps" "shortest run: $steps steps" "$(cat "$OUT")"
}
mistake counted_in_two_rounds "no update is of another round" 9 fed_avg/aggregate.lua 's/ids, {}, 0$/ids, data.updates, 0/' \
    --parties participant=1 --arg rounds=2
mistake weights_of_the_absent "the counted are all that is counted" 17 training/models.lua \
    's/for _, id in ipairs(ids) do total =/for id in pairs(weights) do total =/' \
    --parties participant=2 --arg rounds=1 --lose 1
