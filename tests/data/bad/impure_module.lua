-- 1: counter
local af = require "af"
local counter = require "counter"
return af.flow {
  name = "impure_module",
  mock = { one = 1 },
  roles = {
    one = {
      start = "working",
      states = {
        working = {
          enter = function(party)
            counter.total = counter.total + 1 -- HERE
            return af.done()
          end,
        },
      },
    },
  },
}
