-- afrun FILE --mock: 1
-- :6: af.patterns: 'tries' must be an integer >= 1, got 1.5
local af = require "af"
local X = af.event("x", {})
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = {
  s = af.patterns.gather { from = { "a-1" }, answer = X, every = 1, tries = function() return 1.5 end, done = "s" },
} } } }
