#!/usr/bin/env bash
# A hub's store is put back as an older copy: its nodes know how old it was, say so in log, status and metrics, and send and acknowledge
# nothing until the newer one is back, or their operator has them go on. Two processes of one state folder: the last to begin holds all.
source "$(dirname "$0")/../lib/e2e.sh"
plan 18
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"

mkdir flows copies
cat >flows/sum.lua <<'LUA'
local af = require "af"
local Add, Echo = af.event("add", { n = af.integer }), af.event("echo", { sum = af.integer })
return af.flow { name = "sum", args = { n = af.optional(af.integer, 0) }, roles = {
  counter = { data = function() return { sum = 0 } end, start = "counting", states = { counting = { [Add] = function(party, event)
    party.data.sum = party.data.sum + event.n
    party:send("w", Echo { sum = party.data.sum })
    if event.n == 9 then return af.done { sum = party.data.sum } end
  end } } },
  watcher = { start = "w", states = { w = { [Echo] = function() end } } },
  source = { start = "giving", states = { giving = { enter = function(party)
    party:send("i", Add { n = party.args.n })
    return af.done()
  end } } },
} }
LUA
peers='counter=i;watcher=w;source=s1,s2,s3,s4,s5,s9'
secret admin admin-token-0123456789
hub() { start_serve --listen "127.0.0.1:${port:-0}" --bus local:hub.db --prefix-nodes --open-tasks --admin-token admin --backups copies ||
    not_ok "the service starts" "$(cat serve.err)"; port=${URL##*:}; }
hub
node() { # node FOLDER
    start_party "$1" node --node i --bus "$URL/node/i" --flows flows --state "$1" --no-watch --metrics 127.0.0.1:0
    wait_line "$1.out" "metrics at" || not_ok "the node starts" "$(cat "$1.err")"
    metrics=$(sed -nE 's,.*metrics at (http[^ ]*).*,\1,p' "$1.out")
}
ctl() { local folder=$1; shift; "$AFRUN" ctl "$@" --state "$folder"; }
give() { "$AFRUN" flows/sum.lua --role source --node "s$1" --task t --bus "$URL/node/s$1" --peers "$peers" --arg "n=$1" -q >/dev/null; }
count() { python3 -c '
import sqlite3, sys
print(sqlite3.connect("file:hub.db?mode=ro", uri=True).execute("SELECT count(*) FROM deliveries d JOIN queues q ON q.id = d.queue WHERE q.node = ?", sys.argv[1:]).fetchone()[0])' "$1"; }
left_is() { [ "$(count i)" = "$1" ] && [ "$(count w)" = "$2" ]; }
node now
ctl now launch sum --task t --role counter --peers "$peers" >/dev/null
give 1
until_true left_is 0 1 || not_ok "the first is counted" "$(ctl now status)"
says "the hub is copied" '"code":0' "$(call POST /admin/backup '{"name":"one.db"}' -H 'Authorization: Bearer admin-token-0123456789')"
give 2
until_true left_is 0 2 || not_ok "the second is counted" "$(ctl now status)"

# ---- The copy in its place. ----
swap() { # swap FILE: the hub's store is that now, and what it was is was.db
    stop_serve
    mv hub.db was.db
    cp "$1" hub.db
    hub
}
swap copies/one.db
give 3
is_told() { ctl now status | grep -q "'hub.db' is older than it was, or another"; }
until_true is_told && ok "a node whose hub is older says so in its status" || not_ok "a node whose hub is older says so in its status" "$(ctl now status)"
expect_output '"bus_older":"pop: the service answered with code 409' ctl now status --json
expect_in now.err "nothing is sent or acknowledged: " "and in its log"
says "and in its metrics" "afrun_bus_store_older 1" "$(curl -s "$metrics")"
expect_in serve.err "node 'i' knows of more than this store does" "the hub's log says so, too"
never_says "it acknowledges nothing" 0 "$(count i)"
kill_party now
node now
until_true is_told && ok "a node that begins anew knows it still" || not_ok "a node that begins anew knows it still" "$(ctl now status)"
left_is 1 1 && ok "and has sent and acknowledged nothing" || not_ok "and has sent and acknowledged nothing" "$(count i) $(count w)"

# ---- The newer one is put back. ----
stop_serve && mv hub.db older.db && mv was.db hub.db && hub
is_well() { ! is_told; }
until_true is_well && ok "the newer one is back: it goes on" || not_ok "the newer one is back: it goes on" "$(ctl now status)"
give 4
until_true left_is 0 3 && ok "and counts" || not_ok "and counts" "$(ctl now status)"
says "and its metrics say so" "afrun_bus_store_older 0" "$(curl -s "$metrics")"

# ---- The copy was meant. ----
swap copies/one.db
give 5
until_true is_told
check "its operator has it go on" ctl now again t
until_true left_is 0 2 && ok "with the older one" || not_ok "with the older one" "$(ctl now status) $(count i) $(count w)"
kill_party now TERM

# ---- A folder that was copied, and both are started. ----
cp -r now twin && rm -f twin/control.sock
node now
until_true is_well
node twin
is_superseded() { ctl now status | grep -q "another process goes on with what node 'i' keeps of task 't'"; }
until_true is_superseded && ok "of two that are started the first is told" || not_ok "of two that are started the first is told" "$(ctl now status)"
give 9
ends() { ctl twin status | grep -q done; }
until_true ends && ok "and the other one goes on" || not_ok "and the other one goes on" "$(ctl twin status)"
says "the first has taken nothing" '"broken"' "$(ctl now status --json)"
kill_party now TERM
kill_party twin TERM
stop_serve
stop_all
