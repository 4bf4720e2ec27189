-- afrun FILE --mock: 2
-- 'answer' must be an event type or a list of them
local af = require "af"
local X = af.event("x", {})
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = {
  s = af.patterns.gather { from = { "a-1" }, answer = { "x" }, every = 1, done = "t" },
  t = { enter = function() return af.done() end },
} } } }
