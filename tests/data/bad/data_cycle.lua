-- 1: data.me
local af = require "af"
return af.flow {
  name = "data_cycle",
  mock = { one = 1 },
  roles = {
    one = {
      start = "working",
      states = {
        working = {
          enter = function(party) -- HERE
            party.data.me = party.data
            return af.done()
          end,
        },
      },
    },
  },
}
