-- secure_sum.lua: a secure sum of `size` numbers of each client; floor_numbers.c does its work.
local af = require "af"
local Secure = require "secure_aggregation"

local function role(make)
  return { start = "sum", states = { sum = make {
    threshold = function(party) return #party:nodes "client" // 2 + 1 end,
    done = function(_, sum) return af.done(sum and #sum.clients) end,
    vector = make == Secure.client and function(party)
      return af.vector.zeros(party.args.size, "u64")
    end or nil,
  } } }
end

return af.flow {
  name = "secure_sum",
  mock = { server = 1, client = 20 },
  args = { size = af.optional(af.integer { min = 1 }, 1000000) },
  roles = { server = role(Secure.server), client = role(Secure.client) },
}
