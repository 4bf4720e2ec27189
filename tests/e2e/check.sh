# `afrun check`: its answers, its bounds, what it refuses; counterexamples run again.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 153
source "$ROOT/tests/lib/counterexample.sh"
bugs=$ROOT/tests/data/bugs data=$ROOT/tests/data/check

# ---- Answers. ----

expect_output "exhaustive: no violation" "$AFRUN" check "$ROOT/flows/sync_state.lua"
expect_output "exhaustive: no violation" "$AFRUN" check "$ROOT/flows/model_exchange.lua" --parties client=2
expect_output "initiator done, 3 participant done" "$AFRUN" check "$ROOT/flows/sync_state.lua"
expect_output "sync_state.lua:75  participant: event 'sync' in state 'synced'" \
    "$AFRUN" check "$ROOT/flows/sync_state.lua"
expect_violation "an invariant is broken" "$AFRUN" check "$bugs/double_count.lua" --duplicate 1
expect_violation "sender is in state 'waiting_ack'" "$AFRUN" check "$bugs/lost_ack.lua" --drop 1
expect_violation "a line is missing" "$AFRUN" check "$bugs/reordered.lua"
expect_output "no violation" "$AFRUN" check "$bugs/reordered.lua" --fifo
expect_violation "no way is left to the end" "$AFRUN" check "$data/livelock.lua"
run "$AFRUN" check "$data/livelock.lua"
if grep -q "told apart: livelock.lua:[0-9]*: the start tells player-1 from player-2" "$OUT"; then
    ok "what tells parties of a role apart has a line"
else
    not_ok "what tells parties of a role apart has a line" "$(explain "it has not" livelock)"
fi
expect_output "no violation" "$AFRUN" check "$data/unsent.lua"
expect_violation "event 'reply': not expected in state 'given_up'" "$AFRUN" check "$data/unsent.lua" --crash 1
expect_violation "event 'note'" "$AFRUN" check "$data/deferring.lua" --arg note=true
expect_violation "tired of 2" "$AFRUN" check "$data/failing.lua"

# A deferred event that is taken up is a step of its own: invariants are looked at before it, others
# may step before it, its receiver may crash, and of two that are not expected both are told.
cat >door.lua <<'LUA'
local af = require "af"
local Knock, Key, Bell = af.event("knock", {}), af.event("key", {}), af.event("bell", {})
return af.flow { name = "door", mock = { door = 1, guest = 1 },
  roles = {
    door = { data = function() return { ajar = false } end, start = "locked", states = {
      locked = { defer = { Knock }, after = { 9, function() return af.done() end },
        [Key] = function(party)
          party.data.ajar = true
          party:send("guest-1", Bell {})
          return "open"
        end },
      open = { [Knock] = function(party) party.data.ajar = false return "entered" end },
      entered = { may_end = true },
    } },
    guest = { start = "outside", states = {
      outside = { enter = function(party)
        party:send("door-1", Knock {})
        party:send("door-1", Key {})
      end, [Bell] = "inside" },
      inside = { may_end = true },
    } } },
  invariants = { --[[INVARIANT]] } }
LUA
sed 's/--\[\[INVARIANT\]\]/never = function(world) return not world.parties["door-1"].data.ajar end/' door.lua >ajar.lua
sed 's/--\[\[INVARIANT\]\]/rude = function(world) return world.parties["guest-1"].state ~= "inside" or not world.parties["door-1"].data.ajar end/' door.lua >rude.lua
sed 's/\[Knock\] = function.*entered" end //; s/locked = { defer = { Knock }/locked = { defer = { Bell, Knock }/
    s/party:send("door-1", Knock {})/& party:send("door-1", Bell {})/' door.lua >refuses.lua
for reduction in "" --no-reduction; do
    # shellcheck disable=SC2086
    {
        expect_violation "invariant 'never' is broken" "$AFRUN" check ajar.lua --fifo $reduction
        expect_violation "invariant 'rude' is broken" "$AFRUN" check rude.lua --fifo $reduction
        expect_violation "event 'knock': not expected in state 'open'" "$AFRUN" check refuses.lua --fifo $reduction
        expect_violation "event 'bell': not expected in state 'open'" "$AFRUN" check refuses.lua --fifo $reduction
        expect_violation "door is in state 'open'" "$AFRUN" check door.lua --crash 1 --drop 1 $reduction
    }
done
# What every run enters is not said to be never reached: states that are left at once, by `enter` or by
# what was deferred.
cat >corridor.lua <<'LUA'
local af = require "af"
local Go, Stay = af.event("go", {}), af.event("stay", {})
return af.flow { name = "corridor", mock = { walker = 1, guide = 1 }, roles = {
  guide = { start = "out", states = {
    out = { enter = "there" },
    there = { enter = function(party) party:send("walker-1", Go {}) return af.done() end } } },
  walker = { start = "door", states = {
    door = { defer = { Go }, after = { 1, "hall" } },
    hall = { [Go] = "stairs" },
    stairs = { enter = function() return "attic" end },
    attic = { may_end = true },
    cellar = { [Stay] = function() end } } } } }
LUA
expect_output "walker: state 'cellar'" "$AFRUN" check corridor.lua
expect_output '"unreached":[{"what":"walker: state '"'cellar'"'","line":12,"file":"corridor.lua","role":"walker","state":"cellar","event":null}]' "$AFRUN" check corridor.lua --json
"$AFRUN" corridor.lua --mock --trace corridor.jsonl >"$OUT" 2>"$ERR"
for state in out there door hall stairs attic; do
    expect_output "[$state]" "$AFRUN" chart corridor.jsonl
done
expect_violation "who opens serves both" "$AFRUN" check "$data/recalling.lua" --arg strict=true

# ---- The same from one thread and from several. ----

for flow in "$data/deferring.lua --drop 1 --duplicate 1" "$data/timers.lua --timeouts any" \
    "$ROOT/flows/protocols/training_round.lua --drop 1 --crash 1" "$ROOT/flows/swarm.lua --timeouts any --memory 20M"; do
    # shellcheck disable=SC2086
    for jobs in 1 2 3; do
        "$AFRUN" check $flow --json --jobs $jobs | sed 's/,"elapsed_ms".*//' >"jobs$jobs"
    done
    if [ -s jobs1 ] && cmp -s jobs1 jobs2 && cmp -s jobs1 jobs3; then
        ok "${flow##*/}: the same answer from 1, 2 and 3 jobs"
    else
        not_ok "${flow##*/}: the same answer from 1, 2 and 3 jobs" "$(head -c 300 jobs1 jobs2 jobs3)"
    fi
done

# ---- Counterexamples. ----

# replays NAME FLOW OPTION…: the first counterexample, as the simulator runs it, ends badly again.
replays() {
    local name=$1 flow=$2
    shift 2
    "$AFRUN" check "$flow" "$@" --trace run.jsonl >"$OUT" 2>"$ERR"
    runs_again "$name" "$flow" failed stuck until
}
replays "a broken invariant" "$bugs/double_count.lua" --duplicate 1
replays "a stuck party" "$bugs/lost_ack.lua" --drop 1
replays "a handler that raises" "$bugs/reordered.lua"
replays "a stuck party behind a late contract" "$data/deferring.lua" --drop 1
replays "what a crashed party had not sent yet" "$data/unsent.lua" --crash 1
replays "a lost party" "$data/deferring.lua" --lose 1
replays "an unexpected event" "$data/deferring.lua" --arg note=true
replays "an event that is unexpected at once, after a crash" "$data/deferring.lua" --arg note=true --crash 1
replays "what is broken before an event is taken up" ajar.lua --fifo
replays "what another does before it" rude.lua --fifo --crash 1
replays "a second event that is taken up and not expected" refuses.lua --fifo
replays "one of several taken up" "$data/recalling.lua" --arg strict=true --crash 1
replays "a timeout" "$data/failing.lua" --duplicate 1
if [ "$(stat -c %a run.jsonl)" = 600 ]; then
    ok "its file is ours alone"
else
    not_ok "its file is ours alone" "$(stat -c %a run.jsonl)"
fi

# ---- Bounds. ----

expect_output "not exhaustive (--states): no violation so far" \
    "$AFRUN" check "$ROOT/flows/sync_state.lua" --crash 2 --states 2000
expect_output "not exhaustive (--depth)" "$AFRUN" check "$ROOT/flows/sync_state.lua" --crash 2 --depth 5
expect_output "not exhaustive (--time)" "$AFRUN" check "$ROOT/flows/sync_state.lua" --crash 2 --time 300ms
expect_output "not exhaustive (--memory)" \
    "$AFRUN" check "$ROOT/flows/sync_state.lua" --crash 2 --memory 16M
cat >counter.lua <<'LUA'
local af = require "af"
local Tick = af.event("tick", {})
return af.flow { name = "counter", mock = { clock = 1 }, roles = { clock = {
  data = function() return { ticks = 0 } end, start = "ticking",
  states = { ticking = {
    enter = function(party) party:send(party.id, Tick {}) end,
    [Tick] = function(party) party.data.ticks = party.data.ticks + 1 return "ticking" end,
  } } } } }
LUA
expect_output "data.ticks of clock grows with the depth" "$AFRUN" check counter.lua --states 500
sed 's/ticks = 0/ticks = ""/; s/party.data.ticks + 1/party.data.ticks .. "x"/' counter.lua >text.lua
expect_output "data.ticks of clock grows with the depth: it has reached 499 so far" "$AFRUN" check text.lua --states 500
expect_output "not exhaustive (more than 8 copies of 'query' from participant-1 to initiator-1 are deferred: the start sends it, sync_state.lua:65): no violation so far" \
    "$AFRUN" check "$ROOT/flows/sync_state.lua" --lose 1
expect_output "the list of deferred events of initiator grows" "$AFRUN" check "$ROOT/flows/sync_state.lua" --lose 1
cat >flood.lua <<'LUA'
local af = require "af"
local Ping, Stop = af.event("ping", {}), af.event("stop", {})
return af.flow { name = "flood", mock = { tap = 1, drain = 1 }, roles = {
  tap = { start = "on", states = { on = { [Stop] = function() return af.done() end,
    after = { 0, function(party) party:send("drain-1", Ping {}) return "on" end } } } },
  drain = { start = "open", states = { open = { may_end = true, [Ping] = function() end } } } } }
LUA
expect_output "more than 8 copies of 'ping' from tap-1 to drain-1 are on their way: a timeout's handler in state 'on' sends it, flood.lua:4)" \
    "$AFRUN" check flood.lua

# One absence ends: what is armed then is named, and the verdict says so. Every shipped flow ends.
expect_output "exhaustive within --away 2: no violation" "$AFRUN" check "$ROOT/flows/sync_state.lua" --crash 1
expect_output "came back before others passed; then there were armed: initiator: the timeout of state 'waiting_response' (" \
    "$AFRUN" check "$ROOT/flows/sync_state.lua" --crash 1
expect_output "exhaustive within --away 0: no violation" "$AFRUN" check "$ROOT/flows/sync_state.lua" --crash 1 --away 0
expect_output '"armed":null' "$AFRUN" check "$ROOT/flows/sync_state.lua" --json
expect_output '"armed":"initiator: the timeout of' "$AFRUN" check "$ROOT/flows/sync_state.lua" --crash 1 --json
smallest() { timeout 60 "$AFRUN" check "$ROOT/flows/$1.lua" --crash 1 "${@:2}"; } # 10 s on a machine that is free
expect_output "exhaustive" smallest fed_avg --parties participant=1 --arg rounds=1 --arg quorum=1
expect_output "exhaustive" smallest model_exchange --parties client=1
expect_output "exhaustive" smallest upgrade/count_1 --parties counter=1
expect_output "exhaustive" smallest upgrade/count_2 --parties counter=1

cat >large.lua <<'LUA'
local af = require "af"
local Tick = af.event("tick", {})
return af.flow { name = "large", mock = { clock = 1 }, roles = { clock = {
  data = function() return { ticks = 0, text = "" } end, start = "ticking",
  states = { ticking = {
    enter = function(party) party:send(party.id, Tick {}) end,
    [Tick] = function(party)
      local data = party.data
      data.ticks = data.ticks + 1
      data.text = ("%08d"):format(data.ticks):rep(50000)
      return "ticking"
    end } } } } }
LUA
bounded() { # in 1.5 GB of address space, of which the program alone takes some
    (ulimit -v 1500000 && exec "$AFRUN" check large.lua --memory 300M)
}
if [[ $AFRUN == *sanitize* ]]; then # whose shadow takes terabytes
    bounded() { "$AFRUN" check large.lua --memory 50M; }
fi
expect_output "not exhaustive (--memory): no violation so far" bounded

# What does not fit, or does not end, is told.
cat >crowd.lua <<'LUA'
local af = require "af"
local T = af.event("t", {})
return af.flow { name = "crowd", mock = { n = 60 }, roles = { n = { start = "s", states = { s = {
  enter = function(party) party:broadcast(T {}) end, [T] = function() error "boom" end } } } } }
LUA
expect_violation "boom" "$AFRUN" check crowd.lua --parties n=56
expect_output "not exhaustive (a state has more contracts in flight than fit" "$AFRUN" check crowd.lua
cat >endless.lua <<'LUA'
local af = require "af"
return af.flow { name = "endless", mock = { n = 1 }, roles = { n = { start = "s", states = {
  s = { may_end = true, after = { 1, function()
    local function deeper() return 1 + deeper() end
    return deeper()
  end } } } } },
  invariants = { ["i"] = function(world) while #world:with_role("n") == 1 do end end } }
LUA
expect_violation "ran for more than 100,000,000 instructions" "$AFRUN" check endless.lua
sed '/invariants/d; s/may_end = true, //; s/^  end } } } } },/  end } } } } } }/' endless.lua >deep.lua
expect_violation "deep.lua:4: used more than 64 MiB" "$AFRUN" check deep.lua
run "$AFRUN" check deep.lua
if grep -q "not pure" "$OUT"; then not_ok "a limit is no impurity" "$(cat "$OUT")"; else ok "a limit is no impurity"; fi

# Whether parties of a role need be told apart is asked of more orders of their names the more there are,
# in time that grows as the search does; it ends within the bounds as all else does.
cat >lamps.lua <<'LUA'
local af = require "af"
local On = af.event("on", {})
return af.flow { name = "lamps", mock = { switch = 1, lamp = 16 },
  roles = {
    switch = { start = "off", states = { off = { may_end = true,
      enter = function(party) party:send(party:nodes "lamp", On {}) end } } },
    lamp = { data = function() return { lit = false } end, start = "dark", states = { dark = {
      [On] = function(party) party.data.lit = true return af.done() end } } } },
  invariants = { ["there are lamps"] = function(world) return #world:with_role "lamp" > 0 end } }
LUA
expect_output "lamps: 17 states, 136 transitions, depth 16, exhaustive: no violation" "$AFRUN" check lamps.lua
in_time() { timeout 60 "$AFRUN" check "$@"; } # within a time that a slow machine has, too
expect_output "lamp (tried with many orders of their names, and believed of all others)" in_time lamps.lua
expect_output "lamps: 41 states, 820 transitions, depth 40, exhaustive: no violation" in_time lamps.lua --parties lamp=40
expect_output "parties of one role are not told apart: lamp"$'\n' in_time lamps.lua --parties lamp=8
expect_output "not exhaustive (--time): no violation so far" in_time lamps.lua --parties lamp=900 --time 1s
expect_output "not exhaustive (--memory): no violation so far" in_time lamps.lua --parties lamp=40 --memory 3M
for seconds in 2 4 8 16; do # a slow machine is at its names later
    run timeout --preserve-status -s INT $seconds "$AFRUN" check lamps.lua --parties lamp=250
    ! grep -q 'interrupted): no violation so far' "$OUT" || break
done
if [ "$status" -eq 130 ] && grep -q 'interrupted): no violation so far' "$OUT"; then
    ok "interrupted while names are exchanged"
else
    not_ok "interrupted while names are exchanged" "$(explain "exit status $status")"
fi
if [[ $AFRUN != *sanitize* ]]; then
    expect_output "two_phase_commit: 991 states, 19,840 transitions, depth 120, exhaustive: no violation" \
        in_time "$ROOT/flows/protocols/two_phase_commit.lua" --parties participant=30
else
    skip 1 "a sanitizer is too slow"
fi
# A coordinator that decides by the first vote, and a participant that aborts what it was not asked of.
sed -E 's/if complete\(party, party.data.voted\) then (return decide\(true\)\(party\)) end/\1/
    s/take, -- it was not asked in time/"aborted",/' "$ROOT/flows/protocols/two_phase_commit.lua" >hasty.lua
expect_violation "shortest run: 4 steps" in_time hasty.lua --parties participant=30 --first

# It is asked role by role: that the switches differ does not tell the lamps apart; and a lamp that is
# another in one handler does, wherever it stands.
sed 's/switch = 1, lamp = 16/switch = 2, lamp = 4/; s/switch = { start/switch = { data = function(party) return { first = party.id == "switch-1" } end, start/' lamps.lua >switches.lua
expect_output "parties of one role are not told apart: lamp" "$AFRUN" check switches.lua
expect_output "tells switch-1 from switch-2" "$AFRUN" check switches.lua
for odd in 1 2 3 4 5; do
    sed "s/party.data.lit = true/party.data.lit = party.id ~= 'lamp-$odd'/; s/lamp = 16/lamp = 5/" lamps.lua >odd.lua
    run "$AFRUN" check odd.lua
    if grep -q "the handler of 'on' in state 'dark' tells lamp-. from lamp-." "$OUT" &&
        ! grep -q "not told apart" "$OUT"; then
        ok "lamp-$odd is told apart"
    else
        not_ok "lamp-$odd is told apart" "$(explain "it is not")"
    fi
done

# The bound of states is met within a round, however wide the level.
for max in 100 2000 20000; do
    run "$AFRUN" check "$ROOT/flows/sync_state.lua" --crash 2 --states "$max" --json
    seen=$(grep -o '"states":[0-9]*' "$OUT" | head -1 | cut -d: -f2)
    if [ "$seen" -ge "$max" ] && [ "$seen" -le $((max + 20)) ]; then ok "$max states: $seen"; else not_ok "$max states" "$seen"; fi
done

# What is found first is told when it is found, with its chart; the search goes on, unless --first ends it.
# Whoever ends it is told what was found, and that something was.
cat >early.lua <<'LUA'
local af = require "af"
local Count, Stray = af.event("count", { n = af.integer }), af.event("stray", {})
return af.flow { name = "early", mock = { clock = 1, sink = 1, source = 1 }, roles = {
  clock = { data = function() return { n = 0 } end, start = "ticking", states = { ticking = {
    ignore = { Stray },
    enter = function(party) party:send("sink-1", Count { n = party.data.n }) end,
    after = { 1, function(party) party.data.n = party.data.n + 1 return "ticking" end } } } },
  sink = { start = "open", states = { open = { may_end = true, [Count] = function() end } } },
  source = { start = "on", states = { on = { may_end = true,
    enter = function(party) party:send("sink-1", Stray {}) end } } } } }
LUA
for signal in TERM INT; do
    : >early.txt # so that nothing of the run before is waited for
    "$AFRUN" check early.lua --memory 4G >early.txt 2>early.err &
    pid=$!
    if timeout 60 sh -c "until grep -q 'unexpected stray' early.txt; do sleep 0.05; done" && kill -0 $pid; then
        ok "a violation is told while the search goes on"
    else
        not_ok "a violation is told while the search goes on" "$(cat early.txt)"
    fi
    kill -s $signal $pid
    wait $pid
    status=$?
    if [ $status -eq 1 ] && grep -q 'not exhaustive (interrupted): 1 violation' early.txt &&
        [ "$(grep -c "event 'stray': not expected" early.txt)" -eq 1 ] && [ ! -s early.err ]; then
        ok "  SIG$signal: what was found, once"
    else
        not_ok "  SIG$signal: what was found, once" "status $status; $(cat early.txt early.err)"
    fi
done
expect_violation "not exhaustive (--first): 1 violation" "$AFRUN" check early.lua --first
expect_violation "not exhaustive (--memory): 1 violation" "$AFRUN" check early.lua --memory 30M
expect_violation '"bound":"--first"' "$AFRUN" check early.lua --first --json --trace early.jsonl
check "its trace is there" "$AFRUN" chart early.jsonl

# Ctrl-C: what was found so far, and nothing that the interrupt itself has broken.
for reduction in "" --no-reduction; do
    # shellcheck disable=SC2086
    run timeout --preserve-status -s INT 3 "$AFRUN" check "$ROOT/flows/sync_state.lua" --crash 2 $reduction
    if [ "$status" -eq 130 ] && grep -q 'interrupted): no violation so far' "$OUT" &&
        ! grep -q ' tells ' "$OUT"; then
        ok "interrupted $reduction"
    else
        not_ok "interrupted $reduction" "$(explain "exit status $status")"
    fi
done

# ---- Handlers that are not pure. ----

cat >impure.lua <<'LUA'
local af = require "af"
local Ask = af.event("ask", { n = af.integer })
local seen = {}
return af.flow { name = "impure", mock = { a = 1, b = 1 }, roles = {
  a = { start = "on", states = { on = { may_end = true, enter = function(party)
    party:send("b-1", Ask { n = 1 })
  end } } },
  b = { start = "on", states = { on = { may_end = true, [Ask] = function(party, event)
    party.data.text = tostring(seen)
    seen[event.n] = true
  end } } } } }
LUA
expect_violation "impure.lua:10" "$AFRUN" check impure.lua
cat >address.lua <<'LUA'
local af = require "af"
local Ask = af.event("ask", { n = af.integer })
return af.flow { name = "address", mock = { a = 1, b = 1 }, roles = {
  a = { start = "on", states = { on = { may_end = true, enter = function(party)
    party:send("b-1", Ask { n = 1 })
    party:send("b-1", Ask { n = 2 })
  end } } },
  b = { start = "on", states = { on = { may_end = true, enter = function() end,
    [Ask] = function(party)
    party.data.text = tostring({})
  end } } } } }
LUA
expect_violation "address.lua:9: the handler of 'ask' in state 'on' is not pure" "$AFRUN" check address.lua

# ---- Handlers that ask for the time. ----

cat >late.lua <<'LUA'
local af = require "af"
return af.flow { name = "late", mock = { a = 1 }, roles = {
  a = { start = "on", states = { on = { after = { 5, function(party)
    if party:now() > 100 then error("late") end
    return af.done()
  end } } } } } }
LUA
expect_output "not exhaustive in time: late.lua:4" "$AFRUN" check late.lua
expect_output '"time":"late.lua:4"' "$AFRUN" check late.lua --json
expect_output '"time":null' "$AFRUN" check "$ROOT/flows/sync_state.lua" --json

# ---- What is refused. ----

cat >plain.lua <<'LUA'
local af = require "af"
return af.flow { name = "plain", mock = { a = 1 }, roles = { a = function() end } }
LUA
expect_error "plain function" 2 "$AFRUN" check plain.lua
expect_error "sequential script" 2 "$AFRUN" check "$ROOT/flows/notebook/initiator.lua"
expect_error "name a flow" 2 "$AFRUN" check
expect_error "one flow" 2 "$AFRUN" check "$bugs/lost_ack.lua" "$bugs/reordered.lua"
expect_error "no_such.lua" 2 "$AFRUN" check no_such.lua
expect_error "--drop" 2 "$AFRUN" check "$bugs/lost_ack.lua" --drop many
expect_error "--timeouts" 2 "$AFRUN" check "$bugs/lost_ack.lua" --timeouts soon
expect_error "no/such/run.jsonl: cannot be written" 3 "$AFRUN" check "$bugs/lost_ack.lua" --trace no/such/run.jsonl
run "$AFRUN" check "$bugs/lost_ack.lua" --drop 1 --trace /dev/full
if [ "$status" -eq 3 ] && grep -q "exhaustive: 1 violation" "$OUT"; then
    ok "a trace that cannot be written to its end hides no violation"
else
    not_ok "a trace that cannot be written to its end hides no violation" "$(explain "exit status $status" /dev/full)"
fi
expect_error "such as 500M" 2 "$AFRUN" check "$bugs/lost_ack.lua" --memory 9000000T
expect_error "--time: expected more than no time" 2 "$AFRUN" check "$bugs/lost_ack.lua" --time 0
expect_error "--memory" 2 "$AFRUN" check "$bugs/lost_ack.lua" --memory 5X
expect_error "no role 'nobody'" 2 "$AFRUN" check "$bugs/lost_ack.lua" --parties nobody=2
expect_error "no_such_arg" 2 "$AFRUN" check "$bugs/lost_ack.lua" --arg no_such_arg=1
expect_error "no/where.jsonl" 3 "$AFRUN" check "$bugs/lost_ack.lua" --drop 1 --trace no/where.jsonl

# ---- Upgrades. ----

expect_output "exhaustive: no violation" "$AFRUN" check "$ROOT/flows/upgrade/count_1.lua" \
    --upgrade "$ROOT/flows/upgrade/count_2.lua"
expect_error "version" 2 "$AFRUN" check "$ROOT/flows/upgrade/count_1.lua" \
    --upgrade "$ROOT/flows/upgrade/count_1.lua"
