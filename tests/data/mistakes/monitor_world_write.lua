-- afrun FILE --mock: 1
-- 'world' cannot be changed: writing field 'state'
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, monitors = { m = { step = function(seen, step) step.world.parties["a-1"].state = "x" end } }, roles = { a = { start = "s", states = { s = {
  may_end = true,
} } } } }
