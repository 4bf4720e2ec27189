#!/usr/bin/env bash
# A node is killed in each phase of a reload of many parties, and comes back with all of them in the older version or all in
# the newer one, each with what it had counted; while it is reloaded messages go on.
source "$(dirname "$0")/../lib/e2e.sh"
plan 14
source "$ROOT/tests/lib/parties.sh"
parties=100 # more than are brought over in one transaction
is_short || parties=400
mkdir flows
put() { # put VERSION
    put_flow many <<LUA
local af = require "af"
local Tick = af.event("tick", {})
return af.flow {
  name = "many", version = $1,
  migrate = function(old)
    old.data.version = $1
    return { state = old.state, data = old.data }
  end,
  roles = { counter = {
    data = function() return { count = 0, version = $1 } end,
    start = "counting",
    states = { counting = { may_end = true,
      [Tick] = function(party) party.data.count = party.data.count + 1 end,
    } } }, source = { start = "giving", states = { giving = {} } },
  },
}
LUA
}
node() { # node [KILL-POINT]
    AFRUN_KILL_AT=${1:-} start_node i --hang 60s --no-watch
}
versions() { ctl status --json | jq -c '[.parties[].version] | group_by(.) | map([.[0], length])'; }
put 1
node
for i in $(seq $parties); do ctl launch many --task "t$i" --role counter --peers 'counter=i;source=s' >/dev/null || not_ok "t$i is launched"; done
gone_s() { ! kill -0 ${party_pids[s]} 2>/dev/null; }
gone() { ! kill -0 ${party_pids[i]} 2>/dev/null; }
ticks=0 unsure=0
tick() { # it is kept then; or, where the node was killed before it could say so, perhaps
    if ctl send t1 tick '{}' >/dev/null 2>&1; then ticks=$((ticks + 1)); else unsure=$((unsure + 1)); fi
}
tick

# The next version is reloaded; one that moves all the time is tried again.
try() {
    put $((version + 1))
    rm -f reload.status
    (ctl reload many >reload.out 2>&1; echo $? >reload.status) &
    if [ ${place%:*} = reload-again ]; then
        while [ ! -s reload.status ]; do tick; done
    fi
    wait $!
}

# Kills: each place, and the version that all have afterwards.
version=1
for place in reload-try:1 reload-try:$((parties / 2)) reload-pause:1 reload-again:1 reload-swap:1 swap-written:1 swap-kept:1 \
    reload-over:$((parties / 2)) bring:1 bring:2; do
    kill_party i
    node $place
    try
    while [ ${place%:*} = reload-again ] && [ "$(cat reload.status)" = 0 ]; do # nobody had moved
        version=$((version + 1))
        try
    done
    until_true gone || not_ok "$place: the node is killed" "$(cat reload.out)"
    node
    after=$version
    case $place in swap-kept* | reload-over* | bring*) after=$((version + 1)) ;; esac
    if [ "$(versions)" = "[[$after,$parties]]" ]; then ok "killed at $place: all are of version $after"; else not_ok "killed at $place: all are of version $after" "$(versions)"; fi
    version=$after
done

# Messages from elsewhere, while version after version is taken.
cat >give.lua <<'LUA'
local af = require "af"
local Tick = af.event("tick", {})
local C = af.TaskMessageContractor:extend { event_factory = af.TaskMessageEventFactory:extend { Tick } }
local contractor = C("t2")
for _ = 1, 200 do
  contractor:new_contract("i", Tick {})
  af.sleep(0.005)
end
LUA
start_party s give.lua --bus local:bus.db --task t2 --node s -q
reloads=0
while ! gone_s; do
    put $((++version))
    ctl reload many >reload.out 2>&1 || not_ok "version $version is taken" "$(cat reload.out)"
    reloads=$((reloads + 1))
done
count_of() { ctl data "$1" --json | jq '.data.count'; }
has_all() { [ "$(count_of t2)" = 200 ]; }
until_true has_all && ok "200 messages while $reloads versions of $parties parties are taken: each counts once" ||
    not_ok "200 messages while $reloads versions are taken" "$(ctl data t2)"
count=$(count_of t1)
if [ "$count" -ge $ticks ] && [ "$count" -le $((ticks + unsure)) ]; then ok "what was taken before a kill is there, once"; else
    not_ok "what was taken before a kill is there" "$ticks, and perhaps $unsure more: $(ctl data t1)"
fi
if [ "$(ctl trace t2 | grep -c '"kind":"reload"')" -ge $reloads ]; then ok "its journal has each version"; else not_ok "its journal has each version" "$(ctl trace t2 | tail -n 3)"; fi
kill_party i TERM
stop_all
