-- afrun FILE --mock: 2
-- part 'p' has no roles
local af = require "af"
local X = af.event("x", {})
local P = af.part { name = "p" }
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = {
  s = {},
} } } }
