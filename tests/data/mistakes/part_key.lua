-- afrun FILE --mock: 2
-- af.part: key 'rols' is unknown; did you mean 'roles'?
local af = require "af"
local X = af.event("x", {})
local P = af.part { name = "p", rols = {} }
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = {
  s = {},
} } } }
