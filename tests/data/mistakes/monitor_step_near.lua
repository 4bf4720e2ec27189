-- afrun FILE --mock: 1
-- a monitor's step has no 'kin'; did you mean 'kind'?
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, monitors = { m = { step = function(seen, step) return step.kin == "a-1" end } }, roles = { a = { start = "s", states = { s = {
  may_end = true,
} } } } }
