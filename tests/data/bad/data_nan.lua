-- 1: data.loss: NaN
local af = require "af"
return af.flow {
  name = "data_nan",
  mock = { one = 1 },
  roles = {
    one = {
      start = "working",
      states = {
        working = {
          enter = function(party) -- HERE
            party.data.loss = 0 / 0
            return af.done()
          end,
        },
      },
    },
  },
}
