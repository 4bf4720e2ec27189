-- afrun FILE --mock: 2
-- Lua writes function(x) … end
local af = require "af"
local E = af.event("e", {})
return af.flow { name = "f", mock = { a = 2 }, roles = { a = { start = "s", states = { s = {
  enter = (party) => party:log("begins"),
  [E] = function() end, may_end = true,
} } } } }
