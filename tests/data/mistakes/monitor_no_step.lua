-- afrun FILE --mock: 2
-- monitor 'm': 'step' must be a function(seen, step), got a nil
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, monitors = { m = { start = {} } }, roles = { a = { start = "s", states = { s = {
  may_end = true,
} } } } }
