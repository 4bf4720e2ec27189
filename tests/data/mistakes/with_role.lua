-- afrun FILE --mock: 1
-- world:with_role: the flow has no role 'workers'; did you mean 'worker'?
local af = require "af"
return af.flow { name = "f", roles = { worker = { start = "s", states = { s = { enter = function() return af.done() end } } } },
  invariants = { x = function(world) return #world:with_role("workers") == 1 end } }
