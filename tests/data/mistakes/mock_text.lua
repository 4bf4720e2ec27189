-- afrun FILE --mock: 2
-- 'mock' needs a number of parties for role 'a', got a string
local af = require "af"
local E = af.event("e", {})
return af.flow { name = "f", mock = { a = "2" }, roles = { a = { start = "s", states = { s = {
  
  [E] = function() end, may_end = true,
} } } } }
