#!/usr/bin/env bash
# A store that runs out of memory in the middle of a transaction, upon which SQLite rolls back by itself:
# nothing more of what was being done is executed, so nothing of it is there in part.
source "$(dirname "$0")/../lib/e2e.sh"
plan 23 124
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"

if [[ $AFRUN == *sanitize* ]]; then # a sanitizer has the program's memory in its own hands
    skip_rest "a sanitizer takes no other malloc"
    exit
fi
check "what refuses memory is built" "${CC:-gcc}" -O1 -shared -fPIC -o no_memory.so "$ROOT/tests/lib/no_memory.c" -Wl,--no-as-needed -lsqlite3 -ldl
real=$AFRUN
export WITHOUT_MEMORY='' WITHOUT_MEMORY_AT='' KILL_BEHIND=''
printf '#!/bin/sh\nLD_PRELOAD=%q exec %q "$@"\n' "$PWD/no_memory.so" "$real" >starved
chmod +x starved
# starve STATEMENT COUNT [KILL]: whom we start next runs out of memory there; `feed` ends that.
starve() { AFRUN=$PWD/starved WITHOUT_MEMORY=$1 WITHOUT_MEMORY_AT=$2 KILL_BEHIND=${3:-?}; }
feed() { AFRUN=$real WITHOUT_MEMORY='?'; }

# ---- The service: a contract goes to whom it was sent. ----
post() { # UUID TASK TARGET TEXT
    message "$2" "[\"$3\"]" "{\"type\":\"x\",\"text\":\"$4\",\"pad\":\"$(printf 'y%.0s' {1..9000})\"}" |
        sed "s/\"task_id\"/\"message_uuid\":\"$1\",\"task_id\"/"
}
serve_starved() { # STATEMENT COUNT: it runs out of memory there, while two tasks are served
    local name="$1, $2" lease='"channel":"federated","max":10,"lease_seconds":60,"holder":"h"}' answer
    rm -rf serve.db*
    : >serve.err
    starve "$1" "$2"
    start_serve --bus local:serve.db --prefix-nodes --open-tasks || not_ok "$name: the service starts" "$(cat serve.err)"
    feed
    answer=$(ask b pop '{"task_id":"T1","channel":"federated"}')
    answer+=$(ask c pop '{"task_id":"T2","channel":"federated"}')
    answer+=$(ask a push "$(post s1 T1 b 'the secret of b')")
    answer+=$(ask d push "$(post g1 T2 c 'words for c')")
    answer+=$(ask c pop "{\"task_id\":\"T2\",$lease")
    grep -qF "no memory for: " serve.err || not_ok "$name: it ran out of memory" "$answer"
    says "$name: who asked is told, if it came to harm" "$(grep -q ': 7$' serve.err && echo 'out of memory')" "$answer"
    # asked again, as any client does
    ask a push "$(post s1 T1 b 'the secret of b')" >/dev/null
    says "$name: the push is taken when it is made again" '"code":0' "$(ask d push "$(post g1 T2 c 'words for c')")"
    answer+=$(ask c pop "{\"task_id\":\"T2\",\"again\":true,$lease")
    says "$name: its contract comes" 'words for c' "$answer"
    never_says "$name: nobody is handed what was for another" 'secret' "$answer"
    says "$name: the other contract comes to its own" 'the secret of b' "$(ask b pop "{\"task_id\":\"T1\",$lease")"
    stop_serve
}
serve_starved 'INSERT INTO contracts' 2
if ! is_short; then
    serve_starved 'INSERT INTO contracts' 1
    for count in 1 2; do
        serve_starved 'INSERT INTO queues' $count
        serve_starved 'INSERT OR IGNORE INTO deliveries' $count
        serve_starved 'INSERT INTO members' $count
        serve_starved 'INSERT INTO tasks' $((count + 1)) # the first is the service's own
    done
fi

# ---- A node: each message is counted once. ----
mkdir flows
cat >flows/sum.lua <<'LUA'
local af = require "af"
local Add = af.event("add", { n = af.integer, pad = af.string })
local Added = af.event("added", { n = af.integer })
return af.flow {
  name = "sum", version = 1,
  roles = {
    counter = {
      data = function() return { sum = 0, count = 0, pad = ("p"):rep(9000) } end,
      start = "counting",
      states = { counting = { [Add] = function(party, event, from)
        party.data.sum, party.data.count = party.data.sum + event.n, party.data.count + 1
        party:send(from, Added { n = event.n })
        if event.n == 10 then return af.done { sum = party.data.sum, count = party.data.count } end
      end } },
    },
    source = {
      data = function() return { n = 1 } end,
      start = "giving",
      states = { giving = {
        enter = function(party)
          party:send("i", Add { n = party.data.n, pad = ("x"):rep(20000) })
        end,
        [Added] = function(party, event)
          if event.n == 10 then return af.done() end
          party.data.n = event.n + 1
          return "giving"
        end,
      } },
    },
  },
}
LUA
peers='counter=i;source=s'
node() { # node NAME: node i over the bus
    rm -f "$1.out"
    start_party "$1" node --node i --bus local:bus.db --flows flows --state i.state --no-watch
    wait_line "$1.out" "afrun node: node i" || not_ok "node $1 starts" "$(cat "$1.err")"
}
ctl() { "$real" ctl "$@" --state i.state; }
has_ended() { is_gone "${party_pids[source]}" || is_gone "${party_pids[starved]}"; }
count_starved() { # COUNT: the node runs out of memory there, and is killed behind it if it goes on
    rm -rf bus.db* i.state
    feed
    node first
    ctl launch sum --task t --role counter --peers "$peers" >/dev/null
    kill_party first TERM
    starve 'INSERT INTO journal' "$1" 'UPDATE party'
    node starved
    feed
    start_party source flows/sum.lua --bus local:bus.db --task t --node s --role source --peers "$peers" -q
    until_true has_ended
    expect_in starved.err "no memory for: INSERT INTO journal" "record $1: the node runs out of memory"
    kill_party starved
    node again
    expect_ended source 0 "record $1: all is counted and answered"
    says "record $1: each once" '"result":{"count":10,"sum":55}' "$(ctl trace t 2>&1 | tail -c 400)"
    kill_party again
    says "record $1: each is answered once" "(10,)" "$(python3 -c '
import sqlite3
print(sqlite3.connect("bus.db").execute("select count(*) from contracts where sender = ?", ("i",)).fetchone())')"
}
count_starved 5
is_short || for at in 2 3 4 6 7 8 9 10; do count_starved $at; done

# ---- A reload: all parties, or none. ----
versions() { ctl status | grep -o 'version [0-9]*' | sort | uniq -c | tr -s ' ' | tr '\n' ';'; }
reload_starved() { # STATEMENT COUNT VERSION: which one all parties run then
    local tasks=4 k what="$1, $2"
    rm -rf bus.db* i.state
    sed -i 's/version = 2/version = 1/' flows/sum.lua
    starve "$1" "$2"
    node starved
    feed
    for ((k = 1; k <= tasks; k++)); do
        ctl launch sum --task "t$k" --role counter --peers "$peers" >/dev/null
    done
    sed -i 's/version = 1/version = 2/' flows/sum.lua
    if [ "$3" -eq 1 ]; then
        expect_error "out of memory" 3 ctl reload sum
    else
        expect_output "version 2 is taken" ctl reload sum
    fi
    says "$what: all parties run version $3" " $tasks version $3;" "$(versions)"
    start_party source flows/sum.lua --bus local:bus.db --task t1 --node s --role source --peers "$peers" -q
    expect_ended source 0 "$what: they go on"
    expect_in starved.err "no memory for: $1" "$what: it ran out of memory"
    kill_party starved
    sed -i 's/version = 2/version = 1/' flows/sum.lua
    node again
    says "$what: after a restart, too" " $tasks version $3;" "$(versions)"
    never_says "$what: none is broken" "broken" "$(ctl status)"
    if [ "$3" -eq 1 ]; then
        sed -i 's/version = 1/version = 2/' flows/sum.lua
        check "$what: the reload is taken when it is asked for again" ctl reload sum
    fi
    kill_party again
}
reload_starved 'INSERT INTO moves' 1 1 # what makes it so …
reload_starved 'UPDATE party SET about' 1 2 # … and what follows
if ! is_short; then
    for at in 1 3; do reload_starved 'INSERT OR REPLACE INTO moves' $at 2; done # it is written again
    reload_starved 'INSERT INTO journal (id' 1 2
    reload_starved 'DELETE FROM moves' 1 2
fi
stop_all
