--- A shift, version 1: a guest that has ended long before the upgrade, and a host that counts.
local af = require "af"

return af.flow {
  name = "shift", version = 1,
  mock = { guest = 1, host = 1 },
  roles = {
    guest = {
      data = function() return { seat = 7 } end,
      start = "leaving",
      states = { leaving = { enter = function() return af.done() end } },
    },
    host = {
      data = function() return { n = 0 } end,
      start = "counting",
      states = { counting = {
        after = { 1, function(party)
          party.data.n = party.data.n + 1
          return party.data.n == 10 and af.done() or "counting"
        end },
      } },
    },
  },
  invariants = {
    ["the host counts to ten"] = function(world)
      return world.parties["host-1"].data.n <= 10 and world.parties["guest-1"].data.seat == 7
    end,
  },
}
