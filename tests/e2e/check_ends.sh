# `afrun check` ends: of every shipped flow with a crash, at its smallest size, in ten seconds on a machine that is
# free (how long it took is told; a slow machine is no failure); else it says what grows, or what it has taken.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 26

declare -A smallest=(
    [sync_state]="--parties participant=1" [fed_avg]="--parties participant=1 --arg rounds=1" [swarm]="--parties peer=3 --arg rounds=1 --arg tries=1 --arg attempts=2" [async_avg]="--parties participant=1 --arg buffer=1 --arg folds=1" [secure_aggregation]="--parties client=2 --arg threshold=2 --arg size=1"
    [psi]="--parties collaborator=1 --arg tries=1" [beacon]="--parties peer=2 --arg threshold=2 --arg tries=1"
    [dkg]="--parties peer=2 --arg threshold=2 --arg tries=1" [cyclic]="--parties trainer=1" [cross_site_eval]="--parties site=1"
    [fed_stats]="--parties site=1 --arg tries=1" [hist_boost]="--parties party=1 --arg trees=1 --arg tries=1"
    [hetero_round]="--parties collaborator=1 --arg rounds=1 --arg test_rows=0 --arg tries=1 --arg rows=[\"row-03\"]"
    [model_exchange]="--parties client=1" [upgrade/count_1]="--parties counter=1" [upgrade/count_2]="--parties counter=1"
    [protocols/alternating_bit]="--fifo" [protocols/handshake]="--parties participant=1"
    [protocols/mutual_exclusion]="--parties node=2" [protocols/paxos]="--parties acceptor=1"
    [protocols/ring_election]="--parties node=2" [protocols/training_round]="--parties participant=1"
    [protocols/two_phase_commit]="--parties participant=1"
)
for file in "$ROOT"/flows/*.lua "$ROOT"/flows/{protocols,upgrade}/*.lua; do
    flow=${file#"$ROOT/flows/"} flow=${flow%.lua}
    [[ $flow == *_test ]] && continue
    if [ -z "${smallest[$flow]:-}" ]; then
        not_ok "$flow has a smallest size" "it is not listed here"
        continue
    fi
    began=${EPOCHREALTIME/./}
    # shellcheck disable=SC2086 # words of options
    run "$AFRUN" check "$file" --crash 1 ${smallest[$flow]}
    took=$(((${EPOCHREALTIME/./} - began) / 1000))
    if [ "$status" -eq 0 ] && tail -n 1 "$OUT" | grep -q "exhaustive.*: no violation"; then
        ok "$flow ${smallest[$flow]} --crash 1 ends, after $took ms: $(tail -n 1 "$OUT")"
    else
        not_ok "$flow ${smallest[$flow]} --crash 1 ends" "$(explain "it did not" "$AFRUN" check "$file" --crash 1)"
    fi
done

# What is sent to one that is down, again and again, is named: who sends it, and at which line.
cat >nagging.lua <<'LUA'
local af = require "af"
local Ask, Stop = af.event("ask", {}), af.event("stop", {})
return af.flow { name = "nagging", mock = { asker = 1, server = 1 }, roles = {
  asker = { start = "asking", states = { asking = {
    enter = function(party) party:send("server-1", Ask {}) end,
    after = { 1, "asking" }, [Stop] = function() return af.done() end } } },
  server = { start = "open", states = { open = { may_end = true, [Ask] = function() end } } } } }
LUA
expect_output "not exhaustive (more than 8 copies of 'ask' from asker-1 to server-1 are on their way: the start sends it, nagging.lua:6)" \
    "$AFRUN" check nagging.lua --crash 1 --away 50

# Memory has a bound without being told one: half of what there is, or of what the process may have.
cat >endless.lua <<'LUA'
local af = require "af"
local Tick = af.event("tick", {})
return af.flow { name = "endless", mock = { clock = 1 }, roles = { clock = {
  data = function() return { ticks = 0 } end, start = "on", states = { on = {
    enter = function(party) party:send(party.id, Tick {}) end,
    [Tick] = function(party)
      party.data.ticks = party.data.ticks + 1
      party.data.text = ("%09d"):format(party.data.ticks):rep(20000)
      return "on"
    end } } } } }
LUA
if [[ $AFRUN != *sanitize* ]]; then # whose shadow takes terabytes
    bounded() { (ulimit -v 900000 && exec "$AFRUN" check endless.lua --jobs 1); }
    expect_output "not exhaustive (--memory): no violation so far" bounded
    expect_output "data.ticks of clock grows with the depth: it has reached " bounded
else
    skip 2 "a sanitizer's shadow takes terabytes"
fi
