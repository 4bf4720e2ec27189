#!/usr/bin/env bash
# An empty list that came is an empty list that goes, where no type says what it is: through events, data, results and
# the service; and what is behind a metatable is refused by every type alike.
source "$(dirname "$0")/../lib/e2e.sh"
plan 22
source "$ROOT/tests/lib/parties.sh"
source "$ROOT/tests/lib/serve.sh"

cat >flow.lua <<'LUA'
local af = require "af"
local Any = af.event("any", { x = af.any })
local Typed = af.event("typed", { rows = af.list(af.list(af.integer)), names = af.map(af.any) })
return af.flow { name = "flow", mock = { a = 1, b = 1 }, roles = {
  a = { start = "asks", states = { asks = {
    enter = function(party) party:send("b-1", Typed { rows = { {}, { 1 } }, names = {} }) end,
    [Any] = function(party, event) return af.done(event.x) end } } },
  b = { start = "hears", states = {
    hears = { [Typed] = function(party, event)
      local emptied = { 1 }
      table.remove(emptied)
      party.data = { kept = event.rows, names = event.names, plain = {}, list = af.array {}, emptied = emptied,
        soon = { 1, 2 }, other = af.array { 3 }, nobody = party:nodes "a" }
      return "waits"
    end },
    waits = { after = { 1, function(party)
      local data = party.data
      data.soon[1], data.soon[2], data.nobody[1] = nil, nil, nil -- lists when they were kept
      data.other[1] = nil
      data.list.name = "no list any more"
      assert(getmetatable(data.kept) == nil and #data.kept[1] == 0 and rawlen(data.kept) == 2)
      return "tells"
    end } },
    tells = { after = { 1, function(party)
      party.data.list.name = nil
      party:send("a-1", Any { x = party.data })
      return af.done(party.data)
    end } },
  } },
} }
LUA
check "the flow ends well" "$AFRUN" flow.lua --mock --trace run.jsonl --trace-data
kept='{"emptied":{},"kept":[[],[1]],"list":{},"names":{},"nobody":[],"other":[],"plain":{},"soon":[]}'
[ "$(grep -cF "\"kind\":\"done\",\"party\":\"a-1\",\"result\":$kept" run.jsonl)" = 1 ] &&
    [ "$(grep -cF "\"kind\":\"done\",\"party\":\"b-1\",\"result\":$kept" run.jsonl)" = 1 ] &&
    ok "lists stay lists in data, events and results" ||
    not_ok "lists stay lists in data, events and results" "$(grep '"done"' run.jsonl)"
check "a replay agrees" "$AFRUN" replay run.jsonl
check "a check agrees" "$AFRUN" check flow.lua

# A party that crashes and comes back from what it kept gives the same.
for seed in 1 2 3 4 5; do
    run "$AFRUN" flow.lua --mock --crash b:0.9 --seed $seed --trace crash.jsonl
    grep -qF "\"kind\":\"done\",\"party\":\"a-1\",\"result\":$kept" crash.jsonl || break
done
grep -q '"kind":"crash"' crash.jsonl && [ $seed = 5 ] && ok "and so do parties that crash" ||
    not_ok "and so do parties that crash" "$(explain "seed $seed" mock)"

# What is no plain table.
for field in 'l = af.list(af.integer)' 'm = af.map(af.integer)' 'r = af.record { a = af.optional(af.integer) }' 'x = af.any'; do
    name=${field%% *}
    cat >behind.lua <<LUA
local af = require "af"
local E = af.event("e", { $field })
return af.flow { name = "behind", mock = { a = 1 }, roles = { a = { start = "s", states = { s = { enter = function(party)
  party:send(party.id, E { $name = setmetatable({}, { __index = { 1, a = 1 }, __len = function() return 1 end }) })
end } } } } }
LUA
    expect_error "behind.lua:4: event 'e': field '$name': expected" 1 "$AFRUN" behind.lua --mock
    grep -q 'metatable' "$ERR" && ok "${field#* = } says what is wrong" || not_ok "${field#* = } says what is wrong" "$(cat "$ERR")"
done
for wrong in '{ a = 1 }' '{ [2] = 1 }' 'setmetatable({}, {})' '1'; do
    printf '%s\n' 'local af = require "af"' "af.array($wrong)" >wrong.lua
    expect_error "wrong.lua:2: " 2 "$AFRUN" wrong.lua --mock
done

# Over the service: what a plain client sends is passed on as it came.
start_serve --prefix-nodes --open-tasks || not_ok "the service starts" "$(cat serve.err)"
cat >forward.lua <<'LUA'
local af = require "af"
local E = af.event("e", { x = af.any })
return af.flow { name = "forward", roles = {
  b = { start = "s", states = { s = { [E] = function(party, event)
    party.data.last = event
    party:send("c", event)
    return "again"
  end }, again = { after = { 0.01, function(party)
    party:send("c", E { x = party.data.last.x })
    return af.done(party.data.last.x)
  end } } } },
  c = { start = "s", states = { s = { may_end = true } } },
} }
LUA
came='{"layers":[],"meta":{},"nested":[[],{}]}'
ask a push "$(message T '["b"]' "{\"type\":\"e\",\"x\":$came}")" >/dev/null
start_party b forward.lua --role b --node b --task T --bus "$URL/node/b" --peers 'b=b;c=c,a' --state b.db --json
expect_ended b 0 "the party ends well"
expect_in b.out "\"result\":$came" "its result is as it came"
for way in "at once" "after it was kept"; do
    says "and it leaves so, $way" "\"message_content\":{\"type\":\"e\",\"x\":$came}" "$(ask c pop '{"task_id":"T","channel":"federated"}')"
done
stop_serve
