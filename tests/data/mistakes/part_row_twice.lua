-- afrun FILE --mock: 2
-- role 'a', state 's.q': event 'x' is both
local af = require "af"
local X = af.event("x", {})
local P = af.part { name = "p", roles = { r = function() return { start = "q", states = { q = { defer = { X }, ignore = { X } } } } end } }
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = {
  s = P.r {},
} } } }
