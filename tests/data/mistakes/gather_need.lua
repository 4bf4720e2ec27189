-- afrun FILE --mock: 2
-- :6: af.patterns.gather: 'need' must be an integer >= 0, got -1
local af = require "af"
local X = af.event("x", {})
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = {
  s = af.patterns.gather { from = { "a-1" }, answer = X, every = 1, need = -1, done = "s" },
} } } }
