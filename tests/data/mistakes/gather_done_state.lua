-- afrun FILE --mock: 2
-- role 'a', state 's': 'done' names the unknown state 'finnish'; did you mean 'finish'?
local af = require "af"
local X = af.event("x", {})
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { start = "s", states = {
  s = af.patterns.gather { from = { "a-1" }, answer = X, every = 1, done = "finnish" }, finish = { may_end = true },
} } } }
