-- afrun FILE --mock: 2
-- names the unknown state 'z'
local af = require "af"
local X = af.event("x", {})
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { always = { [X] = "z" }, start = "s", states = {
  s = { may_end = true },
} } } }
