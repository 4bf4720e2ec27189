-- afrun FILE --mock: 2
-- :6: af.patterns: 'answer' is an empty list: there is nothing to wait for
local af = require "af"
local X = af.event("x", {})
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = {
  s = af.patterns.gather { from = { "a-1" }, answer = {}, every = 1, done = "s" },
} } } }
