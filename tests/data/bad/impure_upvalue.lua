-- 1: total
local af = require "af"
local total = 0
return af.flow {
  name = "impure_upvalue",
  mock = { one = 1 },
  roles = {
    one = {
      start = "working",
      states = {
        working = {
          enter = function(party)
            total = total + 1 -- HERE
            return af.done(total)
          end,
        },
      },
    },
  },
}
