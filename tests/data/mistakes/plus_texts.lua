-- afrun FILE --mock: 1
-- attempt to perform arithmetic on a string value (constant 'node '); texts are joined by '..'
local af = require "af"
local E = af.event("e", {})
return af.flow { name = "f", mock = { a = 2 }, roles = { a = { start = "s", states = { s = {
  enter = function(party) party:log("node " + party.id) end,
  [E] = function() end, may_end = true,
} } } } }
