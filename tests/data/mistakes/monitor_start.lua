-- afrun FILE --mock: 2
-- monitor 'm': 'start' must be a table or a function(world), got a number
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, monitors = { m = { start = 0, step = function() end } }, roles = { a = { start = "s", states = { s = {
  may_end = true,
} } } } }
