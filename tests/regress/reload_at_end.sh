# A node that was told to end while a flow was reloaded: the parties that it had stopped for its end went on with the reload's.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 7
source "$ROOT/tests/lib/parties.sh"
mkdir flows
put() { # put VERSION LOOPS: of a migration
    put_flow ticks <<LUA
local af = require "af"
return af.flow {
  name = "ticks", version = $1,
  migrate = function(old)
    local n = 0
    for i = 1, $2 do n = n + i end
    return { state = old.state, data = old.data }
  end,
  roles = { counter = {
    data = function() return { count = 0 } end,
    start = "counting",
    states = { counting = { after = { 0.05, function(party) party.data.count = party.data.count + 1 return "counting" end } } },
  } },
}
LUA
}
# Handlers that are at work, one after the other, keep the node from its end, for 3 s at most.
cat >flows/busy.lua <<'LUA'
local af = require "af"
local Work = af.event("work", {})
return af.flow {
  name = "busy",
  roles = { worker = { start = "resting", states = { resting = { may_end = true, [Work] = function(party)
    local n = 0
    for i = 1, 40000000 do n = n + i end
    party.data.n = n
  end } } } },
}
LUA
put 1 0
start_node i --no-watch --hang 60s
check "a party that ticks is launched" ctl launch ticks --task t --role counter --peers counter=i
for i in 1 2 3 4 5 6; do ctl launch busy --task w$i --role worker --peers worker=i >/dev/null || not_ok "w$i is launched"; done
ticks() { [ "$(ctl data t --json | jq .data.count)" -gt "$1" ]; }
until_true ticks 2 && ok "it ticks" || not_ok "it ticks" "$(ctl data t)"
put 2 20000000
for i in 1 2 3 4 5 6; do ctl send w$i work '{}' >/dev/null & sent+=($!); done
wait "${sent[@]}"
ctl reload ticks >reload.out 2>&1 &
reload=$!
sleep 0.1
kill -TERM "${party_pids[i]}"
wait_line i.err "node: ending" || not_ok "it ends" "$(cat i.err)"
ended=$(date +%s%N)
wait $reload
status=$?
if [ $status = 1 ]; then ok "the reload is refused"; else not_ok "the reload is refused" "$status: $(cat reload.out)"; fi
expect_in reload.out "ticks.lua: the node is ending" "as the node is ending"
expect_ended i 0 "the node ends well"
late() { # steps that were taken a while after it was told to end
    python3 -c 'import sqlite3, sys
print(sqlite3.connect("i.state/node.db").execute("SELECT count(*) FROM journal WHERE kind = ? AND time > ?", ("after", int(sys.argv[1]) + 300000000)).fetchone()[0])' "$ended"
}
taken=$(late)
if [ "$taken" = 0 ]; then ok "nothing is taken behind that"; else not_ok "nothing is taken behind that" "$taken steps"; fi
stop_all
