-- 1: instructions
local af = require "af"
return af.flow {
  name = "endless_pcall",
  mock = { one = 1 },
  roles = {
    one = {
      start = "working",
      states = {
        working = {
          enter = function(party)
            while true do pcall(function() while true do party:now() end end) end -- HERE
          end,
        },
      },
    },
  },
}
