-- 1: cannot be changed: writing field
local af = require "af"
return af.flow {
  name = "write_args",
  mock = { one = 1 },
  roles = {
    one = {
      start = "working",
      states = {
        working = {
          enter = function(party)
            party.args.round = 1 -- HERE
            return af.done()
          end,
        },
      },
    },
  },
}
