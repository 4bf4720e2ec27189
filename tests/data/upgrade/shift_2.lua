--- A shift, version 2: the data of both have other names. Its invariant is shown the guest, who has
--- ended under version 1, as its migration leaves it.
local af = require "af"

return af.flow {
  name = "shift", version = 2,
  mock = { guest = 1, host = 1 },
  migrate = function(old)
    if old.role == "guest" then return { state = old.state, data = { chair = old.data.seat } } end
    return { state = old.state, data = { count = old.data.n } }
  end,
  roles = {
    guest = {
      data = function() return { chair = 7 } end,
      start = "leaving",
      states = { leaving = { enter = function() return af.done() end } },
    },
    host = {
      data = function() return { count = 0 } end,
      start = "counting",
      states = { counting = {
        after = { 1, function(party)
          party.data.count = party.data.count + 1
          return party.data.count == 10 and af.done() or "counting"
        end },
      } },
    },
  },
  invariants = {
    ["the host counts to ten"] = function(world)
      return world.parties["host-1"].data.count <= 10 and world.parties["guest-1"].data.chair == 7
    end,
  },
}
