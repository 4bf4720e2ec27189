# flows/cross_site_eval.lua: the table has each model on each site's data, once, or says why not.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 25
source "$ROOT/tests/lib/counterexample.sh"
source "$ROOT/tests/lib/serve.sh"
flow=$ROOT/flows/cross_site_eval.lua
runs=1000 kills=50
is_short && runs=100 kills=5

# ---- Faults: an invariant compares each cell with what its site has told. ----
faults=(--drop .1 --duplicate .05 --crash coordinator:.02 --crash site:.02)
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --lose site:1 --runs "$runs"
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --lose coordinator:1 --runs "$runs"
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --partition random:0.02 --runs "$runs"
# table OPTION…: the coordinator's result.
table() { "$AFRUN" "$flow" --mock -q --json "$@" 2>err.txt | jq -c '.party_list[] | select(.id == "coordinator-1") | .result'; }
told=$(table --lose site:1@0s)
says "a site that is lost has cells that are null" 5 "$(jq '[.cells[][] | select(. == null)] | length' <<<"$told")"
says "  its model was not submitted" '3 "the model was not submitted"' "$(jq -c '.reasons[][]' <<<"$told" | sort | uniq -c | xargs -d '\n')"
says "  and it does not answer" '2 "the site does not answer"' "$(jq -c '.reasons[][]' <<<"$told" | sort | uniq -c | xargs -d '\n')"
expect_output "0 parties done, 1 failed, 3 lost" "$AFRUN" "$flow" --mock --lose site:3@0s

# ---- The oracle: the same programs on all data, in one place. ----
cp -r "$flow" "$ROOT/flows/training" .
python3 "$ROOT/tests/lib/tables.py" breast_cancer data --parties site-1,site-2,site-3 --shares 4,2,1 --sorted
cat >oracle.py <<'PY'
import json, subprocess, sys
run = json.load(open(sys.argv[1]))
table = next(one["result"] for one in run["party_list"] if one["id"] == "coordinator-1")
def call(what, site, model, *words):
    return subprocess.run(["python3", "training/logistic.py", what, "--data", "data/%s.csv" % site, *words], input=model,
                          stdout=subprocess.PIPE, check=True).stdout
sites = ["site-1", "site-2", "site-3"]
models = {site: call("train", site, bytes(8 * 31), "--steps", "20", "--rate", "0.5") for site in sites}
want = {site: {on: json.loads(call("test", on, model)) for on in sites} for site, model in models.items()}
print(table["cells"] == want, table["reasons"], sorted({round(cell["accuracy"], 2) for row in want.values() for cell in row.values()}))
PY
zeros="parameters=[$(printf '0,%.0s' {1..30})0]"
real=(--allow-run python3 --arg train=training/logistic.py --arg 'data=data/{id}.csv' --arg 'options=["--features","30"]' --arg "$zeros")
run "$AFRUN" cross_site_eval.lua --mock -q --json "${real[@]}" --arg steps=20 --arg rate=0.5 --crash site:.05 --drop .1
cp "$OUT" run.json
run python3 oracle.py run.json
says "each cell is what one place would find" "True {}" "$(cat "$OUT" "$ERR")"
rm data/site-2.csv
told=$("$AFRUN" cross_site_eval.lua --mock -q --json "${real[@]}" 2>err.txt | jq -c '.party_list[] | select(.id == "coordinator-1") | .result')
says "a site whose data are not there is an error of its own" "training/logistic.py train" "$(cat err.txt)"
says "  the others' cells are there" 4 "$(jq '[.cells[][] | select(. != null)] | length' <<<"$told")"

# ---- Every interleaving. ----
for budget in "--duplicate 1" "--drop 1 --lose 1" "--crash 1 --timeouts 1 --allow-fail"; do
    # shellcheck disable=SC2086
    expect_output "no violation" "$AFRUN" check "$flow" --parties site=2 $budget
    says "  exhaustive" "exhaustive" "$(grep -v 'not exhaustive' "$OUT" | tail -n 1)"
done
# A copy of the last answer goes into the cell of the model that is under way.
sed -e 's/ or event.model_id ~= next_model(party, id) then/ then/' -e 's/write(party, event.model_id, id,/write(party, next_model(party, id) or "?", id,/' \
    "$flow" >copied.lua
check "copied is a change" test "$(diff "$flow" copied.lua | grep -c '^<')" -eq 2
expect_violation "invariant 'a cell is what its site has told, or null with a reason' is broken" \
    "$AFRUN" check copied.lua --parties site=2 --duplicate 1 --trace run.jsonl
says "  by a run of 7 steps" "shortest run: 7 steps" "$(cat "$OUT")"
runs_again copied copied.lua violation invariant failed

# ---- For real: each party under a node, over a service, the processes killed. ----
mkdir flows run && cp -r "$flow" training flows/
check "a run of which every process may be killed ends" python3 "$ROOT/tests/lib/kill_nodes.py" "$PROGRAM" flows run \
    --play cross_site_eval --least $kills --peers 'coordinator=c;site=s1,s2,s3' --arg every=2 --arg tries=60
python3 - >oracle.txt <<'PY'
import json
sites = [("s1", 1), ("s2", 2), ("s3", 3)]
print(json.dumps({name: {on: {"distance": abs(0.0 + 0.3 * (place - 0.0) - other)} for on, other in sites} for name, place in sites}))
PY
says "the table is the oracle's, for real" "\"cells\": $(cat oracle.txt)" "$(cat "$OUT")"
