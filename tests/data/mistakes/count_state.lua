-- afrun FILE --mock: 1
-- world:count: the role has no state 'siting'; did you mean 'sitting'?
local af = require "af"
return af.flow { name = "f", roles = { worker = { start = "sitting", states = { sitting = { enter = function() return af.done() end } } } },
  invariants = { x = function(world) return world:count("worker", "siting") == 1 end } }
