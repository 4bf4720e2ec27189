-- afrun FILE --mock: 2
-- :6: af.patterns.gather: 'retries' is not an option of it; it has accept, answer
local af = require "af"
local X = af.event("x", {})
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = {
  s = af.patterns.gather { from = { "a-1" }, answer = X, every = 1, done = "t", retries = 2 },
} } } }
