-- 1: total
-- luacheck: ignore 111
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
