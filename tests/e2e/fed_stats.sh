# flows/fed_stats.lua: what sites tell is exact, within each site's own policy, and says of whom it is.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 39 40
source "$ROOT/tests/lib/counterexample.sh"
source "$ROOT/tests/lib/serve.sh"
flow=$ROOT/flows/fed_stats.lua
needs=("$flow" "$ROOT"/flows/{fed_stats,secure_aggregation,secure_aggregation.lua})
runs=1000 kills=50
is_short && runs=60 kills=5

# ---- Faults. ----
faults=(--drop .1 --duplicate .05 --crash analyst:.02 --crash site:.02)
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --lose site:1 --runs "$runs"
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --lose analyst:1 --runs "$runs"
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --partition random:0.02 --runs "$runs"
expect_output "$runs runs, 0 failed" "$AFRUN" "$flow" --mock "${faults[@]}" --arg secure=true --lose site:1 --runs "$runs"
# told OPTION…: the analyst's result.
told() { "$AFRUN" fed_stats.lua --mock -q --json "$@" 2>err.txt | jq -c '.party_list[] | select(.id == "analyst-1") | .result // .reason'; }
cp -r "${needs[@]}" .
says "who is in an answer is named, and who refuses" '["site-1","site-2"] {"site-3":{"x":"11 rows are told of at least, and there are fewer"}} []' \
    "$(told | jq -c '.features.x.sites, .refused, .silent' | xargs -d '\n')"
says "and who is silent" '["site-1"] 1' "$(told --parties site=2 --lose site:1@0s --seed 3 | jq -c '.features.x.sites, (.silent | length)' | xargs -d '\n')"
expect_output "0 parties done, 1 failed, 3 lost" "$AFRUN" "$flow" --mock --lose site:3@0s

# ---- The oracle: the data of all sites in one list, the same bits. ----
cat >oracle.py <<'PY'
# oracle.py make: CSV files of breast_cancer, with a heading and holes. oracle.py RESULT: the same by Python, of all rows.
import bisect, json, math, random, sys
sys.path.insert(0, sys.argv[1])
import tables
features = ["f%d" % i for i in range(30)]
chance, sites = random.Random(1), {}
rows = [[("" if chance.random() < 0.05 else repr(x * 1e3)) for x in row[:-1]] for row in tables.load("breast_cancer")]
for i, row in enumerate(rows):
    sites.setdefault("site-%d" % (i % 5 // 2 + 1), []).append(row)
if sys.argv[2] == "make":
    for name, part in sites.items():
        open(name + ".csv", "w").write("\n".join(",".join(row) for row in [features] + part) + "\n")
    sys.exit()
told, wrong = json.loads(sys.argv[2]), []
for i, feature in enumerate(features):
    x = [float(row[i]) for row in rows if row[i]]
    n, total, squares = len(x), math.fsum(x), math.fsum(v * v for v in x)
    low, high, bins = min(x), max(x), 10
    edges = [low + (high - low) * k / bins for k in range(bins + 1)]
    counts = [0] * bins
    for v in x:
        counts[min(bisect.bisect_right(edges, v), bins) - 1] += 1
    quartiles = []
    for share in (1 / 4, 2 / 4, 3 / 4):
        before = k = 0
        while not counts[k] or before + counts[k] < share * n:
            before, k = before + counts[k], k + 1
        quartiles.append(edges[k] + (edges[k + 1] - edges[k]) * (share * n - before) / counts[k])
        assert abs(sorted(x)[int(share * n)] - quartiles[-1]) <= (high - low) / bins
    want = {"sites": ["site-1", "site-2", "site-3"], "count": n, "mean": total / n, "variance": (squares - total * total / n) / (n - 1),
            "histogram": counts, "edges": edges, "quartiles": quartiles, "suppressed": 0}
    wrong += [(feature, key, told["features"][feature].get(key), value) for key, value in want.items() if told["features"][feature].get(key) != value]
print(len(features), "columns,", len(wrong), "wrong", wrong[:3])
PY
python3 oracle.py "$ROOT/tests/lib" make
echo '{"least_cell":0,"widen_from":0,"widen_to":0}' >open.json
all="features=[$(printf '"f%s",' {0..28})\"f29\"]"
says "counts, means, variances, histograms and quartiles are those of all data" "30 columns, 0 wrong" \
    "$(python3 oracle.py "$ROOT/tests/lib" "$(told --arg 'data={id}.csv' --arg policy=open.json --arg bins=10 --arg "$all" --drop .05)" 2>&1)"

says "by a secure sum, too" "30 columns, 0 wrong" \
    "$(python3 oracle.py "$ROOT/tests/lib" "$(told --arg 'data={id}.csv' --arg policy=open.json --arg bins=10 --arg "$all" --arg secure=true --trace run.jsonl)" 2>&1)"
says "of which the analyst has no site's values" "3 masked, 0 values" \
    "$(grep -c '"kind":"send".*"label":"masked 1"' run.jsonl) masked, $(grep -c '"kind":"send".*"label":"[^"]* values"' run.jsonl) values"
cat >limbs.lua <<'LUA'
-- Sums of floats by limbs are exact: of any size and sign, in any order.
local af = require "af"
local exact = require "fed_stats.exact"
local lists = { { 0.1, 0.2, -0.3 }, { 1e300, 1.0, -1e300 }, { 5e-324, 2.2250738585072014e-308 }, { -1e-300, 3e16, 1e-16 },
  { 1.7976931348623157e308, -1.7976931348623157e308, 1e-320 }, {}, { -0.0, -7.0, 4503599627370497.5 } }
return af.flow { name = "limbs", mock = { one = 1 }, roles = { one = { start = "a", states = { a = { enter = function()
  local all, sum = {}, nil
  for _, list in ipairs(lists) do
    local parts = exact.sum(list)
    local limbs = exact.limbs(parts)
    af.expect(exact.round((exact.of_limbs(limbs, 1))) == exact.round(parts))
    for _, x in ipairs(list) do if math.abs(x) < 1e308 then all[#all + 1] = x end end
    local packed = af.vector.pack(exact.limbs(exact.sum(list)), "u64")
    sum = sum and af.vector.add(sum, packed, "u64") or packed
  end
  local got = exact.round((exact.of_limbs(af.vector.unpack(sum, "i64"), 1)))
  af.expect(got == exact.round(exact.sum(all)), tostring(got))
  return af.done()
end } } } } }
LUA
expect_output "1 party done, 0 failed" "$AFRUN" limbs.lua --mock

# ---- A site's policy is its own. ----
one=(--arg 'data={id}.csv' --arg 'features=["f0","f1","none"]')
nine=("${one[@]}" --arg bins=9)
wide=$(told "${nine[@]}" | jq '.features.f0.edges | .[-1] - .[0]')
narrow=$(told "${nine[@]}" --arg policy=open.json | jq '.features.f0.edges | .[-1] - .[0]')
says "a range is told 20 to 60 % wider" 1 "$(jq -n "if $wide / $narrow > 1.2 and $wide / $narrow < 1.6 then 1 else 0 end")"
says "a column that is not there is refused by name" '"there is no such column"' "$(told "${nine[@]}" | jq -c '.refused["site-1"].none')"
says "small cells are suppressed, and counted" true "$(told "${nine[@]}" | jq '.features.f0.suppressed > 0')"
says "bins are a tenth of the rows at most" '"20 bins are more than 10 % of the rows"' \
    "$(told "${one[@]}" --arg bins=20 | jq -c '.refused["site-3"].f0')"
echo '{"budget":1}' >budget.json
says "what a site refuses a part of is not in a secure sum" '["site-1","site-2"] 20 bins are more than 10 % of the rows' \
    "$(told "${one[@]}" --arg bins=20 --arg secure=true | jq -c '.features.f0.sites, .refused["site-3"].f0' | xargs -d '\n' | tr -d '"' | sed 's/\([a-z]*-[0-9]\)/"\1"/g')"
says "a budget of requests" '"all sites refuse"' "$(told "${nine[@]}" --arg policy=budget.json)"
echo '{"least_rows":1}' >wrong.json
run "$AFRUN" fed_stats.lua --mock "${nine[@]}" --arg policy=wrong.json
says "a policy that is none is an error of the site's" "wrong.json: a policy has no 'least_rows'" "$(cat "$ERR")"

# ---- Every interleaving. ----
for budget in "--duplicate 1" "--drop 1" "--lose 1"; do
    # shellcheck disable=SC2086
    expect_output "no violation" "$AFRUN" check "$flow" --arg tries=2 $budget
    says "  exhaustive" "exhaustive" "$(grep -v 'not exhaustive' "$OUT" | tail -n 1)"
done
is_short || expect_output "exhaustive: no violation" "$AFRUN" check "$flow" --arg tries=2 --lose 1 --drop 1
for budget in "--drop 1" "--lose 1"; do
    # shellcheck disable=SC2086
    expect_output "exhaustive: no violation" "$AFRUN" check "$flow" --parties site=2 --arg tries=2 --arg secure=true $budget
done
# A site that does not look how many rows it tells of.
sed -i 's/if #values < own.least_count then/if #values < 0 then/' fed_stats/policy.lua
check "the change is one" test "$(diff "$ROOT/flows/fed_stats/policy.lua" fed_stats/policy.lua | grep -c '^<')" -eq 1
expect_violation "invariant 'nothing is told of fewer rows than the policy says' is broken" "$AFRUN" check fed_stats.lua --arg tries=2 --trace run.jsonl
says "  by a run of 1 step" "shortest run: 1 step" "$(cat "$OUT")"
runs_again few_rows fed_stats.lua violation invariant failed

# ---- For real: each party under a node, over a service, the processes killed. ----
mkdir flows run secure && cp -r "${needs[@]}" flows/
really=(--play fed_stats --drawn --least $kills --peers 'analyst=a;site=s1,s2,s3' --arg every=2 --arg tries=60)
check "a run by a secure sum ends, too" python3 "$ROOT/tests/lib/kill_nodes.py" "$PROGRAM" flows secure "${really[@]}" --arg secure=true
cp "$OUT" secure.txt
check "a run of which every process may be killed ends" python3 "$ROOT/tests/lib/kill_nodes.py" "$PROGRAM" flows run "${really[@]}"
python3 - >oracle.txt <<'PY'
import math
x = [i / 10 for i in range(1, 31)] + [2 * i / 10 for i in range(1, 21)]
total = math.fsum(x)
print('"mean": %r' % (total / 50), '"variance": %r' % ((math.fsum(v * v for v in x) - total * total / 50) / 49), sep="|")
PY
says "the mean is the pooled one, for real" "$(cut -d'|' -f1 oracle.txt)" "$(cat "$OUT")"
says "the variance is, too" "$(cut -d'|' -f2 oracle.txt)" "$(cat "$OUT")"
says "by a secure sum the mean is" "$(cut -d'|' -f1 oracle.txt)" "$(cat secure.txt)"
says "and the variance" "$(cut -d'|' -f2 oracle.txt)" "$(cat secure.txt)"
