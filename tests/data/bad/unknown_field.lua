-- 1: event 'vote': field 'valeu'
local af = require "af"
local Vote = af.event("vote", { value = af.integer })
return af.flow {
  name = "unknown_field",
  mock = { one = 1 },
  roles = {
    one = {
      start = "working",
      states = {
        working = {
          enter = function(party)
            party:send(party.id, Vote { value = 1, valeu = 2 }) -- HERE
          end,
        },
      },
    },
  },
}
