-- 1: total
local af = require "af"
return af.flow {
  name = "impure_global",
  mock = { one = 1 },
  roles = {
    one = {
      start = "working",
      states = {
        working = {
          enter = function(party)
            total = 1 -- HERE
            return af.done()
          end,
        },
      },
    },
  },
}
