#!/usr/bin/env bash
# A store of each version since the first (tests/data/stores: a service's messages, and a node's parties, as the program
# of that time left them) is opened, brought on, and goes on with what it holds.
source "$(dirname "$0")/../lib/e2e.sh"
plan 63
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"

version() { python3 -c '
import sqlite3, sys
print(sqlite3.connect(sys.argv[1]).execute("PRAGMA user_version").fetchone()[0])' "$1"; }
files=("$ROOT"/tests/data/stores/messages-*.db.gz)
gives() { "$AFRUN" store check serve.db --json | grep -o '"version":[0-9]*'; }
for file in "${files[@]}"; do
    name=$(basename "$file" .db.gz)
    rm -rf serve.db*
    gunzip -c "$file" >serve.db
    says "$name: what is in it is told, and changes nothing" "\"version\":${name#*-}" "$(gives)"
    start_serve --bus local:serve.db --prefix-nodes --open-tasks || not_ok "$name: a service begins" "$(cat serve.err)"
    left=$(ask b pop '{"task_id":"t","channel":"federated","max":10,"lease_seconds":60,"holder":"h"}' |
        grep -oE '"message_uuid":"[^"]*"' | cut -d'"' -f4 | tr '\n' ' ')
    case $name in
    messages-[12]) says "$name: what waits is handed out" "u2 u3 u4 " "$left" ;;
    *)
        says "$name: what waits is handed out" "=u2 u3 =" "=$left="
        ;;
    esac
    says "$name: what was taken once is not taken again" '"code":0' "$(ask a push "$(message t '["b"]' | sed 's/"task_id"/"message_uuid":"u1","task_id"/')")"
    says "$name: a push is taken" '"code":0' "$(ask a push "$(message t '["c"]' | sed 's/"task_id"/"message_uuid":"new","task_id"/')")"
    answer=$(ask c pop '{"task_id":"t","channel":"federated","max":10,"lease_seconds":60,"holder":"h"}')
    says "$name: and comes behind what waited" '"u2"*"u3"*"new"' "$(echo "$answer" | grep -oE '"(u2|u3|new)"' | paste -sd'*')"
    stop_serve
    last=$(version serve.db)
    [ "$last" -ge "${name#*-}" ] && ok "$name: it is of the last version now" || not_ok "$name: of version $last"
done
[ -f "$ROOT/tests/data/stores/messages-$last.db.gz" ] && ok "there is a file of each version" ||
    not_ok "there is a file of each version" "make it by tests/lib/make_stores.py"

mkdir flows
cat >flows/sum.lua <<'LUA'
local af = require "af"
local Add = af.event("add", { n = af.integer })
return af.flow {
  name = "sum", version = 1,
  roles = {
    counter = { start = "counting", states = { counting = { [Add] = function() end } } },
    source = { start = "giving", states = { giving = { enter = function(party)
      party:send("i", Add { n = 4 })
      return af.done()
    end } } },
  },
}
LUA
files=("$ROOT"/tests/data/stores/parties-*.db.gz)
for file in "${files[@]}"; do
    name=$(basename "$file" .db.gz)
    rm -rf i.state bus.db*
    mkdir -m 700 i.state
    gunzip -c "$file" >i.state/node.db
    [ ! -f "${file%.db.gz}.key" ] || install -m 600 "${file%.db.gz}.key" i.state/node.db.key
    start_party node node --node i --bus local:bus.db --flows flows --state i.state --no-watch
    wait_line node.out "goes on with 1 party" || wait_line node.out "goes on with 1 parties" || not_ok "$name: a node begins" "$(cat node.err)"
    check "$name: its party is sent a third number" "$AFRUN" flows/sum.lua --role source --node s --task t --bus local:bus.db \
        --peers 'counter=i;source=s' -q
    has_ended() { "$AFRUN" ctl status --state i.state | grep -q done; }
    until_true has_ended
    expect_output '"result":{"sum":7}' "$AFRUN" ctl trace t --state i.state
    case $name in
    parties-[1-5]*) expect_output '"asked":[]' "$AFRUN" ctl status --json --state i.state ;;
    *) expect_output "the operator wants later.lua launched in role r" "$AFRUN" ctl status w --state i.state ;;
    esac
    kill_party node TERM
    last=$(version i.state/node.db)
    [ "$last" -ge "$(echo "$name" | grep -o '[0-9]*')" ] && ok "$name: it is of the last version now" || not_ok "$name: of version $last"
done
[ -f "$ROOT/tests/data/stores/parties-$last.db.gz" ] && ok "there is a file of each version" ||
    not_ok "there is a file of each version" "make it by tests/lib/make_stores.py"
stop_all
