-- afrun FILE --mock: 1
-- write `return` before what must hold
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, invariants = { ["never"] = function(world) local ok = 1 == 2 end }, roles = { a = { start = "s", states = { s = {
  may_end = true,
} } } } }
