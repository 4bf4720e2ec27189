-- Heartbeats: who falls silent is suspected by the others. Expected: exit 0 with a mute third.
local af = require "af"

local Bye = af.event("bye", {})

return af.flow {
  name = "suspect",
  args = { mute = af.optional(af.id) },
  mock = { member = 3 },
  roles = { member = {
    start = "living",
    data = function() return { suspects = {} } end,
    always = af.patterns.suspect {
      every = 1, after = 3,
      suspected = function(party, id)
        table.insert(party.data.suspects, id)
        return "suspecting"
      end,
      who = function(party)
        local ids = {}
        for _, id in ipairs(party:nodes()) do
          if party.id ~= party.args.mute then table.insert(ids, id) end
        end
        return ids
      end,
      more = { [Bye] = function() return af.done "told" end },
    },
    states = {
      living = { after = { 10, function(party)
        if party.id == party.args.mute then return af.done "mute" end
        party:broadcast(Bye {})
        return af.done "alive"
      end } },
      suspecting = { after = { 4, function(party)
        party:broadcast(Bye {})
        return af.done { suspects = party.data.suspects }
      end } },
    },
  } },
}
