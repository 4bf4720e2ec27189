-- afrun FILE --mock: 2
-- 'always': event 'x' is both 
local af = require "af"
local X = af.event("x", {})
return af.flow { name = "f", mock = { a = 1 }, roles = { a = { always = { defer = { X }, ignore = { X } }, start = "s", states = {
  s = { may_end = true },
} } } }
