-- afrun FILE --mock: 1
-- :6: returned 'nope', which is no state of role 'a'
local af = require "af"
local X = af.event("x", {})
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = {
  s = af.patterns.gather { from = {}, answer = X, every = 1, done = function() return "nope" end },
} } } }
