-- afrun FILE --mock: 1
-- 'a monitor's step' cannot be changed: writing field 'kind'
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, monitors = { m = { step = function(seen, step) step.kind = "x" end } }, roles = { a = { start = "s", states = { s = {
  may_end = true,
} } } } }
