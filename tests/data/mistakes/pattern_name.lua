-- afrun FILE --mock: 2
-- :6: af.patterns has no 'gater'; did you mean 'gather'?
local af = require "af"
local X = af.event("x", {})
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = {
  s = af.patterns.gater {},
} } } }
