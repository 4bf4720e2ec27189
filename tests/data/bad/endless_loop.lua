-- 1: instructions
local af = require "af"
return af.flow {
  name = "endless_loop",
  mock = { one = 1 },
  roles = {
    one = {
      start = "working",
      states = {
        working = {
          enter = function(party)
            local n = 0
            while true do n = n + 1 end -- HERE
          end,
        },
      },
    },
  },
}
