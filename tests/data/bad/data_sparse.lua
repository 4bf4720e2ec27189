-- 1: data.rounds[11]: a sparse list cannot be kept; use tostring(11) as the key
local af = require "af"
return af.flow {
  name = "data_sparse",
  mock = { one = 1 },
  roles = {
    one = {
      start = "working",
      states = {
        working = {
          enter = function(party) -- HERE
            party.data.rounds = { [1] = "a", [11] = "b" }
            return af.done()
          end,
        },
      },
    },
  },
}
