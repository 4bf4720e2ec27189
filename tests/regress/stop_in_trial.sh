# A party that is stopped while its snapshot is brought to another version on a copy: the flow that it ran went with it, and
# what came of the trial was read by that flow.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 11
source "$ROOT/tests/lib/parties.sh"
mkdir flows
put() { # put FLOW VERSION MIGRATE MIGRATE_BACK: how many loops each
    put_flow "$1" <<LUA
local af = require "af"
local function after(loops)
  return function(old)
    local n = 0
    for i = 1, loops do n = n + i end
    return { state = old.state, data = old.data }
  end
end
return af.flow {
  name = "$1", version = $2, migrate = after($3), migrate_back = after($4),
  roles = { counter = { start = "counting", states = { counting = { after = { 3600, function() end } } } } },
}
LUA
}
put up 1 0 0
put down 1 0 0
start_node i --no-watch
node_pid=${party_pids[i]}
workers() { # how many, in $count; without a process, as a trial is short
    local pids
    read -r -a pids <"/proc/$node_pid/task/$node_pid/children"
    count=${#pids[@]}
}
for flow in up down; do
    check "a party of $flow is launched" ctl launch $flow --task $flow --role counter --peers counter=i
done
put up 2 20000000 0
put down 2 0 20000000
check "one goes over" ctl reload down
put down 3 0 0 # what stands in the folder is kept loaded; it leaves that
for move in "reload up" "rollback down"; do
    workers
    before=$count by=$((SECONDS + 60))
    ctl $move >move.out 2>&1 &
    mover=$!
    while [ "$count" -le "$before" ] && [ $SECONDS -lt $by ]; do workers; done
    [ "$count" -gt "$before" ] && ok "$move: its trial goes on" || not_ok "$move: its trial goes on" "$(cat move.out)"
    check "$move: the party is stopped meanwhile" ctl stop "${move#* }"
    wait $mover
    check "$move: and the node is there ($(tail -n 1 move.out))" ctl status
done
check "which says so of both" eval '[ "$(ctl status --json | grep -o "\"status\":\"failed\"" | wc -l)" = 2 ]'
kill_party i TERM
stop_all
