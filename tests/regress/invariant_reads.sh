# An invariant is asked again as soon as anything has changed that it had looked at, in whatever way it looks; and what
# it sees of large data, which are read late, is all of them.
source "$(dirname "${BASH_SOURCE[0]}")/../lib/e2e.sh"
cat >looks.lua <<'LUA'
local af = require "af"
local function ticked(one)
  local items = one.data.items
  return items ~= nil and #items or 0
end
local kept
local ways = {
  kept = function(world)
    kept = kept or world.parties
    return ticked(kept["clock-1"])
  end,
  role = function(world) return ticked(world:with_role("clock")[1]) end,
  id = function(world) return ticked(world.parties["clock-1"]) end,
  pairs = function(world)
    local most = 0
    for _, one in pairs(world.parties) do most = math.max(most, ticked(one)) end
    return most
  end,
  world = function(world)
    for name, value in pairs(world) do
      if name == "parties" then return ticked(value["clock-1"]) end
    end
  end,
  late = function(world) -- it looks at another role until this one has moved
    local still = world:with_role("idle")[1].data.text == nil
    return not still and ticked(world:with_role("clock")[1]) or 0
  end,
  each = function(world)
    local count = 0
    for key, value in pairs(world:with_role("clock")[1].data) do
      if key == "items" then for _ in ipairs(value) do count = count + 1 end end
    end
    return count
  end,
}
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
  invariants = { ["few ticks"] = function(world) return ways.WAY(world) <= 7 end },
}
LUA
for way in kept role id pairs world late each; do
    sed "s/ways\.WAY/ways.$way/" looks.lua >$way.lua
    expect_error "few ticks" 1 "$AFRUN" $way.lua --mock --trace $way.jsonl
    expect_output '"t":8000000000' tail -n 1 $way.jsonl
done
