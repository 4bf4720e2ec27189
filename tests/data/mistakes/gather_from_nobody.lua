-- afrun FILE --mock: 1
-- gather_from_nobody.lua:5: send: 'nobody' is no node of the task
local af = require "af"
local X = af.event("x", {})
local s = af.patterns.gather { from = { "nobody" }, ask = function() return X {} end, answer = X, every = 1, done = "t" }
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = {
  s = s,
  t = { enter = function() return af.done() end },
} } } }
