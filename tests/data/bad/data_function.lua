-- 1: data.callback: a function cannot be kept
local af = require "af"
return af.flow {
  name = "data_function",
  mock = { one = 1 },
  roles = {
    one = {
      start = "working",
      states = {
        working = {
          enter = function(party) -- HERE
            party.data.callback = function() return 1 end
            return af.done()
          end,
        },
      },
    },
  },
}
