-- afrun FILE --mock: 1
-- the world has no 'partys'; did you mean 'parties'?
local af = require "af"
return af.flow { name = "f", mock = { a = 1 }, invariants = { ["x"] = function(world) return world.partys end }, roles = { a = { start = "s", states = { s = {
  may_end = true,
} } } } }
