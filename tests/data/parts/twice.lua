-- One part at two places of a flow. Expected: exit 0, and a sum of both.
local af = require "af"
local Training = require "training"

return af.flow {
  name = "twice",
  mock = { aggregator = 1, participant = 2 },
  roles = {
    aggregator = { start = "first", states = {
      first = Training.server { round = 1, done = function(party, sum)
        party.data.total = sum
        return "second"
      end, failed = "give_up" },
      second = Training.server { round = function() return 2 end, done = function(party, sum)
        return af.done { total = party.data.total + sum }
      end },
      give_up = { enter = function() return af.fail "too few" end },
    } },
    participant = { start = "first", states = {
      first = Training.client {},
      second = Training.client {},
    } },
  },
}
