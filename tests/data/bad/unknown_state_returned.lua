-- 1: returned 'wroking', which is no state of role 'one'
local af = require "af"
return af.flow {
  name = "unknown_state_returned",
  mock = { one = 1 },
  roles = {
    one = {
      start = "working",
      states = {
        working = {
          enter = function(party) -- HERE
            return "wroking"
          end,
        },
      },
    },
  },
}
