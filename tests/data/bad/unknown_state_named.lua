-- 2: names the unknown state 'finsihed'
local af = require "af"
local Go = af.event("go")
return af.flow {
  name = "unknown_state_named",
  roles = { one = { start = "waiting", states = { waiting = { [Go] = "finsihed" } } } },
}
