-- 1: read-only
local af = require "af"
return af.flow {
  name = "write_party",
  mock = { one = 1 },
  roles = {
    one = {
      start = "working",
      states = {
        working = {
          enter = function(party)
            party.round = 1 -- HERE
            return af.done()
          end,
        },
      },
    },
  },
}
