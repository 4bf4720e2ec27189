--- A planted bug: votes are counted, not voters. A vote that comes twice counts twice.

local af = require "af"

local Vote = af.event("vote", { voter = af.id })

return af.flow {
  name = "double_count",
  mock = { collector = 1, voter = 3 },
  roles = {
    collector = {
      data = function() return { votes = 0, voters = {} } end,
      start = "counting",
      states = {
        counting = {
          [Vote] = function(party, event)
            party.data.votes = party.data.votes + 1
            party.data.voters[event.voter] = true
            if party.data.votes == #party:nodes("voter") then return af.done(party.data.votes) end
          end,
        },
      },
    },
    voter = {
      start = "voting",
      states = {
        voting = {
          enter = function(party)
            party:send(party:nodes("collector")[1], Vote { voter = party.id })
            return af.done()
          end,
        },
      },
    },
  },
  invariants = {
    ["each voter counts once"] = function(world)
      local collector = world:with_role("collector")[1]
      local voters = 0
      for _ in pairs(collector.data.voters) do voters = voters + 1 end
      return collector.data.votes == voters
    end,
  },
}
