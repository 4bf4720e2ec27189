-- 1: event 'vote': field 'value': expected an integer, got "many"
local af = require "af"
local Vote = af.event("vote", { value = af.integer })
return af.flow {
  name = "wrong_type",
  mock = { one = 1 },
  roles = {
    one = {
      start = "working",
      states = {
        working = {
          enter = function(party)
            party:send(party.id, Vote { value = "many" }) -- HERE
          end,
        },
      },
    },
  },
}
