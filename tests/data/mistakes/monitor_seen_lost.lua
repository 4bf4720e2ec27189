-- afrun FILE --mock: 1
-- it changes 'seen' and does not return it
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, monitors = { m = { step = function(seen, step) seen.n = 1 end } }, roles = { a = { start = "s", states = { s = {
  may_end = true,
} } } } }
