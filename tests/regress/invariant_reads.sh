# An invariant is asked again as soon as anything has changed that it had looked at, in whatever way it looks; and what
# it sees of large data, which are read late, is all of them. One that keeps something is asked at each step, and what
# it keeps stays as it was.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
plan 20
cat >looks.lua <<'LUA'
local af = require "af"
local function ticked(one)
  local items = one.data.items
  return items ~= nil and #items or 0
end
local function role(world) return ticked(world:with_role("clock")[1]) end
local function id(world) return ticked(world.parties["clock-1"]) end
local function each_party(world)
  local most = 0
  for _, one in pairs(world.parties) do most = math.max(most, ticked(one)) end
  return most
end
local function whole(world)
  for name, value in pairs(world) do
    if name == "parties" then return ticked(value["clock-1"]) end
  end
end
local function late(world) -- it looks at another role until this one has moved
  local still = world:with_role("idle")[1].data.text == nil
  return not still and ticked(world:with_role("clock")[1]) or 0
end
local function each(world)
  local count = 0
  for key, value in pairs(world:with_role("clock")[1].data) do
    if key == "items" then for _ in ipairs(value) do count = count + 1 end end
  end
  return count
end
return af.flow {
  name = "looks", mock = { clock = 1, idle = 1 },
  roles = {
    clock = {
      data = function() return { items = {} } end,
      start = "on", states = { on = { after = { 1, function(party)
        table.insert(party.data.items, ("x"):rep(100))
        if #party.data.items == 12 then return af.done(12) end
        return "on"
      end } } } },
    idle = { start = "on", states = { on = { after = { 3.5, function(party)
      party.data.text = ("y"):rep(300)
      return af.done()
    end } } } },
  },
  invariants = { ["few ticks"] = function(world) return WAY(world) <= 7 end },
}
LUA
for way in role id each_party whole late each; do
    sed "s/WAY/$way/" looks.lua >$way.lua
    expect_error "few ticks" 1 "$AFRUN" $way.lua --mock --trace $way.jsonl
    expect_output '"t":8000000000' tail -n 1 $way.jsonl
done

# What one keeps is what it was given then; another may look at it, and a module may keep it, too.
cat >store.lua <<'LUA'
return { most = 0 }
LUA
cat >keeps.lua <<'LUA'
local af = require "af"
local store = { most = 0 }
local before, parties
local function sum(list)
  local all = 0
  for _, one in ipairs(list) do all = all + (one.data.n or 0) end
  return all
end
local function falls(world)
  local now = world:with_role("clock")
  local fell = before ~= nil and sum(now) < sum(before)
  before = now
  return fell
end
local function kept(world)
  parties = parties or world.parties
  return parties["clock-1"].data.n == 4
end
local function handed(world)
  return world:with_role("idle")[1].data.text == nil and store.most == 7
end
local function required(world)
  local mine = require "store"
  return world:with_role("idle")[1].data.text == nil and mine.most == 7
end
return af.flow {
  name = "keeps", mock = { clock = 1, idle = 1 },
  roles = {
    clock = { data = function() return { n = 0 } end, start = "on", states = { on = { after = { 1, function(party)
      local n = party.data.n
      party.data.n = n == 7 and 4 or n + 1
      return "on"
    end } } } },
    idle = { start = "on", states = { on = { after = { 30, function() return af.done() end } } } },
  },
  invariants = {
    ["a look"] = function(world)
      store.most = math.max(store.most, sum(world:with_role("clock")))
      return true
    end,
    ["a look for a module"] = function(world)
      local mine = require "store"
      mine.most = math.max(mine.most, sum(world:with_role("clock")))
      return true
    end,
    ["it holds"] = function(world) return not WAY(world) end,
  },
}
LUA
while read -r way second; do
    sed "s/WAY/$way/" keeps.lua >$way.lua
    expect_error "it holds" 1 "$AFRUN" $way.lua --mock --trace $way.jsonl
    expect_output "\"t\":${second}000000000," tail -n 1 $way.jsonl
done <<'ROWS'
falls 8
kept 4
handed 7
required 7
ROWS
