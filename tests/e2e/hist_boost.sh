# flows/hist_boost.lua: the trees are those that one place with all rows would grow, whoever drops out on the way.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 31
source "$ROOT/tests/lib/counterexample.sh"
source "$ROOT/tests/lib/serve.sh"
flow=$ROOT/flows/hist_boost.lua
needs=("$flow" "$ROOT"/flows/{training,secure_aggregation,secure_aggregation.lua})
runs=1000 kills=50
is_short && runs=60 kills=5

# ---- Faults. ----
faults=(--drop .1 --duplicate .05 --crash aggregator:.02 --crash party:.02)
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --lose party:1 --runs "$runs"
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --lose aggregator:1 --runs "$runs"
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --partition random:0.02 --runs "$runs"
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --arg secure=true --arg trees=2 --lose party:1 --runs "$runs"
expect_output "0 parties done, 1 failed, 3 lost" "$AFRUN" "$flow" --mock --lose party:3@0s

# ---- The oracle: real data, grown in one place by another program. ----
cp -r "${needs[@]}" .
python3 "$ROOT/tests/lib/tables.py" breast_cancer data --parties party-1,party-2,party-3 --shares 3,2,1
cat >same.py <<'PY'
# same.py RUN WANT…: whether each tree of a run is that of the oracle for its parties, and all that ended have them.
import json, sys
run, wants = json.load(open(sys.argv[1])), [json.load(open(name)) for name in sys.argv[2:]]
got = next(one["result"] for one in run["party_list"] if one["id"] == "aggregator-1")["trees"]
trees = [{"leaves": tree["leaves"], "splits": tree["splits"]} for tree in got]
right = sum(one["result"]["right"] for one in run["party_list"] if one["result"] and "right" in one["result"])
print(len(trees), "trees,", [want["trees"] == trees for want in wants], right, wants[0]["right"], sorted({len(tree["parties"]) for tree in got}))
PY
grow() { python3 "$ROOT/tests/lib/central_trees.py" "$@"; }
trees=(--mock -q --json --arg depth=3 --arg bins=32 --arg 'data=data/{id}.csv')
grow 3 32 20 data/party-{1,2,3}.csv >want.json
run "$AFRUN" hist_boost.lua "${trees[@]}" --arg trees=20
cp "$OUT" run.json
says "20 trees of depth 3 with 32 bins are those of one place" "20 trees, [True] 568 568 [3]" "$(python3 same.py run.json want.json)"
run "$AFRUN" hist_boost.lua "${trees[@]}" --arg trees=4 --drop .1 --crash party:.02 --seed 2
cp "$OUT" run.json
grow 3 32 4 data/party-{1,2,3}.csv >want.json
says "with faults, too" "4 trees, [True]" "$(python3 same.py run.json want.json)"
run "$AFRUN" hist_boost.lua "${trees[@]}" --arg trees=4 --arg secure=true --trace run.jsonl
cp "$OUT" run.json
says "by secure sums, too" "4 trees, [True]" "$(python3 same.py run.json want.json)"
says "of which the aggregator has no party's counts" "36 masked, 0 histograms" \
    "$(grep -c '"kind":"send".*"label":"masked ' run.jsonl) masked, $(grep -c '"type":"histograms"' run.jsonl) histograms"
# One is lost in the second tree: the first is of three parties, the others of two.
run "$AFRUN" "$flow" --mock -q --json --arg trees=3 --lose party:1@35ms --latency 5ms
says "who drops out is out from the next tree" "3 2 2" "$(jq -r '.party_list[] | select(.id == "aggregator-1") | .result.trees[].parties | length' "$OUT" | xargs)"
run "$AFRUN" "$flow" --mock -q --json --arg trees=3 --arg secure=true --lose party:1@150ms --latency 5ms
says "with secure sums, too" "3 2 2" "$(jq -r '.party_list[] | select(.id == "aggregator-1") | .result.trees[].parties | length' "$OUT" | xargs)"
run "$AFRUN" "$flow" --mock -q --json --arg secure=true --lose party:2@60ms --latency 5ms
says "of one party there is no secure sum" "are left, and 2 are needed" "$(jq -r '.party_list[] | select(.id == "aggregator-1") | .reason' "$OUT")"

# ---- Every interleaving. ----
small=(--parties party=2 --arg trees=1 --arg tries=2)
for budget in "--duplicate 1" "--drop 1 --lose 1" "--crash 1"; do
    # shellcheck disable=SC2086
    expect_output "no violation" "$AFRUN" check "$flow" "${small[@]}" $budget
    says "  exhaustive" "exhaustive" "$(grep -v 'not exhaustive' "$OUT" | tail -n 1)"
done
for budget in "--drop 1" "--lose 1"; do
    # shellcheck disable=SC2086
    expect_output "exhaustive: no violation" "$AFRUN" check "$flow" "${small[@]}" --arg depth=1 --arg secure=true $budget
done
# A level goes on without who is silent.
sed 's/return without(party, ids)/party.data.parties = ids return split(party)/; s/party.data.counts = {}$//' \
    "$flow" >goes_on.lua
check "goes_on is a change" test "$(diff "$flow" goes_on.lua | grep -c '^<')" -eq 2
expect_violation "invariant 'a tree is of all rows of its parties, at each level' is broken" \
    "$AFRUN" check goes_on.lua --parties party=2 --arg trees=1 --arg tries=1 --lose 1 --trace run.jsonl
says "  by a run of 8 steps" "shortest run: 8 steps" "$(cat "$OUT")"
runs_again goes_on goes_on.lua violation invariant failed

# ---- For real: each party under a node, over a service, the processes killed. ----
mkdir flows run secure && cp -r "${needs[@]}" flows/
really=(--play hist_boost --least $kills --peers 'aggregator=a;party=p1,p2,p3' --arg every=2 --arg tries=60)
check "a run by secure sums ends, too" python3 "$ROOT/tests/lib/kill_nodes.py" "$PROGRAM" flows secure "${really[@]}" --arg secure=true
cp "$OUT" secure.txt
check "a run of which every process may be killed ends" python3 "$ROOT/tests/lib/kill_nodes.py" "$PROGRAM" flows run "${really[@]}"
python3 - <<'PY'
# The example's rows, as the flow makes them.
for place in (1, 2, 3):
    with open("p%d.csv" % place, "w") as out:
        for i in range(1, place + 4):
            out.write("%r,%r,%d\n" % (float(i * place % 5), float(i), (i * place % 5 > 1) == (i % 3 > 0)))
PY
grow 2 4 3 p1.csv p2.csv p3.csv >want.json
cat >real.py <<'PY'
import json, sys
text = open(sys.argv[1]).read()
got = json.loads(text[:text.rindex("}") + 1])["a"]["trees"]
print([{"leaves": tree["leaves"], "splits": tree["splits"]} for tree in got] == json.load(open("want.json"))["trees"], len(got))
PY
says "the trees are the oracle's, for real" "True 3" "$(python3 real.py "$OUT" 2>&1)"
says "by secure sums, too" "True 3" "$(python3 real.py secure.txt 2>&1)"
