# Many runs tell the distinct ways in which they failed: how many each, the lowest seed, and one with the fewest faults. Single
# runs of the same seeds say what is right.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 9
cat >ask.lua <<'LUA'
local af = require "af"
local Ask, Answer = af.event("ask", {}), af.event("answer", {})
return af.flow { name = "ask", mock = { asker = 2, oracle = 1 }, roles = {
  asker = { start = "asking", states = { asking = {
    enter = function(party) party:send(party:nodes("oracle"), Ask {}) end,
    [Answer] = function() return af.done() end,
  } } },
  oracle = { start = "open", states = {
    open = { may_end = true, [Ask] = function(party, _, from) party:send(from, Answer {}) return "busy" end },
    busy = { may_end = true, [Ask] = function(party, _, from) party:send(from, Answer {}) return "closed" end },
    closed = { may_end = true },
  } },
} }
LUA
cat >by_seed.py <<'PY'
"""by_seed.py AFRUN SEEDS OPTION…: what many runs tell, beside the runs of their seeds."""
import json
import subprocess
import sys

NAMES = ("kind", "party", "file", "line", "text")


def ask(*words):
    done = subprocess.run([sys.argv[1], "ask.lua", "--mock", *sys.argv[3:], *words, "--json"], capture_output=True, text=True, check=False)
    return json.loads(done.stdout)


known, failing = {}, []
seeds = int(sys.argv[2])
for seed in range(1, seeds + 1):
    run = ask("--seed", str(seed))
    if run["outcome"] == "ok":
        continue
    failing.append({"seed": seed, "outcome": run["outcome"]})
    found = tuple(dict.fromkeys(tuple(one[name] for name in NAMES) for one in run["findings"]))
    faults = sum(run[name] for name in ("dropped", "duplicated", "crashes", "lost"))
    runs, lowest, least = known.get(found, (0, seed, (faults, seed)))
    known[found] = runs + 1, lowest, min(least, (faults, seed))
many = ask("--runs", str(seeds))
told = [(tuple(tuple(one[name] for name in NAMES) for one in way["findings"]),
         (way["runs"], way["lowest_seed"], (way["least_faults"], way["least_faults_seed"]))) for way in many["ways"]]
right = sorted(known.items(), key=lambda way: (-way[1][0], way[1][1]))
if many["failing"] != failing:
    sys.exit(f"failing: told {many['failing']}, is {failing}")
if told != right or many["failed_otherwise"] or len(told) < 4 or many["failed_runs"] != sum(way[0] for _, way in told):
    sys.exit(f"told {told}, is {right}")
print(len(told))
PY
check "ways are those of the single runs" python3 by_seed.py "$AFRUN" 60 --drop 0.2 --duplicate 0.2 --lose oracle:1

# For people: how many each, the most frequent first, with its first seed; a way with more findings says so.
run "$AFRUN" ask.lua --mock --drop 0.2 --duplicate 0.2 --runs 60
sed -n '/^60 runs, /,$p' "$OUT" >list
grep -oE '^  [0-9]+ runs?,' list | grep -oE '[0-9]+' >counts
if [ "$(wc -l <counts)" -ge 3 ] && sort -rnc counts 2>wrong; then ok "the most frequent first"; else not_ok "the most frequent first" "$(cat list wrong)"; fi
if grep -qE '^  [0-9]+ runs?, the first with seed [0-9]+: .*\(ask\.lua:6\).* \(and [1-9] more\)$' list; then ok "each with its first seed and what else it found"; else not_ok "each with its first seed and what else it found" "$(cat list)"; fi

# A way for each run: a hundred are kept apart, ten are told, and all are counted.
cat >own.lua <<'LUA'
local af = require "af"
return af.flow { name = "own", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {
  enter = function() return af.fail("number " .. math.random(1000000000)) end } } } } }
LUA
run "$AFRUN" own.lua --mock --runs 130
if [ "$(grep -c '^  1 run, the first with seed ' "$OUT")" -eq 10 ]; then ok "ten ways are told"; else not_ok "ten ways are told" "$(cat "$OUT")"; fi
if [ "$(tail -n 1 "$OUT")" = "  120 more in other ways" ]; then ok "and how many runs failed otherwise"; else not_ok "and how many runs failed otherwise" "$(cat "$OUT")"; fi
run "$AFRUN" own.lua --mock --runs 130 --json
cp "$OUT" own.json
check "a hundred in JSON, the rest counted" python3 -c '
import json, sys
told = json.load(open(sys.argv[1]))
assert [way["lowest_seed"] for way in told["ways"]] == list(range(1, 101)) and told["failed_otherwise"] == 30, told' own.json
cat >same.lua <<'LUA'
local af = require "af"
return af.flow { name = "same", mock = { a = 1 }, roles = { a = { start = "s", states = { s = {
  enter = function() return af.fail("always") end } } } } }
LUA
run "$AFRUN" same.lua --mock --runs 5
if [ "$(tail -n 1 "$OUT")" = "  all in the same way" ]; then ok "one way is not told again"; else not_ok "one way is not told again" "$(cat "$OUT")"; fi
expect_output "20 runs, 0 failed" "$AFRUN" ask.lua --mock --runs 20 --allow-fail --lose oracle:0
