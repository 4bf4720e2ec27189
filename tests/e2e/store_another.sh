#!/usr/bin/env bash
# A store that is another: moved, removed or replaced under the process that has it, or its WAL was. Nothing is
# confirmed meanwhile, it is told what to do, and nothing is lost by it.
source "$(dirname "$0")/../lib/e2e.sh"
plan 17
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"

push() { ask a push "$(message t '["b"]' "{\"type\":\"$1\"}" | sed "s/\"task_id\"/\"message_uuid\":\"$1\",\"task_id\"/")"; }
pop='{"task_id":"t","channel":"federated","max":100,"lease_seconds":60,"holder":"h","again":true}'
uuids() { ask b pop "$pop" | grep -oE '"message_uuid":"[^"]*"' | cut -d'"' -f4 | tr '\n' ' '; }

# ---- The service. ----
start_serve --bus local:serve.db --prefix-nodes --open-tasks || not_ok "the service starts" "$(cat serve.err)"
says "a push is confirmed" '"code":0' "$(push one)"
mv serve.db away.db
answer=$(push two)
says "a store that is away: a push is not confirmed" '"code":503' "$answer"
says "which is told, with what to do" "'serve.db' was moved, removed or replaced while it was open; put it back" "$answer"
says "nothing is handed out" '"code":503' "$(ask b pop "$pop")"
says "nor is it ready" 503 "$(curl -s -o /dev/null -w '%{http_code}' "$URL/readyz")"
cp away.db serve.db
says "a copy in its place is none of it" "was moved, removed or replaced" "$(push two)"
mv away.db serve.db
says "it is put back: the push is confirmed" '"code":0' "$(push two)"
says "what was confirmed is there" "one two " "$(uuids)"
rm serve.db-wal
says "its WAL is removed: a push is not confirmed" "'serve.db-wal' was removed or replaced while it was open" "$(push three)"
stop_serve
says "the service ends well" 0 "$status"
start_serve --bus local:serve.db --prefix-nodes --open-tasks || not_ok "the service starts again" "$(cat serve.err)"
says "after that, too" "one two " "$(uuids)"
says "and it goes on" '"code":0' "$(push three)"
rm serve.db
says "a store that is removed: no push is confirmed" "was moved, removed or replaced" "$(push four)"
stop_serve

# ---- A node. ----
mkdir flows
cat >flows/count.lua <<'LUA'
local af = require "af"
local Tick = af.event("tick", {})
return af.flow {
  name = "count",
  roles = {
    counter = { data = function() return { count = 0 } end, start = "counting", states = { counting = { [Tick] = function(party)
      party.data.count = party.data.count + 1
      if party.data.count == 3 then return af.done { count = party.data.count } end
    end } } },
    source = { start = "s", states = { s = { enter = function(party) party:send("i", Tick {}) return af.done() end } } },
  },
}
LUA
node() {
    start_party node node --node i --bus local:bus.db --flows flows --state i.state
    wait_line node.out "afrun node: node i" || not_ok "the node starts" "$(cat node.err)"
}
tick() { "$AFRUN" flows/count.lua --bus local:bus.db --task t --node "$1" --role source --peers "counter=i;source=$1" -q >/dev/null; }
node
ctl launch count --task t --role counter --peers 'counter=i;source=x,y,z' >/dev/null
left() { python3 -c '
import sqlite3
print(sqlite3.connect("bus.db").execute("SELECT count(*) FROM deliveries").fetchone()[0])'; }
has_settled() { [ "$(left)" = 0 ]; }
tick x
until_true has_settled
mv i.state/node.db away.db
tick y
says_trouble() { ctl status | grep -q "node.db' was moved, removed or replaced"; }
until_true says_trouble && ok "a node whose store is away says so" || not_ok "a node whose store is away says so" "$(ctl status)"
says "and acknowledges nothing" 1 "$(left)"
mv away.db i.state/node.db
until_true has_settled && ok "it goes on when it is put back" || not_ok "it goes on when it is put back" "$(ctl status)"
tick z
ends() { ctl status | grep -q done; }
until_true ends && expect_output '"result":{"count":3}' ctl trace t || not_ok "each was counted once" "$(ctl status)"
kill_party node TERM
stop_all
