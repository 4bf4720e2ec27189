-- afrun FILE --mock: 2
-- must be a function that returns { start =, states = }
local af = require "af"
local X = af.event("x", {})
local P = af.part { name = "p", roles = { r = function() return {} end } }
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = {
  s = P.r {},
} } } }
