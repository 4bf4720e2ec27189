#!/usr/bin/env bash
# Parts, makers of states and rows of every state (tests/data/parts): simulated, checked, and kept for real.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 24
source "$ROOT/tests/lib/parties.sh"
parts=$ROOT/tests/data/parts

# result NAME JSON ARGUMENT…: a party of the run ends with it.
result() {
    local name=$1 json=$2
    shift 2
    run "$AFRUN" "$@" --json
    if [ "$status" -eq 0 ] && grep -qF "$json" "$OUT"; then ok "$name"; else not_ok "$name" "$(explain "$json" "$@")"; fi
}

result "a part is a flow by itself" '"result":2,' "$parts/training.lua" --mock
result "its parameters are the arguments" 'ok' "$parts/training.lua" --mock --arg need=2 --arg round=7
result "a part stands at two places" '"result":{"total":4}' "$parts/twice.lua" --mock
expect_output "exhaustive within --away 2: no violation" "$AFRUN" check "$parts/training.lua" --drop 1 --crash 1 --timeouts 1
expect_output "exhaustive: no violation" "$AFRUN" check "$parts/twice.lua" --drop 1
expect_output "exhaustive within --away 2: no violation" "$AFRUN" check "$parts/twice.lua" --drop 1 --crash 1 --timeouts 1
expect_output "50 runs, 0 failed" "$AFRUN" "$parts/twice.lua" --mock --runs 50 --crash participant:0.3 --drop 0.05 --allow-fail
run "$AFRUN" check "$parts/twice.lua" --json
if grep -q "'first.collect'" "$OUT"; then not_ok "every state of the part is reached" "$(cat "$OUT")"; else ok "every state of the part is reached"; fi
sed 's/data.sum = data.sum + event.value/data.sum = data.sum + 3/' "$parts/training.lua" >training.lua
cp "$parts/twice.lua" .
expect_error "first: counted once" 1 "$AFRUN" twice.lua --mock
run "$AFRUN" twice.lua --mock --trace run.jsonl
run "$AFRUN" chart run.jsonl
if grep -qF '[first.collect]' "$OUT"; then ok "charts show the prefixed states"; else not_ok "charts show the prefixed states" "$(cat "$OUT")"; fi

# Alone, its parameters are arguments: lists, maps and records, too.
cat >lists.lua <<'LUA'
local af = require "af"
return af.part { name = "lists", mock = { one = 1 },
  params = { list = af.list(af.string), map = af.map(af.integer), record = af.record { x = af.optional(af.integer, 7) } },
  roles = { one = function(at)
    return { start = "a", states = { a = { enter = function(party)
      local list, map, record = at.param(party, "list"), at.param(party, "map"), at.param(party, "record")
      return at.done(party, ("%d %s %d %d"):format(#list, list[2], map.k, record.x))
    end } } }
  end } }
LUA
result "a part's parameters are lists, maps and records" '"result":"2 b 3 7"' lists.lua --mock --arg 'list=["a","b"]' \
    --arg 'map={"k":3}' --arg 'record={}'

# An invariant of a part looks at parties that have not entered it yet, and at those of another's states.
cat >later.lua <<'LUA'
local af = require "af"
local Add = require "adds"
return af.flow { name = "later", mock = { adder = 2 }, roles = { adder = { start = "before", states = {
  before = { after = { 1, "first" } }, first = Add.adder { done = "second" }, second = Add.adder {} } } } }
LUA
cat >adds.lua <<'LUA'
local af = require "af"
return af.part { name = "adds", mock = { adder = 1 }, roles = { adder = function(at)
  return { start = "one", states = { one = { enter = function(party)
    at.data(party).sum = (at.data(party).sum or 0) + 1
    return at.done(party, at.data(party).sum) end } } } end },
  invariants = { ["added once"] = function(world, at)
    for _, one in ipairs(world:with_role(at.role "adder")) do if (at.data(one).sum or 0) > 1 then return false end end
    return true
  end } }
LUA
expect_output "later: 2 parties done" "$AFRUN" later.lua --mock
expect_output "exhaustive: no violation" "$AFRUN" check later.lua

cat >named_twice.lua <<'LUA'
local af = require "af"
local Ask, Answer = af.event("ask", {}), af.event("answer", {})
return af.flow { name = "named_twice", mock = { server = 1, client = 2 }, roles = {
  server = { start = "collect", states = { collect = af.patterns.gather {
    from = { "client-2", "client-1", "client-2" }, ask = function() return Ask {} end, answer = Answer, every = 5,
    done = function(_, ids, missing) return af.done { ids = ids, missing = missing } end,
  } } },
  client = { start = "on", states = { on = { may_end = true, [Ask] = function(party, _, from) party:send(from, Answer {}) end } } },
} }
LUA
result "who is named twice is asked once, and counted once" '"result":{"ids":["client-2","client-1"],' named_twice.lua --mock
result "rows of every state, and a state's own" '"result":[2,1]' "$parts/always.lua" --mock
expect_output "exhaustive: no violation" "$AFRUN" check "$parts/always.lua" --fifo
sed '/\[Note\] = function(party) party.data.notes/s/\[Note\]/[af.PartyFailed]/; s/ignore = { Ask },/ignore = { Ask, Note },/' \
    "$parts/always.lua" >unused.lua
run "$AFRUN" check unused.lua --fifo
if [ "$(grep -c "party_failed' in every state" "$OUT")" -eq 1 ]; then
    ok "a row of every state that is never used is told once"
else not_ok "a row of every state that is never used is told once" "$(cat "$OUT")"; fi

result "who falls silent is suspected" '"result":{"suspects":["member-2"]}' "$parts/suspect.lua" --mock --arg mute=member-2
result "nobody is suspected who lives" '"result":"alive"' "$parts/suspect.lua" --mock
expect_output "20 runs, 0 failed" "$AFRUN" "$parts/suspect.lua" --mock --runs 20 --crash member:0.3
expect_output "no violation" "$AFRUN" check "$parts/suspect.lua"

# For real, and killed in the middle of a gather.
peers='aggregator=a;participant=p1,p2'
for name in p1 p2; do
    start_party $name "$parts/twice.lua" --bus local:bus.db --task t --node $name --role participant --peers "$peers" --state $name.db
done
AFRUN_KILL_AT=commit-after:3 start_party a "$parts/twice.lua" --bus local:bus.db --task t --node a --role aggregator \
    --peers "$peers" --state a.db
expect_ended a 137 "the aggregator is killed"
run "$AFRUN" "$parts/twice.lua" --bus local:bus.db --task t --node a --role aggregator --state a.db --json
if [ "$status" -eq 0 ] && grep -qF '"total":4' "$OUT"; then ok "and goes on"; else not_ok "and goes on" "$(explain ended run)"; fi
stop_all
