-- 1: cannot be changed: writing field
local af = require "af"
local Vote = af.event("vote", { value = af.integer })
return af.flow {
  name = "write_event",
  mock = { one = 1 },
  roles = {
    one = {
      start = "working",
      states = {
        working = {
          enter = function(party)
            local vote = Vote { value = 1 }
            vote.value = 2 -- HERE
          end,
        },
      },
    },
  },
}
