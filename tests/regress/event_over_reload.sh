# An operator's event that is still looked at, by the version that its party runs, when that goes over to the next one: nobody
# held the flow for it, whose process was ended under its script, and the node died by an assertion.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 4
source "$ROOT/tests/lib/parties.sh"
mkdir flows
put() { # put VERSION STEPS: so many to look at an event
    put_flow slow <<LUA
local af = require "af"
local Tick = af.event("tick", {})
function Tick.contract_to_event()
  local n = 0
  for i = 1, $2 do n = n + i end
  return Tick {}
end
return af.flow {
  name = "slow", version = $1, migrate = function(old) return { state = old.state, data = old.data } end,
  roles = { counter = {
    data = function() return { count = 0 } end,
    start = "counting",
    states = { counting = { may_end = true, [Tick] = function(party) party.data.count = party.data.count + 1 end } },
  }, source = { start = "giving", states = { giving = {} } } },
}
LUA
}
put 1 20000000
start_node i --no-watch
ctl launch slow --task t --role counter --peers 'counter=i;source=s' >/dev/null || not_ok "the party is launched" "$(cat i.err)"
put 2 1
ctl send t tick '{}' >tick.out 2>&1 &
sent=$!
run ctl reload slow
if grep -q "version 2 is taken" "$OUT"; then ok "the next version is taken meanwhile"; else not_ok "the next version is taken meanwhile" "$(explain "$status" ctl reload)"; fi
wait $sent
expect_in tick.out "tick was given" "the event is given"
PATIENCE=20
has_it() { [ "$(ctl data t --json | jq .data.count)" = 1 ]; }
until_true has_it && ok "and the party has it" || not_ok "and the party has it" "$(ctl data t 2>&1; cat i.err)"
kill_party i TERM
stop_all
