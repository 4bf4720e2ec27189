-- 2: key 'on_enter' is neither an event type nor one of
local af = require "af"
return af.flow {
  name = "unknown_key",
  roles = { one = { start = "a", states = { a = { on_enter = function() end } } } },
}
