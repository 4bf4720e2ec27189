# Parties of a role share what their file has made where none of them could tell. What one of them
# keeps in a module that a handler loads, or in a list of an event, is never another's.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
echo 'return { n = 0 }' >counter.lua
cat >event.lua <<'LUA'
local af = require "af"
local Go = af.event("go", { items = af.list(af.integer) })
local kept = Go { items = {} }
return af.flow { name = "event", mock = { a = 3 }, roles = { a = { start = "on", states = { on = {
  enter = function()
    table.insert(kept.items, 1)
    return af.done(#kept.items)
  end } } } } }
LUA
cat >module.lua <<'LUA'
local af = require "af"
return af.flow { name = "module", mock = { a = 3 }, roles = { a = { start = "on", states = { on = {
  enter = function()
    local counter = require "counter"
    counter.n = counter.n + 1
    return af.done(counter.n)
  end } } } } }
LUA
for way in event module; do
    expect_output "3 parties done" "$AFRUN" $way.lua --mock --trace $way.jsonl
    expect_output "3" grep -c '"result":1}' $way.jsonl
done
