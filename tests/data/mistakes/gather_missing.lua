-- afrun FILE --mock: 2
-- :6: af.patterns.gather: 'answer' is missing
local af = require "af"
local X = af.event("x", {})
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = {
  s = af.patterns.gather { from = { "a" }, every = 1, done = "s" },
} } } }
