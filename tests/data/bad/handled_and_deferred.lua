-- 2: event 'go' is both
local af = require "af"
local Go = af.event("go")
return af.flow {
  name = "handled_and_deferred",
  roles = { one = { start = "a", states = { a = { [Go] = "a", defer = { Go } } } } },
}
