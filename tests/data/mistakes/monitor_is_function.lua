-- afrun FILE --mock: 2
-- monitor 'm': must be { start = …, step = function(seen, step) … end }, got a function
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, monitors = { m = function(seen, step) end }, roles = { a = { start = "s", states = { s = {
  may_end = true,
} } } } }
