-- afrun FILE --mock: 1
-- seen.w: 
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, monitors = { m = { step = function(seen, step) return { w = step.world } end } }, roles = { a = { start = "s", states = { s = {
  may_end = true,
} } } } }
