# What `afrun check` tells beside a violation's run: what it needs, how all stand at its end, several sizes
# as a table; and that it claims nothing of what it has not explored.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 42
source "$ROOT/tests/lib/counterexample.sh"
bugs=$ROOT/tests/data/bugs data=$ROOT/tests/data/check

# expect_without TEXT: the answer before does not have it.
expect_without() {
    if grep -qF -e "$1" "$OUT"; then not_ok "  without '$1'" "$(cat "$OUT")"; else ok "  without '$1'"; fi
}

# ---- What a violation needs. ----

expect_violation "it needs: the loss of 'report' from sender-1 to receiver-1" "$AFRUN" check "$bugs/lost_ack.lua" --drop 1
cp "$OUT" told.txt
check "how all stand at its end" grep -q "^at its end: receiver-1 is in 'receiving' (.*lost_ack.lua:30), where it waits for report; sender-1 is in 'waiting_ack' (.*lost_ack.lua:22), where it waits for ack$" told.txt
expect_violation "it needs: a copy of 'vote' from voter-1 to collector-1" "$AFRUN" check "$bugs/double_count.lua" --duplicate 1
expect_violation "it needs: the crash of " "$AFRUN" check "$data/unsent.lua" --crash 1
# An order: the sum is wrong only where the doubling comes before the addition; the loss that the bounds
# allow has no part in it.
cat >order.lua <<'LUA'
local af = require "af"
local Add, Double = af.event("add", {}), af.event("double", {})
return af.flow { name = "order", mock = { adder = 1, doubler = 1, sum = 1 }, roles = {
  adder = { start = "on", states = { on = { may_end = true, enter = function(party) party:send("sum-1", Add {}) end } } },
  doubler = { start = "on", states = { on = { may_end = true, enter = function(party) party:send("sum-1", Double {}) end } } },
  sum = { data = function() return { n = 1, left = 2 } end, start = "on", states = { on = { may_end = true,
    [Add] = function(party) party.data.n = party.data.n + 1 party.data.left = party.data.left - 1 end,
    [Double] = function(party) party.data.n = party.data.n * 2 party.data.left = party.data.left - 1 end } } } },
  invariants = { four = function(world)
    local data = world.parties["sum-1"].data
    return data.left > 0 or data.n == 4
  end } }
LUA
expect_violation "it needs: that sum-1 takes 'double' from doubler-1 before 'add' from adder-1" "$AFRUN" check order.lua --drop 1

# A fault that only comes sooner to what time brings, too, is none that it needs, though without it the
# same steps show something else first.
cat >sooner.lua <<'LUA'
local af = require "af"
local Stop = af.event("stop", {})
return af.flow { name = "sooner", mock = { caller = 1, lamp = 1 }, roles = {
  caller = { start = "calling", states = {
    calling = { enter = function(party) party:send("lamp-1", Stop {}) end, after = { 5, "again" } },
    again = { may_end = true, enter = function(party) party:send("lamp-1", Stop {}) end } } },
  lamp = { start = "bright", states = {
    bright = { after = { 3, "dim" } },
    dim = { may_end = true, [Stop] = function() error("already dim") end } } } } }
LUA
expect_violation "already dim" "$AFRUN" check sooner.lua --timeouts 1
expect_without "it needs: the early timeout"
expect_violation "event 'stop': not expected in state 'bright'" "$AFRUN" check sooner.lua
# … but where time does not bring it, it is needed.
sed 's/after = { 5, "again" }/may_end = true/' sooner.lua >only.lua
expect_violation "it needs: the early timeout of lamp-1" "$AFRUN" check only.lua --timeouts 1
# An order is not needed if the other one shows something else that is wrong.
sed 's/data.n == 4/data.n == 5/' order.lua >five.lua
expect_violation "invariant 'four' is broken" "$AFRUN" check five.lua
expect_without "it needs"
# That no way is left to the end may need a fault.
cat >turned.lua <<'LUA'
local af = require "af"
local Stop = af.event("stop", {})
return af.flow { name = "turned", mock = { wheel = 1, brake = 1 }, roles = {
  wheel = { start = "turning", states = {
    turning = { [Stop] = function() return af.done() end, after = { 1, "turning" } } } },
  brake = { start = "on", states = { on = { may_end = true,
    enter = function(party) party:send("wheel-1", Stop {}) end } } } } }
LUA
expect_violation "it needs: the loss of 'stop' from brake-1 to wheel-1" "$AFRUN" check turned.lua --drop 1
# Where not all without it can be explored, that is said.
cat >many.lua <<'LUA'
local af = require "af"
local Tick, Stop = af.event("tick", {}), af.event("stop", {})
return af.flow { name = "many", mock = { brake = 1, wheel = 1, gear = 6 }, roles = {
  wheel = { start = "turning", states = { turning = { may_end = true, ignore = { Tick },
    [Stop] = function(party) return "stopped" end },
    stopped = { [Stop] = function() error("twice") end } } },
  brake = { start = "on", states = { on = { may_end = true,
    enter = function(party) party:send("wheel-1", Stop {}) end } } },
  gear = { data = function(party) return { at = party.id == "gear-1" and 1 or 0 } end, start = "on", states = { on = {
    enter = function(party) party:send(party.id, Tick {}) end,
    [Tick] = function(party) party.data.at = (party.data.at + 1) % 8 return "on" end } } } } }
LUA
expect_violation "it needs: a copy of 'stop' from brake-1 to wheel-1 (as far as 20000 states without it tell)" \
    "$AFRUN" check many.lua --duplicate 1 --first

# Programs are told the same.
cat >needs.py <<'PY'
import json, sys
violation = json.load(sys.stdin)["violations"][0]
needs = violation["needs"][0]
print(needs["text"], [violation["steps"][i]["kind"] for i in needs["steps"]], needs["believed"])
for party in violation["at_end"]:
    print(party["party"], party["status"], party["waits_for"] and (party["waits_for"]["state"], party["waits_for"]["events"]))
PY
"$AFRUN" check "$bugs/lost_ack.lua" --drop 1 --json 2>"$ERR" | python3 needs.py >needs.txt
check "what it needs, in fields" grep -qF "the loss of 'report' from sender-1 to receiver-1 ['drop'] False" needs.txt
check "how all stand, in fields" grep -qF "sender-1 active ('waiting_ack', ['ack'])" needs.txt
"$AFRUN" check order.lua --json 2>"$ERR" | python3 needs.py >needs.txt
check "an order is two steps" grep -qF "before 'add' from adder-1 ['deliver', 'deliver'] False" needs.txt
expect_violation '"party":"receiver-1","status":"lost","waits_for":null' "$AFRUN" check "$bugs/lost_ack.lua" --lose 1 --json

# ---- What is not explored. ----

expect_output "no run has ended so far" "$AFRUN" check "$bugs/lost_ack.lua" --drop 1 --depth 1
expect_without "no run ends"
expect_violation "no run has ended so far" "$AFRUN" check "$bugs/double_count.lua" --duplicate 1 --first
expect_without "no run ends"
expect_output "runs that were followed to their end, so far:" "$AFRUN" check "$ROOT/flows/protocols/training_round.lua" --crash 1 --states 500
expect_without "runs end so"
expect_output "not reached so far:" "$AFRUN" check "$ROOT/flows/sync_state.lua" --states 5
expect_without "never reached"
cat >round.lua <<'LUA'
local af = require "af"
local Tick = af.event("tick", {})
return af.flow { name = "round", mock = { clock = 1 }, roles = { clock = { start = "on", states = { on = {
  enter = function(party) party:send(party.id, Tick {}) end, [Tick] = "on" } } } } }
LUA
expect_violation "no run ends" "$AFRUN" check round.lua

# ---- Sizes. ----

expect_output "                   3            134            298     18 " \
    "$AFRUN" check "$ROOT/flows/protocols/two_phase_commit.lua" --parties participant=1..4 --crash 1
check "a table has a row for each size" test "$(grep -c "exhaustive within --away 2: no violation" "$OUT")" -eq 4
expect_violation "acceptor=2:" "$AFRUN" check "$ROOT/flows/protocols/paxos.lua" --parties acceptor=1..3,proposer=2 --arg quorum=1 --trace sizes.jsonl
cp "$OUT" table.txt
for text in " 1             37 .* exhaustive: no violation" " 2  .* exhaustive: 1 violation" " 3  .* exhaustive: 1 violation" "^acceptor=3:"; do
    check "  $text" grep -q "$text" table.txt
done
check "  and the first counterexample is kept" test "$(head -1 sizes.jsonl | grep -o '"role":"acceptor"' | wc -l)" -eq 2
run "$AFRUN" check "$ROOT/flows/protocols/paxos.lua" --parties acceptor=1..3 --arg quorum=1 --first
check "--first ends the table" test "$status,$(grep -c ' 3  .*exhaustive' "$OUT"),$(grep -c 'acceptor=2' "$OUT")" = 1,0,1
expect_error "a range of one role at a time" 2 "$AFRUN" check "$bugs/lost_ack.lua" --parties sender=1..2,receiver=1..2
expect_error "expected an integer from 3" 2 "$AFRUN" check "$bugs/lost_ack.lua" --parties sender=3..1
expect_violation '"kind":"checks","role":"acceptor","sizes":[{"count":1,"answer":{"format":1,"kind":"check","flow":"paxos","states":37,' \
    "$AFRUN" check "$ROOT/flows/protocols/paxos.lua" --parties acceptor=1..2 --arg quorum=1 --json
cp "$OUT" checks.json
check "  and the error of all is the first" grep -q "}}\],\"elapsed_ms\":[0-9.]*,\"error\":{\"kind\":\"flow\",\"status\":1,.*one value is chosen" checks.json
expect_output '"sizes":[{"count":1,' "$AFRUN" check "$ROOT/flows/protocols/two_phase_commit.lua" --parties participant=1..2 --json
expect_error "no role 'nobody'" 2 "$AFRUN" check "$bugs/lost_ack.lua" --parties nobody=1..2
