-- afrun FILE --mock: 2
-- :6: af.patterns.ask: 'say' must be a function, got the event type 'x'
local af = require "af"
local X = af.event("x", {})
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = {
  s = af.patterns.ask { to = "a-1", say = X, answer = X, every = 1, done = "s" },
} } } }
