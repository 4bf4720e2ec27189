-- afrun FILE --mock: 1
-- log_dot.lua:6: party:log: call it with a colon
local af = require "af"
local E = af.event("e", {})
return af.flow { name = "f", mock = { a = 2 }, roles = { a = { start = "s", states = { s = {
  enter = function(party) party.log("begins") end,
  [E] = function() end, may_end = true,
} } } } }
