-- afrun FILE --mock: 1
-- a party in the world has no 'stat'; did you mean 'state'?
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, invariants = { ["x"] = function(world) return world:with_role("a")[1].stat == "s" end }, roles = { a = { start = "s", states = { s = {
  may_end = true,
} } } } }
