-- afrun FILE --mock: 2
-- :11: role 'a', state 'late': key 'on_enter' is neither an event type nor one of
local af = require "af"
return af.flow {
  name = "f",
  roles = {
    a = {
      start = "s",
      states = {
        s = { may_end = true },
        late = { enter = function() end,
          on_enter = "s" },
      },
    },
  },
}
