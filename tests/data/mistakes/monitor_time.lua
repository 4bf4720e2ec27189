-- afrun FILE --mock: 1
-- are not to be had by what judges a run
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, monitors = { m = { step = function(seen, step) return af.now() >= 0 and seen end } }, roles = { a = { start = "s", states = { s = {
  may_end = true,
} } } } }
