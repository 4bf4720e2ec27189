-- 1: MiB
local af = require "af"
return af.flow {
  name = "big_string",
  mock = { one = 1 },
  roles = {
    one = {
      start = "working",
      states = {
        working = {
          enter = function(party)
            party.data.text = ("x"):rep(100 * 1000 * 1000) -- HERE
            return af.done()
          end,
        },
      },
    },
  },
}
