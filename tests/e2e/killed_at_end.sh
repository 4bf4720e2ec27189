#!/usr/bin/env bash
# A party that is killed when its end is on the disk, and what it held is not acknowledged yet: it acknowledges that when it is back, once.
source "$(dirname "$0")/../lib/e2e.sh"
plan 11
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"

mkdir flows
cat >flows/last.lua <<'LUA'
local af = require "af"
local Stop = af.event("stop", {})
return af.flow { name = "last", roles = {
  one = { start = "waiting", states = { waiting = { [Stop] = function() return af.done { ended = true } end } } },
  other = { start = "giving", states = { giving = { enter = function(party) party:send("i", Stop {}) return af.done() end } } },
} }
LUA
peers='one=i;other=s'
start_serve --bus local:hub.db --prefix-nodes --open-tasks || not_ok "the service starts" "$(cat serve.err)"
left() { python3 -c '
import sqlite3, sys
print(sqlite3.connect("file:hub.db?mode=ro", uri=True).execute("SELECT count(*) FROM deliveries d JOIN queues q ON q.id = d.queue JOIN tasks t ON t.id = q.task WHERE name = ?", sys.argv[1:]).fetchone()[0])' "$1"; }
nothing_left() { [ "$(left "$1")" = 0 ]; }
give() { "$AFRUN" flows/last.lua --role other --node s --task "$1" --bus "$URL/node/s" --peers "$peers" -q >/dev/null; }

# ---- Of a node. ----
node() {
    start_party node node --node i --bus "$URL/node/i" --flows flows --state i.state --no-watch
    wait_line node.out "afrun node: node i" || not_ok "the node starts" "$(cat node.err)"
}
export AFRUN_KILL_AT=ack:1
node
unset AFRUN_KILL_AT
"$AFRUN" ctl launch last --task t --role one --peers "$peers" --state i.state >/dev/null
give t
wait_party node
says "it is killed" 137 "$status"
says "and has acknowledged nothing" 1 "$(left t)"
node
until_true nothing_left t && ok "it is back: what it held is acknowledged" || not_ok "it is back: what it held is acknowledged" "$("$AFRUN" ctl status --state i.state)"
ends() { "$AFRUN" ctl status --state i.state | grep -q done; }
until_true ends && ok "and it has ended" || not_ok "and it has ended" "$("$AFRUN" ctl status --state i.state)"
kill_party node TERM
node
expect_in node.out "goes on with 0 parties" "which is so for good"
kill_party node TERM

# ---- Of a run with a store. ----
party() { start_party p flows/last.lua --role one --node i --task r --bus "$URL/node/i" --peers "$peers" --state p.db; }
export AFRUN_KILL_AT=ack:1
party
unset AFRUN_KILL_AT
give r
wait_party p
says "a party of its own is killed" 137 "$status"
says "and has acknowledged nothing, too" 1 "$(left r)"
party
expect_ended p 0 "it is back, and ends"
says "what it held is acknowledged" 0 "$(left r)"
stop_serve
party
expect_ended p 0 "when it is asked again it needs no service"
expect_in p.out "last: i done" "to say so"
stop_all
