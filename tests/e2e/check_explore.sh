#!/usr/bin/env bash
# `afrun check --explore`: behind a run stands what the plain search looks at there, no more and no less; what was found so is followed
# by `afrun run --schedule`, `afrun replay` and `afrun test`. `--progress` says how far a check is.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 20

cat >flow.lua <<'LUA'
local af = require "af"
local Ask = af.event("ask", { key = af.string { secret = true } })
local Answer = af.event("answer", { text = af.string })
return af.flow {
  name = "asked", mock = { asker = 2, oracle = 1 },
  roles = {
    asker = { start = "asking", states = { asking = {
      enter = function(party) party:send(party:nodes("oracle"), Ask { key = "hidden" }) end,
      [Answer] = function(party, event) return af.done(event.text) end,
    } } },
    oracle = { start = "listening", states = { listening = {
      may_end = true,
      [Ask] = function(party, event, from) party:send(from, Answer { text = "because" }) end,
    } } },
  },
}
LUA

count=200 steps=12
is_short && count=30 steps=5
run python3 "$ROOT/tests/lib/explore_walk.py" "$AFRUN" 0 $count $steps
if [ "$status" -eq 0 ]; then ok "it offers what the plain search looks at: $(cat "$OUT")"; else not_ok "it offers what the plain search looks at" "$(explain "they differ")"; fi

"$AFRUN" check flow.lua --drop 1 --json --trace bad.jsonl --progress >check.json 2>progress || true
check "a counterexample is followed to its end, where it is stuck" /usr/bin/python3 - "$PROGRAM" <<'PY'
import json, subprocess, sys
def ask(*words, stdin=None):
    done = subprocess.run([sys.argv[1], "check", "flow.lua", "--drop", "1", *words], input=stdin, capture_output=True, text=True, timeout=60)
    return done, json.loads((done.stdout if "-" not in words[3:] else done.stderr).strip().splitlines()[-1])
found = json.load(open("check.json"))["violations"][0]
_, whole = ask("--explore", "bad.jsonl", "--json")
assert whole["rest"] == "stuck" and whole["steps"] == [] and whole["run"] == found["run"], whole
for path, stdin in ((json.dumps(found["run"]), None), ("-", json.dumps(found["run"])), ("-", open("bad.jsonl").read())):
    assert ask("--explore", path, "--json", stdin=stdin)[1] == whole, path
done, begun = ask("--explore", "[]", "--json", "--trace", "-")
lines = [json.loads(line) for line in done.stdout.splitlines()]
assert begun["marks"] == sorted(begun["marks"]) and len(begun["marks"]) == 3 and lines[0]["schedule"] == [], begun
assert any("data" in line for line in lines), "the trace has the parties' data"
assert {step["kind"] for step in begun["steps"]} == {"deliver", "drop"} and begun["rest"] == "moves", begun
assert "hidden" not in done.stdout + done.stderr and "secret of 6 bytes" in done.stderr, "secrets stay hidden"
for part in range(0, len(found["run"]), 5):  # whatever has happened is among what could
    _, here = ask("--explore", json.dumps(found["run"][:part]), "--json")
    assert found["run"][part:part + 5] in [step["words"] for step in here["steps"]], part
PY
run "$AFRUN" run flow.lua --mock --schedule bad.jsonl
if [ "$status" -eq 1 ] && grep -q "is stuck in state 'asking'" "$OUT" "$ERR"; then ok "run --schedule follows it"; else not_ok "run --schedule follows it" "$(explain)"; fi
check "replay follows it" "$AFRUN" replay bad.jsonl flow.lua
"$AFRUN" check flow.lua --drop 1 --explore bad.jsonl --trace explored.jsonl >"$OUT"
check "and what was explored replays" "$AFRUN" replay explored.jsonl flow.lua

/usr/bin/python3 - >flow_test.lua <<'PY'
import json
run = json.load(open("check.json"))["violations"][0]["run"]
print('local t = require "af.test"\nt.run("flow.lua", { schedule = {', ", ".join(json.dumps(word) for word in run), "} })")
PY
run "$AFRUN" test flow_test.lua
if [ "$status" -eq 1 ] && grep -q "stuck in state 'asking'" "$OUT"; then ok "as a test it fails"; else not_ok "as a test it fails" "$(explain)"; fi
sed 's/enter = function/after = { 5, "asking" }, enter = function/' flow.lua >mended.lua && mv mended.lua flow.lua
check "and passes once the flow is mended" "$AFRUN" test flow_test.lua
sed 's/return af.done(event.text)/error "broken"/' flow.lua >broken.lua && mv broken.lua flow.lua
run "$AFRUN" test flow_test.lua
if [ "$status" -eq 1 ] && grep -q broken "$OUT"; then ok "and fails by another mistake on its way"; else not_ok "and fails by another mistake on its way" "$(explain)"; fi

expect_error "the schedule: step 1 cannot be done here: crash of asker-1" 2 "$AFRUN" check flow.lua --explore '["crash","asker-1"]'
expect_error "the schedule: step 1: 'crush' is no kind of step" 2 "$AFRUN" check flow.lua --explore '["crush","asker-1"]'
expect_error "expected a JSON list of steps, a file of one, or a trace that follows one" 2 "$AFRUN" check flow.lua --explore flow.lua
for list in '[1]' '["crash",1]' '[[]]' '[] []' '["crash","asker-1"'; do
    expect_error "expected a JSON list of steps" 2 "$AFRUN" check flow.lua --explore "$list"
done
expect_error "no.jsonl: cannot be read: No such file" 2 "$AFRUN" check flow.lua --explore no.jsonl
expect_error "is for a simulation" 2 "$AFRUN" run flow.lua --schedule '[]' --bus local:x.db --role asker --node a --task t --peers 'asker=a;oracle=o'

# An endless check, told of until it is interrupted.
cat >endless.lua <<'LUA'
local af = require "af"
local Tick = af.event("tick", { n = af.integer })
return af.flow { name = "endless", mock = { one = 2 }, roles = { one = { start = "s", states = { s = { may_end = true,
  enter = function(party) party:broadcast(Tick { n = 1 }) end,
  [Tick] = function(party, event) party.data.n = event.n; party:broadcast(Tick { n = event.n + 1 }) end } } } } }
LUA
"$PROGRAM" check endless.lua --json --progress >out 2>progress &
check_pid=$!
for ((i = 0; i < 600; i++)); do [ "$(wc -l <progress)" -lt 3 ] || break; sleep 0.05; done
kill -INT $check_pid
wait $check_pid || true
check "--progress tells how far it is, line by line" /usr/bin/python3 - "$ROOT" <<'PY'
import json, sys
lines = [json.loads(line) for line in open("progress")]
schema = json.load(open(sys.argv[1] + "/tests/data/schema/check-progress.schema.json"))
assert len(lines) >= 3 and all(set(line) == set(schema["required"]) for line in lines), lines[:2]
assert lines[0]["states"] < lines[-1]["states"] and lines[0]["elapsed_ms"] < lines[-1]["elapsed_ms"], lines
assert json.load(open("out"))["bound"] == "interrupted"
PY
