-- 2: 'start' must name one of its states, got
local af = require "af"
return af.flow {
  name = "unknown_start",
  roles = { one = { start = "wating", states = { waiting = { may_end = true } } } },
}
