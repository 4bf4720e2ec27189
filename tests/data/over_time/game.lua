--- A part with a monitor: who serves, serves once. A flow by itself, and a part of parts.lua.

local af = require "af"
local Ball = af.event("ball", {})

return af.part {
  name = "game",
  params = { serves = af.optional(af.integer { min = 0 }, 1) },
  mock = { left = 1, right = 1 },
  roles = {
    left = function(at) return { start = "serving", states = {
      serving = {
        enter = function(party)
          local served = party:nodes(at.role "right")
          for _ = 1, at.param(party, "serves") do party:send(served, Ball {}) end
        end,
        [Ball] = function(party) return at.done(party) end,
      },
    } } end,
    right = function() return { start = "playing", states = {
      playing = { may_end = true, [Ball] = function(party, _, from) party:send(from, Ball {}) end },
    } } end,
  },
  monitors = {
    ["rally"] = {
      start = function(world, at)
        return { balls = 0, players = #world:with_role(at.role "left") }
      end,
      step = function(seen, step, at)
        if step.kind ~= "send" or step.state ~= at.state "serving" then return end
        seen.balls = seen.balls + 1
        return seen.balls <= seen.players and seen
      end,
    },
  },
}
