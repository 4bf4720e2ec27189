-- afrun FILE --mock: 1
-- seen.f: a function cannot be kept
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, monitors = { m = { step = function(seen, step) return { f = print } end } }, roles = { a = { start = "s", states = { s = {
  may_end = true,
} } } } }
