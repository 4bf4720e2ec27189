# A broken party that is tried again while its row is brought to another version on a copy: it is read anew then, and the trial
# went on with the name of its role as it had been read before.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 6
source "$ROOT/tests/lib/parties.sh"
mkdir flows
put() { # put VERSION LOOPS: of a migration
    put_flow slow <<LUA
local af = require "af"
local Hello = af.event("hello", {})
local function migrate(old)
  local n = 0
  for i = 1, $2 do n = n + i end
  return { state = old.state, data = old.data }
end
return af.flow {
  name = "slow", version = $1, migrate = migrate,
  roles = { counter = {
    start = "counting",
    states = { counting = {
      enter = function(party) party:send(party:nodes("source"), Hello {}) end,
      after = { 3600, function() end },
    } },
  }, source = { start = "resting", states = { resting = { may_end = true, [Hello] = function() end } } } },
}
LUA
}
begin() {
    start_node i --no-watch
}
is() { [ "$(ctl status --json | jq -r '.parties[0].status')" = "$1" ]; }
put 1 0
begin
ctl launch slow --task t --role counter --peers 'counter=i;source=s' >/dev/null || not_ok "the party is launched" "$(cat i.err)"
until_true is waiting || not_ok "it waits" "$(ctl status)"
kill_party i TERM
# What it sent cannot be read any more, which a migration does not ask for.
check "what the party sent is spoilt" python3 -c '
import sqlite3
with sqlite3.connect("i.state/node.db") as db:
    db.execute("UPDATE party SET sent = 0")
    assert db.execute("UPDATE journal SET sends = ?", ("[1]",)).rowcount > 0'
begin
until_true is broken && ok "and so it is broken" || not_ok "and so it is broken" "$(ctl status; cat i.err)"
put 2 20000000
ctl reload slow >reload.out 2>&1 &
reload=$!
tries=0
while kill -0 $reload 2>/dev/null; do ctl retry t >/dev/null && tries=$((tries + 1)); done
[ $tries -gt 1 ] && ok "it is tried again meanwhile" || not_ok "it is tried again meanwhile" "$(cat reload.out)"
wait $reload
expect_in reload.out "version 2 is taken" "and goes over all the same"
check "the node is there" ctl status --json
kill_party i TERM
stop_all
