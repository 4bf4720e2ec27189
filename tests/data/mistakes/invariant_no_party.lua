-- afrun FILE --mock: 1
-- the world has no party 'a1'; did you mean 'a-1'?
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, invariants = { ["x"] = function(world) return world.parties.a1 end }, roles = { a = { start = "s", states = { s = {
  may_end = true,
} } } } }
