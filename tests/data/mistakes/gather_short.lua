-- afrun FILE --mock: 1
-- 0 of 1 have answered
local af = require "af"
local X = af.event("x", {})
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = {
  s = af.patterns.gather { from = { "a-1" }, answer = X, every = 1, done = "t" },
  t = { enter = function() return af.done() end },
} } } }
