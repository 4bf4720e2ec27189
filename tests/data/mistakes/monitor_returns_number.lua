-- afrun FILE --mock: 1
-- a step returns a table, nothing or false, got a number
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, monitors = { m = { step = function(seen, step) return 1 end } }, roles = { a = { start = "s", states = { s = {
  may_end = true,
} } } } }
