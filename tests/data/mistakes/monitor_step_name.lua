-- afrun FILE --mock: 1
-- a monitor's step has no 'sender'; it has kind, party, role, event, from, state, timer, to, world
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, monitors = { m = { step = function(seen, step) return step.sender == "a-1" end } }, roles = { a = { start = "s", states = { s = {
  may_end = true,
} } } } }
