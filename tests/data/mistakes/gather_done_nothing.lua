-- afrun FILE --mock: 1
-- af.patterns: `short` must return a state, af.done or af.fail
local af = require "af"
local X = af.event("x", {})
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = {
  s = af.patterns.gather { from = { "a-1" }, answer = X, every = 1, done = "s", short = function() end },
} } } }
