-- afrun FILE --mock: 1
-- gather_from_nothing.lua:6:
local af = require "af"
local X = af.event("x", {})
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = {
  s = af.patterns.gather { from = function() end, answer = X, every = 1, done = function() return af.done() end },
} } } }
