-- 1: levels
local af = require "af"
return af.flow {
  name = "data_deep",
  mock = { one = 1 },
  roles = {
    one = {
      start = "working",
      states = {
        working = {
          enter = function(party) -- HERE
            local inner = party.data
            for _ = 1, 200 do
              inner.next = {}
              inner = inner.next
            end
            return af.done()
          end,
        },
      },
    },
  },
}
