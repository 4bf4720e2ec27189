-- afrun FILE --mock: 1
-- :4: party:nodes: the flow has no role 'workers'; did you mean 'worker'?
local af = require "af"
return af.flow { name = "f", roles = { worker = { start = "s", states = { s = { enter = function(party) return #party:nodes("workers") end } } } } }
