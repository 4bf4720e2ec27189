-- afrun FILE --mock: 2
-- :6: af.patterns.gather: 'tries' must be an integer >= 1, got 0
local af = require "af"
local X = af.event("x", {})
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = {
  s = af.patterns.gather { from = { "a-1" }, answer = X, every = 1, tries = 0, done = "s" },
} } } }
