-- afrun FILE --mock: 2
-- Lua has no '?'; write c and a or b
local af = require "af"
local E = af.event("e", {})
return af.flow { name = "f", mock = { a = 2 }, roles = { a = { start = "s", states = { s = {
  enter = function(party) party.data.n = party.data.m ? 1 : 2 end,
  [E] = function() end, may_end = true,
} } } } }
