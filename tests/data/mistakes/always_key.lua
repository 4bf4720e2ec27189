-- afrun FILE --mock: 2
-- :5: role 'a', 'always': key 'enter' is neither an event type nor one of defer, ignore, timeout
local af = require "af"
local X = af.event("x", {})
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { always = { enter = "s" }, start = "s", states = {
  s = { may_end = true },
} } } }
