-- afrun FILE --mock: 2
-- monitor 'm': start.f: a function cannot be kept
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, monitors = { m = { start = { f = print }, step = function() end } }, roles = { a = { start = "s", states = { s = {
  may_end = true,
} } } } }
