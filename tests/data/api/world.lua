-- Invariants see the world; it is read-only. Expected: exit 1, 'at most two' broken.
local af = require "af"

local Step = af.event("step", {})

return af.flow {
  name = "world", mock = { counter = 1, other = 2 },
  roles = {
    counter = { data = function() return { n = 0, list = { 1 } } end, start = "s", states = { s = {
      [Step] = function(party)
        party.data.n = party.data.n + 1
        if party.data.n == 3 then return af.done { n = 3 } end
        party:send(party.id, Step {})
      end,
      enter = function(party) party:send(party.id, Step {}) end,
    } } },
    other = { start = "s", states = { s = { may_end = true } } },
  },
  invariants = {
    ["looks right"] = function(world)
      local c = world.parties["counter-1"]
      af.expect(c.id == "counter-1" and c.role == "counter" and c.state == "s")
      af.expect(#c.data.list == 1 and #world:with_role("other") == 2)
      af.expect(world:count("counter", "s") == 1 and world:count("other", "s") == 2)
      af.expect(not pcall(world.count, world, "others", "s"))
      af.expect(not pcall(world.count, world, "other", "t"))
      af.expect(not pcall(function() c.data.n = 5 end) and not pcall(function() c.x = 5 end))
      local ids = {}
      for id in pairs(world.parties) do
        ids[#ids + 1] = id
      end
      af.expect(table.concat(ids, " ") == "counter-1 other-1 other-2")
      af.expect(c.ended == nil or (c.ended == "done" and c.result.n == 3))
      return true
    end,
    ["at most two"] = function(world) return world.parties["counter-1"].data.n <= 2 end,
  },
}
