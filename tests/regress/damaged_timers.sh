# A party whose kept timers are damaged is brought to no other version, whatever stands in them.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 10
source "$ROOT/tests/lib/parties.sh"
mkdir flows
put() { # put VERSION
    put_flow slow <<LUA
local af = require "af"
return af.flow {
  name = "slow", version = $1,
  roles = { counter = { start = "counting", states = { counting = { after = { 3600, function() end } } } } },
}
LUA
}
start() {
    start_node i --no-watch
}
put 1
start
check "a party is launched" ctl launch slow --task t --role counter --peers counter=i
put 2
for timers in '[]x' '[[1]]' '[[null,1]]' '{}'; do
    kill_party i TERM
    python3 -c '
import sqlite3, sys
db = sqlite3.connect(sys.argv[1]); db.execute("UPDATE party SET timers = ?", [sys.argv[2]]); db.commit()' i.state/*.db "$timers"
    start
    is_broken() { ctl status --json | grep -q '"status":"broken"'; }
    until_true is_broken && ok "it is broken by $timers" || not_ok "it is broken by $timers" "$(ctl status --json)"
    expect_error "its timers is damaged" 1 ctl reload slow
done
kill_party i TERM
stop_all
