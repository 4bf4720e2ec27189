#!/usr/bin/env bash
# An older copy of a node's store is put back, or a copied folder is started: who hands out contracts knows how far the party was,
# and gives it nothing; it is told what to do, and goes on where that was meant.
source "$(dirname "$0")/../lib/e2e.sh"
plan 9
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"

mkdir flows
cat >flows/sum.lua <<'LUA'
local af = require "af"
local Add = af.event("add", { n = af.integer })
return af.flow { name = "sum", args = { n = af.optional(af.integer, 0) }, roles = {
  counter = { data = function() return { sum = 0 } end, start = "counting", states = { counting = { [Add] = function(party, event)
    party.data.sum = party.data.sum + event.n
    if event.n == 5 then return af.done { sum = party.data.sum } end
  end } } },
  source = { start = "giving", states = { giving = { enter = function(party)
    party:send("i", Add { n = party.args.n })
    return af.done()
  end } } },
} }
LUA
peers='counter=i;source=s1,s2,s3,s4,s5'
start_serve --bus local:hub.db --prefix-nodes --open-tasks || not_ok "the service starts" "$(cat serve.err)"
node() { # node FOLDER
    start_party "$1" node --node i --bus "$URL/node/i" --flows flows --state "$1" --no-watch
    wait_line "$1.out" "afrun node: node i" || not_ok "the node starts" "$(cat "$1.err")"
}
ctl() { local folder=$1; shift; "$AFRUN" ctl "$@" --state "$folder"; }
give() { "$AFRUN" flows/sum.lua --role source --node "s$1" --task t --bus "$URL/node/s$1" --peers "$peers" --arg "n=$1" -q >/dev/null; }
left() { python3 -c '
import sqlite3
print(sqlite3.connect("file:hub.db?mode=ro", uri=True).execute("SELECT count(*) FROM deliveries d JOIN queues q ON q.id = d.queue WHERE q.node = ?", ("i",)).fetchone()[0])'; }
has_settled() { [ "$(left)" = 0 ]; }
node now
ctl now launch sum --task t --role counter --peers "$peers" >/dev/null
give 1
until_true has_settled
check "a copy is made" ctl now backup copy.db
give 2
give 3
until_true has_settled
kill_party now

# ---- An older copy in its place. ----
mkdir -m 700 older
cp copy.db older/node.db
node older
give 4
is_told() { ctl older status | grep -q "what node 'i' keeps of task 't' is older than what it had: it goes on from step 2, and was at [45]"; }
until_true is_told && ok "an older copy is told so" || not_ok "an older copy is told so" "$(ctl older status)"
says "and is given nothing" 1 "$(left)"
kill_party older

# ---- The newer one goes on, however it was ended. ----
node now
until_true has_settled && ok "the newer one goes on" || not_ok "the newer one goes on" "$(ctl now status)"
kill_party now TERM
node older
until_true is_told && ok "also behind one that ended well" || not_ok "also behind one that ended well" "$(ctl older status)"

# ---- It was meant so. ----
check "an operator has it go on" ctl older again t
check "by a second word" ctl older retry t
give 5
ends() { ctl older status | grep -q done; }
until_true ends && ok "it goes on" || not_ok "it goes on" "$(ctl older status)"
expect_output '"result":{"sum":6}' ctl older trace t
kill_party older TERM
stop_serve
stop_all
