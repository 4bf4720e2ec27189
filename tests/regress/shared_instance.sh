# Parties of a role share what their file has made where none of them could tell. What one of them
# keeps in a module that a handler loads, or in a list of an event, is never another's; nor is what it
# would keep among the globals, by whatever way, or the number of an object.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 10
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
cat >number.lua <<'LUA'
local af = require "af"
local first = tostring(function() end)
return af.flow { name = "number", mock = { a = 3 }, roles = { a = { start = "on", states = { on = {
  enter = function() return af.done(first .. tostring {} == "function: 1table: 2" and 1 or 0) end,
} } } } }
LUA
cat >global.lua <<'LUA'
local af = require "af"
local function refused(set)
  local fine, why = pcall(set)
  return not fine and tostring(why):find("outside of party.data", 1, true) ~= nil
end
return af.flow { name = "global", mock = { a = 3 }, roles = { a = { start = "on", states = { on = {
  enter = function()
    local ways = {
      function() _G = 1 end,
      function() _ENV._G = nil end,
      function() rawset(_G, "n", 1) end,
      function() rawset(_ENV, "_G", 1) end,
      function() table.insert(_G, 1) end,
      function() table.move({ 1 }, 1, 1, 1, _G) end,
    }
    for i, way in ipairs(ways) do assert(refused(way), i) end
    return af.done(rawequal(_G, _ENV) and rawget(_G, "n") == nil and next(_G) == nil and 1 or 0)
  end } } } } }
LUA
for way in event module number global; do
    expect_output "3 parties done" "$AFRUN" $way.lua --mock --trace $way.jsonl
    expect_output "3" grep -c '"result":1}' $way.jsonl
done

# A step that is stopped for what it takes leaves nothing of that to the next one.
cat >stopped.lua <<'LUA'
local af = require "af"
local function work(n)
  local sum = 0
  for i = 1, n do sum = sum + i end
  return sum
end
return af.flow { name = "stopped", mock = { a = 3 }, roles = { a = { start = "on", states = { on = {
  enter = function(party)
    if party.id == "a-1" then while true do end end
    if party.id == "a-2" then work(10000) return { ("x"):rep(1 << 27) } end
    return af.done(work(300000))
  end } } } } }
LUA
"$AFRUN" stopped.lua --mock >stopped.out 2>stopped.err
expect_output "1 party done, 2 failed" cat stopped.out
expect_output "stopped.lua:10: used more than 64 MiB of memory in one step" cat stopped.err
