-- afrun FILE --mock: 1
-- :6: a handler returns the next state's name, nothing, af.done() or af.fail(); got the event type 'x'
local af = require "af"
local X = af.event("x", {})
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = {
  s = af.patterns.gather { from = {}, answer = X, every = 1, done = function() return X end },
} } } }
