--- Counting together, version 1: to be upgraded to count_2.lua while it runs.
---
---   keeper → everyone     ask{round}       at the start of each round
---   counter → keeper      tell{round, n}   what it counted
---   keeper → everyone     over{}           after the last round
---
--- Try it:  afrun flows/upgrade/count_1.lua --mock --upgrade flows/upgrade/count_2.lua --runs 100

local af = require "af"

local Ask = af.event("ask", { round = af.integer })
local Tell = af.event("tell", { round = af.integer, n = af.integer })
local Over = af.event("over", {})

return af.flow {
  name = "count", version = 1,
  args = { rounds = af.optional(af.integer { min = 1 }, 5) },
  mock = { keeper = 1, counter = 3 },
  roles = {
    keeper = {
      data = function() return { round = 0, sum = 0, told = {}, again = 0 } end,
      start = "asking",
      states = {
        asking = {
          enter = function(party)
            local data = party.data
            data.round, data.told, data.again = data.round + 1, {}, 0
            if data.round > party.args.rounds then
              party:broadcast(Over {})
              return af.done { sum = data.sum }
            end
            party:send(party:nodes("counter"), Ask { round = data.round })
            return "hearing"
          end,
        },
        hearing = {
          [Tell] = function(party, event, from)
            local data = party.data
            if event.round ~= data.round or data.told[from] then return end
            data.told[from] = true
            data.sum = data.sum + event.n
            for _, id in ipairs(party:nodes("counter")) do
              if not data.told[id] then return end
            end
            return "asking"
          end,
          after = { 5, function(party)
            party.data.again = party.data.again + 1
            for _, id in ipairs(party:nodes("counter")) do
              if not party.data.told[id] then party:send(id, Ask { round = party.data.round }) end
            end
            return "hearing"
          end },
        },
      },
    },
    counter = {
      data = function() return { last = 0 } end,
      start = "counting",
      states = { counting = {
        [Ask] = function(party, event, from)
          party.data.last = event.round
          party:send(from, Tell { round = event.round, n = event.round })
        end,
        [Over] = function(party) return af.done { rounds = party.data.last } end,
        may_end = true, -- it answers as long as it is asked, and misses no more than the end
      } },
    },
  },
  invariants = {
    ["the sum is that of whole rounds and of who has told"] = function(world)
      local keeper = world:with_role("keeper")[1]
      return keeper.data.sum >= 0
    end,
  },
}
