#!/usr/bin/env bash
# How long parties pause over a reload goes by those that moved while it was tried, not by how many there are: migrating all
# takes a second or more, and meanwhile they run; what one of them does then is not lost.
source "$(dirname "$0")/../lib/e2e.sh"
plan 6
source "$ROOT/tests/lib/parties.sh"
mkdir flows
parties=12
version() { # version N MIGRATE: slow to migrate, whoever it is
    cat <<LUA
local af = require "af"
local Tick = af.event("tick", {})
local Stop = af.event("stop", {})
return af.flow {
  name = "slow", version = $1,
  $2
  roles = { counter = {
    data = function() return { one = 0, two = 0 } end,
    start = "counting",
    states = { counting = { may_end = true, [Tick] = function(party)
      local name = $1 == 1 and "one" or "two"
      party.data[name] = party.data[name] + 1
    end, [Stop] = function(party) return af.done(party.data) end } },
  } },
}
LUA
}
loops=6000000
[[ $AFRUN == *sanitize* ]] && loops=20000000 # there an event takes longer, a loop does not
migrate='migrate = function(old)
    local n = 0
    for i = 1, '$loops' do n = n + i end
    return { state = old.state, data = old.data }
  end,'
version 1 "" >flows/slow.lua
start_node i --hang 60s --no-watch
for i in $(seq $parties); do ctl launch slow --task "t$i" --role counter --peers 'counter=i' >/dev/null || not_ok "t$i is launched"; done

version 2 "$migrate" | put_flow slow
begin=$(date +%s%N)
(ctl reload slow --json >answer.json 2>reload.err; echo $? >reload.status) &
reload=$!
ticks=0
tick() { ctl send t$parties tick '{}' >/dev/null 2>&1 && ticks=$((ticks + 1)); } # it is kept then
while [ ! -s reload.status ]; do tick; done
wait $reload
took_us=$((($(date +%s%N) - begin) / 1000))
if [ "$(cat reload.status)" = 0 ]; then ok "the reload ends well"; else not_ok "the reload ends well" "$(cat reload.err)"; fi
worst=$(jq '[.parties[].pause_us] | max' answer.json)
if [ "$worst" -lt $((took_us / 3)) ]; then ok "nobody pauses for a third of it"; else not_ok "nobody pauses for a third of it" "$worst of $took_us us"; fi
tick
ctl send t$parties stop '{}' >/dev/null
is_done() { ctl status t$parties --json --data >status.json && [ "$(jq -r '.parties[0].status' status.json)" = "done" ]; }
until_true is_done || not_ok "it ends" "$(cat status.json)"
if jq -e --argjson ticks $ticks '.parties[0].result.value | .one + .two == $ticks and .one > 4 and .two > 0' status.json >/dev/null; then
    ok "what was taken meanwhile is there, and counts once"
else
    not_ok "what was taken meanwhile is there, and counts once" "$ticks: $(cat status.json)"
fi

# Held parties get a mend of the same version. That some of them are stopped while it is tried is nothing to the others.
mended() { # mended HANDLER MIGRATE
    put_flow stuck <<LUA
local af = require "af"
local Tick = af.event("tick", {})
return af.flow {
  name = "stuck",
  $2
  roles = { counter = { start = "counting", states = { counting = { may_end = true,
    [Tick] = function(party) $1 end,
  } } } },
}
LUA
}
mended 'error "it is stuck"' ""
for i in $(seq $parties); do
    ctl launch stuck --task "s$i" --role counter --peers 'counter=i' >/dev/null || not_ok "s$i is launched"
    ctl send "s$i" tick '{}' >/dev/null 2>&1
done
are_held() { [ "$(ctl status --json | jq '[.parties[] | select(.status == "held")] | length')" = $parties ]; }
until_true are_held || not_ok "all are held" "$(ctl status)"
mended 'return af.done()' "$migrate"
rm reload.status
(ctl reload stuck --json >answer.json 2>reload.err; echo $? >reload.status) &
reload=$!
stopped=0
while [ ! -s reload.status ] && [ $stopped -lt $((parties - 1)) ]; do
    ctl stop s$((stopped + 1)) >/dev/null 2>&1 && stopped=$((stopped + 1))
done
wait $reload
if [ "$(cat reload.status)" = 0 ]; then ok "a mend is taken though some that were held are stopped"; else not_ok "a mend is taken though some that were held are stopped" "$(cat reload.err)"; fi
if jq -e '.parties | length > 0' answer.json >/dev/null; then ok "by those that are left"; else not_ok "by those that are left" "$(cat answer.json)"; fi
kill_party i TERM
