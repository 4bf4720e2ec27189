-- afrun FILE --mock: 1
-- nodes_dot.lua:6: party:nodes: call it with a colon
local af = require "af"
local E = af.event("e", {})
return af.flow { name = "f", mock = { a = 2 }, roles = { a = { start = "s", states = { s = {
  enter = function(party) party:send(party.nodes("a"), E {}) end,
  [E] = function() end, may_end = true,
} } } } }
